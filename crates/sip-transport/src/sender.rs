//! Sends requests of ours from any task. Must not know what they say.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sip::transaction::RequestToken;
use sip::{Flow, Method, Protocol, RequestDraft, Response, StatusCode};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::flows::{Command, Flows};
use crate::invitation::{self, Invitation};
use crate::resolve::{ResolveError, Server};
use crate::transport::Shared;
use crate::volley::Volley;
use crate::way;

/// What may become of an INVITE before somebody looks; the last word always has room.
const INVITE_EVENTS: usize = 32;

/// Sends requests; cheap to clone.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the other end of this flow, by this flow and no other way (RFC 5626 §5.3).
    Flow(Flow),
    /// To this address: over UDP from a listening socket of its family; over TCP by an open connection, or a new one.
    /// A request longer than 1300 bytes goes over TCP instead of UDP, where the peer takes it (RFC 3261 §18.1.1).
    Address {
        /// UDP or TCP.
        protocol: Protocol,
        /// The peer.
        address: SocketAddr,
    },
    /// To this server, over UDP, TCP or TLS; otherwise as to an address.
    Server(Server),
    /// To whichever server of this SIP URI takes it (RFC 3263): to the next one, where one cannot be reached, does not
    /// answer in time, or says 503.
    Uri(Box<str>),
}

/// Why a request has no response.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The peer did not answer in 64*T1.
    #[error("get an answer: the peer did not answer in time")]
    Timeout,
    /// The connection it was to go over, or had gone over, is closed.
    #[error("get an answer: the connection is closed")]
    FlowClosed,
    /// Too many requests are under way on this socket or connection: try later.
    #[error("send the request: too many are under way")]
    Overloaded,
    /// No socket listens for this protocol and address family.
    #[error("send the request to {address}: no {protocol} socket of its family listens")]
    NoSocket {
        /// Wanted.
        protocol: Protocol,
        /// Wanted.
        address: SocketAddr,
    },
    /// No connection to the peer.
    #[error("connect to {address}")]
    Connect {
        /// The peer.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The URI leads to no server.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// INVITE, CANCEL and ACK are not sent this way.
    #[error("send the request: its method has another kind of transaction")]
    Unsupported,
    /// The transport is not running.
    #[error("send the request: the transport is not running")]
    NotRunning,
    /// The operating system gave no randomness.
    #[error("send the request: the operating system gives no randomness")]
    NoRandomness,
}

impl Sender {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Sends a request and waits for its final response. Dropping the future ends the waiting, not the request.
    ///
    /// # Errors
    /// See [`RequestError`]; a response of any status is not an error.
    pub async fn request(
        &self,
        draft: RequestDraft,
        target: Target,
    ) -> Result<Response, RequestError> {
        match target {
            Target::Uri(uri) => Box::pin(self.request_by_uri(draft, uri)).await,
            Target::Flow(_) | Target::Address { .. } | Target::Server(_) => {
                self.request_once(draft, &target).await
            }
        }
    }

    /// For very many requests at a time, over flows.
    pub fn volley(&self) -> Volley {
        Volley::new(Arc::clone(&self.shared))
    }

    /// Sends a request to whichever of the servers takes it, made for each of them, and tells which was asked last: to
    /// the next one, where one cannot be reached, does not answer in time, or says 503. `None` where there is no server.
    pub async fn request_to_one(
        &self,
        servers: impl IntoIterator<Item = Server>,
        draft_for: impl Fn(&Server) -> RequestDraft,
    ) -> Option<(Server, Result<Response, RequestError>)> {
        let mut last = None;
        for server in servers {
            let target = Target::Server(server.clone());
            let result = self.request_once(draft_for(&server), &target).await;
            let is_last = !is_worth_another_server(&result);
            last = Some((server, result));
            if is_last {
                break;
            }
        }
        last
    }

