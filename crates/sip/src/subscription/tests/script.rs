//! One notifier of named resources, a clock moved by hand, and a log of all it did.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use expect_test::Expect;

use crate::flow::{Flow, Protocol};
use crate::header_name::HeaderName;
use crate::message::{Message, Request, Response};
use crate::status::StatusCode;
use crate::subscription::{Config, Input, Notifier, Outcome, Output, Subscribe, SubscriptionId};

pub(super) const OK: Outcome = answered(StatusCode::OK);

pub(super) const fn answered(status: StatusCode) -> Outcome {
    Outcome::Answered {
        status,
        retry_after: None,
    }
}

/// A SUBSCRIBE as a phone writes it.
#[derive(Clone)]
pub(super) struct Phone {
    pub(super) watcher: &'static str,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    /// Our tag, once the phone knows it.
    pub(super) to_tag: Option<String>,
    /// Lines between CSeq and the body.
    pub(super) lines: String,
    pub(super) flow_id: u64,
}

impl Phone {
    pub(super) fn new(watcher: &'static str) -> Self {
        Self {
            watcher,
            call_id: format!("call-of-{watcher}"),
            cseq: 1,
            to_tag: None,
            lines: format!(
                "Event: presence\r\nExpires: 600\r\nContact: <sip:{watcher}@192.0.2.1:5091>\r\n"
            ),
            flow_id: 7,
        }
    }

    pub(super) fn with(mut self, old: &str, new: &str) -> Self {
        assert!(self.lines.contains(old), "{old} is not in {}", self.lines);
        self.lines = self.lines.replace(old, new);
        self
    }

    /// The next SUBSCRIBE of the dialog that `to_tag` is of.
    pub(super) fn again(&self, to_tag: &str) -> Self {
        Self {
            cseq: self.cseq + 1,
            to_tag: Some(to_tag.to_owned()),
            ..self.clone()
        }
    }

    fn request(&self) -> Request {
        let to_tag = self
            .to_tag
            .as_ref()
            .map(|tag| format!(";tag={tag}"))
            .unwrap_or_default();
        let text = format!(
            "SUBSCRIBE sip:alice@shop.example:5060;transport=udp SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.1:5091;branch=z9hG4bK1;rport\r\n\
             Max-Forwards: 70\r\n\
             From: \"W\" <sip:{watcher}@shop.example>;tag=theirs\r\n\
             To: <sip:alice@shop.example:5060>{to_tag}\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {cseq} SUBSCRIBE\r\n\
             {lines}Content-Length: 0\r\n\r\n",
            watcher = self.watcher,
            call_id = self.call_id,
            cseq = self.cseq,
            lines = self.lines,
        );
        match Message::parse(Bytes::from(text)).unwrap() {
            Message::Request(request) => {
                request.check().unwrap();
                request
            }
            Message::Response(_) => panic!("not a request"),
        }
    }
}

pub(super) struct Script {
    pub(super) notifier: Notifier<&'static str>,
    start: Instant,
    now: Instant,
    log: String,
    /// Subscriptions in the order of their first NOTIFY.
    pub(super) notified: Vec<SubscriptionId>,
    /// Drafts of all NOTIFYs, printed.
    pub(super) notifies: Vec<Request>,
    pub(super) responses: Vec<Response>,
    pub(super) watchers_changed: Vec<&'static str>,
    subscribes: u64,
}

pub(super) fn check(act: impl FnOnce(&mut Script), expected: Expect) {
    let mut script = Script::new(Config::default());
    act(&mut script);
    expected.assert_eq(&script.log);
}

