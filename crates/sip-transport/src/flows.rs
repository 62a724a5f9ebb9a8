//! The open paths and the queues of the tasks that own them. Must not know what travels on them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use dashmap::DashMap;
use sip::transaction::{RequestToken, ServerTransactionId};
use sip::{Flow, Protocol, RequestDraft, Response};
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, mpsc, oneshot};

use crate::invitation::InviteEvent;
use crate::sender::RequestError;
use crate::trust::TlsTrust;
use crate::volley::Shot;

/// What the owner of a socket or connection can be asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send a request and tell what becomes of it.
    Request {
        flow: Flow,
        draft: Box<RequestDraft>,
        reply: oneshot::Sender<Result<Response, RequestError>>,
    },
    /// The same of many.
    Requests(Vec<Shot>),
    /// Send an INVITE and tell all that becomes of it.
    Invite {
        token: RequestToken,
        flow: Flow,
        draft: Box<RequestDraft>,
        events: mpsc::Sender<InviteEvent>,
        last: mpsc::OwnedPermit<InviteEvent>,
    },
    /// Cancel an INVITE of ours.
    Cancel { token: RequestToken },
    /// Send the ACK of a 2xx.
    Acknowledge {
        flow: Flow,
        draft: Box<RequestDraft>,
        branch: String,
    },
    /// Take a response that came to another socket of the same address.
    Response {
        flow: Flow,
        response: Box<Response>,
        /// Given back when it is taken.
        room: OwnedSemaphorePermit,
    },
    /// Answer a request whose answer was deferred.
    Answer {
        transaction: ServerTransactionId,
        response: Bytes,
    },
    /// Nobody will answer a request whose answer was deferred.
    Fail { transaction: ServerTransactionId },
}

/// Every open flow of one transport.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    by_id: DashMap<u64, mpsc::Sender<Command>>,
    /// Connections by what they speak and the address at their other end; the newest, should there be several.
    connections_by_remote: DashMap<(Protocol, SocketAddr), Flow>,
    /// Connections that we have opened, by all that makes them what they are.
    opened_by_peer: DashMap<Peer, Flow>,
    /// Whose turn it is to connect to a peer, so that one connection is opened and not many.
    turns_by_peer: DashMap<Peer, Arc<Mutex<()>>>,
}

/// A peer as we connect to it. Who it has to prove to be is a part of it: a connection to one name is never used for
/// another at the same address, nor one that other authorities vouch for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    Tls {
        name: Arc<str>,
        address: SocketAddr,
        trust: TlsTrust,
    },
}

impl Peer {
    pub(crate) const fn address(&self) -> SocketAddr {
        match self {
            Self::Tcp(address) | Self::Tls { address, .. } => *address,
        }
    }
}

/// A place in the queue of those who want to connect to one peer.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    flows: &'a Flows,
    peer: Peer,
    lock: Arc<Mutex<()>>,
}

/// Ids are never used twice in the life of the process, so that a stale [`Flow`] finds nothing.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Flows {
    pub(crate) fn next_id() -> u64 {
        NEXT_ID.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn add_socket(&self, id: u64, commands: mpsc::Sender<Command>) {
        self.by_id.insert(id, commands);
    }

    pub(crate) fn add_connection(&self, flow: Flow, commands: mpsc::Sender<Command>) {
        self.by_id.insert(flow.id, commands);
        self.connections_by_remote
            .insert((flow.transport, flow.remote), flow);
    }

    /// Notes a connection that we have opened, for the next request to the same peer.
    pub(crate) fn add_opened(&self, peer: Peer, flow: Flow) {
        // Its task may have ended already.
        if self.by_id.contains_key(&flow.id) {
            self.opened_by_peer.insert(peer, flow);
        }
    }

    pub(crate) fn remove_socket(&self, id: u64) {
        self.by_id.remove(&id);
    }

    pub(crate) fn remove_connection(&self, flow: Flow) {
        self.by_id.remove(&flow.id);
        self.connections_by_remote
            .remove_if(&(flow.transport, flow.remote), |_, newest| {
                newest.id == flow.id
            });
        self.opened_by_peer.retain(|_, opened| opened.id != flow.id);
    }

    /// The queue of the task that owns a flow.
    pub(crate) fn commands(&self, id: u64) -> Option<mpsc::Sender<Command>> {
        self.by_id.get(&id).map(|commands| commands.clone())
    }

    /// A place in the queue of those who want to connect to this peer.
    pub(crate) fn turn_to_connect(&self, peer: &Peer) -> Turn<'_> {
        let lock = Arc::clone(&self.turns_by_peer.entry(peer.clone()).or_default());
        Turn {
            flows: self,
            peer: peer.clone(),
            lock,
        }
    }

    /// An open connection to this peer: one that we have opened, and for TCP, which proves nothing, also one that the
    /// peer has.
    pub(crate) fn connection_to(&self, peer: &Peer) -> Option<Flow> {
        match peer {
            Peer::Tcp(remote) => self
                .connections_by_remote
                .get(&(Protocol::Tcp, *remote))
                .map(|flow| *flow),
            Peer::Tls { .. } => {
                let flow = self.opened_by_peer.get(peer).map(|flow| *flow)?;
                self.by_id.contains_key(&flow.id).then_some(flow)
            }
        }
    }
}

impl Turn<'_> {
    /// Waits until nobody before us is connecting.
    pub(crate) async fn taken(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().await
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // The map and this turn hold the lock: nobody else waits.
        self.flows
            .turns_by_peer
            .remove_if(&self.peer, |_, lock| Arc::strong_count(lock) <= 2);
    }
}

#[cfg(test)]
mod tests {
    use sip::{Flow, Protocol};
    use tokio::sync::mpsc;

    use super::{Flows, Peer};

    fn flow() -> Flow {
        Flow {
            transport: Protocol::Tcp,
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: "127.0.0.1:40000".parse().unwrap(),
            id: Flows::next_id(),
        }
    }

    #[test]
    fn a_removed_connection_is_found_no_more() {
        let flows = Flows::default();
        let flow = flow();
        flows.add_connection(flow, mpsc::channel(1).0);
        assert_eq!(flows.connection_to(&Peer::Tcp(flow.remote)), Some(flow));
        flows.remove_connection(flow);
        assert!(flows.commands(flow.id).is_none());
        assert_eq!(flows.connection_to(&Peer::Tcp(flow.remote)), None);
    }

    #[test]
    fn an_older_connection_to_the_same_address_goes_without_the_newer() {
        let flows = Flows::default();
        let (older, newer) = (flow(), flow());
        flows.add_connection(older, mpsc::channel(1).0);
        flows.add_connection(newer, mpsc::channel(1).0);
        flows.remove_connection(older);
        assert_eq!(flows.connection_to(&Peer::Tcp(newer.remote)), Some(newer));
    }

    #[tokio::test]
    async fn nothing_is_kept_when_nobody_waits_to_connect() {
        let flows = Flows::default();
        let first = flows.turn_to_connect(&Peer::Tcp(flow().remote));
        let second = flows.turn_to_connect(&Peer::Tcp(flow().remote));
        drop(first.taken().await);
        drop(first);
        drop(second.taken().await);
        assert_eq!(flows.turns_by_peer.len(), 1);
        drop(second);
        assert_eq!(flows.turns_by_peer.len(), 0);
    }
}
