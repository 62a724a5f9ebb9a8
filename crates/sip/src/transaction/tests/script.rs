//! One endpoint, a clock moved by hand, and a log of all it did.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use expect_test::Expect;

use crate::flow::{Flow, Protocol};
use crate::message::{Message, Request};
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::{Config, Endpoint, Input, Output, RequestToken, ServerTransactionId};
use crate::write::request::RequestDraft;
use crate::write::response::ResponseBuilder;

pub(super) const BRANCH: &str = "z9hG4bKours";

pub(super) struct Script {
    pub(super) endpoint: Endpoint,
    pub(super) flow: Flow,
    start: Instant,
    now: Instant,
    pub(super) log: String,
    pub(super) requests: Vec<(ServerTransactionId, Request)>,
    /// Of the same requests.
    pub(super) fingerprints: Vec<u64>,
}

pub(super) fn check(protocol: Protocol, act: impl FnOnce(&mut Script), expected: Expect) {
    let mut script = Script::new(protocol, Config::default());
    act(&mut script);
    expected.assert_eq(&script.log);
}

/// An instant to count from.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be had in no other way; it is never read again"
)]
pub(in crate::transaction) fn start() -> Instant {
    Instant::now()
}

pub(in crate::transaction) fn flow(protocol: Protocol) -> Flow {
    Flow {
        transport: protocol,
        local: address("127.0.0.1:5060"),
        remote: address("127.0.0.1:40000"),
        id: 7,
    }
}

pub(in crate::transaction) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A request as a phone writes it; `via` are the Via's parameters, and another Via makes another call.
pub(in crate::transaction) fn request_text(method: &str, via: &str) -> String {
    let call: String = via.chars().filter(char::is_ascii_alphanumeric).collect();
    format!(
        "{method} sip:alice@shop.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5090;{via}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:alice@shop.example>;tag=one\r\n\
         To: <sip:alice@shop.example>\r\n\
         Call-ID: call-{call}\r\n\
         CSeq: 5 {method}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// A response of the peer to our MESSAGE.
pub(super) fn response_text(status: &str, branch: &str) -> String {
    format!(
        "SIP/2.0 {status}\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5060;branch={branch};rport=5060\r\n\
         From: <sip:desk@shop.example>;tag=ours\r\n\
         To: <sip:alice@shop.example>;tag=theirs\r\n\
         Call-ID: call-2\r\n\
         CSeq: 1 MESSAGE\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

pub(super) fn draft(method: Method) -> RequestDraft {
    RequestDraft::new(method, "sip:alice@shop.example")
        .from("<sip:desk@shop.example>", "ours")
        .to("<sip:alice@shop.example>")
        .call_id("call-2")
        .body("text/plain", "ring")
}

pub(super) fn answer(request: &Request, status: u16) -> Bytes {
    ResponseBuilder::answer(request, StatusCode::new(status).unwrap())
        .to_tag("desk")
        .build()
}

pub(in crate::transaction) fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

impl Script {
    pub(super) fn new(protocol: Protocol, config: Config) -> Self {
        let start = start();
        Self {
            endpoint: Endpoint::new(config, [1, 2]),
            flow: flow(protocol),
            start,
            now: start,
            log: String::new(),
            requests: Vec::new(),
            fingerprints: Vec::new(),
        }
    }

    pub(super) fn receive(&mut self, text: &str) {
        self.receive_over(self.flow, text);
    }

    pub(super) fn receive_over(&mut self, flow: Flow, text: &str) {
        let message = parse(text);
        self.handle(Input::Received { flow, message });
    }

    /// Answers the newest request.
    pub(super) fn answer(&mut self, status: u16) {
        let (transaction, request) = self.requests.last().unwrap();
        let (transaction, response) = (*transaction, answer(request, status));
        self.handle(Input::Answer {
            transaction,
            response,
        });
    }

    /// Answers the newest request, and forgets it.
    pub(super) fn refuse_stateless(&mut self, status: u16) {
        let (transaction, request) = self.requests.last().unwrap();
        let (transaction, response) = (*transaction, answer(request, status));
        self.handle(Input::AnswerStateless {
            transaction,
            response,
        });
    }

    pub(super) fn send(&mut self, token: u64, method: Method) {
        let flow = self.flow;
        self.handle(Input::Send {
            token: RequestToken(token),
            flow,
            draft: Box::new(draft(method)),
            branch: BRANCH.to_owned(),
        });
    }

    /// Moves the clock to so many milliseconds after the start, stopping at each timeout.
    pub(super) fn until(&mut self, milliseconds: u64) {
        let end = self.start + Duration::from_millis(milliseconds);
        while let Some(timeout) = self.endpoint.next_timeout()
            && timeout <= end
        {
            self.now = timeout;
            self.handle(Input::Timeout);
        }
        self.now = end;
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.endpoint.handle(input, self.now);
        while let Some(output) = self.endpoint.poll_output() {
            self.note(output);
        }
    }

    /// Notes how many transactions are held.
    pub(super) fn note_held(&mut self) {
        let held = self.endpoint.transactions();
        self.line(&format!("{held} held"));
    }

    fn note(&mut self, output: Output) {
        let line = match output {
            Output::Transmit { flow, bytes } => {
                let text = String::from_utf8_lossy(&bytes);
                format!("send {} to {}", first_words(&text), flow.remote.port())
            }
            Output::Request {
                transaction,
                flow: _,
                request,
                fingerprint,
            } => {
                let line = format!("request {}", request.method());
                self.requests.push((transaction, request));
                self.fingerprints.push(fingerprint);
                line
            }
            Output::Acknowledged { ack, .. } => {
                format!("acknowledged {}", ack.cseq().unwrap().number)
            }
            Output::Over { token } => format!("over {}", token.0),
            Output::Cancelled { .. } => "cancelled".to_owned(),
            Output::FurtherSuccess { token, response } => {
                format!("further {} for {}", response.status(), token.0)
            }
            Output::Final { token, response } => {
                format!("final {} for {}", response.status(), token.0)
            }
            Output::Provisional { token, response } => {
                format!("provisional {} for {}", response.status(), token.0)
            }
            Output::Stray { response, .. } => format!("stray {}", response.status()),
            Output::Failed { token, cause } => format!("failed {cause:?} for {}", token.0),
        };
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        let at = self.now.duration_since(self.start).as_millis();
        writeln!(self.log, "{at} {line}").unwrap();
    }
}

/// The method, or the status code.
fn first_words(text: &str) -> String {
    let mut words = text.split(' ');
    match words.next().unwrap() {
        "SIP/2.0" => words.next().unwrap().to_owned(),
        method => method.to_owned(),
    }
}
