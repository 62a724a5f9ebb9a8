//! The INVITE server transaction (RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §7.1).
//! Must not know calls: a 2xx is sent once, its repetition until the ACK is the call's affair.

use std::time::Duration;

use bytes::Bytes;

use super::Config;
use super::key::Identity;
use super::step::Step;
use super::timers::Timer;
use crate::flow::Flow;
use crate::status::StatusCode;

/// One INVITE.
#[derive(Debug)]
pub(super) struct InviteServer {
    pub(super) identity: Identity,
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
    pub(super) fn start(identity: Identity, flow: Flow, request: Bytes) -> (Self, Step) {
        let state = State::Proceeding {
            request,
            provisional: None,
        };
        let step = Step::nothing()
            .with_timer(Timer::InviteTrying)
            .with_timer(Timer::InviteAbandon);
        let invite = Self {
            identity,
            flow,
            state,
        };
        (invite, step)
    }

    /// Takes the user's answer, if one is still awaited, or the user's repetition of a 2xx.
    pub(super) fn handle_answer(
        &mut self,
        status: StatusCode,
        response: Bytes,
        config: &Config,
    ) -> Option<Step> {
        match &mut self.state {
            State::Proceeding { provisional, .. } if status.is_provisional() => {
                *provisional = Some(response.clone());
                Some(Step::transmit(response))
            }
            State::Proceeding { .. } if status.is_success() => {
                self.state = State::Accepted;
                Some(Step::transmit(response).with_timer(Timer::L))
            }
            State::Proceeding { .. } => {
                self.state = State::Completed {
                    refusal: response.clone(),
                    interval: config.round_trip,
                };
                let step = Step::transmit(response);
                Some(step.with_timer(Timer::H).with_timer(Timer::G))
            }
            // RFC 6026 §7.1: the call repeats its 2xx until the ACK comes.
            State::Accepted if status.is_success() => Some(Step::transmit(response)),
            State::Accepted | State::Completed { .. } | State::Confirmed => None,
        }
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

    pub(super) fn handle_ack(&mut self) -> Step {
        match self.state {
            State::Completed { .. } => {
                self.state = State::Confirmed;
                Step::nothing().ending_by(Timer::I)
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
        Step::transmit(refusal.clone()).with_timer_again(Timer::G, *interval)
    }

    /// The request, while no final answer was given.
    pub(super) const fn unanswered(&self) -> Option<&Bytes> {
        match &self.state {
            State::Proceeding { request, .. } => Some(request),
            State::Accepted | State::Completed { .. } | State::Confirmed => None,
        }
    }

    /// Whether an ACK is the call's and not the transaction's.
    pub(super) const fn is_accepted(&self) -> bool {
        matches!(self.state, State::Accepted)
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
