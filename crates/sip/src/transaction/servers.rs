//! All requests of peers under way: finds the transaction of each request, answer and timer, and shows the user what is
//! new. Must not know client transactions, nor what a request means.

mod counts;
mod refusals;

use std::time::Instant;

use bytes::Bytes;

use super::answered::{Answered, Known};
use super::arena::{Arena, Id};
use super::effects::{Effects, Remains};
use super::invite_server::InviteServer;
use super::key::{BranchKey, Identity, KeyMap, Keys, ServerKey};
use super::merged::{Merged, Novelty};
use super::server::{Pending, may_answer};
use super::step::Step;
use super::timers::Timer;
use super::{Config, Output, ServerTransactionId, reply};
use crate::error::HeaderError;
use crate::flow::Flow;
use crate::message::Request;
use crate::method::Method;
use crate::status::StatusCode;

/// The server transactions of one endpoint.
pub(super) struct Servers {
    config: Config,
    keys: Keys,
    slots: KeyMap<ServerKey, ServerSlot>,
    merged: Merged,
    pending: Arena<Pending>,
    /// The request shown last, as long as nothing else has come: most are answered at once, and need no name by which
    /// a repetition would find them, no timer, and no place among those that may merge.
    fresh: Option<Id>,
    answered: Answered,
    invites: Arena<InviteServer>,
}

/// Where a server transaction is kept; that is also its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ServerSlot {
    Pending(Id),
    Invite(Id),
}

/// How long the answer to a request is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    UntilTimerJ,
    None,
}

/// All that is read of a request before it is known whether it is new.
struct Arrival {
    identity: Identity,
    branch: BranchKey,
    /// Where answers go.
    answer_flow: Flow,
}

impl Servers {
    pub(super) fn new(config: Config, keys: Keys) -> Self {
        Self {
            config,
            keys,
            slots: KeyMap::default(),
            merged: Merged::default(),
            pending: Arena::new(),
            fresh: None,
            answered: Answered::new(config.patience()),
            invites: Arena::new(),
        }
    }

    pub(super) fn handle_request(
        &mut self,
        flow: Flow,
        request: Request,
        effects: &mut Effects,
        now: Instant,
    ) {
        // All readable in every request that passed its check.
        let Ok(arrival) = self.arrival(&request, flow) else {
            effects.counts.strays += 1;
            return;
        };
        let slot = self.slots.get(&arrival.identity.key).copied();
        if request.method() == Method::Ack {
            self.handle_ack(slot, flow, request, effects, now);
            return;
        }
        if let Some(slot) = slot {
            self.handle_retransmission(slot, arrival.answer_flow, effects, now);
            return;
        }
        let known = self
            .answered
            .look_up(&arrival.identity, arrival.branch, &request, flow.remote);
        let novelty = match known {
            Known::Repeated(response) => {
                effects.counts.retransmissions_absorbed += 1;
                effects.transmit(arrival.answer_flow, response);
                return;
            }
            Known::No(novelty) => novelty,
        };
        if novelty == Novelty::Merged || self.judge(&arrival) == Novelty::Merged {
            self.refuse_merged(&request, &arrival, effects);
            return;
        }
        if !self.make_room(effects) {
            self.refuse(&request, arrival.identity.key, arrival.answer_flow, effects);
            return;
        }
        let slot = self.insert(&arrival, &request, effects, now);
        if request.method() == Method::Cancel {
            self.handle_cancel(&request, flow, slot, arrival.identity.key, effects, now);
            return;
        }
        effects.counts.requests += 1;
        effects.outputs.push_back(Output::Request {
            transaction: ServerTransactionId(slot),
            flow,
            request,
            fingerprint: arrival.identity.key.fingerprint(),
        });
    }

    fn arrival(&self, request: &Request, flow: Flow) -> Result<Arrival, HeaderError> {
        let via = request.via()?;
        Ok(Arrival {
            identity: Identity {
                key: self.keys.of_request(request, &via, flow)?,
                merge: self.keys.of_merged(request)?,
            },
            branch: self.keys.of_branch(request, &via),
            answer_flow: reply::answer_flow(request, &via, flow),
        })
    }

