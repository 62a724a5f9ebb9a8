//! Calls of two, step by step.

use std::time::{Duration, Instant};

use bytes::Bytes;
use expect_test::{Expect, expect};

use crate::call::{Body, Event, Outcome, PeerRequestId};
use crate::status::StatusCode;
use crate::third_party::{Config, Controller, Flow, Input, Order, Origin, Output, Side};
use crate::transaction::Failure;

pub(super) fn config(flow: Flow) -> Config {
    Config {
        flow,
        origin: Origin::new(14, "192.0.2.1".parse().unwrap()),
        ways_to_first: 2,
        ways_to_second: 2,
        longest_ringing: Duration::from_secs(100),
        longest_commit: Duration::from_secs(10),
        longest_alone: Duration::from_secs(200),
        longest_parting: Duration::from_secs(40),
    }
}

pub(super) fn body(text: &str) -> Body {
    Body {
        content_type: "application/sdp".into(),
        bytes: Bytes::from(format!("v=0\r\no=x 1 1 IN IP4 h\r\ns={text}\r\n")),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be had in no other way; it is never read again"
)]
pub(super) fn start() -> Instant {
    Instant::now()
}

/// What is heard, by a short name: `A` is the first, `B` the second.
fn read(word: &str) -> Input {
    let (who, what) = word.split_once(' ').unwrap_or(("", word));
    let leg = |event: Event| Input::Leg {
        side: if who == "A" {
            Side::First
        } else {
            Side::Second
        },
        event,
    };
    let outcome = |outcome: Outcome| leg(Event::Ended(outcome));
    match what {
        "begin" => Input::Begin,
        "committed" => Input::Committed,
        "not-committed" => Input::NotCommitted,
        "end" => Input::End,
        "unplaced" => Input::NotPlaced {
            side: if who == "A" {
                Side::First
            } else {
                Side::Second
            },
        },
        "rings" => leg(Event::Ringing {
            status: StatusCode::RINGING,
            body: None,
        }),
        "early" => leg(Event::Ringing {
            status: StatusCode::SESSION_PROGRESS,
            body: Some(body("early")),
        }),
        "offers" => leg(Event::Offered {
            offer: body("offer"),
        }),
        "answers" => leg(Event::Answered {
            answer: Some(body("answer")),
        }),
        "answers-early" => leg(Event::Answered { answer: None }),
        "modified" => leg(Event::Modified {
            answer: Some(body("modified")),
        }),
        "modify-offers" => leg(Event::ModifyOffered {
            offer: body("counter"),
        }),
        "glare" => leg(Event::ModifyFailed { status: None }),
        "modify-refused" => leg(Event::ModifyFailed {
            status: Some(StatusCode::NOT_ACCEPTABLE_HERE),
        }),
        "wants" => leg(Event::PeerOffer {
            id: PeerRequestId(7),
            offer: Some(body("change")),
        }),
        "asks" => leg(Event::PeerOffer {
            id: PeerRequestId(8),
            offer: None,
        }),
        "withdraws" => leg(Event::PeerOfferWithdrawn {
            id: PeerRequestId(7),
        }),
        "nothing-back" => outcome(Outcome::Silent),
        "acks" => leg(Event::PeerAnswer {
            answer: Some(body("acked")),
        }),
        "hangs-up" => outcome(Outcome::PeerHungUp),
        "gone" => outcome(Outcome::HungUp),
        "cancelled" => outcome(Outcome::Cancelled),
        "too-late" => outcome(Outcome::AnsweredTooLate),
        "silent" => outcome(Outcome::NoAnswer),
        "unreachable" => outcome(Outcome::Unreachable(Failure::FlowClosed)),
        code => outcome(Outcome::Refused(
            StatusCode::new(code.parse().unwrap()).unwrap(),
        )),
    }
}

fn text_of(body: &Body) -> String {
    let text = String::from_utf8_lossy(&body.bytes);
    let origin = text.lines().find(|line| line.starts_with("o=-"));
    let session = text.lines().find(|line| line.starts_with("s=")).unwrap();
    match origin {
        Some(origin) => format!("{} ({origin})", &session[2..]),
        None => session[2..].to_owned(),
    }
}

fn show(output: &Output) -> String {
    let name = |side: &Side| match side {
        Side::First => "A",
        Side::Second => "B",
    };
    match output {
        Output::Place { side, way, offer } => {
            let offer = offer.as_ref().map_or("no offer".to_owned(), text_of);
            format!("call {} by {way}: {offer}", name(side))
        }
        Output::Order { side, order } => {
            let told = match order {
                Order::Acknowledge(body) => format!("acknowledge {}", text_of(body)),
                Order::Modify(Some(body)) => format!("modify {}", text_of(body)),
                Order::Modify(None) => "modify, no offer".to_owned(),
                Order::Accept(id, body) => format!("accept {} with {}", id.0, text_of(body)),
                Order::Refuse(id, status) => format!("refuse {}: {}", id.0, status.code()),
                Order::HangUp => "hang up".to_owned(),
            };
            format!("{}: {told}", name(side))
        }
        Output::Commit => "write it down".to_owned(),
        Output::News(news) => format!("* {news:?}"),
        Output::Ended(end) => format!("ended: {end:?}"),
    }
}

