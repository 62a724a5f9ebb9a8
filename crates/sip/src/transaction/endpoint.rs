//! One endpoint: finds the transaction of each input, runs its machine, carries out what it says.
//! Must not know sockets, nor what requests mean.

use std::time::Instant;

use bytes::Bytes;

use super::arena::{Arena, Id};
use super::clients::{Clients, Outbound};
use super::effects::Effects;
use super::invite_server::InviteServer;
use super::key::{KeyMap, Keys, ServerKey};
use super::server::{Answered, Pending, may_answer, trying_delay};
use super::step::{Fate, Step};
use super::timers::Timer;
use super::{Config, Counts, Input, Output, ServerTransactionId, reply};
use crate::error::BadRequest;
use crate::flow::Flow;
use crate::header_name::HeaderName;
use crate::message::{Message, Request};
use crate::method::Method;
use crate::status::StatusCode;
use crate::write::response::ResponseBuilder;

/// All transactions of one datagram socket or one connection.
pub struct Endpoint {
    config: Config,
    keys: Keys,
    slots: KeyMap<ServerKey, ServerSlot>,
    pending: Arena<Pending>,
    answered: Arena<Answered>,
    invites: Arena<InviteServer>,
    clients: Clients,
    effects: Effects,
    latest: Option<Instant>,
}

/// Where a server transaction is kept; that is also its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ServerSlot {
    Pending(Id),
    Answered(Id),
    Invite(Id),
}

/// How long the answer to a request is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    UntilTimerJ,
    None,
}

impl Endpoint {
    /// An endpoint without transactions. `secret` is random and keys the hashes by which messages are matched.
    pub fn new(config: Config, secret: [u64; 2]) -> Self {
        Self {
            config,
            keys: Keys::new(secret),
            slots: KeyMap::default(),
            pending: Arena::new(),
            answered: Arena::new(),
            invites: Arena::new(),
            clients: Clients::new(config),
            effects: Effects::new(),
            latest: None,
        }
    }

    /// Takes an input in. Timers due at `now` fire first. A `now` before an earlier one counts as that one.
    pub fn handle(&mut self, input: Input, now: Instant) {
        let now = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(now);
        while let Some((timer, id)) = self.effects.timers.pop_due(now) {
            self.handle_timer(timer, id, now);
        }
        match input {
            Input::Received { flow, message } => match message {
                Message::Request(request) => self.handle_request(flow, request, now),
                Message::Response(response) => {
                    let key = self.keys.of_response(&response).ok();
                    self.clients
                        .handle_response(key, response, &mut self.effects, now);
                }
            },
            Input::Answer {
                transaction,
                response,
            } => self.handle_answer(transaction, response, Memory::UntilTimerJ, now),
            Input::AnswerStateless {
                transaction,
                response,
            } => self.handle_answer(transaction, response, Memory::None, now),
            Input::Malformed {
                flow,
                request,
                error,
            } => self.handle_malformed(flow, &request, &error),
            Input::Refuse { transaction } => self.handle_refuse(transaction, now),
            Input::Fail { transaction } => {
                self.answer_alone(transaction, StatusCode::SERVER_INTERNAL_ERROR, now);
            }
            Input::Forget { transaction } => self.handle_forget(transaction),
            Input::Send {
                token,
                flow,
                draft,
                branch,
            } => {
                let outbound = Outbound {
                    key: self.keys.of_sent(&branch, draft.method().as_str()),
                    token,
                    flow,
                    draft: &draft,
                    branch: &branch,
                };
                self.clients.send(&outbound, &mut self.effects, now);
            }
            Input::Timeout => {}
            Input::FlowClosed => self.handle_flow_closed(),
        }
        self.skip_stale_timers();
    }

    /// The next effect; to be asked until there is none before the next [`Self::handle`].
    pub fn poll_output(&mut self) -> Option<Output> {
        self.effects.outputs.pop_front()
    }

