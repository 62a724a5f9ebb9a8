//! Messages to reps whose outcome is not known yet.
//! Must not know what an outcome leads to.

use std::collections::BTreeMap;

use crate::clock::Moment;
use crate::ids::{DeliveryId, RepId, Seq, TicketId};

/// Messages remembered; beyond, the oldest is taken for delivered.
const LIMIT: usize = 10_000;

/// Messages under way, by the name their outcome comes back with.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    under_way: BTreeMap<DeliveryId, Sent>,
    /// Those to shoppers' own messengers.
    letters: BTreeMap<DeliveryId, TicketId>,
    last: u64,
}

/// One message under way.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) rep: RepId,
    pub(crate) ticket: TicketId,
    pub(crate) at: Moment,
    /// The last line of the shopper that it brings, where it brings any.
    pub(crate) brings: Option<Seq>,
}

impl Deliveries {
    pub(crate) fn begin(&mut self, sent: Sent) -> DeliveryId {
        self.last += 1;
        let id = DeliveryId(self.last);
        self.under_way.insert(id, sent);
        if self.under_way.len() > LIMIT {
            self.under_way.pop_first();
        }
        id
    }

    /// The same of a message to a shopper's own messenger.
    pub(crate) fn begin_letter(&mut self, ticket: TicketId) -> DeliveryId {
        self.last += 1;
        let id = DeliveryId(self.last);
        self.letters.insert(id, ticket);
        if self.letters.len() > LIMIT {
            self.letters.pop_first();
        }
        id
    }

    /// The message to a messenger is no longer under way; `None` when it was not.
    pub(crate) fn end_letter(&mut self, id: DeliveryId) -> Option<TicketId> {
        self.letters.remove(&id)
    }

    /// The message is no longer under way; `None` when it was not.
    pub(crate) fn end(&mut self, id: DeliveryId) -> Option<Sent> {
        self.under_way.remove(&id)
    }
}
