//! The non-INVITE client transaction (RFC 3261 §17.1.2). Must not know where its messages go.

use std::time::Duration;

use bytes::Bytes;

use super::Config;
use super::step::Step;
use super::timers::Timer;

/// One request of ours.
#[derive(Debug)]
pub(super) enum Client {
    /// No response yet.
    Trying { request: Bytes, interval: Duration },
    /// A provisional response came.
    Proceeding { request: Bytes },
    /// The final response came; its repetitions are absorbed.
    Completed,
}

/// What a response means to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Provisional,
    Final,
    /// A 2xx to an INVITE after the first.
    FurtherSuccess,
    /// Seen before.
    Repeated,
}

impl Client {
    pub(super) fn start(request: Bytes, config: &Config) -> (Self, Step) {
        let step = Step::transmit(request.clone())
            .with_timer(Timer::E)
            .with_timer(Timer::F);
        let interval = config.round_trip;
        (Self::Trying { request, interval }, step)
    }

    pub(super) fn handle_provisional(&mut self) -> (Step, News) {
        match self {
            Self::Trying { request, .. } => {
                let request = std::mem::take(request);
                *self = Self::Proceeding { request };
                (Step::nothing(), News::Provisional)
            }
            Self::Proceeding { .. } => (Step::nothing(), News::Provisional),
            Self::Completed => (Step::nothing(), News::Repeated),
        }
    }

    pub(super) fn handle_final(&mut self) -> (Step, News) {
        match self {
            Self::Trying { .. } | Self::Proceeding { .. } => {
                *self = Self::Completed;
                (Step::nothing().ending_by(Timer::K), News::Final)
            }
            Self::Completed => (Step::nothing(), News::Repeated),
        }
    }

    /// Timer E.
    pub(super) fn handle_retransmit(&mut self, config: &Config) -> Step {
        let (request, interval) = match self {
            Self::Trying { request, interval } => {
                *interval = interval.saturating_mul(2).min(config.longest_interval);
                (request.clone(), *interval)
            }
            Self::Proceeding { request } => (request.clone(), config.longest_interval),
            Self::Completed => return Step::nothing(),
        };
        Step::transmit(request).with_timer_again(Timer::E, interval)
    }

    /// Whether the user still has to hear what becomes of it.
    pub(super) const fn is_open(&self) -> bool {
        match self {
            Self::Trying { .. } | Self::Proceeding { .. } => true,
            Self::Completed => false,
        }
    }

    pub(super) const fn awaits(&self, timer: Timer) -> bool {
        match (timer, self) {
            (Timer::E | Timer::F, Self::Trying { .. } | Self::Proceeding { .. })
            | (Timer::K, Self::Completed) => true,
            (_, _) => false,
        }
    }
}
