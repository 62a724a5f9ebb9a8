//! Two endpoints, each client and server, and a network between them that loses, repeats, delays and reorders, all from
//! one seed. The users send requests and INVITEs, answer, repeat their 2xx, acknowledge and cancel at random.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::script::{address, answer, draft, start};
use crate::flow::{Flow, Protocol};
use crate::message::{Message, Request};
use crate::method::Method;
use crate::transaction::ServerTransactionId;
use crate::transaction::{Config, Endpoint, Failure, Input, Output, RequestToken};

#[derive(Clone, Debug)]
struct Weather {
    seed: u64,
    protocol: Protocol,
    /// Of 100 messages.
    lost: u64,
    doubled: u64,
    /// Of 100 messages: those that take longer than the others and may be overtaken.
    delayed: u64,
    longest_delay: Duration,
    longest_thought: Duration,
    requests: u64,
    /// Of 100 requests.
    invites: u64,
    /// Of 100 INVITEs.
    cancelled: u64,
}

const LONGEST_SEND: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(32);
/// Timer C, the longest of all.
const LONGEST_RINGING: Duration = Duration::from_secs(181);

fn weather(longest_delay: impl Strategy<Value = u64>) -> impl Strategy<Value = Weather> {
    let protocol = prop_oneof![4 => Just(Protocol::Udp), 1 => Just(Protocol::Tcp)];
    (
        (0..u64::MAX, protocol),
        (0..60u64, 0..30u64, 0..=100u64, longest_delay),
        0..40_000u64,
        (1..30u64, 0..=100u64, 0..=100u64),
    )
        .prop_map(
            |((seed, protocol), (lost, doubled, delayed, delay), thought, sent)| {
                let weather = Weather {
                    seed,
                    protocol,
                    lost,
                    doubled,
                    delayed,
                    longest_delay: Duration::from_millis(delay),
                    longest_thought: Duration::from_millis(thought),
                    requests: sent.0,
                    invites: sent.1,
                    cancelled: sent.2,
                };
                match protocol {
                    Protocol::Udp => weather,
                    // A stream loses, repeats and reorders nothing.
                    Protocol::Tcp | Protocol::Tls | Protocol::Ws | Protocol::Wss => Weather {
                        lost: 0,
                        doubled: 0,
                        delayed: 0,
                        ..weather
                    },
                }
            },
        )
}

/// Loss, duplication, reordering and delay as bad as they are expected to get anywhere.
const STORM: Weather = Weather {
    seed: 0,
    protocol: Protocol::Udp,
    lost: 30,
    doubled: 20,
    delayed: 50,
    longest_delay: Duration::from_secs(4),
    longest_thought: Duration::from_secs(3),
    requests: 40,
    invites: 50,
    cancelled: 20,
};

/// What is to happen, in the order of its time; `order` keeps it one order for equal times.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Instant,
    order: u64,
    what: What,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Ask(u64),
    Cancel(u64),
    Arrive { at: usize, bytes: Vec<u8> },
    Answer { seen: usize, status: u16 },
    Repeat { seen: usize, interval: Duration },
}

/// A request that a user was shown.
struct Seen {
    at: Instant,
    peer: usize,
    transaction: ServerTransactionId,
    request: Request,
    is_acknowledged: bool,
}

/// A request that a user has sent.
struct Sent {
    at: Instant,
    method: Method,
    ends: Vec<(Instant, End)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Final(u16),
    Timeout,
}

struct World {
    weather: Weather,
    random: u64,
    now: Instant,
    peers: [Endpoint; 2],
    events: BinaryHeap<Reverse<Event>>,
    order: u64,
    seen: Vec<Seen>,
    sent: BTreeMap<u64, Sent>,
}

impl World {
    fn new(weather: Weather) -> Self {
        let now = start();
        let mut world = Self {
            random: weather.seed | 1,
            now,
            peers: [[3, 4], [5, 6]].map(|secret| Endpoint::new(Config::default(), secret)),
            events: BinaryHeap::new(),
            order: 0,
            seen: Vec::new(),
            sent: BTreeMap::new(),
            weather,
        };
        for token in 0..world.weather.requests {
            let delay = world.within(LONGEST_SEND);
            world.plan(delay, What::Ask(token));
        }
        world
    }