    /// Sends an INVITE; what becomes of it is told by the [`Invitation`]. To a URI it goes to the first server that
    /// can be reached; whether a response calls for the next one is the caller's decision, who has [`Self::servers`].
    ///
    /// # Errors
    /// See [`RequestError`]; it was not sent.
    pub async fn invite(
        &self,
        draft: RequestDraft,
        target: Target,
    ) -> Result<Invitation, RequestError> {
        let Target::Uri(uri) = target else {
            return self.invite_once(draft, &target).await;
        };
        let mut result = Err(ResolveError::NoServer(uri.to_string()).into());
        for server in self.servers(&uri).await? {
            result = self
                .invite_once(draft.clone(), &Target::Server(server))
                .await;
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Runs a task that belongs to the transport: it ends with it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.shared.stop.clone();
        self.shared.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// The servers of a SIP URI in the order to try them; at least one.
    ///
    /// # Errors
    /// Why the URI leads nowhere.
    pub async fn servers(&self, uri: &str) -> Result<Vec<Server>, ResolveError> {
        way::servers(&self.shared, uri).await
    }

    /// Sends the ACK of a 2xx; nobody answers it. `branch` is the same for each repetition of one ACK.
    ///
    /// # Errors
    /// See [`RequestError`]; it was not sent.
    pub async fn acknowledge(
        &self,
        draft: RequestDraft,
        branch: String,
        target: Target,
    ) -> Result<(), RequestError> {
        let (flow, commands) = way::find(&self.shared, &draft, &target).await?;
        let draft = Box::new(draft);
        let command = Command::Acknowledge {
            flow,
            draft,
            branch,
        };
        invitation::send(&commands, command)
    }

    async fn request_by_uri(
        &self,
        draft: RequestDraft,
        uri: Box<str>,
    ) -> Result<Response, RequestError> {
        let servers = self.servers(&uri).await?;
        let first_of = |_: &Server| draft.clone();
        match self.request_to_one(servers, first_of).await {
            Some((_, result)) => result,
            None => Err(ResolveError::NoServer(uri.into()).into()),
        }
    }

    async fn request_once(
        &self,
        draft: RequestDraft,
        target: &Target,
    ) -> Result<Response, RequestError> {
        if draft.method() == Method::Invite {
            return Err(RequestError::Unsupported);
        }
        let (flow, commands) = way::find(&self.shared, &draft, target).await?;
        let (reply, answer) = oneshot::channel();
        let draft = Box::new(draft);
        let command = Command::Request { flow, draft, reply };
        invitation::send(&commands, command)?;
        // The owner of the flow ends without a word only together with the flow.
        answer.await.unwrap_or(Err(RequestError::FlowClosed))
    }

    async fn invite_once(
        &self,
        draft: RequestDraft,
        target: &Target,
    ) -> Result<Invitation, RequestError> {
        let (flow, commands) = way::find(&self.shared, &draft, target).await?;
        let token = RequestToken(Flows::next_id());
        let (sender, events) = mpsc::channel(INVITE_EVENTS);
        let last = sender.clone().try_reserve_owned();
        // The channel is new: there is room.
        let last = last.map_err(|_| RequestError::Overloaded)?;
        let command = Command::Invite {
            token,
            flow,
            draft: Box::new(draft),
            events: sender,
            last,
        };
        invitation::send(&commands, command)?;
        Ok(Invitation {
            token,
            flow,
            commands,
            events,
        })
    }
}

/// RFC 3263 §4.3: the next server is tried after a failure to send, no answer in time, and 503.
fn is_worth_another_server(result: &Result<Response, RequestError>) -> bool {
    match result {
        Ok(response) => response.status() == StatusCode::SERVICE_UNAVAILABLE,
        Err(
            RequestError::Timeout
            | RequestError::FlowClosed
            | RequestError::Overloaded
            | RequestError::NoSocket { .. }
            | RequestError::Connect { .. }
            | RequestError::Resolve(_),
        ) => true,
        Err(RequestError::Unsupported | RequestError::NotRunning | RequestError::NoRandomness) => {
            false
        }
    }
}
