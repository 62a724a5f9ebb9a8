//! What the gateway asks of the journal of past conversations: a shopper's own, to show or to take out.
//! Must not know where they are kept.

use helpdesk::{Record, TicketId};
use thiserror::Error;
use tokio::sync::oneshot;

/// Tickets, each with everything recorded of it in order.
pub type Past = Vec<(TicketId, Vec<Record>)>;

/// One thing to do with conversations of the past. The gateway has proven whose they are.
#[derive(Debug)]
pub enum Errand {
    /// Everything recorded of these tickets, in order; nothing of one that is unknown.
    Show {
        /// Which.
        tickets: Vec<TicketId>,
        /// Each ticket with its records.
        answer: oneshot::Sender<Result<Past, ErrandFailed>>,
    },
    /// Take these tickets out for good.
    Erase {
        /// Which; all have ended.
        tickets: Vec<TicketId>,
        /// How many there were.
        answer: oneshot::Sender<Result<u64, ErrandFailed>>,
    },
}

/// The journal could not do it; why is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the journal cannot be read or written just now")]
pub struct ErrandFailed;
