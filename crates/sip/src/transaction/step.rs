//! What one event makes of one transaction. Must not know which machine says it.

use std::time::Duration;

use bytes::Bytes;

use super::timers::Timer;

/// The effects of one event, for the endpoint to carry out.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// Send this to the peer.
    pub(super) transmit: Option<Bytes>,
    /// Set these timers.
    pub(super) timers: [Option<(Timer, Duration)>; 2],
    /// Whether the transaction lives on.
    pub(super) fate: Fate,
}

/// Whether a transaction lives on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    #[default]
    Lives,
    Ends,
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

    pub(super) fn with_timer(mut self, timer: Timer, delay: Duration) -> Self {
        if let Some(free) = self.timers.iter_mut().find(|timer| timer.is_none()) {
            *free = Some((timer, delay));
        }
        self
    }
}