    /// Runs until nothing is left to happen, and looks at every step whether all that is held has a timer.
    fn run(&mut self) {
        let mut steps = 0u32;
        loop {
            steps += 1;
            assert!(steps < 1_000_000, "the world does not come to an end");
            let timeouts = self.peers.each_ref().map(Endpoint::next_timeout);
            for (peer, timeout) in self.peers.iter().zip(timeouts) {
                let latest = self.now + LONGEST_RINGING;
                assert!(
                    peer.transactions() == 0 || timeout.is_some_and(|timeout| timeout <= latest),
                    "a transaction is held by no timer"
                );
            }
            let timeout = timeouts.into_iter().flatten().min();
            let event = self.events.peek().map(|Reverse(event)| event.at);
            match (timeout, event) {
                (None, None) => return,
                (Some(timeout), event) if event.is_none_or(|event| timeout < event) => {
                    self.now = timeout;
                    for peer in &mut self.peers {
                        peer.handle(Input::Timeout, timeout);
                    }
                }
                (_, _) => {
                    if let Some(Reverse(event)) = self.events.pop() {
                        self.now = event.at;
                        self.happen(event.what);
                    }
                }
            }
            self.drain();
        }
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Ask(token) => self.ask(token),
            What::Cancel(token) => {
                let token = RequestToken(token);
                self.handle(sender(token.0), Input::Cancel { token });
            }
            What::Arrive { at, bytes } => {
                let message = Message::parse(Bytes::from(bytes)).unwrap();
                let flow = self.flow_of(at);
                self.handle(at, Input::Received { flow, message });
            }
            What::Answer { seen, status } => {
                let Seen {
                    peer,
                    transaction,
                    request,
                    ..
                } = &self.seen[seen];
                let (peer, transaction) = (*peer, *transaction);
                let (method, response) = (request.method(), answer(request, status));
                self.handle(
                    peer,
                    Input::Answer {
                        transaction,
                        response,
                    },
                );
                if method == Method::Invite && status == 200 {
                    let interval = Duration::from_millis(500);
                    self.plan(interval, What::Repeat { seen, interval });
                }
            }
            What::Repeat { seen, interval } => {
                let it = &self.seen[seen];
                if it.is_acknowledged || self.now > it.at + 2 * PATIENCE {
                    return;
                }
                let (peer, transaction) = (it.peer, it.transaction);
                let response = answer(&it.request, 200);
                self.handle(
                    peer,
                    Input::Answer {
                        transaction,
                        response,
                    },
                );
                let interval = (interval * 2).min(Duration::from_secs(4));
                self.plan(interval, What::Repeat { seen, interval });
            }
        }
    }

    fn ask(&mut self, token: u64) {
        let method = if self.below(100) < self.weather.invites {
            Method::Invite
        } else {
            Method::Message
        };
        if method == Method::Invite && self.below(100) < self.weather.cancelled {
            let delay = self.within(self.weather.longest_thought);
            self.plan(delay, What::Cancel(token));
        }
        let sent = Sent {
            at: self.now,
            method,
            ends: Vec::new(),
        };
        self.sent.insert(token, sent);
        let flow = self.flow_of(sender(token));
        let input = Input::Send {
            token: RequestToken(token),
            flow,
            draft: Box::new(draft(method).cseq(u32::try_from(token).unwrap() + 1)),
            branch: format!("z9hG4bK{token}"),
        };
        self.handle(sender(token), input);
    }

    fn handle(&mut self, peer: usize, input: Input) {
        self.peers[peer].handle(input, self.now);
    }

    fn drain(&mut self) {
        for peer in [0, 1] {
            while let Some(output) = self.peers[peer].poll_output() {
                self.take(peer, output);
            }
        }
    }

    fn take(&mut self, peer: usize, output: Output) {
        match output {
            Output::Transmit { bytes, .. } => self.carry(1 - peer, &bytes),
            Output::Request {
                transaction,
                request,
                ..
            } => self.think(peer, transaction, request),
            Output::Acknowledged { ack, .. } => {
                let number = ack.cseq().unwrap().number;
                for seen in &mut self.seen {
                    seen.is_acknowledged |=
                        seen.peer == peer && seen.request.cseq().unwrap().number == number;
                }
            }
            Output::Cancelled { .. }
            | Output::Provisional { .. }
            | Output::Over { .. }
            | Output::Stray { .. } => {}
            Output::Final { token, response } => {
                let status = response.status();
                self.end(peer, token, End::Final(status.code()));
                if status.is_success() {
                    self.acknowledge(token);
                }
            }
            Output::FurtherSuccess { token, response } => {
                assert!(response.status().is_success());
                self.acknowledge(token);
            }
            Output::Failed { token, cause } => {
                assert_eq!(cause, Failure::Timeout);
                self.end(peer, token, End::Timeout);
            }
        }
    }

    fn end(&mut self, peer: usize, token: RequestToken, end: End) {
        assert_eq!(peer, sender(token.0));
        let now = self.now;
        self.sent.get_mut(&token.0).unwrap().ends.push((now, end));
    }

    fn acknowledge(&mut self, token: RequestToken) {
        if self.sent[&token.0].method != Method::Invite {
            return;
        }
        let flow = self.flow_of(sender(token.0));
        let input = Input::Acknowledge {
            flow,
            draft: Box::new(draft(Method::Ack).cseq(u32::try_from(token.0).unwrap() + 1)),
            branch: format!("z9hG4bKack{}", token.0),
        };
        self.handle(sender(token.0), input);
    }

    /// The user looks at a request, and answers in time or not.
    fn think(&mut self, peer: usize, transaction: ServerTransactionId, request: Request) {
        let seen = self.seen.len();
        let thought = self.within(self.weather.longest_thought);
        let status = match request.method() {
            Method::Invite => {
                if self.below(2) == 0 {
                    self.plan(thought / 2, What::Answer { seen, status: 180 });
                }
                if self.below(3) == 0 { 486 } else { 200 }
            }
            _ => 200,
        };
        self.plan(thought, What::Answer { seen, status });
        self.seen.push(Seen {
            at: self.now,
            peer,
            transaction,
            request,
            is_acknowledged: false,
        });
    }

    fn carry(&mut self, at: usize, bytes: &Bytes) {
        let copies = 1 + u64::from(self.below(100) < self.weather.doubled);
        for _ in 0..copies {
            if self.below(100) < self.weather.lost {
                continue;
            }
            let delay = if self.below(100) < self.weather.delayed {
                self.within(self.weather.longest_delay)
            } else {
                Duration::from_millis(1)
            };
            let bytes = bytes.to_vec();
            self.plan(delay, What::Arrive { at, bytes });
        }
    }

    fn plan(&mut self, delay: Duration, what: What) {
        self.order += 1;
        self.events.push(Reverse(Event {
            at: self.now + delay,
            order: self.order,
            what,
        }));
    }

    fn flow_of(&self, peer: usize) -> Flow {
        let addresses = [address("127.0.0.1:1"), address("127.0.0.1:2")];
        Flow {
            transport: self.weather.protocol,
            local: addresses[peer],
            remote: addresses[1 - peer],
            id: 1,
        }
    }

    fn within(&mut self, longest: Duration) -> Duration {
        let milliseconds = u64::try_from(longest.as_millis()).unwrap();
        Duration::from_millis(self.below(milliseconds))
    }

    /// xorshift64.
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end.max(1)
    }

    /// How often a request was shown within the time in which its sender repeats it.
    fn shown_again_in(&self, within: Duration) -> Option<u32> {
        let mut last_shown = BTreeMap::new();
        for seen in &self.seen {
            let number = seen.request.cseq().unwrap().number;
            let last = last_shown.insert(number, seen.at);
            if last.is_some_and(|last| seen.at < last + within) {
                return Some(number);
            }
        }
        None
    }
}

