//! The INVITE client transaction (RFC 3261 §17.1.1 with the Accepted state of RFC 6026 §7.2) and its CANCEL (§9.1).
//! Must not know calls: a 2xx is handed up, and its ACK is the call's affair.

use std::time::Duration;

use bytes::Bytes;

use super::Config;
use super::client::News;
use super::step::Step;
use super::timers::Timer;
use crate::message::{Message, Request, Response};
use crate::write::hop;

/// One INVITE of ours.
#[derive(Debug)]
pub(super) enum InviteClient {
    /// Nothing heard yet.
    Calling {
        invite: Bytes,
        interval: Duration,
        wish: Wish,
    },
    /// A provisional response came.
    Proceeding { invite: Bytes },
    /// The CANCEL is on its way; the INVITE still gets a final response of its own.
    Cancelled { invite: Bytes },
    /// Answered 2xx; more may come, from the same peer or from others.
    Accepted,
    /// Refused; each repetition of the refusal is acknowledged again.
    Completed { ack: Option<Bytes> },
}

/// What the user wants of an INVITE that nobody has heard yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    AnAnswer,
    /// RFC 3261 §9.1: no CANCEL may go before a provisional response has come.
    CancelOnceHeard,
}

impl InviteClient {
    pub(super) fn start(invite: Bytes, config: &Config) -> (Self, Step) {
        let step = Step::transmit(invite.clone())
            .with_timer(Timer::A)
            .with_timer(Timer::B);
        let state = Self::Calling {
            invite,
            interval: config.round_trip,
            wish: Wish::AnAnswer,
        };
        (state, step)
    }

    pub(super) fn handle_provisional(&mut self) -> (Step, News) {
        match self {
            Self::Calling { invite, wish, .. } => {
                let (invite, wish) = (std::mem::take(invite), *wish);
                *self = Self::Proceeding { invite };
                let step = match wish {
                    Wish::AnAnswer => Step::nothing().with_timer(Timer::C),
                    Wish::CancelOnceHeard => self.handle_cancel(),
                };
                (step, News::Provisional)
            }
            Self::Proceeding { .. } | Self::Cancelled { .. } => {
                (Step::nothing(), News::Provisional)
            }
            Self::Accepted | Self::Completed { .. } => (Step::nothing(), News::Repeated),
        }
    }

    pub(super) fn handle_final(&mut self, response: &Response) -> (Step, News) {
        let is_success = response.status().is_success();
        match self {
            Self::Calling { .. } | Self::Proceeding { .. } | Self::Cancelled { .. }
                if is_success =>
            {
                *self = Self::Accepted;
                (Step::nothing().ending_by(Timer::M), News::Final)
            }
            Self::Calling { invite, .. }
            | Self::Proceeding { invite }
            | Self::Cancelled { invite } => {
                let ack = parsed(invite).map(|invite| hop::ack(&invite, response));
                let step = Step {
                    transmit: ack.clone(),
                    ..Step::nothing()
                };
                *self = Self::Completed { ack };
                (step.ending_by(Timer::D), News::Final)
            }
            Self::Accepted if is_success => (Step::nothing(), News::FurtherSuccess),
            Self::Completed { ack } if !is_success => {
                let step = Step {
                    transmit: ack.clone(),
                    ..Step::nothing()
                };
                (step, News::Repeated)
            }
            Self::Accepted | Self::Completed { .. } => (Step::nothing(), News::Repeated),
        }
    }

    /// The user wants no call any more, or Timer C has fired.
    pub(super) fn handle_cancel(&mut self) -> Step {
        match self {
            Self::Calling { wish, .. } => {
                *wish = Wish::CancelOnceHeard;
                Step::nothing()
            }
            Self::Proceeding { invite } => {
                let invite = std::mem::take(invite);
                let step = Step {
                    cancel: parsed(&invite).map(|invite| hop::cancel(&invite)),
                    ..Step::nothing()
                };
                *self = Self::Cancelled { invite };
                step.with_timer(Timer::Cancelled)
            }
            Self::Cancelled { .. } | Self::Accepted | Self::Completed { .. } => Step::nothing(),
        }
    }

    /// Timer A.
    pub(super) fn handle_retransmit(&mut self) -> Step {
        let Self::Calling {
            invite, interval, ..
        } = self
        else {
            return Step::nothing();
        };
        *interval = interval.saturating_mul(2);
        Step::transmit(invite.clone()).with_timer_again(Timer::A, *interval)
    }

    /// Whether the user still has to hear what becomes of it.
    pub(super) const fn is_open(&self) -> bool {
        match self {
            Self::Calling { .. } | Self::Proceeding { .. } | Self::Cancelled { .. } => true,
            Self::Accepted | Self::Completed { .. } => false,
        }
    }

    pub(super) const fn awaits(&self, timer: Timer) -> bool {
        match (timer, self) {
            (Timer::A | Timer::B, Self::Calling { .. })
            | (Timer::C, Self::Proceeding { .. })
            | (Timer::Cancelled, Self::Cancelled { .. })
            | (Timer::M, Self::Accepted)
            | (Timer::D, Self::Completed { .. }) => true,
            (_, _) => false,
        }
    }
}

fn parsed(invite: &Bytes) -> Option<Request> {
    match Message::parse(invite.clone()) {
        Ok(Message::Request(invite)) => Some(invite),
        Ok(Message::Response(_)) | Err(_) => None,
    }
}
