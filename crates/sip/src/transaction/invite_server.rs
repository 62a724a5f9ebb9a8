//! The INVITE server transaction (RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §7.1).
//! Must not know calls: a 2xx is sent once, its repetition until the ACK is the call's affair.

use std::time::Duration;

use bytes::Bytes;

use super::Config;
use super::key::ServerKey;
use super::step::Step;
use super::timers::Timer;
use crate::flow::Flow;
use crate::status::StatusCode;

/// RFC 3261 §17.2.1: within it the user should have said something.
pub(super) const TRYING_DELAY: Duration = Duration::from_millis(200);
/// A user who says nothing final for so long has forgotten the call; the caller's Timer C is no shorter.
pub(super) const LONGEST_RINGING: Duration = Duration::from_secs(180);

/// One INVITE.
#[derive(Debug)]
pub(super) struct InviteServer {
    pub(super) key: ServerKey,
    /// Where answers go.
    pub(super) flow: Flow,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No final answer yet.
    Proceeding {
        request: Bytes,
        provisional: Option<Bytes>,
    },
    /// Answered 2xx.
    Accepted,
    /// Refused, the ACK has not come.
    Completed { refusal: Bytes, interval: Duration },
    /// Refused and acknowledged.
    Confirmed,
}

impl InviteServer {
    pub(super) fn start(key: ServerKey, flow: Flow, request: Bytes) -> (Self, Step) {
        let state = State::Proceeding {
            request,
            provisional: None,
        };
        let step = Step::nothing()
            .with_timer(Timer::InviteTrying, TRYING_DELAY)
            .with_timer(Timer::InviteAbandon, LONGEST_RINGING);
        (Self { key, flow, state }, step)
    }

    /// Takes the user's answer, if one is still awaited.
    pub(super) fn handle_answer(
        &mut self,
        status: StatusCode,
        response: Bytes,
        config: &Config,
    ) -> Option<Step> {
        let State::Proceeding { provisional, .. } = &mut self.state else {
            return None;
        };
        let step = Step::transmit(response.clone());
        if status.is_provisional() {
            *provisional = Some(response);
            return Some(step);
        }
        if status.is_success() {
            self.state = State::Accepted;
            return Some(step.with_timer(Timer::L, config.patience()));
        }
        self.state = State::Completed {
            refusal: response,
            interval: config.round_trip,
        };
        let step = step.with_timer(Timer::H, config.patience());
        Some(if self.flow.transport.is_reliable() {
            step
        } else {
            step.with_timer(Timer::G, config.round_trip)
        })
    }

    pub(super) fn handle_retransmission(&self) -> Step {
        match &self.state {
            State::Proceeding {
                provisional: Some(response),
                ..
            }
            | State::Completed {
                refusal: response, ..
            } => Step::transmit(response.clone()),
            State::Proceeding {
                provisional: None, ..
            }
            | State::Accepted
            | State::Confirmed => Step::nothing(),
        }
    }

    pub(super) fn handle_ack(&mut self, config: &Config) -> Step {
        match self.state {
            State::Completed { .. } => {
                self.state = State::Confirmed;
                if self.flow.transport.is_reliable() {
                    // Timer I is zero where nothing is repeated.
                    Step::end()
                } else {
                    Step::nothing().with_timer(Timer::I, config.message_lifetime)
                }
            }
            State::Proceeding { .. } | State::Accepted | State::Confirmed => Step::nothing(),
        }
    }

    /// Timer G.
    pub(super) fn handle_retransmit(&mut self, config: &Config) -> Step {
        let State::Completed { refusal, interval } = &mut self.state else {
            return Step::nothing();
        };
        *interval = interval.saturating_mul(2).min(config.longest_interval);
        Step::transmit(refusal.clone()).with_timer(Timer::G, *interval)
    }

    /// The request, while no final answer was given.
    pub(super) const fn unanswered(&self) -> Option<&Bytes> {
        match &self.state {
            State::Proceeding { request, .. } => Some(request),
            State::Accepted | State::Completed { .. } | State::Confirmed => None,
        }
    }

    pub(super) const fn is_silent(&self) -> bool {
        matches!(
            self.state,
            State::Proceeding {
                provisional: None,
                ..
            }
        )
    }

    pub(super) const fn awaits(&self, timer: Timer) -> bool {
        match (timer, &self.state) {
            (Timer::InviteTrying, _) => self.is_silent(),
            (Timer::InviteAbandon, State::Proceeding { .. })
            | (Timer::G | Timer::H, State::Completed { .. })
            | (Timer::I, State::Confirmed)
            | (Timer::L, State::Accepted) => true,
            (_, _) => false,
        }
    }
}
