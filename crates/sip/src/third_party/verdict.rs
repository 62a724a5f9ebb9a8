//! What the outcome of one leg means for the call: another way, another flow, or its end. Must not know the call.

use crate::call::Outcome;
use crate::transaction::Failure;

/// Whether a call never got beyond its way, so that another may be tried without calling anybody twice.
pub(super) fn is_ways_own(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Refused(status) => matches!(status.code(), 403 | 500..=599),
        Outcome::NotAuthorised | Outcome::Silent => true,
        // No answer at all may still have been a call: it is not repeated.
        Outcome::Unreachable(failure) => failure != Failure::Timeout,
        Outcome::Redirected(_)
        | Outcome::NoAnswer
        | Outcome::Cancelled
        | Outcome::Unusable
        | Outcome::AnsweredTooLate
        | Outcome::HungUp
        | Outcome::PeerHungUp
        | Outcome::Lost
        | Outcome::TooLong => false,
    }
}

/// Whether somebody takes no call that begins with such an offer, or with none (RFC 3725 §6: peers differ).
pub(super) fn is_about_the_offer(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Refused(status) => matches!(status.code(), 400 | 406 | 415 | 488 | 606),
        Outcome::Unusable => true,
        Outcome::NotAuthorised
        | Outcome::Unreachable(_)
        | Outcome::Silent
        | Outcome::Redirected(_)
        | Outcome::NoAnswer
        | Outcome::Cancelled
        | Outcome::AnsweredTooLate
        | Outcome::HungUp
        | Outcome::PeerHungUp
        | Outcome::Lost
        | Outcome::TooLong => false,
    }
}

/// Whether another phone of the first is called instead: this one never rang for anybody to hear.
pub(super) fn is_out_of_reach(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Refused(status) => !matches!(status.code(), 408 | 480 | 486 | 600 | 603),
        Outcome::NotAuthorised
        | Outcome::Unreachable(_)
        | Outcome::Silent
        | Outcome::Redirected(_)
        | Outcome::Unusable
        | Outcome::Lost => true,
        Outcome::NoAnswer
        | Outcome::Cancelled
        | Outcome::AnsweredTooLate
        | Outcome::HungUp
        | Outcome::PeerHungUp
        | Outcome::TooLong => false,
    }
}
