//! A server without passwords, PUBLISHes to it, and what it answers and tells. Must not know what a document says.

use std::time::Duration;

use examples::serve::Serve;
use examples::unique;
use examples::wire::{Link, Protocol};

use crate::documents::PIDF;

/// How long an answer may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

const OPEN_DOMAIN: &str = r#"
[sip]
domain = "shop.example"
listen = ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]
[http]
listen = "127.0.0.1:0"
[storage]
url = "sqlite::memory:"
[dangerous]
open_domain = true
"#;

/// A server without passwords, and one socket towards it.
pub(crate) struct Room {
    pub(crate) serve: Serve,
    pub(crate) link: Link,
}

impl Room {
    pub(crate) fn open() -> Self {
        Self::with("")
    }

    /// With more tables in the configuration.
    pub(crate) fn with(tables: &str) -> Self {
        let configuration = format!("{OPEN_DOMAIN}{tables}");
        let serve = Serve::start(env!("CARGO_BIN_EXE_deskbell"), &configuration).unwrap();
        let link = Link::open(Protocol::Udp, serve.sip(Protocol::Udp).unwrap()).unwrap();
        Self { serve, link }
    }

    #[track_caller]
    pub(crate) fn send(&self, publish: &Publish) -> Answer {
        let branch = unique::token();
        self.exchange(&publish.bytes(&branch), &branch)
    }

    #[track_caller]
    pub(crate) fn exchange(&self, bytes: &[u8], branch: &str) -> Answer {
        self.link.send(bytes).unwrap();
        receive(&self.link, branch)
    }

    #[track_caller]
    pub(crate) fn code(&self, publish: &Publish) -> u16 {
        self.send(publish).code()
    }

    /// The basic state and activities that a fetch of alice's presence is told.
    pub(crate) fn told(&self) -> String {
        let branch = unique::token();
        let port = self.link.local().port();
        let subscribe = format!(
            "SUBSCRIBE sip:alice@shop.example SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:bob@shop.example>;tag={branch}\r\n\
             To: <sip:alice@shop.example>\r\n\
             Call-ID: {branch}\r\n\
             CSeq: 1 SUBSCRIBE\r\n\
             Contact: <sip:bob@127.0.0.1:{port}>\r\n\
             Event: presence\r\n\
             Expires: 0\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.link.send(subscribe.as_bytes()).unwrap();
        loop {
            let message = String::from_utf8(self.link.receive(LIMIT).unwrap().unwrap()).unwrap();
            if !message.starts_with("NOTIFY") || !message.contains(&branch) {
                continue;
            }
            let (head, body) = message.split_once("\r\n\r\n").unwrap();
            let copied: Vec<&str> = head
                .lines()
                .filter(|line| {
                    ["Via:", "From:", "To:", "Call-ID:", "CSeq:"]
                        .iter()
                        .any(|name| line.starts_with(name))
                })
                .collect();
            let answer = format!(
                "SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n",
                copied.join("\r\n")
            );
            self.link.send(answer.as_bytes()).unwrap();
            let between = |open: &str, close: &str| {
                let (_, after) = body.split_once(open)?;
                Some(after.split_once(close)?.0.to_owned())
            };
            let basic = between("<basic>", "</basic>").unwrap_or_default();
            let activities = between("<rpid:activities>", "</rpid:activities>").unwrap_or_default();
            return format!("{basic} {activities}").trim_end().to_owned();
        }
    }
}

#[track_caller]
pub(crate) fn receive(link: &Link, branch: &str) -> Answer {
    loop {
        let message = link.receive(LIMIT).unwrap().unwrap();
        let text = String::from_utf8(message).unwrap();
        if text.starts_with("SIP/2.0 ") && text.contains(branch) {
            return Answer(text);
        }
    }
}

/// A PUBLISH in the making.
#[derive(Clone)]
pub(crate) struct Publish {
    pub(crate) user: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Publish {
    pub(crate) fn of(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// For the usual user and package.
    pub(crate) fn presence() -> Self {
        Self::of("alice").with("Event", "presence")
    }

    pub(crate) fn initial(body: &str) -> Self {
        Self::presence().body(PIDF, body)
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn tag(self, tag: &str) -> Self {
        self.with("SIP-If-Match", tag)
    }

    pub(crate) fn expires(self, value: &str) -> Self {
        self.with("Expires", value)
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.with("Content-Type", content_type)
    }

    pub(crate) fn bytes(&self, branch: &str) -> Vec<u8> {
        let user = &self.user;
        let mut message = format!(
            "PUBLISH sip:{user}@shop.example SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{user}@shop.example>;tag={branch}\r\n\
             To: <sip:{user}@shop.example>\r\n\
             Call-ID: {branch}\r\n\
             CSeq: 1 PUBLISH\r\n"
        );
        for (name, value) in &self.headers {
            message += &format!("{name}: {value}\r\n");
        }
        message += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        [message.into_bytes(), self.body.clone()].concat()
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer(pub(crate) String);

impl Answer {
    pub(crate) fn code(&self) -> u16 {
        self.0.get(8..11).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.0.lines().find_map(|line| line.strip_prefix(&prefix))
    }

    #[track_caller]
    pub(crate) fn tag(&self) -> String {
        assert_eq!(self.code(), 200, "{self:?}");
        self.header("SIP-ETag").unwrap().to_owned()
    }

    pub(crate) fn seconds(&self) -> Option<u32> {
        self.header("Expires").and_then(|text| text.parse().ok())
    }
}
