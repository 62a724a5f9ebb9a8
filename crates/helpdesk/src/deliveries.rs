//! Messages to reps whose outcome is not known yet.
//! Must not know what an outcome leads to.

use crate::clock::Moment;
use crate::ids::{DeliveryId, RepId, Seq, TicketId};
use crate::shelf::Shelf;

/// Messages remembered; beyond, the oldest is taken for delivered.
const LIMIT: usize = 10_000;

/// Messages under way, by the name their outcome comes back with.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    under_way: Shelf<Sent>,
    /// Those to shoppers' own messengers.
    letters: Shelf<TicketId>,
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
        self.under_way.put(id.0, sent);
        if self.under_way.len() > LIMIT {
            self.under_way.pop_first();
        }
        id
    }

    /// The same of a message to a shopper's own messenger.
    pub(crate) fn begin_letter(&mut self, ticket: TicketId) -> DeliveryId {
        self.last += 1;
        let id = DeliveryId(self.last);
        self.letters.put(id.0, ticket);
        if self.letters.len() > LIMIT {
            self.letters.pop_first();
        }
        id
    }

    /// The message to a messenger is no longer under way; `None` when it was not.
    pub(crate) fn end_letter(&mut self, id: DeliveryId) -> Option<TicketId> {
        self.letters.remove(id.0)
    }

    /// The message is no longer under way; `None` when it was not.
    pub(crate) fn end(&mut self, id: DeliveryId) -> Option<Sent> {
        self.under_way.remove(id.0)
    }
}
