//! Sends requests of ours from any task. Must not know what they say.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use sip::transaction::RequestToken;
use sip::{Flow, Method, Protocol, RequestDraft, Response};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::connection;
use crate::flows::{Command, Flows};
use crate::invitation::{self, Invitation};
use crate::transport::Shared;

/// What may become of an INVITE before somebody looks; the last word always has room.
const INVITE_EVENTS: usize = 32;

/// Sends requests; cheap to clone.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the other end of this flow, by this flow and no other way (RFC 5626 §5.3).
    Flow(Flow),
    /// To this address: over UDP from a listening socket of its family; over TCP by an open connection, or a new one.
    /// A request longer than 1300 bytes is better sent over TCP (RFC 3261 §18.1.1); the transport does not change
    /// what the target says, it counts such requests.
    Address {
        /// UDP or TCP.
        protocol: Protocol,
        /// The peer.
        address: SocketAddr,
    },
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
        if draft.method() == Method::Invite {
            return Err(RequestError::Unsupported);
        }
        let (flow, commands) = self.way(target).await?;
        let (reply, answer) = oneshot::channel();
        let draft = Box::new(draft);
        let command = Command::Request { flow, draft, reply };
        invitation::send(&commands, command)?;
        // The owner of the flow ends without a word only together with the flow.
        answer.await.unwrap_or(Err(RequestError::FlowClosed))
    }

    /// Sends an INVITE; what becomes of it is told by the [`Invitation`].
    ///
    /// # Errors
    /// See [`RequestError`]; it was not sent.
    pub async fn invite(
        &self,
        draft: RequestDraft,
        target: Target,
    ) -> Result<Invitation, RequestError> {
        let (flow, commands) = self.way(target).await?;
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
        let (flow, commands) = self.way(target).await?;
        let draft = Box::new(draft);
        let command = Command::Acknowledge {
            flow,
            draft,
            branch,
        };
        invitation::send(&commands, command)
    }

    async fn way(&self, target: Target) -> Result<(Flow, mpsc::Sender<Command>), RequestError> {
        match target {
            Target::Flow(flow) => self.by_flow(flow),
            Target::Address { protocol, address } => match protocol {
                Protocol::Udp => self.by_socket(address),
                Protocol::Tcp => self.by_connection(address).await,
                Protocol::Tls | Protocol::Ws | Protocol::Wss => {
                    Err(RequestError::NoSocket { protocol, address })
                }
            },
        }
    }

    fn by_flow(&self, flow: Flow) -> Result<(Flow, mpsc::Sender<Command>), RequestError> {
        let commands = self
            .shared
            .flows
            .commands(flow.id)
            .ok_or(RequestError::FlowClosed)?;
        Ok((with_concrete_local(flow), commands))
    }

    fn by_socket(
        &self,
        address: SocketAddr,
    ) -> Result<(Flow, mpsc::Sender<Command>), RequestError> {
        let no_socket = RequestError::NoSocket {
            protocol: Protocol::Udp,
            address,
        };
        let socket = self
            .shared
            .sockets
            .iter()
            .find(|socket| socket.local.is_ipv4() == address.is_ipv4());
        let Some(socket) = socket else {
            return Err(no_socket);
        };
        self.by_flow(Flow {
            transport: Protocol::Udp,
            local: socket.local,
            remote: address,
            id: socket.id,
        })
    }

    async fn by_connection(
        &self,
        address: SocketAddr,
    ) -> Result<(Flow, mpsc::Sender<Command>), RequestError> {
        if let Some(flow) = self.shared.flows.connection_to(address) {
            return self.by_flow(flow);
        }
        let turn = self.shared.flows.turn_to_connect(address);
        let _held = turn.taken().await;
        // Whoever had the turn before may have connected.
        if let Some(flow) = self.shared.flows.connection_to(address) {
            return self.by_flow(flow);
        }
        let flow = connection::open(&self.shared, address).await?;
        self.by_flow(flow)
    }
}

/// The Via must name an address the peer can reach, which a socket bound to all addresses does not have.
fn with_concrete_local(flow: Flow) -> Flow {
    if !flow.local.ip().is_unspecified() {
        return flow;
    }
    let ip = local_ip_towards(flow.remote).unwrap_or(flow.local.ip());
    Flow {
        local: SocketAddr::new(ip, flow.local.port()),
        ..flow
    }
}

/// Our address on the route to a peer. Nothing is sent.
fn local_ip_towards(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match remote {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let probe = UdpSocket::bind((any, 0))?;
    probe.connect(remote)?;
    Ok(probe.local_addr()?.ip())
}
