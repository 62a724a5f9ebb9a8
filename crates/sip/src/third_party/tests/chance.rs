//! Whatever is heard, and in whatever order: nobody is left alone for longer than a timer allows, the second is called
//! only once that is written down and the first is there, and each call has one end.

use std::time::{Duration, Instant};

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

use super::script::{body, config, start};
use crate::call::{Event, Outcome, PeerRequestId};
use crate::status::StatusCode;
use crate::third_party::{Controller, Flow, Input, Order, Output, Side};
use crate::transaction::Failure;

#[derive(Clone, Debug)]
enum Act {
    Hear { side: Side, event: Event },
    NotPlaced(Side),
    Committed,
    NotCommitted,
    End,
    Pass(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let sides = || prop_oneof![Just(Side::First), Just(Side::Second)];
    let bodies = || any::<Option<bool>>().prop_map(|it| it.map(|it| body(&format!("{it}"))));
    let outcomes = prop_oneof![
        prop_oneof![
            Just(403_u16),
            Just(486),
            Just(488),
            Just(500),
            Just(503),
            Just(603)
        ]
        .prop_map(|code| Outcome::Refused(StatusCode::new(code).unwrap())),
        Just(Outcome::NotAuthorised),
        Just(Outcome::Unreachable(Failure::FlowClosed)),
        Just(Outcome::Unreachable(Failure::Timeout)),
        Just(Outcome::NoAnswer),
        Just(Outcome::Silent),
        Just(Outcome::Unusable),
        Just(Outcome::AnsweredTooLate),
        Just(Outcome::PeerHungUp),
        Just(Outcome::Lost),
        Just(Outcome::TooLong),
    ];
    let events = prop_oneof![
        2 => bodies().prop_map(|body| Event::Ringing { status: StatusCode::RINGING, body }),
        4 => bodies().prop_map(|answer| Event::Answered { answer }),
        4 => Just(Event::Offered { offer: body("o") }),
        3 => bodies().prop_map(|answer| Event::Modified { answer }),
        1 => Just(Event::ModifyOffered { offer: body("m") }),
        1 => any::<bool>().prop_map(|was_asked| Event::ModifyFailed {
            status: was_asked.then_some(StatusCode::NOT_ACCEPTABLE_HERE),
        }),
        1 => (0_u64..3, bodies()).prop_map(|(id, offer)| Event::PeerOffer { id: PeerRequestId(id), offer }),
        1 => (0_u64..3).prop_map(|id| Event::PeerOfferWithdrawn { id: PeerRequestId(id) }),
        1 => bodies().prop_map(|answer| Event::PeerAnswer { answer }),
        3 => outcomes.prop_map(Event::Ended),
    ];
    let act = prop_oneof![
        12 => (sides(), events).prop_map(|(side, event)| Act::Hear { side, event }),
        1 => sides().prop_map(Act::NotPlaced),
        4 => Just(Act::Committed),
        1 => Just(Act::NotCommitted),
        1 => Just(Act::End),
        2 => (0_u64..60).prop_map(Act::Pass),
    ];
    proptest::collection::vec(act, 0..40)
}

/// What an onlooker knows.
struct Watch {
    call: Controller,
    now: Instant,
    /// Legs that were placed and are not over, and whether they were told to hang up.
    legs: [Option<bool>; 2],
    /// Since when the first is up and the second is not.
    alone_since: Option<Instant>,
    is_committed: bool,
    is_ended_for: bool,
    joined: bool,
    ends: usize,
}

impl Watch {
    fn new(flow: Flow) -> Self {
        Self {
            call: Controller::new(config(flow)),
            now: start(),
            legs: [None, None],
            alone_since: None,
            is_committed: false,
            is_ended_for: false,
            joined: false,
            ends: 0,
        }
    }

