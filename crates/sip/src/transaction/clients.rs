//! All requests of ours under way: finds the transaction of each response and timer, tells the user what becomes of it.
//! Must not know server transactions.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::arena::{Arena, Id};
use super::client::{Client, News};
use super::effects::{Effects, Remains};
use super::invite_client::InviteClient;
use super::key::{ClientKey, KeyMap, Keys};
use super::step::{Fate, Step};
use super::timers::Timer;
use super::{Config, Failure, Output, RequestToken};
use crate::flow::{Flow, Protocol};
use crate::message::Response;
use crate::method::Method;
use crate::write::request::RequestDraft;

/// The client transactions of one endpoint.
pub(super) struct Clients {
    config: Config,
    keys: Keys,
    ids: KeyMap<ClientKey, Id>,
    /// For the user's CANCEL.
    invites_by_token: HashMap<RequestToken, Id>,
    clients: Arena<Record>,
    sent_by: SentBy,
    /// Those of `clients` that only absorb repeated answers until Timer K.
    answered: usize,
}

/// One transaction and whose it is.
#[derive(Debug)]
struct Record {
    key: ClientKey,
    /// `None` for a CANCEL, whose answer tells nobody anything.
    token: Option<RequestToken>,
    flow: Flow,
    machine: Machine,
}

#[derive(Debug)]
enum Machine {
    Request(Client),
    Invite {
        invite: Box<InviteClient>,
        /// For its CANCEL.
        branch: Box<str>,
    },
}

/// A request of ours before it is sent.
pub(super) struct Outbound<'a> {
    pub(super) token: RequestToken,
    pub(super) flow: Flow,
    pub(super) draft: &'a RequestDraft,
    pub(super) branch: String,
}

impl Clients {
    pub(super) fn new(config: Config, keys: Keys) -> Self {
        Self {
            config,
            keys,
            ids: KeyMap::default(),
            invites_by_token: HashMap::new(),
            clients: Arena::new(),
            sent_by: SentBy::default(),
            answered: 0,
        }
    }

    pub(super) fn send(&mut self, outbound: Outbound<'_>, effects: &mut Effects, now: Instant) {
        let Outbound {
            token,
            flow,
            draft,
            branch,
        } = outbound;
        let key = self.keys.of_sent(&branch, draft.method().as_str());
        let failure = if matches!(draft.method(), Method::Cancel | Method::Ack)
            || self.ids.contains_key(&key)
        {
            Some(Failure::Misuse)
        } else if self.clients.len() - self.answered >= self.config.client_transactions as usize {
            Some(Failure::Overload)
        } else {
            None
        };
        if let Some(cause) = failure {
            effects.outputs.push_back(Output::Failed { token, cause });
            return;
        }
        let bytes = draft.print(self.sent_by.of(flow), &branch);
        let (machine, step) = if draft.method() == Method::Invite {
            let (invite, step) = InviteClient::start(bytes, &self.config);
            let (invite, branch) = (Box::new(invite), branch.into_boxed_str());
            (Machine::Invite { invite, branch }, step)
        } else {
            let (request, step) = Client::start(bytes, &self.config);
            (Machine::Request(request), step)
        };
        let is_invite = matches!(machine, Machine::Invite { .. });
        let id = self.insert(Record {
            key,
            token: Some(token),
            flow,
            machine,
        });
        if is_invite {
            self.invites_by_token.insert(token, id);
        }
        self.carry_out(id, step, effects, now);
    }

    /// The user wants no answer to an INVITE any more.
    pub(super) fn cancel(&mut self, token: RequestToken, effects: &mut Effects, now: Instant) {
        if let Some(id) = self.invites_by_token.get(&token).copied() {
            self.handle_cancel(id, effects, now);
        }
    }

    pub(super) fn handle_response(
        &mut self,
        key: Option<ClientKey>,
        flow: Flow,
        response: Response,
        effects: &mut Effects,
        now: Instant,
    ) {
        let id = key.and_then(|key| self.ids.get(&key).copied());
        let Some((id, record)) = id.and_then(|id| Some((id, self.clients.entry_mut(id)?))) else {
            effects.outputs.push_back(Output::Stray { flow, response });
            return;
        };
        let token = record.token;
        let is_provisional = response.status().is_provisional();
        let was_answered = record.machine.is_answered_request();
        let (mut step, news) = match &mut record.machine {
            Machine::Request(client) if is_provisional => client.handle_provisional(),
            Machine::Request(client) => client.handle_final(),
            Machine::Invite { invite, .. } if is_provisional => invite.handle_provisional(),
            Machine::Invite { invite, .. } => invite.handle_final(&response),
        };
        if record.machine.is_answered_request() && !was_answered {
            self.answered += 1;
            if self.answered > self.config.answered_requests as usize {
                step.fate = Fate::Ends;
            }
        }
        if let Some(token) = token {
            let output = match news {
                News::Provisional => Some(Output::Provisional { token, response }),
                News::Final => Some(Output::Final { token, response }),
                News::FurtherSuccess => Some(Output::FurtherSuccess { token, response }),
                News::Repeated => None,
            };
            effects.outputs.extend(output);
        }
        self.carry_out(id, step, effects, now);
    }