    /// When to come back with [`Input::Timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.effects.timers.next()
    }

    /// Transactions held, of either side and in any state.
    pub fn transactions(&self) -> usize {
        self.server_transactions() + self.clients.len()
    }

    /// Requests not yet answered, and INVITEs not yet over.
    pub fn unanswered_requests(&self) -> usize {
        self.pending.len() + self.invites.len()
    }

    /// What was counted since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.effects.counts)
    }

    fn handle_request(&mut self, flow: Flow, request: Request, now: Instant) {
        // Both readable in every request that passed its check.
        let Ok((key, answer_flow)) = request.via().and_then(|via| {
            let key = self.keys.of_request(&request, &via, flow)?;
            Ok((key, reply::answer_flow(&via, flow)))
        }) else {
            self.effects.counts.strays += 1;
            return;
        };
        let slot = self.slots.get(&key).copied();
        if request.method() == Method::Ack {
            self.handle_ack(slot, now);
            return;
        }
        if let Some(slot) = slot {
            self.handle_retransmission(slot, answer_flow, now);
            return;
        }
        if !self.make_room() {
            self.refuse(&request, key, answer_flow);
            return;
        }
        let slot = self.insert(key, &request, answer_flow, now);
        if request.method() == Method::Cancel {
            self.handle_cancel(&request, flow, slot, key, now);
            return;
        }
        self.effects.counts.requests += 1;
        self.effects.outputs.push_back(Output::Request {
            transaction: ServerTransactionId(slot),
            flow,
            request,
        });
    }

    fn handle_retransmission(&mut self, slot: ServerSlot, answer_flow: Flow, now: Instant) {
        self.effects.counts.retransmissions_absorbed += 1;
        let response = match slot {
            ServerSlot::Pending(id) => self.pending.entry(id).and_then(|it| it.trying.clone()),
            ServerSlot::Answered(id) => self.answered.entry(id).map(|it| it.response.clone()),
            ServerSlot::Invite(id) => {
                if let Some(invite) = self.invites.entry(id) {
                    let step = invite.handle_retransmission();
                    self.carry_out_invite(id, step, now);
                }
                None
            }
        };
        if let Some(response) = response {
            self.effects.transmit(answer_flow, response);
        }
    }

    fn handle_ack(&mut self, slot: Option<ServerSlot>, now: Instant) {
        // An ACK that belongs to no refusal belongs to a 2xx, thus to a call; it is never answered.
        let Some(ServerSlot::Invite(id)) = slot else {
            self.effects.counts.strays += 1;
            return;
        };
        if let Some(invite) = self.invites.entry_mut(id) {
            let step = invite.handle_ack(&self.config);
            self.carry_out_invite(id, step, now);
        }
    }

    fn handle_cancel(
        &mut self,
        cancel: &Request,
        flow: Flow,
        slot: ServerSlot,
        key: ServerKey,
        now: Instant,
    ) {
        let invite = self.keys.of_cancelled(cancel, flow).ok();
        let invite = invite.and_then(|key| self.slots.get(&key).copied());
        let (status, memory) = match invite {
            Some(ServerSlot::Invite(_)) => (StatusCode::OK, Memory::UntilTimerJ),
            // RFC 3261 §9.2: nothing to cancel.
            Some(ServerSlot::Pending(_) | ServerSlot::Answered(_)) | None => {
                (StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST, Memory::None)
            }
        };
        let response = reply::answer(cancel, status, flow.remote, &self.keys.tag(key));
        self.handle_answer(ServerTransactionId(slot), response, memory, now);
        if let Some(ServerSlot::Invite(id)) = invite {
            self.end_invite(id, StatusCode::REQUEST_TERMINATED, now);
        }
    }

    fn handle_answer(
        &mut self,
        transaction: ServerTransactionId,
        response: Bytes,
        memory: Memory,
        now: Instant,
    ) {
        let Some(status) = reply::status_of(&response) else {
            self.effects.counts.answers_dropped += 1;
            return;
        };
        match transaction.0 {
            ServerSlot::Pending(id) if may_answer(status) => {
                self.finish_pending(id, response, memory, now);
            }
            ServerSlot::Invite(id) if memory == Memory::None && !status.is_provisional() => {
                // RFC 3261 §8.2.7: sent once and never by a timer, and the ACK is ignored. So nobody can make us
                // send eleven refusals to a third party by one INVITE in its name.
                match self.invites.remove(id) {
                    Some(InviteServer { key, flow, .. }) => {
                        self.forget(key);
                        self.effects.transmit(flow, response);
                    }
                    None => self.effects.counts.answers_dropped += 1,
                }
            }
            ServerSlot::Invite(id) => {
                let step = self
                    .invites
                    .entry_mut(id)
                    .and_then(|invite| invite.handle_answer(status, response, &self.config));
                match step {
                    Some(step) => self.carry_out_invite(id, step, now),
                    None => self.effects.counts.answers_dropped += 1,
                }
            }
            ServerSlot::Pending(_) | ServerSlot::Answered(_) => {
                self.effects.counts.answers_dropped += 1
            }
        }
    }

    fn finish_pending(&mut self, id: Id, response: Bytes, memory: Memory, now: Instant) {
        let Some(Pending { key, flow, .. }) = self.pending.remove(id) else {
            // RFC 4320 §4.2: a late answer is of no use to anybody.
            self.effects.counts.answers_dropped += 1;
            return;
        };
        // Timer J is zero where nothing is repeated.
        if memory == Memory::None || flow.transport.is_reliable() {
            self.forget(key);
        } else {
            let id = self.answered.insert(Answered {
                key,
                response: response.clone(),
            });
            self.slots.insert(key, ServerSlot::Answered(id));
            self.effects
                .timers
                .set(Timer::J, self.config.patience(), id, now);
        }
        self.effects.transmit(flow, response);
    }

    /// Answers a request without its user.
    fn answer_alone(&mut self, transaction: ServerTransactionId, status: StatusCode, now: Instant) {
        match transaction.0 {
            ServerSlot::Pending(id) => {
                let response = self.pending.entry(id).and_then(|it| {
                    let tag = self.keys.tag(it.key);
                    reply::answer_to_bytes(&it.request, status, it.flow.remote, &tag)
                });
                match response {
                    Some(response) => {
                        self.finish_pending(id, response, Memory::UntilTimerJ, now);
                    }
                    None => self.handle_forget(transaction),
                }
            }
            ServerSlot::Invite(id) => self.end_invite(id, status, now),
            ServerSlot::Answered(_) => {}
        }
    }

    fn handle_refuse(&mut self, transaction: ServerTransactionId, now: Instant) {
        let ServerSlot::Pending(id) = transaction.0 else {
            return self.answer_alone(transaction, StatusCode::SERVICE_UNAVAILABLE, now);
        };
        if let Some(Pending {
            key, flow, request, ..
        }) = self.pending.remove(id)
        {
            self.forget(key);
            if let Ok(Message::Request(request)) = Message::parse(request) {
                self.refuse(&request, key, flow);
            }
        }
    }

    fn handle_malformed(&mut self, flow: Flow, request: &Request, error: &BadRequest) {
        // Without a Via no answer finds its way; an ACK is never answered.
        if request.header(HeaderName::Via).is_none() || request.method() == Method::Ack {
            self.effects.counts.strays += 1;
            return;
        }
        self.effects.counts.bad_requests += 1;
        let answer_flow = request
            .via()
            .map_or(flow, |via| reply::answer_flow(&via, flow));
        let tag = self.keys.tag_of_bytes(request.bytes());
        let response = ResponseBuilder::answer(request, error.status)
            .reason(error.reason.as_ref())
            .received_from(flow.remote)
            .to_tag(tag)
            .build();
        self.effects.transmit(answer_flow, response);
    }

    fn handle_forget(&mut self, transaction: ServerTransactionId) {
        let key = match transaction.0 {
            ServerSlot::Pending(id) => self.pending.remove(id).map(|it| it.key),
            ServerSlot::Invite(id) => self.invites.remove(id).map(|it| it.key),
            ServerSlot::Answered(_) => None,
        };
        if let Some(key) = key {
            self.forget(key);
        }
    }

    fn handle_flow_closed(&mut self) {
        self.pending.drain().for_each(drop);
        self.answered.drain().for_each(drop);
        self.invites.drain().for_each(drop);
        self.slots = KeyMap::default();
        self.clients.handle_flow_closed(&mut self.effects);
    }

    fn handle_timer(&mut self, timer: Timer, id: Id, now: Instant) {
        match timer {
            Timer::E => self.clients.handle_retransmit(id, &mut self.effects, now),
            Timer::F => self.clients.handle_give_up(id, &mut self.effects, now),
            Timer::K => self.clients.handle_end(id, &mut self.effects, now),
            Timer::Trying => self.say_trying(id, now),
            Timer::Abandon => self.handle_forget(ServerTransactionId(ServerSlot::Pending(id))),
            Timer::J => {
                if let Some(answered) = self.answered.remove(id) {
                    self.forget(answered.key);
                }
            }
            Timer::InviteTrying => self.say_invite_trying(id, now),
            Timer::InviteAbandon => self.end_invite(id, StatusCode::REQUEST_TIMEOUT, now),
            Timer::G => {
                if let Some(invite) = self.invites.entry_mut(id) {
                    let step = invite.handle_retransmit(&self.config);
                    self.effects.counts.retransmissions_sent += u64::from(step.transmit.is_some());
                    self.carry_out_invite(id, step, now);
                }
            }
            Timer::H | Timer::I | Timer::L => {
                if self.invites.entry(id).is_some_and(|it| it.awaits(timer)) {
                    self.carry_out_invite(id, Step::end(), now);
                }
            }
        }
    }

    fn say_trying(&mut self, id: Id, now: Instant) {
        let Some(pending) = self.pending.entry_mut(id) else {
            return;
        };
        let flow = pending.flow;
        pending.trying =
            reply::answer_to_bytes(&pending.request, StatusCode::TRYING, flow.remote, "");
        let trying = pending.trying.clone();
        let config = &self.config;
        let waited = trying_delay(config.round_trip, config.longest_interval);
        let rest = config.patience().saturating_sub(waited);
        self.effects.timers.set(Timer::Abandon, rest, id, now);
        if let Some(trying) = trying {
            self.effects.transmit(flow, trying);
        }
    }

    fn say_invite_trying(&mut self, id: Id, now: Instant) {
        let Some(invite) = self.invites.entry_mut(id) else {
            return;
        };
        if !invite.is_silent() {
            return;
        }
        let source = invite.flow.remote;
        let trying = invite
            .unanswered()
            .and_then(|request| reply::answer_to_bytes(request, StatusCode::TRYING, source, ""));
        if let Some(trying) = trying
            && let Some(step) = invite.handle_answer(StatusCode::TRYING, trying, &self.config)
        {
            self.carry_out_invite(id, step, now);
        }
    }

    /// Answers an INVITE that nobody has answered.
    fn end_invite(&mut self, id: Id, status: StatusCode, now: Instant) {
        let Some(invite) = self.invites.entry_mut(id) else {
            return;
        };
        let (tag, source) = (self.keys.tag(invite.key), invite.flow.remote);
        let response = invite
            .unanswered()
            .and_then(|request| reply::answer_to_bytes(request, status, source, &tag));
        if let Some(response) = response
            && let Some(step) = invite.handle_answer(status, response, &self.config)
        {
            self.carry_out_invite(id, step, now);
        }
    }

    fn insert(
        &mut self,
        key: ServerKey,
        request: &Request,
        flow: Flow,
        now: Instant,
    ) -> ServerSlot {
        let bytes = request.bytes().clone();
        let slot = if request.method() == Method::Invite {
            let (invite, step) = InviteServer::start(key, flow, bytes);
            let id = self.invites.insert(invite);
            self.carry_out_invite(id, step, now);
            ServerSlot::Invite(id)
        } else {
            let id = self.pending.insert(Pending {
                key,
                flow,
                request: bytes,
                trying: None,
            });
            let delay = trying_delay(self.config.round_trip, self.config.longest_interval);
            self.effects.timers.set(Timer::Trying, delay, id, now);
            ServerSlot::Pending(id)
        };
        self.slots.insert(key, slot);
        slot
    }

    /// Whether one more server transaction may be held, after forgetting an old one if need be.
    fn make_room(&mut self) -> bool {
        let limit = self.config.server_transactions as usize;
        while self.server_transactions() >= limit {
            let Some(id) = self.effects.timers.pop_first(Timer::J) else {
                return false;
            };
            if let Some(oldest) = self.answered.remove(id) {
                self.effects.counts.evicted += 1;
                self.forget(oldest.key);
            }
        }
        true
    }

    /// Answers 503 without keeping anything.
    fn refuse(&mut self, request: &Request, key: ServerKey, flow: Flow) {
        self.effects.counts.refused += 1;
        let retry_after = self.config.retry_after.as_secs().max(1).to_string();
        let response = ResponseBuilder::answer(request, StatusCode::SERVICE_UNAVAILABLE)
            .received_from(flow.remote)
            .to_tag(self.keys.tag(key))
            .header(HeaderName::RetryAfter, retry_after)
            .build();
        self.effects.transmit(flow, response);
    }

    fn carry_out_invite(&mut self, id: Id, step: Step, now: Instant) {
        let Some(invite) = self.invites.entry(id) else {
            return;
        };
        let (flow, key, fate) = (invite.flow, invite.key, step.fate);
        self.effects.carry_out(id, flow, step, now);
        if fate == Fate::Ends {
            self.invites.remove(id);
            self.forget(key);
        }
    }

    fn forget(&mut self, key: ServerKey) {
        self.slots.remove(&key);
        if self.slots.is_empty() {
            self.slots.shrink_to(1024);
        }
    }

    fn skip_stale_timers(&mut self) {
        let Self {
            effects,
            pending,
            answered,
            invites,
            clients,
            ..
        } = self;
        effects.timers.skip_stale(|timer, id| match timer {
            Timer::E | Timer::F | Timer::K => clients.awaits(timer, id),
            Timer::Trying | Timer::Abandon => pending.entry(id).is_some(),
            Timer::J => answered.entry(id).is_some(),
            Timer::InviteTrying
            | Timer::InviteAbandon
            | Timer::G
            | Timer::H
            | Timer::I
            | Timer::L => invites.entry(id).is_some_and(|it| it.awaits(timer)),
        });
    }

    fn server_transactions(&self) -> usize {
        self.pending.len() + self.answered.len() + self.invites.len()
    }
}
