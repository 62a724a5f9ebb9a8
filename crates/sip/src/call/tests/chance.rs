//! Whatever happens, and in whatever order: a leg ends, in time and once, and owes nobody an answer or an ACK.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::script::{body, request, response, setup, status};
use crate::call::{Config, Event, Input, Leg, Outcome, Output, PeerRequestId, RequestId, Trunk};
use crate::digest::{Algorithm, Challenge};
use crate::header_name::HeaderName;
use crate::message::Request;
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::Failure;
use crate::write::request::RequestDraft;
use crate::write::response::ResponseBuilder;

#[derive(Clone, Debug)]
enum Act {
    Provisional {
        which: usize,
        code: u16,
        tag: u8,
        reliable: bool,
    },
    Final {
        which: usize,
        code: u16,
        tag: u8,
        with_body: bool,
        session: Option<u32>,
    },
    /// A final response that came before.
    Again {
        which: usize,
    },
    /// Another peer takes the call, too.
    Fork {
        tag: u8,
    },
    /// The server that had the first INVITE and was given up has somebody who takes the call.
    Late,
    /// The newest INVITE goes to another server.
    Elsewhere,
    NobodyElse,
    Fail {
        which: usize,
    },
    Ask {
        method: Method,
        tag: u8,
        with_body: bool,
        session: Option<u32>,
    },
    Acknowledged,
    Cancelled {
        which: usize,
    },
    Acknowledge,
    Modify {
        with_offer: bool,
    },
    Accept {
        which: usize,
    },
    Refuse {
        which: usize,
    },
    HangUp,
    Wait {
        milliseconds: u64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let code = prop_oneof![
        6 => Just(200_u16), 1 => Just(302), 2 => Just(401), 2 => Just(407), 1 => Just(408), 1 => Just(422),
        1 => Just(481), 1 => Just(486), 2 => Just(491), 1 => Just(503),
    ];
    let method = prop_oneof![
        5 => Just(Method::Invite), 2 => Just(Method::Update), 1 => Just(Method::Bye), 1 => Just(Method::Options),
        1 => Just(Method::Refer), 1 => Just(Method::Prack),
    ];
    let session = || prop_oneof![2 => Just(None), 2 => (30..2_000_u32).prop_map(Some)];
    // Mostly the one peer, sometimes a fork.
    let tag = || prop_oneof![6 => Just(0_u8), 1 => 1..12_u8];
    let which = || 0..8_usize;
    prop_oneof![
        3 => (which(), 101..200_u16, tag(), proptest::bool::ANY)
            .prop_map(|(which, code, tag, reliable)| Act::Provisional { which, code, tag, reliable }),
        8 => (which(), code, tag(), proptest::bool::ANY, session())
            .prop_map(|(which, code, tag, with_body, session)| Act::Final { which, code, tag, with_body, session }),
        2 => which().prop_map(|which| Act::Again { which }),
        2 => (1..8_u8).prop_map(|tag| Act::Fork { tag }),
        1 => Just(Act::Late),
        1 => Just(Act::Elsewhere),
        1 => Just(Act::NobodyElse),
        1 => which().prop_map(|which| Act::Fail { which }),
        5 => (method, tag(), proptest::bool::ANY, session())
            .prop_map(|(method, tag, with_body, session)| Act::Ask { method, tag, with_body, session }),
        3 => Just(Act::Acknowledged),
        1 => which().prop_map(|which| Act::Cancelled { which }),
        4 => Just(Act::Acknowledge),
        4 => proptest::bool::ANY.prop_map(|with_offer| Act::Modify { with_offer }),
        4 => which().prop_map(|which| Act::Accept { which }),
        1 => which().prop_map(|which| Act::Refuse { which }),
        2 => Just(Act::HangUp),
        8 => prop_oneof![0..5_000_u64, 0..400_000_u64]
            .prop_map(|milliseconds| Act::Wait { milliseconds }),
    ]
}

/// A request of the leg that waits for its final response.
struct Pending {
    id: RequestId,
    request: Request,
    /// When its transaction says that there is none.
    gives_up: Instant,
}

struct World {
    leg: Leg,
    start: Instant,
    now: Instant,
    pending: Vec<Pending>,
    invites: Vec<(RequestId, Request)>,
    /// Final responses to INVITEs that the leg was given.
    given: Vec<(RequestId, Bytes)>,
    /// The INVITE that a first peer has taken.
    taken: Option<(RequestId, Request)>,
    next_cseq: u32,
    next_peer: u64,
    asked: BTreeMap<PeerRequestId, BTreeSet<Vec<u8>>>,
    cancelled: BTreeSet<PeerRequestId>,
    acknowledged: BTreeSet<(String, u32)>,
    /// The 2xx to INVITEs that want an ACK.
    successes: BTreeSet<(String, u32)>,
    numbers: BTreeMap<String, u32>,
    answered_at: Option<Instant>,
    ended: Vec<(Instant, Outcome)>,
    told_after_end: bool,
}

fn config(response_time: Duration) -> Config {
    Config {
        response_time,
        // More than there are tags.
        most_forks: 24,
        ..Config::default()
    }
}

const PATIENCE: Duration = Duration::from_secs(32);
/// Timer C of an INVITE that rings.
const RINGING: Duration = Duration::from_secs(181);

#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be had in no other way; it is never read again"
)]
fn start() -> Instant {
    Instant::now()
}

