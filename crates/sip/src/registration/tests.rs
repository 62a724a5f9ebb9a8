//! A registrar's answers in, REGISTERs and standings out, time moved by hand.

use std::time::{Duration, Instant};

use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert, prop_oneof, proptest};

use super::{Config, Input, Loss, Output, Registrant, Standing};
use crate::call::Trunk;
use crate::digest::{Credentials, Ha1};
use crate::header_name::HeaderName;
use crate::message::{Message, Request};
use crate::status::StatusCode;
use crate::write::response::ResponseBuilder;

const REALM: &str = "trunk.example";

struct Desk {
    registrant: Registrant,
    now: Instant,
    sent: Vec<Request>,
    standings: Vec<Standing>,
    overs: usize,
}

#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be had in no other way; it is never read again"
)]
fn start() -> Instant {
    Instant::now()
}

fn seconds(of: u64) -> Duration {
    Duration::from_secs(of)
}

impl Desk {
    fn new() -> Self {
        let config = Config {
            registrar: "sip:trunk.example".to_owned(),
            address: "sip:shop@trunk.example".to_owned(),
            contact: "<sip:deskbell@192.0.2.1:5060>".to_owned(),
            routes: vec!["<sip:edge.example;lr>".to_owned()],
            lifetime: seconds(600),
            account: Some(Trunk::with_password(REALM, "shop", "wonder")),
            call_id: "call".to_owned(),
            tag: "tag".to_owned(),
            seed: [1, 2],
        };
        let now = start();
        let mut desk = Self {
            registrant: Registrant::new(config, now),
            now,
            sent: Vec::new(),
            standings: Vec::new(),
            overs: 0,
        };
        desk.handle(Input::Timeout);
        desk
    }

    fn handle(&mut self, input: Input) {
        self.registrant.handle(input, self.now);
        while let Some(output) = self.registrant.poll_output() {
            match output {
                Output::Send(draft) => {
                    let bytes = draft.print("UDP 192.0.2.1:5060", "z9hG4bK1");
                    let Message::Request(mut request) = Message::parse(bytes).unwrap() else {
                        unreachable!("a request was made")
                    };
                    request.check().unwrap();
                    self.sent.push(request);
                }
                Output::Standing(standing) => self.standings.push(standing),
                Output::Over => self.overs += 1,
            }
        }
    }

    fn last(&self) -> &Request {
        self.sent.last().unwrap()
    }

    fn answer(&mut self, code: u16, headers: &[(HeaderName, &str)]) {
        let status = StatusCode::new(code).unwrap();
        let request = self.last().clone();
        let mut builder = ResponseBuilder::answer(&request, status).to_tag("theirs");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let Message::Response(response) = Message::parse(builder.build()).unwrap() else {
            unreachable!("a response was made")
        };
        self.handle(Input::Answered(Box::new(response)));
    }

    fn challenge(&mut self, realm: &str, nonce: &str, more: &str) {
        let value = format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\"{more}");
        self.answer(401, &[(HeaderName::WwwAuthenticate, &value)]);
    }

    /// Waits for the next timeout, which is so far away.
    fn wait(&mut self) -> Duration {
        let due = self.registrant.next_timeout().unwrap();
        let waited = due.saturating_duration_since(self.now);
        self.now = due;
        self.handle(Input::Timeout);
        waited
    }

    fn expires(&self) -> u64 {
        self.last().expires().unwrap().unwrap().as_secs()
    }

    fn is_proven(&self) -> bool {
        self.last().header(HeaderName::Authorization).is_some()
    }
}

#[test]
fn it_proves_itself_is_granted_and_refreshes_in_time() {
    let mut desk = Desk::new();
    assert_eq!(desk.expires(), 600);
    assert_eq!(
        desk.last().header(HeaderName::Route).unwrap(),
        b"<sip:edge.example;lr>"
    );
    assert!(!desk.is_proven());
    desk.challenge(REALM, "n1", "");
    let value = desk.last().header(HeaderName::Authorization).unwrap();
    let given = Credentials::parse(HeaderName::Authorization, value);
    let given = given.unwrap().unwrap();
    let secret = Ha1::derive(given.suite().unwrap().algorithm, "shop", REALM, "wonder");
    assert!(given.prove(&secret, b"REGISTER", b""));
    assert_eq!(desk.last().cseq().unwrap().number, 2);
    assert_eq!(desk.last().call_id().unwrap(), "call");
    // The registrar grants less, and says so at our Contact; there is another one.
    let contacts = "<sip:shop@192.0.2.9>;expires=3600, <sip:deskbell@192.0.2.1:5060>;expires=100";
    desk.answer(
        200,
        &[
            (HeaderName::Contact, contacts),
            (HeaderName::Expires, "500"),
        ],
    );
    let until = desk.now + seconds(100);
    assert_eq!(desk.standings, [Standing::Registered { until }]);
    assert_eq!(desk.wait(), seconds(75));
    assert_eq!(desk.last().cseq().unwrap().number, 3);
}

#[test]
fn no_other_realm_and_no_endless_challenge_is_answered() {
    let mut desk = Desk::new();
    desk.challenge("evil.example", "n1", "");
    assert_eq!(desk.sent.len(), 1);
    assert!(matches!(
        desk.standings.last(),
        Some(Standing::Lost {
            why: Loss::Unproven,
            held_until: None,
            ..
        })
    ));
    desk.wait();
    desk.challenge(REALM, "n1", "");
    assert!(desk.is_proven());
    // The same credentials are not tried again, unless they were right and the nonce was stale; and then once.
    desk.challenge(REALM, "n2", ", stale=true");
    assert!(desk.is_proven());
    let sent = desk.sent.len();
    desk.challenge(REALM, "n3", ", stale=true");
    assert_eq!(desk.sent.len(), sent);
    assert_eq!(desk.standings.len(), 2);
}