    fn judge(&self, arrival: &Arrival) -> Novelty {
        match arrival.identity.merge {
            Some(merge) => self.merged.judge(merge, arrival.branch),
            None => Novelty::New,
        }
    }

    fn handle_retransmission(
        &mut self,
        slot: ServerSlot,
        answer_flow: Flow,
        effects: &mut Effects,
        now: Instant,
    ) {
        effects.counts.retransmissions_absorbed += 1;
        let response = match slot {
            ServerSlot::Pending(id) => self.pending.entry(id).and_then(|it| it.trying.clone()),
            ServerSlot::Invite(id) => {
                if let Some(invite) = self.invites.entry(id) {
                    let step = invite.handle_retransmission();
                    self.carry_out_invite(id, step, effects, now);
                }
                None
            }
        };
        if let Some(response) = response {
            effects.transmit(answer_flow, response);
        }
    }

    fn handle_ack(
        &mut self,
        slot: Option<ServerSlot>,
        flow: Flow,
        ack: Request,
        effects: &mut Effects,
        now: Instant,
    ) {
        if let Some(ServerSlot::Invite(id)) = slot
            && let Some(invite) = self.invites.entry_mut(id)
            && !invite.is_accepted()
        {
            let step = invite.handle_ack();
            self.carry_out_invite(id, step, effects, now);
            return;
        }
        // RFC 3261 §17.2.1, RFC 6026 §7.1: it belongs to a 2xx, thus to a call.
        effects
            .outputs
            .push_back(Output::Acknowledged { flow, ack });
    }

    fn handle_cancel(
        &mut self,
        cancel: &Request,
        flow: Flow,
        slot: ServerSlot,
        key: ServerKey,
        effects: &mut Effects,
        now: Instant,
    ) {
        let invite = self.keys.of_cancelled(cancel, flow).ok();
        let invite = invite.and_then(|key| self.slots.get(&key).copied());
        let (status, memory) = match invite {
            Some(ServerSlot::Invite(_)) => (StatusCode::OK, Memory::UntilTimerJ),
            // RFC 3261 §9.2: nothing to cancel.
            Some(ServerSlot::Pending(_)) | None => {
                (StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST, Memory::None)
            }
        };
        let response = reply::answer(cancel, status, flow.remote, &self.keys.tag(key));
        self.handle_answer(ServerTransactionId(slot), response, memory, effects, now);
        if let Some(slot @ ServerSlot::Invite(id)) = invite
            && self.end_invite(id, StatusCode::REQUEST_TERMINATED, effects, now)
        {
            let transaction = ServerTransactionId(slot);
            effects
                .outputs
                .push_back(Output::Cancelled { transaction, flow });
        }
    }

    pub(super) fn handle_answer(
        &mut self,
        transaction: ServerTransactionId,
        response: Bytes,
        memory: Memory,
        effects: &mut Effects,
        now: Instant,
    ) {
        let Some(status) = reply::status_of(&response) else {
            effects.counts.answers_dropped += 1;
            return;
        };
        match transaction.0 {
            ServerSlot::Pending(id) if may_answer(status) => {
                self.finish_pending(id, response, memory, effects, now);
            }
            ServerSlot::Invite(id) if memory == Memory::None && !status.is_provisional() => {
                // RFC 3261 §8.2.7: sent once and never by a timer, and the ACK is ignored. So nobody can make us
                // send eleven refusals to a third party by one INVITE in its name.
                match self.invites.remove(id) {
                    Some(InviteServer { identity, flow, .. }) => {
                        self.forget(identity);
                        effects.transmit(flow, response);
                    }
                    None => effects.counts.answers_dropped += 1,
                }
            }
            ServerSlot::Invite(id) => {
                let step = self
                    .invites
                    .entry_mut(id)
                    .and_then(|invite| invite.handle_answer(status, response, &self.config));
                match step {
                    Some(step) => self.carry_out_invite(id, step, effects, now),
                    None => effects.counts.answers_dropped += 1,
                }
            }
            ServerSlot::Pending(_) => effects.counts.answers_dropped += 1,
        }
    }

