//! Who waits for the responses to requests of ours, and how they are told. Must not know transactions.

use std::collections::HashMap;

use sip::Response;
use sip::transaction::RequestToken;
use tokio::sync::{mpsc, oneshot};
use tracing::trace;

use crate::invitation::InviteEvent;
use crate::sender::RequestError;
use crate::volley::Reply;

/// Everybody who waits on one socket or connection.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// By numbers of our own, which nobody makes collide.
    requests: HashMap<RequestToken, Replying, foldhash::fast::FixedState>,
    invitations: HashMap<RequestToken, Caller>,
}

/// How the response to one request is told.
#[derive(Debug)]
pub(crate) enum Replying {
    ToOne(oneshot::Sender<Result<Response, RequestError>>),
    ToVolley(Reply),
}

/// Who waits for the end of an INVITE.
#[derive(Debug)]
struct Caller {
    events: mpsc::Sender<InviteEvent>,
    /// Room for the one final response or failure.
    last: Option<mpsc::OwnedPermit<InviteEvent>>,
}

impl Waiting {
    pub(crate) fn add_request(&mut self, token: RequestToken, reply: Replying) {
        self.requests.insert(token, reply);
    }

    pub(crate) fn add_invitation(
        &mut self,
        token: RequestToken,
        events: mpsc::Sender<InviteEvent>,
        last: mpsc::OwnedPermit<InviteEvent>,
    ) {
        let last = Some(last);
        self.invitations.insert(token, Caller { events, last });
    }

    pub(crate) fn tell_provisional(&self, token: RequestToken, response: Response) {
        match self.invitations.get(&token) {
            Some(caller) => caller.tell(InviteEvent::Provisional(response)),
            None => {
                trace!(token = token.0, status = %response.status(), "provisional response");
            }
        }
    }

    /// Tells the one final response or failure.
    pub(crate) fn tell_last(
        &mut self,
        token: RequestToken,
        result: Result<Response, RequestError>,
    ) {
        if let Some(reply) = self.requests.remove(&token) {
            reply.tell(result);
            return;
        }
        let Some(caller) = self.invitations.get_mut(&token) else {
            return;
        };
        let is_success = matches!(&result, Ok(response) if response.status().is_success());
        if let Some(permit) = caller.last.take() {
            permit.send(match result {
                Ok(response) => InviteEvent::Final(response),
                Err(error) => InviteEvent::Failed(error),
            });
        }
        if !is_success {
            self.invitations.remove(&token);
        }
    }

    pub(crate) fn tell_further_success(&self, token: RequestToken, response: Response) {
        if let Some(caller) = self.invitations.get(&token) {
            caller.tell(InviteEvent::FurtherSuccess(response));
        }
    }

    /// No more 2xx comes.
    pub(crate) fn end(&mut self, token: RequestToken) {
        self.invitations.remove(&token);
    }

    /// Nothing more comes for anybody.
    pub(crate) fn end_all(&mut self) {
        self.requests.clear();
        self.invitations.clear();
    }

    /// Whether somebody waits for a final response.
    pub(crate) fn is_anybody(&self) -> bool {
        !self.requests.is_empty()
            || self
                .invitations
                .values()
                .any(|caller| caller.last.is_some())
    }
}

impl Caller {
    fn tell(&self, event: InviteEvent) {
        if self.events.try_send(event).is_err() {
            trace!("nobody takes what becomes of an INVITE");
        }
    }
}

impl Replying {
    /// Answers whoever waits for the response to one request.
    pub(crate) fn tell(self, result: Result<Response, RequestError>) {
        match self {
            Self::ToOne(reply) => {
                if reply.send(result).is_err() {
                    trace!("nobody waits for this request's answer");
                }
            }
            Self::ToVolley(reply) => reply.tell(result),
        }
    }
}
