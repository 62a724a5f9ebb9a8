//! Two endpoints and a network that loses, repeats, delays and reorders, all from one seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

use super::script::{address, answer, draft, start};
use crate::flow::{Flow, Protocol};
use crate::message::{Message, Request};
use crate::method::Method;
use crate::transaction::{
    Config, Endpoint, Failure, Input, Output, RequestToken, ServerTransactionId,
};

#[derive(Clone, Debug)]
struct Weather {
    seed: u64,
    /// Of 100 messages.
    lost: u64,
    doubled: u64,
    /// Milliseconds. Below T1: Timer J begins when the answer goes, and the client's last copy leaves T1 before
    /// its Timer F, so RFC 3261 promises "once" only while delays differ by less.
    longest_delay: u64,
    longest_thought: u64,
    requests: u64,
}

fn weather() -> impl Strategy<Value = Weather> {
    (
        0..u64::MAX,
        0..60u64,
        0..30u64,
        0..500u64,
        0..40_000u64,
        1..30u64,
    )
        .prop_map(
            |(seed, lost, doubled, longest_delay, longest_thought, requests)| Weather {
                seed,
                lost,
                doubled,
                longest_delay,
                longest_thought,
                requests,
            },
        )
}

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
    Arrive { at_server: bool, bytes: Vec<u8> },
    Think(usize),
}

struct World {
    weather: Weather,
    random: u64,
    now: Instant,
    client: Endpoint,
    server: Endpoint,
    events: BinaryHeap<Reverse<Event>>,
    order: u64,
    seen: Vec<(ServerTransactionId, Request)>,
    finals: BTreeMap<u64, Vec<u16>>,
    timeouts: BTreeSet<u64>,
}

impl World {
    fn new(weather: Weather) -> Self {
        let now = start();
        let mut world = Self {
            random: weather.seed | 1,
            now,
            client: Endpoint::new(Config::default(), [3, 4]),
            server: Endpoint::new(Config::default(), [5, 6]),
            events: BinaryHeap::new(),
            order: 0,
            seen: Vec::new(),
            finals: BTreeMap::new(),
            timeouts: BTreeSet::new(),
            weather,
        };
        for token in 0..world.weather.requests {
            let delay = world.below(5_000);
            world.plan(delay, What::Ask(token));
        }
        world
    }

    fn run(&mut self) {
        loop {
            let timeouts = [self.client.next_timeout(), self.server.next_timeout()];
            let timeout = timeouts.into_iter().flatten().min();
            let event = self.events.peek().map(|Reverse(event)| event.at);
            match (timeout, event) {
                (None, None) => return,
                (Some(timeout), event) if event.is_none_or(|event| timeout < event) => {
                    self.now = timeout;
                    self.client.handle(Input::Timeout, self.now);
                    self.server.handle(Input::Timeout, self.now);
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
            What::Ask(token) => {
                let branch = format!("z9hG4bK{token}");
                self.client.handle(
                    Input::Send {
                        token: RequestToken(token),
                        flow: flow("127.0.0.1:1", "127.0.0.1:2"),
                        draft: draft(Method::Message).cseq(u32::try_from(token).unwrap() + 1),
                        branch,
                    },
                    self.now,
                );
            }
            What::Arrive { at_server, bytes } => {
                let message = Message::parse(Bytes::from(bytes)).unwrap();
                let (endpoint, flow) = if at_server {
                    (&mut self.server, flow("127.0.0.1:2", "127.0.0.1:1"))
                } else {
                    (&mut self.client, flow("127.0.0.1:1", "127.0.0.1:2"))
                };
                endpoint.handle(Input::Received { flow, message }, self.now);
            }
            What::Think(index) => {
                let (transaction, request) = &self.seen[index];
                let response = answer(request, 200);
                self.server.handle(
                    Input::Answer {
                        transaction: *transaction,
                        response,
                    },
                    self.now,
                );
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => self.carry(true, &bytes),
                Output::Final { token, response } => {
                    self.finals
                        .entry(token.0)
                        .or_default()
                        .push(response.status().code());
                }
                Output::Failed { token, cause } => {
                    assert_eq!(cause, Failure::Timeout);
                    assert!(self.timeouts.insert(token.0));
                }
                Output::Provisional { .. } => {}
                Output::Request { .. } => unreachable!(),
            }
        }
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => self.carry(false, &bytes),
                Output::Request {
                    transaction,
                    request,
                    ..
                } => {
                    self.seen.push((transaction, request));
                    let thought = self.below(self.weather.longest_thought);
                    self.plan(thought, What::Think(self.seen.len() - 1));
                }
                Output::Final { .. } | Output::Provisional { .. } | Output::Failed { .. } => {
                    unreachable!()
                }
            }
        }
    }

    fn carry(&mut self, at_server: bool, bytes: &Bytes) {
        let copies = 1 + u64::from(self.below(100) < self.weather.doubled);
        for _ in 0..copies {
            if self.below(100) < self.weather.lost {
                continue;
            }
            let delay = self.below(self.weather.longest_delay);
            let bytes = bytes.to_vec();
            self.plan(delay, What::Arrive { at_server, bytes });
        }
    }

    fn plan(&mut self, milliseconds: u64, what: What) {
        self.order += 1;
        self.events.push(Reverse(Event {
            at: self.now + Duration::from_millis(milliseconds),
            order: self.order,
            what,
        }));
    }

    /// xorshift64.
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % end.max(1)
    }
}

fn flow(local: &str, remote: &str) -> Flow {
    Flow {
        transport: Protocol::Udp,
        local: address(local),
        remote: address(remote),
        id: 1,
    }
}

proptest! {
    #[test]
    fn each_request_is_seen_once_and_ends_once(weather in weather()) {
        let mut world = World::new(weather);
        world.run();
        let mut seen = BTreeSet::new();
        for (_, request) in &world.seen {
            prop_assert!(seen.insert(request.cseq().unwrap().number), "shown twice");
        }
        for token in 0..world.weather.requests {
            let finals = world.finals.get(&token).map_or(0, Vec::len);
            let ends = finals + usize::from(world.timeouts.contains(&token));
            prop_assert_eq!(ends, 1);
        }
        prop_assert_eq!(world.client.transactions(), 0);
        prop_assert_eq!(world.server.transactions(), 0);
    }
}

#[test]
fn without_loss_and_in_time_every_request_is_answered() {
    let mut world = World::new(Weather {
        seed: 1,
        lost: 0,
        doubled: 20,
        longest_delay: 300,
        longest_thought: 20_000,
        requests: 200,
    });
    world.run();
    assert_eq!(world.finals.len(), 200);
    assert!(world.finals.values().all(|finals| finals == &[200]));
    assert_eq!(world.seen.len(), 200);
}
