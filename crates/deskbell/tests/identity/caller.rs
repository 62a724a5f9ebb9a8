//! Somebody who sends SIP requests, with credentials or without, in any name. The digest is computed by the `sip`
//! crate, whose own tests hold it against the examples of the RFCs. Must not know what the server makes of it.

use std::fmt::Write;

use examples::unique::token;
use sip::digest::{Asked, Challenge, Credentials, Ha1};

use super::wires::Wire;

/// A request in the making; every field may be a lie.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Whole lines, without their ends.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Ask {
    /// A request of `from` to `target`, both users of the shop, with the headers its method needs.
    pub(crate) fn new(method: &str, from: &str, target: &str) -> Self {
        let headers: &[&str] = match method {
            "PUBLISH" => &["Event: presence", "Content-Type: application/pidf+xml"],
            "SUBSCRIBE" | "NOTIFY" => &["Event: presence", "Subscription-State: active"],
            "MESSAGE" => &["Content-Type: text/plain"],
            "CANCEL" | "ACK" => &[],
            _ => &["Expires: 600"],
        };
        let body = match method {
            "PUBLISH" => PRESENCE,
            "MESSAGE" => "hello",
            _ => "",
        };
        let user = |user: &str| format!("sip:{user}@shop.example");
        Self {
            method: method.to_owned(),
            uri: match method {
                "REGISTER" => "sip:shop.example".to_owned(),
                _ => user(target),
            },
            from: user(from),
            to: user(target),
            headers: headers
                .iter()
                .map(|line| (*line).to_owned())
                .chain([format!("Contact: <sip:{from}@127.0.0.1:5999>")])
                .collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn with(mut self, header: impl Into<String>) -> Self {
        self.headers.push(header.into());
        self
    }

    /// Its bytes, with a branch and a Call-ID of its own.
    pub(crate) fn text(&self, transport: &str) -> String {
        let Self {
            method,
            uri,
            from,
            to,
            headers,
            body,
        } = self;
        let token = token();
        let mut text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} 127.0.0.1:5999;branch=z9hG4bK{token};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{from}>;tag=a\r\nTo: <{to}>\r\nCall-ID: {token}\r\nCSeq: 1 {method}\r\n"
        );
        for line in headers {
            write!(text, "{line}\r\n").unwrap();
        }
        write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        text
    }

    /// The Authorization line that answers a challenge.
    pub(crate) fn proof(
        &self,
        challenge: &Challenge,
        user: &str,
        password: &str,
        nc: u32,
    ) -> String {
        let algorithm = challenge.suite.algorithm;
        let secret = Ha1::derive(algorithm, user, &challenge.realm, password);
        let asked = Asked {
            method: &self.method,
            uri: &self.uri,
            body: self.body.as_bytes(),
        };
        let value = Credentials::answer(challenge, user, &secret, &asked, "c1", nc);
        format!("Authorization: {value}")
    }
}

const PRESENCE: &str = "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
    entity=\"sip:a@shop.example\"><tuple id=\"t\"><status><basic>open</basic></status></tuple></presence>";

impl Wire {
    /// Sends a request as it is and returns the answer.
    pub(crate) fn ask(&mut self, ask: &Ask) -> String {
        self.send(&ask.text(self.name()));
        self.receive()
    }

    /// Sends it, answers the challenge as `user`, and returns the final answer.
    pub(crate) fn ask_as(&mut self, user: &str, password: &str, ask: &Ask) -> String {
        let challenge = challenge(&self.ask(ask));
        let proof = ask.proof(&challenge, user, password, 1);
        self.ask(&ask.clone().with(proof))
    }
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> u16 {
    let status = answer.strip_prefix("SIP/2.0 ").unwrap();
    status.split(' ').next().unwrap().parse().unwrap()
}

/// The value of its first header of this name.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    headers(answer, name).into_iter().next()
}

/// The values of all of its headers of this name.
pub(crate) fn headers<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    answer
        .lines()
        .filter_map(|line| {
            let (found, value) = line.split_once(": ")?;
            (found.eq_ignore_ascii_case(name)).then_some(value)
        })
        .collect()
}

/// The challenge of a 401.
#[track_caller]
pub(crate) fn challenge(answer: &str) -> Challenge {
    let Some(value) = header(answer, "WWW-Authenticate") else {
        panic!("no challenge: {answer}");
    };
    Challenge::parse(value.as_bytes()).unwrap()
}
