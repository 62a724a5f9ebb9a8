//! A phone that watches others: subscribes, keeps the dialog, answers NOTIFYs as it is told, and remembers in
//! which order things came. Must not know the server's code.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rsip::headers::{self, UntypedHeader};
use rsip::message::HeadersExt;
use rsip::{Header, Method, Request, Response, SipMessage, StatusCode, Uri};

use super::{ANSWER_LIMIT, Account, T1, digest, extension};
use crate::unique::token;
use crate::wire::{Link, Protocol};

/// How long one look at the socket lasts.
const GLANCE: Duration = Duration::from_millis(20);

/// What a watcher was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// The number of its CSeq.
    pub cseq: u32,
    /// Call-ID, the server's tag and the phone's tag.
    pub dialog: [String; 3],
    /// Subscription-State as it stands.
    pub state: String,
    /// Content-Type as it stands.
    pub content_type: String,
    /// The document; of several parts all.
    pub body: String,
    /// The body as it came, perhaps packed.
    pub bytes: Vec<u8>,
    /// Content-Encoding, empty if there is none.
    pub encoding: String,
    /// SIP-ETag, empty if there is none.
    pub entity_tag: String,
    /// Require, empty if there is none.
    pub require: String,
    /// The Contact by which the dialog goes on.
    pub contact: String,
    /// When it came.
    pub at: Instant,
}

/// What came, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// A final answer to a SUBSCRIBE.
    Answer(u16),
    /// A NOTIFY with this CSeq number; also one that was sent again.
    Notify(u32),
}

/// A watching phone with one dialog at a time.
#[derive(Debug)]
pub struct Watcher {
    account: Account,
    link: Link,
    dialog: Dialog,
    /// What NOTIFYs are answered; nothing at all if `None`.
    answer: Option<u16>,
    /// What the next SUBSCRIBE carries.
    body: Vec<u8>,
    /// NOTIFYs nobody has looked at.
    notifies: Vec<Notify>,
    /// Branches of the NOTIFYs seen.
    seen: Vec<String>,
    /// What came, in order.
    pub arrivals: Vec<Arrival>,
}

/// What the phone knows of the subscription it has.
#[derive(Debug, Clone)]
struct Dialog {
    call_id: String,
    tag: String,
    /// The address of record subscribed to.
    to: String,
    /// The server's tag.
    to_tag: Option<String>,
    /// Where requests of the dialog go.
    target: String,
    event: String,
    sequence: u32,
}

