//! One endpoint: hands each input to the side it belongs to, and fires the timers of both.
//! Must not know sockets, nor what requests mean.

use std::time::Instant;

use super::clients::{self, Clients, Outbound};
use super::effects::Effects;
use super::key::Keys;
use super::servers::{Memory, Servers};
use super::{Config, Counts, Failure, Input, Output};
use crate::message::Message;
use crate::status::StatusCode;

/// All transactions of one datagram socket or one connection.
pub struct Endpoint {
    keys: Keys,
    phase: Phase,
    servers: Servers,
    clients: Clients,
    effects: Effects,
    latest: Option<Instant>,
}

/// Whether the flow is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// For good: no transaction outlives its socket, and none begins.
    Closed,
}

impl Endpoint {
    /// An endpoint without transactions. `secret` is random and keys the hashes by which messages are matched.
    pub fn new(config: Config, secret: [u64; 2]) -> Self {
        let keys = Keys::new(secret);
        Self {
            keys,
            phase: Phase::Open,
            servers: Servers::new(config, keys),
            clients: Clients::new(config, keys),
            effects: Effects::new(config),
            latest: None,
        }
    }

    /// Takes an input in. Timers due at `now` fire first. A `now` before an earlier one counts as that one.
    pub fn handle(&mut self, input: Input, now: Instant) {
        if !input.is_word_on_a_request() {
            self.settle();
        }
        let now = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(now);
        self.servers.expire(now);
        while let Some((timer, id)) = self.effects.timers.pop_due(now) {
            if timer.is_of_client() {
                self.clients.handle_timer(timer, id, &mut self.effects, now);
            } else {
                self.servers.handle_timer(timer, id, &mut self.effects, now);
            }
        }
        match self.phase {
            Phase::Open => self.handle_open(input, now),
            Phase::Closed => self.handle_closed(input),
        }
        self.skip_stale_timers();
    }

    /// The next effect; to be asked until there is none before the next [`Self::handle`].
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.effects.outputs.pop_front();
        if output.is_none() {
            self.settle();
        }
        output
    }

    /// When to come back with [`Input::Timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        let timer = self.effects.timers.next();
        let expiry = self.servers.next_expiry();
        timer.into_iter().chain(expiry).min()
    }

    /// Transactions held, of either side and in any state.
    pub fn transactions(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    /// Requests not yet answered, and INVITEs not yet over.
    pub fn unanswered_requests(&self) -> usize {
        self.servers.unanswered()
    }

    /// Whether nothing at all is kept: no transaction, no name of one, no alarm.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.clients.is_empty() && self.next_timeout().is_none()
    }

    /// What was counted since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.effects.counts)
    }

    fn handle_open(&mut self, input: Input, now: Instant) {
        match input {
            Input::Received { flow, message } => match message {
                Message::Request(request) => {
                    self.servers
                        .handle_request(flow, request, &mut self.effects, now)
                }
                Message::Response(response) => {
                    let key = self.keys.of_response(&response).ok();
                    self.clients
                        .handle_response(key, flow, response, &mut self.effects, now);
                }
            },
            Input::Answer {
                transaction,
                response,
            } => self.servers.handle_answer(
                transaction,
                response,
                Memory::UntilTimerJ,
                &mut self.effects,
                now,
            ),
            Input::AnswerStateless {
                transaction,
                response,
            } => self.servers.handle_answer(
                transaction,
                response,
                Memory::None,
                &mut self.effects,
                now,
            ),
            Input::Malformed {
                flow,
                request,
                error,
            } => self
                .servers
                .handle_malformed(flow, &request, &error, &mut self.effects),
            Input::Refuse { transaction } => {
                self.servers
                    .handle_refuse(transaction, &mut self.effects, now)
            }
            Input::Fail { transaction } => {
                self.servers.answer_alone(
                    transaction,
                    StatusCode::SERVER_INTERNAL_ERROR,
                    &mut self.effects,
                    now,
                );
            }
            Input::Forget { transaction } => self.servers.handle_forget(transaction),
            Input::Send {
                token,
                flow,
                draft,
                branch,
            } => {
                let outbound = Outbound {
                    token,
                    flow,
                    draft: &draft,
                    branch,
                };
                self.clients.send(outbound, &mut self.effects, now);
            }
            Input::Cancel { token } => self.clients.cancel(token, &mut self.effects, now),
            Input::Acknowledge {
                flow,
                draft,
                branch,
            } => {
                let bytes = clients::print(&draft, flow, &branch);
                self.effects.transmit(flow, bytes);
            }
            Input::Timeout => {}
            Input::FlowClosed => {
                self.phase = Phase::Closed;
                self.servers.handle_flow_closed();
                self.clients.handle_flow_closed(&mut self.effects);
            }
        }
    }

    /// Nothing can be sent: whoever wants an answer is told so, the rest is dropped.
    fn handle_closed(&mut self, input: Input) {
        match input {
            Input::Send { token, .. } => {
                let cause = Failure::FlowClosed;
                self.effects
                    .outputs
                    .push_back(Output::Failed { token, cause });
            }
            Input::Answer { .. }
            | Input::AnswerStateless { .. }
            | Input::Refuse { .. }
            | Input::Fail { .. } => self.effects.counts.answers_dropped += 1,
            Input::Received { .. }
            | Input::Malformed { .. }
            | Input::Forget { .. }
            | Input::Cancel { .. }
            | Input::Acknowledge { .. }
            | Input::Timeout
            | Input::FlowClosed => {}
        }
    }

    /// The request shown last was not answered at once.
    fn settle(&mut self) {
        if let Some(shown_at) = self.latest {
            self.servers.settle(&mut self.effects, shown_at);
        }
    }

    fn skip_stale_timers(&mut self) {
        let Self {
            effects,
            servers,
            clients,
            ..
        } = self;
        effects.timers.skip_stale(|timer, id| {
            if timer.is_of_client() {
                clients.awaits(timer, id)
            } else {
                servers.awaits(timer, id)
            }
        });
    }
}