    fn finish_pending(
        &mut self,
        id: Id,
        response: Bytes,
        memory: Memory,
        effects: &mut Effects,
        now: Instant,
    ) {
        let Some(pending) = self.release(id) else {
            // RFC 4320 §4.2: a late answer is of no use to anybody.
            effects.counts.answers_dropped += 1;
            return;
        };
        let Pending {
            identity,
            branch,
            flow,
            ..
        } = pending;
        // Nothing is repeated on a reliable transport.
        if memory == Memory::UntilTimerJ && Timer::J.delay(&self.config, flow.transport).is_some() {
            self.answered.insert(&identity, branch, &response, now);
        }
        effects.transmit(flow, response);
    }

    /// Takes a request out that awaits its answer, with all by which it is found.
    fn release(&mut self, id: Id) -> Option<Pending> {
        let pending = self.pending.remove(id)?;
        if self.fresh == Some(id) {
            self.fresh = None;
        } else {
            self.forget(pending.identity);
        }
        Some(pending)
    }

    /// Something else comes: the request shown last waits for its answer as others do.
    pub(super) fn settle(&mut self, effects: &mut Effects, now: Instant) {
        let Some(id) = self.fresh.take() else {
            return;
        };
        let Some(Pending {
            identity,
            branch,
            flow,
            ..
        }) = self.pending.entry(id)
        else {
            return;
        };
        effects.set_timer(Timer::Trying, id, *flow, now);
        self.slots.insert(identity.key, ServerSlot::Pending(id));
        if let Some(merge) = identity.merge {
            self.merged.insert(merge, *branch);
        }
    }

