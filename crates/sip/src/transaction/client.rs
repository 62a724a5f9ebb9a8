//! The non-INVITE client transaction (RFC 3261 §17.1.2). Must not know where its messages go.

use std::time::Duration;

use bytes::Bytes;

use super::key::ClientKey;
use super::step::Step;
use super::timers::Timer;
use super::{Config, RequestToken};
use crate::flow::Flow;

/// One request of ours.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) key: ClientKey,
    pub(super) token: RequestToken,
    pub(super) flow: Flow,
    state: State,
}

#[derive(Debug)]
enum State {
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
    /// Seen before.
    Repeated,
}

impl Client {
    pub(super) fn start(
        key: ClientKey,
        token: RequestToken,
        flow: Flow,
        request: Bytes,
        config: &Config,
    ) -> (Self, Step) {
        let step = Step::transmit(request.clone()).with_timer(Timer::F, config.patience());
        let step = if flow.transport.is_reliable() {
            step
        } else {
            step.with_timer(Timer::E, config.round_trip)
        };
        let state = State::Trying {
            request,
            interval: config.round_trip,
        };
        (
            Self {
                key,
                token,
                flow,
                state,
            },
            step,
        )
    }

    pub(super) fn handle_provisional(&mut self) -> (Step, News) {
        match &mut self.state {
            State::Trying { request, .. } => {
                let request = std::mem::take(request);
                self.state = State::Proceeding { request };
                (Step::nothing(), News::Provisional)
            }
            State::Proceeding { .. } => (Step::nothing(), News::Provisional),
            State::Completed => (Step::nothing(), News::Repeated),
        }
    }

    pub(super) fn handle_final(&mut self, config: &Config) -> (Step, News) {
        match self.state {
            State::Trying { .. } | State::Proceeding { .. } => {
                self.state = State::Completed;
                let step = if self.flow.transport.is_reliable() {
                    // Timer K is zero where nothing is repeated.
                    Step::end()
                } else {
                    Step::nothing().with_timer(Timer::K, config.message_lifetime)
                };
                (step, News::Final)
            }
            State::Completed => (Step::nothing(), News::Repeated),
        }
    }

    pub(super) fn handle_retransmit(&mut self, config: &Config) -> Step {
        let (request, interval) = match &mut self.state {
            State::Trying { request, interval } => {
                *interval = interval.saturating_mul(2).min(config.longest_interval);
                (request.clone(), *interval)
            }
            State::Proceeding { request } => (request.clone(), config.longest_interval),
            State::Completed => return Step::nothing(),
        };
        Step::transmit(request).with_timer(Timer::E, interval)
    }

    /// Whether the user still has to hear what becomes of it.
    pub(super) const fn is_open(&self) -> bool {
        match self.state {
            State::Trying { .. } | State::Proceeding { .. } => true,
            State::Completed => false,
        }
    }
}
