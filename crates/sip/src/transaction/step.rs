//! What one event makes of one transaction. Must not know which machine says it, nor the transport.

use std::time::Duration;

use bytes::Bytes;

use super::timers::Timer;

/// The effects of one event, for the endpoint to carry out.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// Send this to the peer.
    pub(super) transmit: Option<Bytes>,
    /// Send this CANCEL as a transaction of its own.
    pub(super) cancel: Option<Bytes>,
    /// Set these timers.
    pub(super) timers: [Option<(Timer, Delay)>; 2],
    /// Whether the transaction lives on.
    pub(super) fate: Fate,
}

/// How long a timer runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delay {
    /// As the table says for the transport.
    Initial,
    /// As long as the machine says: one that is set again and again.
    Again(Duration),
}

/// Whether a transaction lives on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    #[default]
    Lives,
    Ends,
    /// Until this timer fires; it ends at once where the timer is zero.
    EndsBy(Timer),
}

impl Step {
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    pub(super) fn end() -> Self {
        Self {
            fate: Fate::Ends,
            ..Self::default()
        }
    }

    pub(super) fn transmit(bytes: Bytes) -> Self {
        Self {
            transmit: Some(bytes),
            ..Self::default()
        }
    }

    /// Sets a timer to the delay of the table.
    pub(super) fn with_timer(self, timer: Timer) -> Self {
        self.with(timer, Delay::Initial)
    }

    /// Sets a timer that has fired once more.
    pub(super) fn with_timer_again(self, timer: Timer, delay: Duration) -> Self {
        self.with(timer, Delay::Again(delay))
    }

    /// The transaction has nothing left to do but to absorb what is repeated.
    pub(super) fn ending_by(mut self, timer: Timer) -> Self {
        self.fate = Fate::EndsBy(timer);
        self
    }

    fn with(mut self, timer: Timer, delay: Delay) -> Self {
        if let Some(free) = self.timers.iter_mut().find(|timer| timer.is_none()) {
            *free = Some((timer, delay));
        }
        self
    }
}