#[test]
fn it_tries_again_later_and_later_and_holds_what_was_granted() {
    let mut desk = Desk::new();
    desk.answer(200, &[]);
    let until = desk.now + seconds(600);
    assert_eq!(desk.wait(), seconds(450));
    let mut waits = Vec::new();
    for number in 0..10 {
        desk.handle(Input::Unanswered);
        let held = number == 0 || desk.now < until;
        let Some(Standing::Lost {
            why: Loss::NoAnswer,
            held_until,
            ..
        }) = desk.standings.last()
        else {
            unreachable!("{:?}", desk.standings)
        };
        assert_eq!(held_until.is_some(), held, "{number}");
        waits.push(desk.wait());
    }
    for (number, wait) in waits.iter().enumerate() {
        let longest = seconds(5 << number.min(10)).min(seconds(300));
        assert!(
            *wait <= longest && *wait >= longest / 2,
            "{number}: {wait:?}"
        );
    }
}

#[test]
fn the_registrar_says_how_long_and_when() {
    let mut desk = Desk::new();
    desk.answer(423, &[(HeaderName::MinExpires, "1800")]);
    assert_eq!(desk.expires(), 1800);
    // Nobody means it.
    desk.answer(423, &[(HeaderName::MinExpires, "900")]);
    assert_eq!(desk.sent.len(), 2);
    desk.wait();
    desk.answer(503, &[(HeaderName::RetryAfter, "120")]);
    let wait = desk.wait();
    assert!(wait >= seconds(60) && wait <= seconds(120), "{wait:?}");
    desk.answer(403, &[]);
    assert!(desk.wait() >= seconds(150));
}

#[test]
fn it_is_taken_back_where_it_is_not_wanted_any_more() {
    let mut desk = Desk::new();
    desk.answer(200, &[]);
    desk.handle(Input::Stop);
    assert_eq!(desk.expires(), 0);
    desk.challenge(REALM, "n1", "");
    assert_eq!(desk.expires(), 0);
    assert!(desk.is_proven());
    desk.answer(200, &[]);
    assert_eq!((desk.overs, desk.registrant.next_timeout()), (1, None));

    // Nothing is held, so that nothing is taken back.
    let mut desk = Desk::new();
    desk.answer(403, &[]);
    desk.handle(Input::Stop);
    assert_eq!((desk.overs, desk.sent.len()), (1, 1));

    // It is granted while it is not wanted any more.
    let mut desk = Desk::new();
    desk.handle(Input::Stop);
    assert_eq!(desk.sent.len(), 1);
    desk.answer(200, &[]);
    assert_eq!(desk.expires(), 0);
    desk.handle(Input::Unanswered);
    assert_eq!(desk.overs, 1);
}

#[test]
fn an_answer_to_an_earlier_register_says_nothing() {
    let mut desk = Desk::new();
    let first = desk.last().clone();
    desk.challenge(REALM, "n1", "");
    let old = ResponseBuilder::answer(&first, StatusCode::OK)
        .to_tag("theirs")
        .build();
    let Message::Response(old) = Message::parse(old).unwrap() else {
        unreachable!("a response was made")
    };
    desk.handle(Input::Answered(Box::new(old)));
    assert!(desk.standings.is_empty());
}

#[derive(Clone, Debug)]
enum Act {
    Answer(u16),
    Challenge(bool),
    Unanswered,
    Wait,
    Stop,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a registrar says: one REGISTER is under way at a time, no more than three follow without a pause, and
    /// after the end there is nothing.
    #[test]
    fn a_registrar_is_never_pestered(acts in proptest::collection::vec(prop_oneof![
        4 => prop_oneof![Just(200_u16), Just(403), Just(423), Just(500), Just(503), Just(408)].prop_map(Act::Answer),
        3 => prop_oneof![Just(true), Just(false)].prop_map(Act::Challenge),
        2 => Just(Act::Unanswered),
        3 => Just(Act::Wait),
        1 => Just(Act::Stop),
    ], 0..60)) {
        let mut desk = Desk::new();
        let mut under_way = 1_i32;
        let mut without_pause = 1;
        for act in acts {
            let before = desk.sent.len();
            match act {
                Act::Answer(_) | Act::Challenge(_) | Act::Unanswered if under_way == 0 => continue,
                Act::Answer(code) => {
                    under_way -= 1;
                    desk.answer(code, &[(HeaderName::MinExpires, "1800")]);
                }
                Act::Challenge(stale) => {
                    under_way -= 1;
                    desk.challenge(REALM, "n", if stale { ", stale=true" } else { "" });
                }
                Act::Unanswered => {
                    under_way -= 1;
                    desk.handle(Input::Unanswered);
                }
                Act::Wait => {
                    if desk.registrant.next_timeout().is_some() {
                        prop_assert!(desk.wait() >= seconds(1));
                        without_pause = 0;
                    }
                }
                Act::Stop => desk.handle(Input::Stop),
            }
            let sent = desk.sent.len() - before;
            prop_assert!(sent <= 1);
            under_way += i32::try_from(sent).unwrap();
            without_pause += sent;
            prop_assert!((0..=1).contains(&under_way));
            // Two challenges and a longer lifetime, and the same once more to leave.
            prop_assert!(without_pause <= 8, "{without_pause}");
            prop_assert!(desk.overs <= 1);
            if desk.overs == 1 {
                prop_assert!(under_way == 0 && desk.registrant.next_timeout().is_none());
            }
        }
    }
}
