//! What the outcomes of SIP mean to the helpdesk, and to people. Must not know how a call is made.

use std::sync::Arc;

use helpdesk::{CallEnd, EndedBy, NotReached};
use sip::call::Outcome;
use sip::third_party::{End, Side};

/// How a call ended, in the helpdesk's words.
pub(super) fn call_end(end: End) -> CallEnd {
    match end {
        End::NotReached(Side::First, outcome) => CallEnd::Rep(not_reached(outcome)),
        End::NotReached(Side::Second, outcome) => CallEnd::Shopper(not_reached(outcome)),
        End::NoWay(Side::First) => {
            CallEnd::Rep(NotReached::Unreachable(Arc::from("no phone is registered")))
        }
        End::NoWay(Side::Second) => CallEnd::NotBegun(Arc::from("no trunk is configured")),
        End::FirstLeft => CallEnd::RepLeft,
        End::NoCommonMedia => CallEnd::NoCommonMedia,
        End::NotCommitted => {
            CallEnd::NotBegun(Arc::from("that it is dialled could not be recorded"))
        }
        End::Cancelled => CallEnd::Cancelled,
        End::Talked { time, by } => CallEnd::Over {
            talked: time,
            by: match by {
                Some(Side::First) => EndedBy::Rep,
                Some(Side::Second) => EndedBy::Shopper,
                None => EndedBy::Desk,
            },
        },
    }
}

/// Why a phone led to nothing.
pub(super) fn not_reached(outcome: Outcome) -> NotReached {
    let because = |why: &str| NotReached::Unreachable(Arc::from(why));
    match outcome {
        Outcome::Refused(status) => match status.code() {
            486 | 600 => NotReached::Busy,
            408 | 480 => NotReached::NoAnswer,
            603 => NotReached::Declined,
            _ => NotReached::Unreachable(Arc::from(format!("it was answered {status}"))),
        },
        Outcome::NoAnswer | Outcome::AnsweredTooLate => NotReached::NoAnswer,
        // M4: where a call goes is never up to whoever is called.
        Outcome::Redirected(_) => because("it points elsewhere, which is not followed"),
        Outcome::NotAuthorised => because("the credentials were not taken"),
        Outcome::Unreachable(_) | Outcome::Silent => because("nothing came back"),
        Outcome::Unusable => because("it answered without media"),
        Outcome::Cancelled | Outcome::HungUp | Outcome::PeerHungUp | Outcome::TooLong => {
            because("it was hung up")
        }
        Outcome::Lost => because("it was lost"),
    }
}