impl Watcher {
    /// Opens the phone's socket; nothing is sent yet.
    ///
    /// # Errors
    /// Where the server does not listen.
    pub fn connect(
        protocol: Protocol,
        server: SocketAddr,
        account: Account,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            account,
            link: Link::open(protocol, server)?,
            dialog: Dialog::new(""),
            answer: Some(200),
            body: Vec::new(),
            notifies: Vec::new(),
            seen: Vec::new(),
            arrivals: Vec::new(),
        })
    }

    /// Closes the connection and opens another; the dialog stays.
    ///
    /// # Errors
    /// Where the server does not listen.
    pub fn reconnect(&mut self, server: SocketAddr) -> anyhow::Result<()> {
        self.link = Link::open(self.link.protocol(), server)?;
        Ok(())
    }

    /// Answers the next NOTIFYs so; `None` is silence.
    pub fn answer_notifies(&mut self, answer: Option<u16>) {
        self.answer = answer;
    }

    /// Subscribes to the presence of an address in a new dialog. `extra` are headers besides Event and Contact.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn subscribe(
        &mut self,
        uri: &str,
        expires: Option<u32>,
        extra: Vec<Header>,
    ) -> anyhow::Result<Response> {
        self.dialog = Dialog::new(uri);
        self.converse(expires, extra)
    }

    /// Subscribes to who watches an address, in a new dialog.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn subscribe_to_watchers(&mut self, uri: &str, expires: u32) -> anyhow::Result<Response> {
        self.dialog = Dialog::new(uri);
        self.dialog.event = "presence.winfo".to_owned();
        self.converse(Some(expires), Vec::new())
    }

    /// Subscribes to the presence of an address in a new dialog, with the whole value of Event.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn subscribe_event(
        &mut self,
        uri: &str,
        event: &str,
        expires: u32,
    ) -> anyhow::Result<Response> {
        self.dialog = Dialog::new(uri);
        event.clone_into(&mut self.dialog.event);
        self.converse(Some(expires), Vec::new())
    }

    /// Subscribes in a new dialog with a body; `extra` says what it is.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn subscribe_with_body(
        &mut self,
        uri: &str,
        expires: u32,
        extra: Vec<Header>,
        body: &[u8],
    ) -> anyhow::Result<Response> {
        self.dialog = Dialog::new(uri);
        body.clone_into(&mut self.body);
        let answer = self.converse(Some(expires), extra);
        self.body.clear();
        answer
    }

    /// As `refresh`, with headers besides Event and Contact.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn refresh_with(&mut self, expires: u32, extra: Vec<Header>) -> anyhow::Result<Response> {
        self.converse(Some(expires), extra)
    }

    /// Subscribes once more in the same dialog; 0 ends it.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn refresh(&mut self, expires: u32) -> anyhow::Result<Response> {
        self.converse(Some(expires), Vec::new())
    }

    /// As `refresh`, with another tag of the server than the dialog has.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn refresh_unknown(&mut self, expires: u32) -> anyhow::Result<Response> {
        let own = self.dialog.clone();
        self.dialog.to_tag = Some(token());
        let answer = self.converse(Some(expires), Vec::new());
        self.dialog = own;
        answer
    }

    /// The next NOTIFY, if one comes within `patience`.
    ///
    /// # Errors
    /// Where the connection is gone.
    pub fn next_notify(&mut self, patience: Duration) -> anyhow::Result<Option<Notify>> {
        let started = Instant::now();
        while self.notifies.is_empty() && started.elapsed() < patience {
            self.look()?;
        }
        Ok((!self.notifies.is_empty()).then(|| self.notifies.remove(0)))
    }

    /// The next NOTIFY whose document holds `text`; those before it are passed over.
    ///
    /// # Errors
    /// Where it does not come within `limit`; the error tells what came last.
    pub fn wait_notify(&mut self, text: &str, limit: Duration) -> anyhow::Result<Notify> {
        let started = Instant::now();
        let mut last = None;
        while let Some(left) = limit.checked_sub(started.elapsed()) {
            let Some(notify) = self.next_notify(left)? else {
                break;
            };
            if notify.body.contains(text) || notify.state.contains(text) {
                return Ok(notify);
            }
            last = Some(notify);
        }
        bail!("no NOTIFY with {text:?} came within {limit:?}, but {last:?}")
    }

    fn converse(&mut self, expires: Option<u32>, extra: Vec<Header>) -> anyhow::Result<Response> {
        let first = self.exchange(expires, extra.clone(), None)?;
        let Some(challenge) = digest::challenge(&first) else {
            return Ok(first);
        };
        let target = self.dialog.target.clone();
        let credentials = digest::answer(&challenge?, &self.account, Method::Subscribe, &target)?;
        self.exchange(expires, extra, Some(credentials))
    }

    fn exchange(
        &mut self,
        expires: Option<u32>,
        extra: Vec<Header>,
        credentials: Option<Header>,
    ) -> anyhow::Result<Response> {
        self.dialog.sequence += 1;
        let cseq = format!("{} {}", self.dialog.sequence, Method::Subscribe);
        let bytes = self.write(&cseq, expires, extra, credentials)?;
        let (started, mut wait) = (Instant::now(), T1);
        let mut again = started;
        loop {
            if Instant::now() >= again {
                self.link.send(&bytes)?;
                again = match self.link.protocol() {
                    Protocol::Udp => Instant::now() + wait,
                    Protocol::Tcp => started + ANSWER_LIMIT,
                };
                wait *= 2;
            }
            if let Some(answer) = self.look()? {
                let ours = answer.call_id_header()?.value() == self.dialog.call_id
                    && answer.cseq_header()?.value() == cseq;
                let code = answer.status_code.code();
                if ours && code >= 200 {
                    self.arrivals.push(Arrival::Answer(code));
                    self.take_in(&answer)?;
                    return Ok(answer);
                }
            }
            if started.elapsed() > ANSWER_LIMIT {
                bail!("no final answer to {cseq} within {ANSWER_LIMIT:?}");
            }
        }
    }

    /// RFC 3261 §12.1.2: what a 200 says of the dialog.
    fn take_in(&mut self, answer: &Response) -> anyhow::Result<()> {
        if answer.status_code.code() != 200 {
            return Ok(());
        }
        let to = answer.to_header()?.value();
        let tag = to.split_once(";tag=").context("a 200 without To tag")?.1;
        self.dialog.to_tag = Some(tag.to_owned());
        let contact = answer.contact_header()?.value();
        // As rsip writes it in the request line, which is what a digest is about.
        self.dialog.target = Uri::try_from(inside_brackets(contact))?.to_string();
        Ok(())
    }

    /// Looks once at the socket: a NOTIFY is answered and kept, a response is handed on.
    fn look(&mut self) -> anyhow::Result<Option<Response>> {
        let Some(bytes) = self.link.receive(GLANCE)? else {
            return Ok(None);
        };
        match SipMessage::try_from(bytes.as_slice())? {
            SipMessage::Response(response) => Ok(Some(response)),
            SipMessage::Request(request) => {
                self.handle_request(&request)?;
                Ok(None)
            }
        }
    }

    fn handle_request(&mut self, request: &Request) -> anyhow::Result<()> {
        let cseq = request.cseq_header()?.value();
        let cseq: u32 = cseq.split(' ').next().unwrap_or_default().parse()?;
        self.arrivals.push(Arrival::Notify(cseq));
        if let Some(code) = self.answer {
            self.link.send(&super::answering::write_answer(
                request,
                StatusCode::from(code),
            ))?;
        }
        let branch = request.via_header()?.value().to_owned();
        if self.seen.contains(&branch) {
            return Ok(());
        }
        self.seen.push(branch);
        let header = |name: &str| {
            let found = request
                .headers
                .iter()
                .map(ToString::to_string)
                .find_map(|line| {
                    let (found, value) = line.split_once(':')?;
                    found
                        .trim()
                        .eq_ignore_ascii_case(name)
                        .then(|| value.trim().to_owned())
                });
            found.unwrap_or_default()
        };
        let tag = |value: String| match value.split_once(";tag=") {
            Some((_, tag)) => tag.to_owned(),
            None => String::new(),
        };
        self.notifies.push(Notify {
            cseq,
            dialog: [header("Call-ID"), tag(header("From")), tag(header("To"))],
            state: header("Subscription-State"),
            content_type: header("Content-Type"),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            bytes: request.body.clone(),
            encoding: header("Content-Encoding"),
            entity_tag: header("SIP-ETag"),
            require: header("Require"),
            contact: request.contact_header()?.value().to_owned(),
            at: Instant::now(),
        });
        Ok(())
    }

    fn write(
        &self,
        cseq: &str,
        expires: Option<u32>,
        extra: Vec<Header>,
        credentials: Option<Header>,
    ) -> anyhow::Result<Vec<u8>> {
        let dialog = &self.dialog;
        let protocol = self.link.protocol();
        let local = self.link.local();
        let user = &self.account.user;
        let via = format!(
            "SIP/2.0/{} {local};branch=z9hG4bK{};rport",
            protocol.name(),
            token()
        );
        let from = format!("<sip:{user}@{}>;tag={}", self.account.domain, dialog.tag);
        let to = match &dialog.to_tag {
            Some(tag) => format!("<{}>;tag={tag}", dialog.to),
            None => format!("<{}>", dialog.to),
        };
        let transport = match protocol {
            Protocol::Udp => "",
            Protocol::Tcp => ";transport=tcp",
        };
        let contact = format!("<sip:{user}@{local}{transport}>");
        let mut headers: Vec<Header> = vec![
            headers::Via::new(via).into(),
            headers::MaxForwards::new("70").into(),
            headers::From::new(from).into(),
            headers::To::new(to).into(),
            headers::CallId::new(&dialog.call_id).into(),
            headers::CSeq::new(cseq).into(),
            headers::Event::new(&*dialog.event).into(),
            headers::Contact::new(contact).into(),
        ];
        headers.extend(expires.map(|seconds| headers::Expires::new(seconds.to_string()).into()));
        headers.extend(extra);
        headers.extend(credentials);
        headers.push(headers::ContentLength::new(self.body.len().to_string()).into());
        let request = Request {
            method: Method::Subscribe,
            uri: Uri::try_from(dialog.target.as_str())?,
            version: rsip::Version::V2,
            headers: headers.into(),
            body: Vec::new(),
        };
        // rsip would make text of a packed body.
        let mut bytes: Vec<u8> = request.into();
        bytes.extend(&self.body);
        Ok(bytes)
    }
}

impl Dialog {
    fn new(to: &str) -> Self {
        Self {
            call_id: token(),
            tag: token(),
            to: to.to_owned(),
            to_tag: None,
            target: to.to_owned(),
            event: "presence".to_owned(),
            sequence: 0,
        }
    }
}

/// The seconds that a 200 grants.
#[must_use]
pub fn granted(answer: &Response) -> Option<u32> {
    let expires = answer.headers.iter().find_map(|header| match header {
        Header::Expires(expires) => Some(expires.value().to_owned()),
        _ => None,
    });
    expires
        .or_else(|| extension(answer, "Expires"))?
        .parse()
        .ok()
}

fn inside_brackets(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => value.split(';').next().unwrap_or_default(),
    }
}
