//! The desk at one moment, as estimates see it. Must not know how an estimate is made.

use super::experience::Experience;
use crate::routing::floor::Floor;
use crate::routing::plan::{Plan, Tick};

/// The desk at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) floor: &'a Floor,
    pub(crate) in_hand: &'a [InHand],
    pub(crate) experience: &'a Experience,
    /// Tickets on the floor whose waits are asked for: those with a number below this.
    pub(crate) tickets: usize,
    pub(crate) now: Tick,
}

/// The number of a ticket whose wait nobody asks for.
pub(crate) const UNNAMED: u32 = u32::MAX;

/// What a rep has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InHand {
    /// A conversation of this kind; `None` is somebody else's.
    Conversation {
        rep: usize,
        kind: Option<usize>,
        since: Tick,
    },
    /// The rest after one.
    Rest { rep: usize, until: Tick },
}
