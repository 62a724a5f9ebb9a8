//! A call of two played by short words, and a line for each thing it does.

use std::time::{Duration, Instant};

use bytes::Bytes;
use expect_test::Expect;

use crate::call::{Body, Event, Outcome, PeerRequestId};
use crate::status::StatusCode;
use crate::third_party::{Config, Controller, Flow, Input, Order, Origin, Output, Side};
use crate::transaction::Failure;

/// Plays what is heard, one a comma; `12s` lets time pass.
pub(super) fn check(flow: Flow, script: &str, expect: Expect) {
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
