//! All requests of ours under way: finds the transaction of each response and timer, tells the user what becomes of it.
//! Must not know server transactions.

use std::time::Instant;

use super::arena::{Arena, Id};
use super::client::{Client, News};
use super::effects::Effects;
use super::key::{ClientKey, KeyMap};
use super::step::{Fate, Step};
use super::timers::Timer;
use super::{Config, Failure, Output, RequestToken};
use crate::flow::Flow;
use crate::message::Response;
use crate::method::Method;
use crate::write::request::RequestDraft;

/// The client transactions of one endpoint.
pub(super) struct Clients {
    config: Config,
    ids: KeyMap<ClientKey, Id>,
    clients: Arena<Client>,
}

/// A request of ours before it is sent.
pub(super) struct Outbound<'a> {
    pub(super) key: ClientKey,
    pub(super) token: RequestToken,
    pub(super) flow: Flow,
    pub(super) draft: &'a RequestDraft,
    pub(super) branch: &'a str,
}

impl Clients {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            ids: KeyMap::default(),
            clients: Arena::new(),
        }
    }

    pub(super) fn send(&mut self, outbound: &Outbound<'_>, effects: &mut Effects, now: Instant) {
        let Outbound {
            key,
            token,
            flow,
            draft,
            branch,
        } = *outbound;
        let failure = if matches!(draft.method(), Method::Invite | Method::Ack)
            || self.ids.contains_key(&key)
        {
            Some(Failure::Misuse)
        } else if self.clients.len() >= self.config.client_transactions as usize {
            Some(Failure::Overload)
        } else {
            None
        };
        if let Some(cause) = failure {
            effects.outputs.push_back(Output::Failed { token, cause });
            return;
        }
        let bytes = draft.print(&format!("{} {}", flow.transport, flow.local), branch);
        let (client, step) = Client::start(key, token, flow, bytes, &self.config);
        let id = self.clients.insert(client);
        self.ids.insert(key, id);
        self.carry_out(id, step, effects, now);
    }

    pub(super) fn handle_response(
        &mut self,
        key: Option<ClientKey>,
        response: Response,
        effects: &mut Effects,
        now: Instant,
    ) {
        let id = key.and_then(|key| self.ids.get(&key).copied());
        let Some((id, client)) = id.and_then(|id| Some((id, self.clients.entry_mut(id)?))) else {
            effects.counts.strays += 1;
            return;
        };
        let token = client.token;
        let (step, news) = if response.status().is_provisional() {
            client.handle_provisional()
        } else {
            client.handle_final(&self.config)
        };
        match news {
            News::Provisional => {
                let output = Output::Provisional { token, response };
                effects.outputs.push_back(output);
            }
            News::Final => {
                let output = Output::Final { token, response };
                effects.outputs.push_back(output);
            }
            News::Repeated => {}
        }
        self.carry_out(id, step, effects, now);
    }

    /// Timer E.
    pub(super) fn handle_retransmit(&mut self, id: Id, effects: &mut Effects, now: Instant) {
        if let Some(client) = self.clients.entry_mut(id) {
            let step = client.handle_retransmit(&self.config);
            effects.counts.retransmissions_sent += u64::from(step.transmit.is_some());
            self.carry_out(id, step, effects, now);
        }
    }

    /// Timer F.
    pub(super) fn handle_give_up(&mut self, id: Id, effects: &mut Effects, now: Instant) {
        if let Some(client) = self.clients.entry(id)
            && client.is_open()
        {
            effects.counts.timeouts += 1;
            effects.outputs.push_back(Output::Failed {
                token: client.token,
                cause: Failure::Timeout,
            });
            self.carry_out(id, Step::end(), effects, now);
        }
    }

    /// Timer K.
    pub(super) fn handle_end(&mut self, id: Id, effects: &mut Effects, now: Instant) {
        self.carry_out(id, Step::end(), effects, now);
    }

    pub(super) fn handle_flow_closed(&mut self, effects: &mut Effects) {
        self.ids = KeyMap::default();
        for client in self.clients.drain() {
            if client.is_open() {
                effects.outputs.push_back(Output::Failed {
                    token: client.token,
                    cause: Failure::FlowClosed,
                });
            }
        }
    }

    /// Whether a timer that was set still matters.
    pub(super) fn awaits(&self, timer: Timer, id: Id) -> bool {
        self.clients
            .entry(id)
            .is_some_and(|client| timer == Timer::K || client.is_open())
    }

    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    fn carry_out(&mut self, id: Id, step: Step, effects: &mut Effects, now: Instant) {
        let Some(client) = self.clients.entry(id) else {
            return;
        };
        let (flow, key, fate) = (client.flow, client.key, step.fate);
        effects.carry_out(id, flow, step, now);
        if fate == Fate::Ends {
            self.clients.remove(id);
            self.ids.remove(&key);
        }
    }
}
