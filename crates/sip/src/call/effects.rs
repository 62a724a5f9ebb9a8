//! What every part of a leg works with: its setup, its random numbers, and what it causes. Must not know the states.

use std::collections::VecDeque;

use bytes::Bytes;

use super::deadlines::Deadlines;
use super::random::Random;
use super::trunk::{Attempt, Pass};
use super::{Config, Event, Output, PeerRequestId, RequestId, Setup};
use crate::digest::Asked;
use crate::message::Response;
use crate::write::request::RequestDraft;
use crate::write::response::ResponseBuilder;

/// Collects effects until they are asked for.
#[derive(Debug)]
pub(super) struct Effects {
    pub(super) config: Config,
    pub(super) setup: Setup,
    pub(super) random: Random,
    pub(super) deadlines: Deadlines,
    outputs: VecDeque<Output>,
    /// Requests of ours without a final response.
    sent: Vec<Sent>,
    next_request: u64,
}

/// A request of ours without a final response.
#[derive(Debug)]
pub(super) struct Sent {
    id: RequestId,
    pub(super) purpose: Purpose,
    /// Without credentials.
    pub(super) draft: Box<RequestDraft>,
    pub(super) pass: Option<Pass>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Invite,
    ReInvite,
    Update,
    /// In the early dialog with this tag.
    Prack(Box<str>),
    Bye,
    /// In the fork with this tag.
    ForkBye(Box<str>),
}

impl Effects {
    pub(super) fn new(config: Config, setup: Setup) -> Self {
        Self {
            config,
            random: Random::new(setup.seed),
            setup,
            deadlines: Deadlines::default(),
            outputs: VecDeque::new(),
            sent: Vec::new(),
            next_request: 0,
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    pub(super) fn answer(&mut self, id: PeerRequestId, response: &ResponseBuilder<'_>) {
        self.answer_with(id, response.build());
    }

    pub(super) fn answer_with(&mut self, id: PeerRequestId, response: Bytes) {
        self.push(Output::Answer { id, response });
    }

    /// Sends a request; `draft` is without credentials.
    pub(super) fn send(
        &mut self,
        purpose: Purpose,
        draft: RequestDraft,
        pass: Option<Pass>,
    ) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        let signed = match &pass {
            Some(pass) => draft.clone().header(pass.header, pass.value.clone()),
            None => draft.clone(),
        };
        self.sent.push(Sent {
            id,
            purpose,
            draft: Box::new(draft),
            pass,
        });
        self.push(Output::Send {
            request: id,
            draft: Box::new(signed),
        });
        id
    }

    /// The request that a final response or a failure is about, which is the end of it.
    pub(super) fn take_sent(&mut self, id: RequestId) -> Option<Sent> {
        let index = self.sent.iter().position(|sent| sent.id == id)?;
        Some(self.sent.swap_remove(index))
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.sent.is_empty()
    }

    /// The credentials that a challenge asks for, if it may have them.
    pub(super) fn pass_for(&mut self, sent: &Sent, response: &Response) -> Option<Pass> {
        let trunk = self.setup.trunk.as_ref()?;
        let asked = Asked {
            method: sent.draft.method().as_str(),
            uri: sent.draft.uri(),
            body: sent.draft.body_bytes(),
        };
        let attempt = sent
            .pass
            .as_ref()
            .map_or(Attempt::Plain, |pass| pass.attempt);
        let client_nonce = self.random.token();
        trunk.answer(response, &asked, attempt, &client_nonce)
    }

    /// A branch that was never used.
    pub(super) fn branch(&mut self) -> String {
        format!("z9hG4bK{}", self.random.token())
    }
}