impl Script {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can be had in no other way; it is never read again"
    )]
    pub(super) fn new(config: Config) -> Self {
        let start = Instant::now();
        Self {
            notifier: Notifier::new(config),
            start,
            now: start,
            log: String::new(),
            notified: Vec::new(),
            notifies: Vec::new(),
            responses: Vec::new(),
            watchers_changed: Vec::new(),
            subscribes: 0,
        }
    }

    pub(super) fn log(&self) -> &str {
        &self.log
    }

    /// Lets the phone subscribe to alice, or inside its dialog.
    pub(super) fn subscribe(&mut self, phone: &Phone) {
        self.subscribe_to("alice", phone);
    }

    pub(super) fn subscribe_to(&mut self, resource: &'static str, phone: &Phone) {
        self.subscribes += 1;
        self.handle(Input::Subscribe(Box::new(Subscribe {
            request: phone.request(),
            flow: flow(phone.flow_id),
            watcher: phone.watcher.into(),
            resource: phone.to_tag.is_none().then_some(resource),
            contact: "<sip:192.0.2.9:5060>".to_owned(),
            local_tag: format!("ours-{}", self.subscribes).into(),
        })));
    }

    pub(super) fn change(&mut self, resource: &'static str) {
        self.handle(Input::Changed { resource });
    }

    /// The watcher of the `index`-th subscription says what became of its NOTIFY.
    pub(super) fn outcome(&mut self, index: usize, outcome: Outcome) {
        let subscription = self.notified[index];
        self.handle(Input::Notified {
            subscription,
            outcome,
        });
    }

    /// Moves the clock, waking the notifier exactly when it wants to be.
    pub(super) fn wait(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.notifier.next_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.handle(Input::Timeout);
        }
        self.now = end;
    }

    /// Addresses and remaining seconds of those who watch alice.
    pub(super) fn watchers(&self) -> Vec<(String, u64)> {
        self.notifier
            .watchers(&"alice")
            .map(|watcher| {
                let left = watcher.until.duration_since(self.now).as_secs();
                (watcher.address.into(), left)
            })
            .collect()
    }

    fn handle(&mut self, input: Input<&'static str>) {
        self.notifier.handle(input, self.now);
        while let Some(output) = self.notifier.poll_output() {
            let at = self.now.duration_since(self.start).as_secs_f64();
            let said = match output {
                Output::Answer { response } => {
                    let Message::Response(response) = Message::parse(response).unwrap() else {
                        panic!("not a response");
                    };
                    let said = format!(
                        "answer #{}: {} {}{}{}",
                        self.subscribes,
                        response.status(),
                        String::from_utf8_lossy(response.reason()),
                        shown(response.header(HeaderName::Expires), " expires "),
                        shown(response.header(HeaderName::RetryAfter), " retry after "),
                    );
                    self.responses.push(response);
                    said
                }
                Output::Notify {
                    subscription,
                    resource,
                    address,
                    flow,
                    draft,
                } => {
                    if !self.notified.contains(&subscription) {
                        self.notified.push(subscription);
                    }
                    let printed = draft.print("UDP 192.0.2.9:5060", "z9hG4bKours");
                    let Message::Request(request) = Message::parse(printed).unwrap() else {
                        panic!("not a request");
                    };
                    request.check().unwrap();
                    let said = format!(
                        "notify {} of {resource} as {address} over {} cseq {}: {}",
                        String::from_utf8_lossy(request.uri_text()),
                        flow.id,
                        request.cseq().unwrap().number,
                        shown(request.header(HeaderName::SubscriptionState), ""),
                    );
                    self.notifies.push(request);
                    said
                }
                Output::WatchersChanged { resource } => {
                    self.watchers_changed.push(resource);
                    continue;
                }
            };
            writeln!(self.log, "at {at}: {said}").unwrap();
        }
    }
}

fn shown(value: Option<&[u8]>, before: &str) -> String {
    value.map_or(String::new(), |value| {
        format!("{before}{}", String::from_utf8_lossy(value))
    })
}

fn flow(id: u64) -> Flow {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    Flow {
        transport: Protocol::Udp,
        local: address("192.0.2.9:5060"),
        remote: address("192.0.2.1:5091"),
        id,
    }
}