impl World {
    fn new(seed: u64, response_time: Duration) -> Self {
        let trunk = Trunk::with_password("trunk.example", "desk", "wonder");
        let mut setup = setup(Some(trunk));
        setup.seed = [seed, 7];
        let now = start();
        Self {
            leg: Leg::new(config(response_time), setup),
            start: now,
            now,
            pending: Vec::new(),
            invites: Vec::new(),
            given: Vec::new(),
            taken: None,
            next_cseq: 1,
            next_peer: 0,
            asked: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            successes: BTreeSet::new(),
            numbers: BTreeMap::new(),
            answered_at: None,
            ended: Vec::new(),
            told_after_end: false,
        }
    }

    fn happen(&mut self, act: Act) {
        // Most of the time there are few to choose from.
        let among = |which: usize, length: usize| which % length.max(1);
        match act {
            Act::Provisional {
                which,
                code,
                tag,
                reliable,
            } => {
                let which = among(which, self.pending.len());
                let Some(pending) = self.pending.get(which) else {
                    return;
                };
                let mut builder = ResponseBuilder::answer(&pending.request, status(code))
                    .to_tag(format!("peer{tag}"));
                if reliable {
                    builder = builder
                        .header(HeaderName::Require, "100rel")
                        .header(HeaderName::RSeq, "1");
                }
                let (request, bytes) = (pending.id, builder.build());
                drop(builder);
                let response = response(bytes);
                self.handle(Input::Response { request, response });
            }
            Act::Final {
                which,
                code,
                tag,
                with_body,
                session,
            } => {
                let which = among(which, self.pending.len());
                self.answer(which, code, tag, with_body, session);
            }
            Act::Again { which } => {
                let which = among(which, self.given.len());
                let Some((request, bytes)) = self.given.get(which).cloned() else {
                    return;
                };
                let response = response(bytes);
                self.handle(Input::Response { request, response });
            }
            Act::Fork { tag } => self.fork(tag),
            Act::Late => self.take_late(),
            Act::Elsewhere => {
                if let Some((request, _)) = self.invites.last() {
                    let request = *request;
                    self.handle(Input::Elsewhere { request });
                }
            }
            Act::NobodyElse => {
                if let Some((request, _)) = self.invites.last() {
                    let request = *request;
                    self.handle(Input::NobodyElse { request });
                }
            }
            Act::Fail { which } => self.fail(among(which, self.pending.len())),
            Act::Ask {
                method,
                tag,
                with_body,
                session,
            } => {
                self.ask(method, tag, with_body, session);
            }
            Act::Acknowledged => {
                let ack = self.peer_draft(Method::Ack, 0, self.next_cseq - 1);
                let ack = request(&ack);
                self.handle(Input::Acknowledged { ack });
            }
            Act::Cancelled { which } => {
                // Only what is not answered can be cancelled: the transaction looks after that.
                let open = self.asked.iter().filter(|(_, answers)| answers.is_empty());
                let id = open.map(|(id, _)| *id).nth(which);
                let Some(id) = id else { return };
                self.cancelled.insert(id);
                self.handle(Input::Cancelled { id });
            }
            Act::Acknowledge => self.handle(Input::Acknowledge {
                answer: body("answer"),
            }),
            Act::Modify { with_offer } => {
                let offer = with_offer.then(|| body("new offer"));
                self.handle(Input::Modify { offer });
            }
            Act::Accept { which } => {
                let id = self.asked_for(which);
                self.handle(Input::Accept {
                    id,
                    body: body("body"),
                });
            }
            Act::Refuse { which } => {
                let id = self.asked_for(which);
                self.handle(Input::Refuse {
                    id,
                    status: status(488),
                });
            }
            Act::HangUp => self.handle(Input::HangUp),
            Act::Wait { milliseconds } => {
                self.until(self.now + Duration::from_millis(milliseconds));
            }
        }
    }

