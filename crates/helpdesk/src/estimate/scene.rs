//! The desk at one moment, as estimates see it. Must not know how an estimate is made.

use super::experience::{Experience, HandlingTimes};
use crate::routing::floor::Floor;
use crate::routing::plan::{Plan, Tick};

/// The desk at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) floor: &'a Floor,
    pub(crate) in_hand: &'a [InHand],
    pub(crate) experience: &'a Experience,
    /// As which kind of the experience each kind of the plan goes.
    pub(crate) taught_as: &'a [usize],
    /// Of each kind of the plan whether those who come later are of it; of all where nothing is said.
    pub(crate) comes_later: &'a [bool],
    /// Tickets on the floor whose waits are asked for: those with a number below this.
    pub(crate) tickets: usize,
    pub(crate) now: Tick,
}

impl Scene<'_> {
    /// As which kind of the experience a kind of the plan goes.
    pub(crate) fn taught_as(&self, kind: usize) -> usize {
        self.taught_as.get(kind).copied().unwrap_or(kind)
    }

    /// How long conversations about tickets of the kind take.
    pub(crate) fn handling(&self, kind: usize) -> Option<&HandlingTimes> {
        self.experience.handling(self.taught_as(kind))
    }

    /// Arrivals a second of the kind.
    pub(crate) fn arrival_rate(&self, kind: usize, now: f64) -> f64 {
        if self.comes_later.get(kind).copied().unwrap_or(true) {
            self.experience.arrival_rate(self.taught_as(kind), now)
        } else {
            0.0
        }
    }
}

/// The number of a ticket whose wait nobody asks for.
pub(crate) const UNNAMED: u32 = u32::MAX;

/// What a rep has in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InHand {
    /// A conversation of this kind of the experience; `None` is somebody else's.
    Conversation {
        rep: usize,
        kind: Option<usize>,
        since: Tick,
    },
    /// The rest after one.
    Rest { rep: usize, until: Tick },
}