/// Plays what is heard, one a comma; `12s` lets time pass.
fn check(flow: Flow, script: &str, expect: Expect) {
    let mut call = Controller::new(config(flow));
    let mut now = start();
    let mut trace = String::new();
    let mut drain = |call: &mut Controller| {
        while let Some(output) = call.poll_output() {
            trace += &show(&output);
            trace += "\n";
        }
    };
    for word in script.split(',').map(str::trim) {
        if let Some(seconds) = word.strip_suffix('s').and_then(|s| s.parse().ok()) {
            let until = now + Duration::from_secs(seconds);
            while let Some(due) = call.next_timeout().filter(|due| *due <= until) {
                call.handle(Input::Timeout, due);
                drain(&mut call);
            }
            now = until;
        } else {
            call.handle(read(word), now);
            drain(&mut call);
        }
    }
    expect.assert_eq(&trace);
}

#[test]
fn the_offer_of_the_first_goes_to_the_second_and_its_answer_back() {
    check(
        Flow::OfferOfFirst,
        "begin, A rings, A offers, committed, B rings, B answers, 60s, B hangs-up, A gone",
        expect![[r#"
            call A by 0: no offer
            * Rings(First)
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            A: acknowledge answer
            * Joined
            A: hang up
            ended: Talked { time: 60s, by: Some(Second) }
        "#]],
    );
}

#[test]
fn an_early_answer_is_the_firsts_at_once_and_another_phones_answer_changes_it() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B early, B early, B answers, A hangs-up, B gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            A: acknowledge early
            * Rings(Second)
            A: modify answer
            * Joined
            B: hang up
            ended: Talked { time: 0ns, by: Some(First) }
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B early, B answers-early, end, A gone, B gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            A: acknowledge early
            * Joined
            A: hang up
            B: hang up
            ended: Talked { time: 0ns, by: None }
        "#]],
    );
}