    fn answer(&mut self, which: usize, code: u16, tag: u8, with_body: bool, session: Option<u32>) {
        if which >= self.pending.len() {
            return;
        }
        let Pending { id, request, .. } = self.pending.remove(which);
        let tag = format!("peer{tag}");
        let challenge = Challenge {
            realm: "trunk.example".to_owned(),
            nonce: "n".to_owned(),
            suite: Algorithm::Md5.into(),
            is_stale: with_body,
            qualities: Vec::new(),
            opaque: None,
        };
        let mut builder = ResponseBuilder::answer(&request, status(code))
            .to_tag(&*tag)
            .header(HeaderName::MinSe, "3000");
        builder = match code {
            401 => builder.header(HeaderName::WwwAuthenticate, challenge.to_string()),
            407 => builder.header(HeaderName::ProxyAuthenticate, challenge.to_string()),
            _ => builder,
        };
        if let Some(session) = session {
            let refresher = if session % 2 == 0 { "uac" } else { "uas" };
            builder = builder.header(
                HeaderName::SessionExpires,
                format!("{session};refresher={refresher}"),
            );
        }
        if with_body && code < 300 {
            builder = builder.body("application/sdp", "theirs");
        }
        let bytes = builder.build();
        let parsed = response(bytes.clone());
        if request.method() == Method::Invite {
            if code < 300 {
                let tag = parsed.to().unwrap().tag().unwrap().to_owned();
                let number = request.cseq().unwrap().number;
                self.successes.insert((tag, number));
                self.answered_at.get_or_insert(self.now);
                // A re-INVITE of ours is in one dialog, and does not fork.
                if request.to().unwrap().tag().is_none() {
                    self.taken.get_or_insert((id, request.clone()));
                }
            }
            self.given.push((id, bytes));
        }
        self.handle(Input::Response {
            request: id,
            response: parsed,
        });
    }

    fn fork(&mut self, tag: u8) {
        let Some((id, invite)) = self.taken.clone() else {
            return;
        };
        let tag = format!("peer{tag}");
        let number = invite.cseq().unwrap().number;
        let success = ResponseBuilder::answer(&invite, StatusCode::OK).to_tag(&*tag);
        self.successes.insert((tag.clone(), number));
        self.handle(Input::Response {
            request: id,
            response: response(success.build()),
        });
    }

    fn take_late(&mut self) {
        let Some((id, invite)) = self.invites.first().cloned() else {
            return;
        };
        let number = invite.cseq().unwrap().number;
        let success = ResponseBuilder::answer(&invite, StatusCode::OK).to_tag("late");
        self.successes.insert(("late".to_owned(), number));
        self.answered_at.get_or_insert(self.now);
        self.handle(Input::Response {
            request: id,
            response: response(success.build()),
        });
    }

    /// One of the newest requests of the peer.
    fn asked_for(&self, which: usize) -> PeerRequestId {
        let back = u64::try_from(which % 3).unwrap() + 1;
        PeerRequestId(self.next_peer.saturating_sub(back))
    }

    fn fail(&mut self, which: usize) {
        if which < self.pending.len() {
            let request = self.pending.remove(which).id;
            let cause = Failure::Timeout;
            self.handle(Input::Failed { request, cause });
        }
    }

    fn ask(&mut self, method: Method, tag: u8, with_body: bool, session: Option<u32>) {
        let mut draft = self.peer_draft(method, tag, self.next_cseq);
        self.next_cseq += 1;
        if let Some(session) = session {
            draft = draft.header(HeaderName::SessionExpires, session.to_string());
        }
        if with_body {
            draft = draft.body("application/sdp", "theirs");
        }
        let id = PeerRequestId(self.next_peer);
        self.next_peer += 1;
        self.asked.insert(id, BTreeSet::new());
        self.handle(Input::Request {
            id,
            request: request(&draft),
            source: "198.51.100.7:5060".parse().unwrap(),
        });
    }

