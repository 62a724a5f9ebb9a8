//! One leg, a clock moved by hand, a peer that says what it is told to, and a log of all that leaves the leg.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use expect_test::Expect;

use crate::call::{
    Body, Config, Event, Input, Leg, Output, PeerRequestId, RequestId, Setup, Trunk,
};
use crate::header_name::HeaderName;
use crate::message::{Message, Request, Response};
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::Failure;
use crate::write::request::RequestDraft;
use crate::write::response::ResponseBuilder;

pub(super) struct Script {
    pub(super) leg: Leg,
    start: Instant,
    pub(super) now: Instant,
    log: String,
    /// Every request the leg has sent, with its id.
    pub(super) sent: Vec<(RequestId, Request)>,
    /// Headers the peer's next response carries.
    headers: Vec<(HeaderName, String)>,
    peer_tag: String,
    peer_cseq: u32,
    next_peer_request: u64,
}

pub(super) fn check(act: impl FnOnce(&mut Script), expected: Expect) {
    check_with(Config::default(), None, act, expected);
}

pub(super) fn check_with(
    config: Config,
    trunk: Option<Trunk>,
    act: impl FnOnce(&mut Script),
    expected: Expect,
) {
    let mut script = Script::new(config, trunk);
    act(&mut script);
    expected.assert_eq(&script.log);
}

#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be had in no other way; it is never read again"
)]
fn start() -> Instant {
    Instant::now()
}

pub(super) fn body(text: &str) -> Body {
    Body {
        content_type: "application/sdp".into(),
        bytes: Bytes::copy_from_slice(text.as_bytes()),
    }
}

pub(super) fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap()
}

pub(super) fn setup(trunk: Option<Trunk>) -> Setup {
    Setup {
        call_id: "call-1".into(),
        local_tag: "ours".into(),
        local_name: Some("Help \"desk\"".into()),
        local_uri: "sip:desk@shop.example".into(),
        remote_uri: "sip:zoe@peer.example".into(),
        request_uri: "sip:zoe@peer.example".into(),
        contact: "<sip:desk@192.0.2.1>".into(),
        routes: Vec::new(),
        headers: Vec::new(),
        trunk,
        seed: [1, 2],
    }
}

impl Script {
    pub(super) fn new(config: Config, trunk: Option<Trunk>) -> Self {
        let start = start();
        Self {
            leg: Leg::new(config, setup(trunk)),
            start,
            now: start,
            log: String::new(),
            sent: Vec::new(),
            headers: Vec::new(),
            peer_tag: "theirs".to_owned(),
            peer_cseq: 100,
            next_peer_request: 0,
        }
    }

    pub(super) fn place(&mut self, offer: Option<&str>) {
        let offer = offer.map(body);
        self.handle(Input::Place { offer });
    }

    /// A call that was taken: with our offer, and the peer's answer.
    pub(super) fn taken(&mut self) {
        self.place(Some("offer"));
        self.respond(Method::Invite, 200, "answer");
    }

    /// The next response has this header, too.
    pub(super) fn with(&mut self, name: HeaderName, value: &str) -> &mut Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// What comes next comes from another peer.
    pub(super) fn from(&mut self, tag: &str) -> &mut Self {
        tag.clone_into(&mut self.peer_tag);
        self
    }

    /// Answers our newest request of this method.
    pub(super) fn respond(&mut self, method: Method, code: u16, text: &str) {
        let mut sent = self.sent.iter().rev();
        let newest = sent.find(|(_, sent)| sent.method() == method);
        let (id, request) = newest.unwrap().clone();
        self.respond_to(id, &request, code, text);
    }

    /// Answers a request of ours.
    pub(super) fn respond_to(&mut self, id: RequestId, request: &Request, code: u16, text: &str) {
        let mut builder = ResponseBuilder::answer(request, status(code))
            .to_tag(&*self.peer_tag)
            .header(HeaderName::Contact, "<sip:zoe@198.51.100.7>");
        for (name, value) in std::mem::take(&mut self.headers) {
            builder = builder.header(name, value);
        }
        if !text.is_empty() {
            builder = builder.body("application/sdp", text.to_owned());
        }
        let bytes = builder.build();
        drop(builder);
        self.handle(Input::Response {
            request: id,
            response: response(bytes),
        });
    }

    pub(super) fn fail(&mut self, method: Method, cause: Failure) {
        let mut sent = self.sent.iter().rev();
        let (id, _) = sent.find(|(_, sent)| sent.method() == method).unwrap();
        let request = *id;
        self.handle(Input::Failed { request, cause });
    }

    /// Our newest INVITE goes to another server.
    pub(super) fn go_elsewhere(&mut self) {
        let request = self.newest_invite();
        self.handle(Input::Elsewhere { request });
    }

    /// No other server has our newest INVITE.
    pub(super) fn find_nobody_else(&mut self) {
        let request = self.newest_invite();
        self.handle(Input::NobodyElse { request });
    }