    fn handle(&mut self, input: Input) -> Result<(), TestCaseError> {
        let is_over = self.ends > 0;
        self.call.handle(input, self.now);
        while let Some(output) = self.call.poll_output() {
            prop_assert!(!is_over, "after the end: {output:?}");
            prop_assert!(self.ends == 0, "the end is the last: {output:?}");
            self.see(output)?;
        }
        // Of two who talk none stays behind.
        if self.joined && self.ends == 0 {
            for side in 0..2 {
                let is_left = self.legs[1 - side].is_none() && self.legs[side] == Some(false);
                prop_assert!(!is_left, "one of two is left behind");
            }
        }
        let limit = config(Flow::OfferOfFirst).longest_alone;
        if let Some(since) = self.alone_since {
            prop_assert!(self.now.duration_since(since) <= limit, "left alone");
        }
        Ok(())
    }

    fn see(&mut self, output: Output) -> Result<(), TestCaseError> {
        match output {
            Output::Place { side, .. } => {
                let at = side as usize;
                prop_assert!(self.legs[at].is_none(), "one leg of a side at a time");
                if side == Side::Second {
                    prop_assert!(self.is_committed, "it is not written down");
                    prop_assert!(!self.is_ended_for, "nobody wants it any more");
                    prop_assert!(self.legs[0] == Some(false), "the first is not there");
                }
                self.legs[at] = Some(false);
            }
            Output::Order { side, order } => {
                let leg = &mut self.legs[side as usize];
                prop_assert!(*leg == Some(false), "{order:?} to nobody");
                if order == Order::HangUp {
                    *leg = Some(true);
                    if side == Side::First {
                        self.alone_since = None;
                    }
                }
            }
            Output::Commit => {
                self.is_committed = false;
                self.alone_since = Some(self.now);
            }
            Output::News(crate::third_party::News::Joined) => {
                self.joined = true;
                self.alone_since = None;
            }
            Output::News(_) => {}
            Output::Ended(_) => {
                self.ends += 1;
                self.alone_since = None;
                // Whoever is there yet was told to leave, and had the time for it.
                prop_assert!(self.legs.iter().all(|leg| *leg != Some(false)));
            }
        }
        Ok(())
    }

    fn pass(&mut self, time: Duration) -> Result<(), TestCaseError> {
        let until = self.now + time;
        while let Some(due) = self.call.next_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.handle(Input::Timeout)?;
        }
        self.now = until;
        Ok(())
    }

    fn play(&mut self, act: Act) -> Result<(), TestCaseError> {
        match act {
            Act::Hear { side, event } => {
                let at = side as usize;
                if self.legs[at].is_none() {
                    return Ok(());
                }
                if let Event::Ended(_) = &event {
                    self.legs[at] = None;
                    if side == Side::First {
                        self.alone_since = None;
                    }
                }
                self.handle(Input::Leg { side, event })
            }
            Act::NotPlaced(side) => {
                if self.legs[side as usize].take().is_none() {
                    return Ok(());
                }
                if side == Side::First {
                    self.alone_since = None;
                }
                self.handle(Input::NotPlaced { side })
            }
            Act::Committed => {
                self.is_committed = true;
                self.handle(Input::Committed)
            }
            Act::NotCommitted => self.handle(Input::NotCommitted),
            Act::End => {
                self.is_ended_for = true;
                self.handle(Input::End)
            }
            Act::Pass(seconds) => self.pass(Duration::from_secs(seconds)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nobody_is_left_alone_and_each_call_ends_once(
        acts in acts(),
        with_second in any::<bool>(),
    ) {
        let flow = if with_second { Flow::OfferOfSecond } else { Flow::OfferOfFirst };
        let mut watch = Watch::new(flow);
        watch.handle(Input::Begin)?;
        for act in acts {
            watch.play(act)?;
        }
        watch.pass(Duration::from_secs(1_000))?;
        if watch.ends == 0 {
            prop_assert!(watch.joined, "only who talks goes on");
            watch.play(Act::End)?;
            watch.pass(Duration::from_secs(1_000))?;
        }
        prop_assert!(watch.ends == 1);
        prop_assert!(watch.call.next_timeout().is_none());
    }
}