/// Even tokens are of one peer, odd ones of the other.
fn sender(token: u64) -> usize {
    usize::from(token % 2 == 1)
}

/// What holds in any weather.
fn check(world: &World) -> Result<(), proptest::test_runner::TestCaseError> {
    for (token, sent) in &world.sent {
        prop_assert_eq!(sent.ends.len(), 1, "{} ended {:?}", token, sent.ends);
        let longest = match sent.method {
            Method::Invite => LONGEST_RINGING + 2 * PATIENCE,
            _ => PATIENCE,
        };
        prop_assert!(
            sent.ends[0].0 <= sent.at + longest,
            "{} took too long",
            token
        );
    }
    for peer in &world.peers {
        prop_assert!(peer.is_empty(), "something is kept");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Delays are below T1: Timer J begins when the answer goes, and the client's last copy leaves T1 before its
    /// Timer F, so RFC 3261 promises "once" only while delays differ by less.
    #[test]
    fn each_request_is_seen_once_and_ends_once(weather in weather(0..500u64)) {
        let mut world = World::new(weather);
        world.run();
        check(&world)?;
        prop_assert_eq!(world.shown_again_in(Duration::MAX / 4), None);
    }

    #[test]
    fn each_request_ends_once_however_slow_the_network_is(weather in weather(0..20_000u64)) {
        let mut world = World::new(weather);
        world.run();
        check(&world)?;
    }

    /// Delays are below T4, the longest life of a message. A copy may come after Timer J, but never earlier.
    #[test]
    fn each_request_ends_once_in_a_storm(seed: u64) {
        let mut world = World::new(Weather { seed, ..STORM });
        world.run();
        check(&world)?;
        prop_assert_eq!(world.shown_again_in(PATIENCE), None);
    }
}

#[test]
fn without_loss_and_in_time_every_request_is_answered() {
    let mut world = World::new(Weather {
        seed: 1,
        lost: 0,
        delayed: 100,
        longest_delay: Duration::from_millis(300),
        longest_thought: Duration::from_secs(20),
        requests: 200,
        cancelled: 0,
        ..STORM
    });
    world.run();
    check(&world).unwrap();
    assert_eq!(world.seen.len(), 200);
    let is_answered = |sent: &Sent| matches!(sent.ends[0].1, End::Final(200 | 486));
    assert!(world.sent.values().all(is_answered));
}

/// One request in a thousand may fail, where one message in ten is lost.
#[test]
fn at_ten_percent_loss_nearly_every_request_is_answered_in_time() {
    let mut world = World::new(Weather {
        seed: 7,
        lost: 10,
        requests: 4_000,
        cancelled: 0,
        ..STORM
    });
    world.run();
    check(&world).unwrap();
    let is_done = |sent: &&Sent| {
        let (at, end) = sent.ends[0];
        matches!(end, End::Final(_)) && at <= sent.at + PATIENCE
    };
    let done = world.sent.values().filter(is_done).count();
    assert!(done >= 3_996, "{done} of 4000");
}