    fn newest_invite(&self) -> RequestId {
        let mut sent = self.sent.iter().rev();
        let invite = sent.find(|(_, sent)| sent.method() == Method::Invite);
        invite.unwrap().0
    }

    /// A request of the peer in the dialog.
    pub(super) fn ask(&mut self, method: Method, text: &str) -> PeerRequestId {
        self.peer_cseq += 1;
        let request = self.peer_request(method, self.peer_cseq, text);
        let id = PeerRequestId(self.next_peer_request);
        self.next_peer_request += 1;
        let source = "198.51.100.7:5060".parse().unwrap();
        self.handle(Input::Request {
            id,
            request,
            source,
        });
        id
    }

    /// The ACK of our 2xx to the peer's newest INVITE.
    pub(super) fn acknowledge(&mut self, text: &str) {
        let ack = self.peer_request(Method::Ack, self.peer_cseq, text);
        self.handle(Input::Acknowledged { ack });
    }

    fn peer_request(&mut self, method: Method, cseq: u32, text: &str) -> Request {
        let mut draft = RequestDraft::new(method, "sip:desk@192.0.2.1")
            .from("<sip:zoe@peer.example>", &self.peer_tag)
            .to("<sip:desk@shop.example>;tag=ours")
            .call_id("call-1")
            .cseq(cseq)
            .header(HeaderName::Contact, "<sip:zoe@198.51.100.7>");
        for (name, value) in std::mem::take(&mut self.headers) {
            draft = draft.header(name, value);
        }
        if !text.is_empty() {
            draft = draft.body("application/sdp", text.to_owned());
        }
        request(&draft)
    }

    /// Moves the clock to so many milliseconds after the start, stopping at each timeout.
    pub(super) fn until(&mut self, milliseconds: u64) {
        let end = self.start + Duration::from_millis(milliseconds);
        while let Some(timeout) = self.leg.next_timeout()
            && timeout <= end
        {
            self.now = timeout;
            self.handle(Input::Timeout);
        }
        self.now = end;
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.leg.handle(input, self.now);
        while let Some(output) = self.leg.poll_output() {
            self.note(output);
        }
    }

    /// Notes whether anything is left.
    pub(super) fn note_over(&mut self) {
        let over = if self.leg.is_over() {
            "over"
        } else {
            "not over"
        };
        self.line(over);
    }

    fn note(&mut self, output: Output) {
        let line = match output {
            Output::Send { request: id, draft } => {
                let request = request(&draft);
                let line = format!("send {}", shown(&request));
                self.sent.push((id, request));
                line
            }
            Output::Cancel { .. } => "cancel".to_owned(),
            Output::TryElsewhere { .. } => "try elsewhere".to_owned(),
            Output::Acknowledge { draft, .. } => format!("send {}", shown(&request(&draft))),
            Output::Answer {
                id,
                response: bytes,
            } => {
                let response = response(bytes);
                format!(
                    "answer #{} {}{}",
                    id.0,
                    response.status(),
                    text(response.body())
                )
            }
            Output::Event(event) => told(&event),
        };
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        let at = self.now.duration_since(self.start).as_millis();
        writeln!(self.log, "{at} {line}").unwrap();
    }
}

fn shown(request: &Request) -> String {
    let number = request.cseq().unwrap().number;
    format!("{} {number}{}", request.method(), text(request.body()))
}

fn told(event: &Event) -> String {
    let body = |body: &Option<Body>| {
        body.as_ref()
            .map(|body| text(&body.bytes))
            .unwrap_or_default()
    };
    match event {
        Event::Ringing {
            status,
            body: early,
        } => format!("tell ringing {status}{}", body(early)),
        Event::Answered { answer } => format!("tell answered{}", body(answer)),
        Event::Offered { offer } => format!("tell offered{}", text(&offer.bytes)),
        Event::Modified { answer } => format!("tell modified{}", body(answer)),
        Event::ModifyOffered { offer } => format!("tell modify offered{}", text(&offer.bytes)),
        Event::ModifyFailed { status } => format!("tell modify failed {status:?}"),
        Event::PeerOffer { id, offer } => format!("tell peer offer #{}{}", id.0, body(offer)),
        Event::PeerOfferWithdrawn { id } => format!("tell peer offer #{} withdrawn", id.0),
        Event::PeerAnswer { answer } => format!("tell peer answer{}", body(answer)),
        Event::Ended(outcome) => format!("tell ended {outcome:?}"),
    }
}

fn text(body: &Bytes) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!(" [{}]", String::from_utf8_lossy(body))
}

pub(super) fn request(draft: &RequestDraft) -> Request {
    match Message::parse(draft.print("UDP 192.0.2.1:5060", "z9hG4bKb")).unwrap() {
        Message::Request(mut request) => {
            request.check().unwrap();
            request
        }
        Message::Response(_) => panic!("a request was sent"),
    }
}

pub(super) fn response(bytes: Bytes) -> Response {
    match Message::parse(bytes).unwrap() {
        Message::Response(response) => response,
        Message::Request(_) => panic!("a response was sent"),
    }
}