    fn peer_draft(&self, method: Method, tag: u8, cseq: u32) -> RequestDraft {
        RequestDraft::new(method, "sip:desk@192.0.2.1")
            .from("<sip:zoe@peer.example>", &format!("peer{tag}"))
            .to("<sip:desk@shop.example>;tag=ours")
            .call_id("call-1")
            .cseq(cseq)
    }

    /// Moves the clock, firing the leg's timers and those of its transactions on the way.
    fn until(&mut self, end: Instant) {
        loop {
            let given_up = self.pending.iter().map(|pending| pending.gives_up).min();
            let timeout = self.leg.next_timeout();
            let next = [given_up, timeout].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            if timeout == Some(next) {
                self.handle(Input::Timeout);
            } else {
                let overdue = self
                    .pending
                    .iter()
                    .position(|pending| pending.gives_up == next);
                self.fail(overdue.unwrap());
            }
        }
        self.now = self.now.max(end);
    }

    fn handle(&mut self, input: Input) {
        self.leg.handle(input, self.now);
        while let Some(output) = self.leg.poll_output() {
            match output {
                Output::Send { request: id, draft } => self.sent(id, request(&draft)),
                Output::Cancel { request } => {
                    let gives_up = self.now + PATIENCE;
                    for pending in &mut self.pending {
                        if pending.id == request {
                            pending.gives_up = gives_up;
                        }
                    }
                }
                // Sometimes nobody says what has become of it.
                Output::TryElsewhere { .. } => {}
                Output::Acknowledge { draft, .. } => {
                    let ack = request(&draft);
                    let tag = ack.to().unwrap().tag().unwrap_or_default().to_owned();
                    self.acknowledged.insert((tag, ack.cseq().unwrap().number));
                }
                Output::Answer { id, response } => {
                    assert!(!self.cancelled.contains(&id), "answered what was cancelled");
                    self.asked.get_mut(&id).unwrap().insert(response.to_vec());
                }
                Output::Event(event) => {
                    self.told_after_end |= !self.ended.is_empty();
                    if let Event::Ended(outcome) = event {
                        self.ended.push((self.now, outcome));
                    }
                }
            }
        }
    }

    fn sent(&mut self, id: RequestId, request: Request) {
        let tag = request.to().unwrap().tag().unwrap_or_default().to_owned();
        if request.method() == Method::Invite && tag.is_empty() {
            self.invites.push((id, request.clone()));
        }
        let number = request.cseq().unwrap().number;
        let last = self.numbers.insert(tag, number);
        assert!(
            last.is_none_or(|last| last < number),
            "a number is used twice"
        );
        let patience = match request.method() {
            Method::Invite => RINGING + PATIENCE,
            _ => PATIENCE,
        };
        self.pending.push(Pending {
            id,
            request,
            gives_up: self.now + patience,
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_leg_ends_once_and_in_time(
        seed: u64,
        with_offer: bool,
        response_time in prop_oneof![Just(4_u64), Just(60)],
        acts in proptest::collection::vec(act(), 0..60),
    ) {
        let mut world = World::new(seed, Duration::from_secs(response_time));
        let offer = with_offer.then(|| body("offer"));
        world.handle(Input::Place { offer });
        for act in acts {
            world.happen(act);
        }
        world.until(world.now + Duration::from_secs(100_000));
        prop_assert_eq!(world.ended.len(), 1);
        prop_assert!(!world.told_after_end);
        prop_assert!(world.leg.is_over());
        prop_assert_eq!(world.leg.next_timeout(), None);
        prop_assert!(world.pending.is_empty());
        let config = Config::default();
        let longest = match world.answered_at {
            Some(answered_at) => answered_at + config.longest_call,
            None => world.start + RINGING + PATIENCE,
        };
        prop_assert!(world.ended[0].0 <= longest, "it was up for too long");
        for (id, answers) in &world.asked {
            let expected = usize::from(!world.cancelled.contains(id));
            prop_assert_eq!(answers.len(), expected, "request {} of the peer", id.0);
        }
        for success in &world.successes {
            prop_assert!(world.acknowledged.contains(success), "no ACK for {:?}", success);
        }
    }
}
