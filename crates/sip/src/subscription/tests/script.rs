//! One notifier of named resources, a clock moved by hand, and a log of all it did.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use expect_test::Expect;

use crate::flow::{Flow, Protocol};
use crate::header_name::HeaderName;
use crate::message::{Message, Request, Response};
use crate::status::StatusCode;
use crate::subscription::{
    Config, Content, EndReason, Input, Notifier, Outcome, Output, Path, Saved, Standing, Subscribe,
    SubscriptionId,
};

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
    /// Our tag, once the phone knows it; what the answer made of it follows.
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

    fn request(&self, given: &HashMap<String, String>) -> Request {
        let to_tag = self
            .to_tag
            .as_ref()
            .map(|tag| format!(";tag={}", given.get(tag).unwrap_or(tag)))
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
            Message::Request(mut request) => {
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
    /// What each of them told.
    pub(super) contents: Vec<Content>,
    pub(super) responses: Vec<Response>,
    pub(super) watchers_changed: Vec<&'static str>,
    pub(super) ended: Vec<SubscriptionId>,
    /// Of which something else has to be written down.
    pub(super) to_keep: BTreeSet<SubscriptionId>,
    subscribes: u64,
    /// The tags of answers, by what was given for them.
    tags: HashMap<String, String>,
    call_ids: HashMap<SubscriptionId, String>,
    looked_at: usize,
    /// Names the state of every resource.
    pub(super) entity_tag: Option<&'static str>,
    pub(super) standing: Standing,
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
            contents: Vec::new(),
            responses: Vec::new(),
            watchers_changed: Vec::new(),
            ended: Vec::new(),
            to_keep: BTreeSet::new(),
            subscribes: 0,
            tags: HashMap::new(),
            call_ids: HashMap::new(),
            looked_at: 0,
            entity_tag: None,
            standing: Standing::Active,
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
            request: phone.request(&self.tags),
            flow: flow(phone.flow_id),
            watcher: phone.watcher.into(),
            resource: phone.to_tag.is_none().then_some(resource),
            contact: "<sip:192.0.2.9:5060>".to_owned(),
            local_tag: format!("ours-{}", self.subscribes).into(),
            entity_tag: self.entity_tag.map(Into::into),
            standing: self.standing,
            require: None,
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

    /// The place in `notified` of the subscription with this Call-ID.
    pub(super) fn index_of(&self, call_id: &str) -> usize {
        let of_it =
            |id: &&SubscriptionId| self.call_ids.get(id).is_some_and(|found| found == call_id);
        let id = self.notified.iter().find(of_it).unwrap();
        self.notified.iter().position(|found| found == id).unwrap()
    }

    /// The numbers in the Call-IDs `call-N` of what was told since this was asked last.
    pub(super) fn newly_notified(&mut self) -> Vec<u64> {
        let new = self.notifies.get(self.looked_at..).unwrap_or_default();
        let numbers = new.iter().map(|notify| number(notify.call_id().unwrap()));
        let numbers = numbers.collect();
        self.looked_at = self.notifies.len();
        numbers
    }

    /// The numbers in the Call-IDs `call-N` of the subscriptions that are kept.
    pub(super) fn held(&self) -> Vec<u64> {
        self.notifier
            .subscriptions()
            .map(|held| number(&self.call_ids[&held.subscription]))
            .collect()
    }

    pub(super) fn end(&mut self, index: usize, reason: EndReason) {
        let subscription = self.notified[index];
        self.handle(Input::End {
            subscription,
            reason,
        });
    }

    pub(super) fn admit(&mut self, index: usize) {
        let subscription = self.notified[index];
        self.handle(Input::Admit { subscription });
    }

    /// Has the clock of another one, and knows the tags it gave out.
    pub(super) fn follow(&mut self, before: &Self) {
        self.now = before.now;
        self.start = before.now;
        self.tags = before.tags.clone();
    }

    /// What has to be written down by now.
    pub(super) fn saved(&self) -> Vec<Saved<&'static str>> {
        let held = self.notifier.subscriptions();
        held.filter_map(|held| self.notifier.saved(held.subscription))
            .collect()
    }

    /// Brings back what was written down, to be told of after so long.
    pub(super) fn restore(&mut self, saved: Saved<&'static str>, after: Duration) -> bool {
        let restored = self.notifier.restore(saved, self.now + after, self.now);
        self.drain();
        restored
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
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.notifier.poll_output() {
            let at = self.now.duration_since(self.start).as_secs_f64();
            let said = match output {
                Output::Answer { response, .. } => {
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
                    if let Some(tag) = response.to().unwrap().tag() {
                        let given = format!("ours-{}", self.subscribes);
                        self.tags.insert(given, tag.to_owned());
                    }
                    self.responses.push(response);
                    said
                }
                Output::Notify {
                    subscription,
                    resource,
                    address,
                    path,
                    content,
                    draft,
                } => {
                    if !self.notified.contains(&subscription) {
                        self.notified.push(subscription);
                    }
                    let printed = draft.print("UDP 192.0.2.9:5060", "z9hG4bKours");
                    let Message::Request(mut request) = Message::parse(printed).unwrap() else {
                        panic!("not a request");
                    };
                    request.check().unwrap();
                    let call_id = request.call_id().unwrap().to_owned();
                    self.call_ids.insert(subscription, call_id);
                    let said = format!(
                        "notify {} of {resource} as {address} over {} cseq {}: {}{}",
                        String::from_utf8_lossy(request.uri_text()),
                        match path {
                            Path::Flow(flow) => flow.id.to_string(),
                            Path::Reach(reach) => reach.address.to_string(),
                        },
                        request.cseq().unwrap().number,
                        shown(request.header(HeaderName::SubscriptionState), ""),
                        match content {
                            Content::Full | Content::Changes => "",
                            Content::Known | Content::Nothing => " without a body",
                        },
                    );
                    self.contents.push(content);
                    self.notifies.push(request);
                    said
                }
                Output::Ended { subscription } => {
                    self.ended.push(subscription);
                    continue;
                }
                Output::ToKeep { subscription } => {
                    self.to_keep.insert(subscription);
                    continue;
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

fn number(call_id: &str) -> u64 {
    call_id.trim_start_matches("call-").parse().unwrap()
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
