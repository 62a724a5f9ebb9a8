//! A ticket as its shopper may see it. Must not know the queue's order or other shoppers.

use std::sync::Arc;

use crate::callback::CallbackView;
use crate::ids::{RepId, Seq, TicketId};
use crate::snapshot::Wait;

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TicketState {
    /// Waiting for a rep.
    Queued,
    /// Put to a rep who has not answered yet.
    Offered,
    /// In conversation.
    Open,
    /// Turned into a telephone call.
    Callback,
    /// Ended.
    Closed,
    /// The shopper left before anybody answered.
    Abandoned,
}

impl TicketState {
    /// Whether nothing more can happen to the ticket but a rating.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Closed | Self::Abandoned)
    }
}

/// What a ticket's shopper is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketView {
    /// The ticket.
    pub id: TicketId,
    /// Where it stands.
    pub state: TicketState,
    /// Place in the queue, from 1, while queued.
    pub position: Option<u32>,
    /// The promised wait, while queued and known.
    pub wait: Option<Wait>,
    /// Name of the rep, while offered (if named by the site's rule) or open.
    pub rep: Option<Arc<str>>,
    /// Why the wait is longer than was promised; told once, with the wait that has grown.
    pub why: Option<Arc<str>>,
    /// The call that the shopper is to have, or has.
    pub callback: Option<CallbackView>,
    /// The shopper's lines up to this one are on the phone of the rep asked or speaking, since the last start.
    pub delivered: Option<Seq>,
    /// Who answered last. For the edge, which may bring the shopper back to the same rep.
    pub answered_by: Option<RepId>,
}

/// Why a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The shopper ended it.
    Shopper,
    /// The rep ended it.
    Rep,
    /// The shopper left before anybody answered.
    Abandoned,
    /// The shopper was helped by telephone.
    Called,
    /// The shopper could not be reached by telephone.
    Unreached,
}