#[test]
fn with_the_seconds_offer_the_first_is_on_hold_until_it_comes() {
    check(
        Flow::OfferOfSecond,
        "begin, A rings, A answers, committed, B rings, 90s, B offers, A glare, 1s, A modified, B wants, A modified",
        expect![[r#"
            call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
            * Rings(First)
            write it down
            * FirstAnswered
            call B by 0: no offer
            * Rings(Second)
            A: modify offer (o=- 7 2 IN IP4 192.0.2.1)
            A: modify offer (o=- 7 2 IN IP4 192.0.2.1)
            B: acknowledge modified
            * Joined
            A: modify change (o=- 7 3 IN IP4 192.0.2.1)
            B: accept 7 with modified
        "#]],
    );
}

#[test]
fn a_phone_that_takes_no_call_without_an_offer_is_called_with_one() {
    check(
        Flow::OfferOfFirst,
        "begin, A 488, A answers, committed, B offers, A modified",
        expect![[r#"
            call A by 0: no offer
            call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
            write it down
            * FirstAnswered
            call B by 0: no offer
            A: modify offer (o=- 7 2 IN IP4 192.0.2.1)
            B: acknowledge modified
            * Joined
        "#]],
    );
    check(
        Flow::OfferOfSecond,
        "begin, A 488, A 488",
        expect![[r#"
        call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
        call A by 0: no offer
        call A by 1: - (o=- 7 2 IN IP4 192.0.2.1)
    "#]],
    );
}

#[test]
fn a_trunk_that_takes_no_call_without_an_offer_gets_that_of_the_first() {
    check(
        Flow::OfferOfSecond,
        "begin, A answers, committed, B 488, A modify-offers, B rings, B answers, B asks, A modify-offers, B acks",
        expect![[r#"
            call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
            write it down
            * FirstAnswered
            call B by 0: no offer
            A: modify, no offer
            call B by 0: counter
            * Rings(Second)
            A: acknowledge answer (o=- 7 2 IN IP4 192.0.2.1)
            * Joined
            A: modify, no offer
            B: accept 8 with counter
            A: acknowledge acked (o=- 7 3 IN IP4 192.0.2.1)
        "#]],
    );
}

#[test]
fn the_next_trunk_is_tried_where_the_first_never_had_the_call() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B 503, B unreachable, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * NextWay { way: 0, outcome: Refused(503 Service Unavailable) }
            call B by 1: offer
            * NextWay { way: 1, outcome: Unreachable(FlowClosed) }
            A: hang up
            ended: NotReached(Second, Unreachable(FlowClosed))
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B rings, B 503, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            A: hang up
            ended: NotReached(Second, Refused(503 Service Unavailable))
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B unplaced, B unplaced, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            call B by 1: offer
            A: hang up
            ended: NoWay(Second)
        "#]],
    );
}

#[test]
fn the_next_phone_of_the_first_is_called_where_one_is_out_of_reach() {
    check(
        Flow::OfferOfFirst,
        "begin, A unreachable, A 486",
        expect![[r#"
            call A by 0: no offer
            call A by 1: no offer
            ended: NotReached(First, Refused(486 Busy Here))
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A unplaced, A unplaced",
        expect![[r#"
            call A by 0: no offer
            call A by 1: no offer
            ended: NoWay(First)
        "#]],
    );
}

#[test]
fn nobody_is_called_once_the_first_has_left_or_the_end_was_asked_for() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, A hangs-up, committed",
        expect![[r#"
            call A by 0: no offer
            write it down
            ended: FirstLeft
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, end, committed, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            A: hang up
            ended: Cancelled
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, end, B 503, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: hang up
            B: hang up
            ended: Cancelled
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, not-committed, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            A: hang up
            ended: NotCommitted
        "#]],
    );
}

#[test]
fn the_end_comes_in_every_state_and_cancels_what_rings() {
    check(
        Flow::OfferOfFirst,
        "begin, A rings, end, A cancelled, end",
        expect![[r#"
            call A by 0: no offer
            * Rings(First)
            A: hang up
            ended: Cancelled
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B rings, end, B cancelled, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            A: hang up
            B: hang up
            ended: Cancelled
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "end",
        expect![[r#"
        ended: Cancelled
    "#]],
    );
}

#[test]
fn two_changes_at_once_are_one_too_many() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B answers, A wants, B wants, B glare, A wants, B modify-refused",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: acknowledge answer
            * Joined
            B: modify change
            B: refuse 7: 491
            A: refuse 7: 491
            B: modify change
            A: refuse 7: 488
        "#]],
    );
}

#[test]
fn a_call_that_rings_for_longer_than_the_first_waits_is_not_answered() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B rings, A too-late, B cancelled",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            B: hang up
            ended: NotReached(Second, NoAnswer)
        "#]],
    );
}

#[test]
fn every_wait_has_its_limit() {
    check(
        Flow::OfferOfFirst,
        "begin, 140s",
        expect![[r#"
        call A by 0: no offer
        A: hang up
        ended: NotReached(First, NoAnswer)
    "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, 50s",
        expect![[r#"
        call A by 0: no offer
        write it down
        A: hang up
        ended: NotCommitted
    "#]],
    );
    check(
        Flow::OfferOfSecond,
        "begin, A answers, committed, B rings, 240s",
        expect![[r#"
            call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
            write it down
            * FirstAnswered
            call B by 0: no offer
            * Rings(Second)
            A: hang up
            B: hang up
            ended: NotReached(Second, NoAnswer)
        "#]],
    );
}

#[test]
fn a_change_that_is_withdrawn_leaves_the_call_as_it_was() {
    // The other has agreed meanwhile, and is asked back.
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B answers, A wants, A withdraws, A wants, B modified, B modified",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: acknowledge answer
            * Joined
            B: modify change
            A: refuse 7: 491
            B: modify offer
        "#]],
    );
    // The other makes an offer that nobody waits for.
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B answers, A asks, A withdraws, B modify-offers, A wants, B modified",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: acknowledge answer
            * Joined
            B: modify, no offer
            B: acknowledge offer
            B: modify change
            A: accept 7 with modified
        "#]],
    );
    check(
        Flow::OfferOfSecond,
        "begin, A answers, committed, B offers, A modified, B asks, B withdraws, A modify-offers, A hangs-up, B gone",
        expect![[r#"
            call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
            write it down
            * FirstAnswered
            call B by 0: no offer
            A: modify offer (o=- 7 2 IN IP4 192.0.2.1)
            B: acknowledge modified
            * Joined
            A: modify, no offer
            A: acknowledge offer (o=- 7 2 IN IP4 192.0.2.1)
            B: hang up
            ended: Talked { time: 0ns, by: Some(First) }
        "#]],
    );
    // What was refused has changed nothing.
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B answers, A wants, A withdraws, B modify-refused, B wants",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: acknowledge answer
            * Joined
            B: modify change
            A: modify change
        "#]],
    );
}

#[test]
fn a_trunk_from_which_nothing_comes_back_is_passed_over_and_one_that_rings_is_not() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B nothing-back, B rings, B 503, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * NextWay { way: 0, outcome: Silent }
            call B by 1: offer
            * Rings(Second)
            A: hang up
            ended: NotReached(Second, Refused(503 Service Unavailable))
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B 408, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: hang up
            ended: NotReached(Second, Refused(408 Request Timeout))
        "#]],
    );
}