    /// A timer of a client transaction has fired.
    pub(super) fn handle_timer(
        &mut self,
        timer: Timer,
        id: Id,
        effects: &mut Effects,
        now: Instant,
    ) {
        if !self.awaits(timer, id) {
            return;
        }
        match timer {
            Timer::A | Timer::E => self.handle_retransmit(id, effects, now),
            Timer::B | Timer::F | Timer::Cancelled => self.handle_give_up(id, effects, now),
            Timer::C => self.handle_cancel(id, effects, now),
            Timer::M => {
                let token = self.clients.entry(id).and_then(|record| record.token);
                let over = token.map(|token| Output::Over { token });
                effects.outputs.extend(over);
                self.carry_out(id, Step::end(), effects, now);
            }
            Timer::D | Timer::K => self.carry_out(id, Step::end(), effects, now),
            Timer::Trying
            | Timer::Abandon
            | Timer::J
            | Timer::InviteTrying
            | Timer::InviteAbandon
            | Timer::G
            | Timer::H
            | Timer::I
            | Timer::L => {}
        }
    }

    pub(super) fn handle_flow_closed(&mut self, effects: &mut Effects) {
        self.ids = KeyMap::default();
        self.invites_by_token = HashMap::new();
        self.answered = 0;
        for record in self.clients.drain() {
            if let Some(token) = record.token
                && record.machine.is_open()
            {
                let cause = Failure::FlowClosed;
                effects.outputs.push_back(Output::Failed { token, cause });
            }
        }
    }

    /// Whether a timer that was set still matters.
    pub(super) fn awaits(&self, timer: Timer, id: Id) -> bool {
        self.clients
            .entry(id)
            .is_some_and(|record| match &record.machine {
                Machine::Request(client) => client.awaits(timer),
                Machine::Invite { invite, .. } => invite.awaits(timer),
            })
    }

    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
            && self.answered == 0
            && self.ids.is_empty()
            && self.invites_by_token.is_empty()
    }

    fn handle_retransmit(&mut self, id: Id, effects: &mut Effects, now: Instant) {
        let Some(record) = self.clients.entry_mut(id) else {
            return;
        };
        let step = match &mut record.machine {
            Machine::Request(client) => client.handle_retransmit(&self.config),
            Machine::Invite { invite, .. } => invite.handle_retransmit(),
        };
        effects.counts.retransmissions_sent += u64::from(step.transmit.is_some());
        self.carry_out(id, step, effects, now);
    }

    fn handle_give_up(&mut self, id: Id, effects: &mut Effects, now: Instant) {
        if let Some(token) = self.clients.entry(id).and_then(|record| record.token) {
            effects.counts.timeouts += 1;
            let cause = Failure::Timeout;
            effects.outputs.push_back(Output::Failed { token, cause });
        }
        self.carry_out(id, Step::end(), effects, now);
    }

    fn handle_cancel(&mut self, id: Id, effects: &mut Effects, now: Instant) {
        if let Some(record) = self.clients.entry_mut(id)
            && let Machine::Invite { invite, .. } = &mut record.machine
        {
            let step = invite.handle_cancel();
            self.carry_out(id, step, effects, now);
        }
    }

    fn carry_out(&mut self, id: Id, mut step: Step, effects: &mut Effects, now: Instant) {
        let Some(record) = self.clients.entry(id) else {
            return;
        };
        let (flow, key, token) = (record.flow, record.key, record.token);
        let cancel = match &record.machine {
            Machine::Request(_) => None,
            Machine::Invite { branch, .. } => {
                step.cancel.take().map(|bytes| (bytes, branch.clone()))
            }
        };
        if effects.carry_out(id, flow, step, now) == Remains::Nothing {
            let removed = self.clients.remove(id);
            let was_answered = removed.is_some_and(|record| record.machine.is_answered_request());
            self.answered -= usize::from(was_answered);
            self.ids.remove(&key);
            if let Some(token) = token
                && self.invites_by_token.get(&token) == Some(&id)
            {
                self.invites_by_token.remove(&token);
            }
        }
        if let Some((bytes, branch)) = cancel {
            self.start_cancel(bytes, branch, flow, effects, now);
        }
    }

    /// RFC 3261 §9.1: a CANCEL has a transaction of its own, with the branch of the INVITE.
    fn start_cancel(
        &mut self,
        bytes: Bytes,
        branch: Box<str>,
        flow: Flow,
        effects: &mut Effects,
        now: Instant,
    ) {
        let key = self.keys.of_sent(&branch, Method::Cancel.as_str());
        let (client, step) = Client::start(bytes, &self.config);
        let id = self.insert(Record {
            key,
            token: None,
            flow,
            machine: Machine::Request(client),
        });
        self.carry_out(id, step, effects, now);
    }

    fn insert(&mut self, record: Record) -> Id {
        let key = record.key;
        let id = self.clients.insert(record);
        self.ids.insert(key, id);
        id
    }
}

impl Machine {
    const fn is_open(&self) -> bool {
        match self {
            Self::Request(client) => client.is_open(),
            Self::Invite { invite, .. } => invite.is_open(),
        }
    }

    /// Whether all it still does is to absorb repeated answers: an INVITE never, its user hears of each further 2xx.
    const fn is_answered_request(&self) -> bool {
        match self {
            Self::Request(client) => !client.is_open(),
            Self::Invite { .. } => false,
        }
    }
}

/// The bytes of a request of ours as they leave by this flow.
pub(super) fn print(draft: &RequestDraft, flow: Flow, branch: &str) -> Bytes {
    draft.print(&sent_by(flow), branch)
}

fn sent_by(flow: Flow) -> String {
    format!("{} {}", flow.transport, flow.local)
}

/// How we name ourselves in a Via: the same for nearly all requests of one endpoint.
#[derive(Debug, Default)]
struct SentBy(Option<(Protocol, SocketAddr, String)>);

impl SentBy {
    fn of(&mut self, flow: Flow) -> &str {
        let known = self
            .0
            .take_if(|(transport, local, _)| *transport == flow.transport && *local == flow.local);
        let known = known.unwrap_or_else(|| (flow.transport, flow.local, sent_by(flow)));
        &self.0.insert(known).2
    }
}
