//! The open paths and the queues of the tasks that own them. Must not know what travels on them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use dashmap::DashMap;
use sip::transaction::{RequestToken, ServerTransactionId};
use sip::{Flow, Protocol, RequestDraft, Response};
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

use crate::invitation::InviteEvent;
use crate::sender::RequestError;

/// What the owner of a socket or connection can be asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send a request and tell what becomes of it.
    Request {
        flow: Flow,
        draft: Box<RequestDraft>,
        reply: oneshot::Sender<Result<Response, RequestError>>,
    },
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
    /// Whose turn it is to connect to an address, so that one connection is opened and not many.
    turns_by_remote: DashMap<SocketAddr, Arc<Mutex<()>>>,
}

/// A place in the queue of those who want to connect to one address.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    flows: &'a Flows,
    remote: SocketAddr,
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

    pub(crate) fn remove_socket(&self, id: u64) {
        self.by_id.remove(&id);
    }

    pub(crate) fn remove_connection(&self, flow: Flow) {
        self.by_id.remove(&flow.id);
        self.connections_by_remote
            .remove_if(&(flow.transport, flow.remote), |_, newest| {
                newest.id == flow.id
            });
    }

    /// The queue of the task that owns a flow.
    pub(crate) fn commands(&self, id: u64) -> Option<mpsc::Sender<Command>> {
        self.by_id.get(&id).map(|commands| commands.clone())
    }

    /// A place in the queue of those who want to connect to this address.
    pub(crate) fn turn_to_connect(&self, remote: SocketAddr) -> Turn<'_> {
        let lock = Arc::clone(&self.turns_by_remote.entry(remote).or_default());
        Turn {
            flows: self,
            remote,
            lock,
        }
    }

    /// An open TCP connection to this address.
    pub(crate) fn connection_to(&self, remote: SocketAddr) -> Option<Flow> {
        self.connections_by_remote
            .get(&(Protocol::Tcp, remote))
            .map(|flow| *flow)
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
            .turns_by_remote
            .remove_if(&self.remote, |_, lock| Arc::strong_count(lock) <= 2);
    }
}

#[cfg(test)]
mod tests {
    use sip::{Flow, Protocol};
    use tokio::sync::mpsc;

    use super::Flows;

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
        assert_eq!(flows.connection_to(flow.remote), Some(flow));
        flows.remove_connection(flow);
        assert!(flows.commands(flow.id).is_none());
        assert_eq!(flows.connection_to(flow.remote), None);
    }

    #[test]
    fn an_older_connection_to_the_same_address_goes_without_the_newer() {
        let flows = Flows::default();
        let (older, newer) = (flow(), flow());
        flows.add_connection(older, mpsc::channel(1).0);
        flows.add_connection(newer, mpsc::channel(1).0);
        flows.remove_connection(older);
        assert_eq!(flows.connection_to(newer.remote), Some(newer));
    }

    #[tokio::test]
    async fn nothing_is_kept_when_nobody_waits_to_connect() {
        let flows = Flows::default();
        let first = flows.turn_to_connect(flow().remote);
        let second = flows.turn_to_connect(flow().remote);
        drop(first.taken().await);
        drop(first);
        drop(second.taken().await);
        assert_eq!(flows.turns_by_remote.len(), 1);
        drop(second);
        assert_eq!(flows.turns_by_remote.len(), 0);
    }
}
