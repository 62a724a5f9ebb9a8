//! Who published over which connection, so that a connection's end is known to be theirs.
//! Must not know what they published.

use std::collections::HashSet;

use dashmap::DashMap;
use presence::PresentityId;
use sip::{Flow, Protocol};

/// Presentities by the connection over which they published; each as long as its connection is open, and at most as
/// many as there are reps for each.
#[derive(Debug, Default)]
pub(crate) struct Publishers {
    presentities_by_flow: DashMap<Flow, HashSet<PresentityId>>,
}

impl Publishers {
    /// Remembers that `presentity` published over `flow`. A datagram comes over nothing that could end.
    pub(super) fn handle_publish(&self, flow: Flow, presentity: &PresentityId) {
        match flow.transport {
            Protocol::Udp => return,
            Protocol::Tcp | Protocol::Tls | Protocol::Ws | Protocol::Wss => {}
        }
        let mut presentities = self.presentities_by_flow.entry(flow).or_default();
        if !presentities.contains(presentity) {
            presentities.insert(presentity.clone());
        }
    }

    /// Those who published over a connection that is gone.
    pub(super) fn handle_flow_closed(&self, flow: Flow) -> HashSet<PresentityId> {
        let removed = self.presentities_by_flow.remove(&flow);
        removed
            .map(|(_, presentities)| presentities)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(transport: Protocol, id: u64) -> Flow {
        Flow {
            transport,
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: "127.0.0.1:40000".parse().unwrap(),
            id,
        }
    }

    #[test]
    fn a_connection_that_ends_names_its_publishers_once() {
        let publishers = Publishers::default();
        let (alice, bob) = (PresentityId::new("alice"), PresentityId::new("bob"));
        for (id, who) in [(1, &alice), (1, &bob), (1, &alice), (2, &bob)] {
            publishers.handle_publish(flow(Protocol::Tcp, id), who);
        }
        publishers.handle_publish(flow(Protocol::Udp, 3), &alice);
        let ended = |transport, id| publishers.handle_flow_closed(flow(transport, id));
        assert_eq!(ended(Protocol::Tcp, 1), [alice, bob.clone()].into());
        assert_eq!(ended(Protocol::Tcp, 1), [].into());
        assert_eq!(ended(Protocol::Tcp, 2), [bob].into());
        assert_eq!(ended(Protocol::Udp, 3), [].into());
    }
}