    /// Forgets the answered requests whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        self.answered.expire(now);
    }

    /// When the oldest answered request is to be forgotten.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.answered.next()
    }

    /// Answers a request without its user.
    pub(super) fn answer_alone(
        &mut self,
        transaction: ServerTransactionId,
        status: StatusCode,
        effects: &mut Effects,
        now: Instant,
    ) {
        match transaction.0 {
            ServerSlot::Pending(id) => {
                let response = self.pending.entry(id).and_then(|it| {
                    let tag = self.keys.tag(it.identity.key);
                    reply::answer_to_bytes(&it.request, status, it.flow.remote, &tag)
                });
                match response {
                    Some(response) => {
                        self.finish_pending(id, response, Memory::UntilTimerJ, effects, now);
                    }
                    None => self.handle_forget(transaction),
                }
            }
            ServerSlot::Invite(id) => {
                self.end_invite(id, status, effects, now);
            }
        }
    }

    pub(super) fn handle_forget(&mut self, transaction: ServerTransactionId) {
        match transaction.0 {
            ServerSlot::Pending(id) => drop(self.release(id)),
            ServerSlot::Invite(id) => {
                if let Some(invite) = self.invites.remove(id) {
                    self.forget(invite.identity);
                }
            }
        }
    }

    pub(super) fn handle_flow_closed(&mut self) {
        self.pending.drain().for_each(drop);
        self.fresh = None;
        self.answered.clear();
        self.invites.drain().for_each(drop);
        self.slots = KeyMap::default();
        self.merged.clear();
    }

    pub(super) fn handle_timer(
        &mut self,
        timer: Timer,
        id: Id,
        effects: &mut Effects,
        now: Instant,
    ) {
        match timer {
            Timer::Trying => self.say_trying(id, effects, now),
            Timer::Abandon => self.handle_forget(ServerTransactionId(ServerSlot::Pending(id))),
            Timer::InviteTrying => self.say_invite_trying(id, effects, now),
            Timer::InviteAbandon => {
                self.end_invite(id, StatusCode::REQUEST_TIMEOUT, effects, now);
            }
            Timer::G => {
                if let Some(invite) = self.invites.entry_mut(id) {
                    let step = invite.handle_retransmit(&self.config);
                    effects.counts.retransmissions_sent += u64::from(step.transmit.is_some());
                    self.carry_out_invite(id, step, effects, now);
                }
            }
            Timer::A
            | Timer::B
            | Timer::C
            | Timer::D
            | Timer::Cancelled
            | Timer::M
            | Timer::E
            | Timer::F
            | Timer::K
            | Timer::J => {}
            Timer::H | Timer::I | Timer::L => {
                if self.invites.entry(id).is_some_and(|it| it.awaits(timer)) {
                    self.carry_out_invite(id, Step::end(), effects, now);
                }
            }
        }
    }

    fn say_trying(&mut self, id: Id, effects: &mut Effects, now: Instant) {
        let Some(pending) = self.pending.entry_mut(id) else {
            return;
        };
        let flow = pending.flow;
        pending.trying =
            reply::answer_to_bytes(&pending.request, StatusCode::TRYING, flow.remote, "");
        let trying = pending.trying.clone();
        effects.set_timer(Timer::Abandon, id, flow, now);
        if let Some(trying) = trying {
            effects.transmit(flow, trying);
        }
    }

    fn say_invite_trying(&mut self, id: Id, effects: &mut Effects, now: Instant) {
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
            self.carry_out_invite(id, step, effects, now);
        }
    }

    /// Answers an INVITE, if nobody has answered it.
    fn end_invite(
        &mut self,
        id: Id,
        status: StatusCode,
        effects: &mut Effects,
        now: Instant,
    ) -> bool {
        let Some(invite) = self.invites.entry_mut(id) else {
            return false;
        };
        let (tag, source) = (self.keys.tag(invite.identity.key), invite.flow.remote);
        let response = invite
            .unanswered()
            .and_then(|request| reply::answer_to_bytes(request, status, source, &tag));
        if let Some(response) = response
            && let Some(step) = invite.handle_answer(status, response, &self.config)
        {
            self.carry_out_invite(id, step, effects, now);
            return true;
        }
        false
    }

    fn insert(
        &mut self,
        arrival: &Arrival,
        request: &Request,
        effects: &mut Effects,
        now: Instant,
    ) -> ServerSlot {
        let Arrival {
            identity,
            branch,
            answer_flow: flow,
        } = *arrival;
        let bytes = request.bytes().clone();
        if request.method() != Method::Invite {
            let id = self.pending.insert(Pending {
                identity,
                branch,
                flow,
                request: bytes,
                trying: None,
            });
            self.fresh = Some(id);
            return ServerSlot::Pending(id);
        }
        let (invite, step) = InviteServer::start(identity, flow, bytes);
        let id = self.invites.insert(invite);
        self.carry_out_invite(id, step, effects, now);
        let slot = ServerSlot::Invite(id);
        self.slots.insert(identity.key, slot);
        if let Some(merge) = identity.merge {
            self.merged.insert(merge, branch);
        }
        slot
    }

    /// Whether one more server transaction may be held, after forgetting an old one if need be.
    fn make_room(&mut self, effects: &mut Effects) -> bool {
        if self.unanswered() >= self.config.unanswered_requests as usize {
            return false;
        }
        while self.len() >= self.config.server_transactions as usize {
            if !self.answered.forget_oldest() {
                return false;
            }
            effects.counts.evicted += 1;
        }
        true
    }

    fn carry_out_invite(&mut self, id: Id, step: Step, effects: &mut Effects, now: Instant) {
        let Some(invite) = self.invites.entry(id) else {
            return;
        };
        let (flow, identity) = (invite.flow, invite.identity);
        if effects.carry_out(id, flow, step, now) == Remains::Nothing {
            self.invites.remove(id);
            self.forget(identity);
        }
    }

    fn forget(&mut self, identity: Identity) {
        if let Some(merge) = identity.merge {
            self.merged.remove(merge);
        }
        self.slots.remove(&identity.key);
        if self.slots.is_empty() {
            self.slots.shrink_to(1024);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 && self.slots.is_empty() && self.merged.len() == 0
    }
}
