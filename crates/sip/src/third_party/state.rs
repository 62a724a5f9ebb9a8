//! How far a call is, and what is known there. Must not know what follows.

use std::time::Instant;

use super::exchange::Exchange;
use super::{End, Flow, Origin};
use crate::call::Body;

/// What becomes of one side's leg at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leg {
    None,
    Placed,
    /// It was told to hang up.
    Leaving,
}

#[derive(Debug)]
pub(super) enum State {
    New,
    /// The first is called.
    First {
        way: usize,
        flow: Flow,
        rings: bool,
        /// The other flow was tried at this phone already.
        is_second_flow: bool,
    },
    /// The first waits until it is written down that the second is called.
    Committing(Ready),
    /// The second is called.
    Second(Calling),
    /// The second takes calls only with an offer, which the first is asked for.
    AskingFirst {
        way: usize,
        origin: Origin,
    },
    /// The second has made an offer that the first is asked to take.
    Asking {
        offer: Body,
        origin: Origin,
    },
    Talking {
        since: Instant,
        exchange: Exchange,
    },
    /// Both legs are told to hang up, or are over.
    Parting(End),
    Over,
}

/// What is known of the first's session before the second is called.
#[derive(Debug)]
pub(super) enum Ready {
    /// The offer of the first, which waits for its answer.
    Offered(Body),
    /// The first is on hold, in a session of ours.
    OnHold(Origin),
}

/// The second is called.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) way: usize,
    pub(super) ready: Ready,
    pub(super) rings: bool,
    /// The answer that the first was given before the second took the call.
    pub(super) early: Option<Early>,
    /// Set where the first was on hold before it was asked for its offer.
    pub(super) origin: Option<Origin>,
}

/// An answer before the call is taken.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) answer: Body,
    /// As the first has seen it.
    pub(super) given: Body,
}

impl Calling {
    /// An answer of the second as the first has to see it.
    pub(super) fn restated(&mut self, answer: &Body) -> Body {
        match &mut self.origin {
            Some(origin) => origin.restate(answer),
            None => answer.clone(),
        }
    }
}
