//! A ticket of a played day, from ask to rest. Must not know the queue, nor who takes it.

use super::rivals::Forecasts;
use super::score::Sample;
use crate::estimate::forward::Likely;
use crate::routing::plan::Tick;

/// One ticket of the play.
pub(super) struct Ticket {
    pub(super) class: usize,
    pub(super) number: u64,
    pub(super) asked: Tick,
    pub(super) service: Tick,
    pub(super) stage: Stage,
    pub(super) counted: Counted,
    pub(super) forecasts: Forecasts,
    pub(super) sample: Sample,
    /// The range that was quoted by playing.
    pub(super) played: Option<(f64, f64)>,
    /// Who was likely to take it.
    pub(super) likely: Option<Likely>,
}

/// What a newcomer who has to wait is told.
#[derive(Default)]
pub(super) struct Said {
    pub(super) forecasts: Forecasts,
    pub(super) sample: Sample,
    pub(super) played: Option<(f64, f64)>,
    pub(super) likely: Option<Likely>,
}

/// Where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    /// The shopper has left; the ticket stays to tell how long it would have waited.
    Left,
    Open {
        rep: usize,
        since: Tick,
    },
    /// The conversation is over; the rep rests.
    Resting {
        rep: usize,
        until: Tick,
    },
}

/// Whether it is one of those that are reported.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Counted {
    No,
    /// At this share of the counted asks.
    At(f64),
}
