//! What the gateway asks of the journal of past conversations: a shopper's own, to show or to take out, and for the
//! site's own programs all of them in pages. Must not know where they are kept.

use helpdesk::{Case, CaseId, Record, TicketId};
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
    /// Tickets opened at a moment (milliseconds since the Unix epoch) or later, the oldest first.
    List {
        /// The moment.
        since_unix_ms: i64,
        /// The last one of the page before: when it was opened, and which it was.
        after: Option<(i64, TicketId)>,
        /// So many.
        at_most: u32,
        /// The page.
        answer: oneshot::Sender<Result<Vec<PastTicket>, ErrandFailed>>,
    },
    /// All that is kept of a customer.
    Customer {
        /// Whom.
        customer: Customer,
        /// Their tickets and cases.
        answer: oneshot::Sender<Result<CustomerPast, ErrandFailed>>,
    },
    /// Take all that is kept of a customer out for good.
    Forget {
        /// Whom.
        customer: Customer,
        /// What became of it.
        answer: oneshot::Sender<Result<Forgetting, ErrandFailed>>,
    },
}

/// A customer, by whatever is known: who fits any of it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Customer {
    /// A telephone number, however it is written.
    pub phone: Option<String>,
    /// A name, in small letters or capitals.
    pub name: Option<String>,
    /// Tickets known to be theirs.
    pub tickets: Vec<TicketId>,
}

/// All that is kept of a customer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CustomerPast {
    /// Their tickets.
    pub tickets: Past,
    /// Their cases.
    pub cases: Vec<Case>,
}

/// What became of the wish to forget a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgetting {
    /// Nothing of them is kept any more.
    Done {
        /// How many there were.
        tickets: u64,
        /// How many there were.
        cases: u64,
    },
    /// Nothing was taken out, because these have not ended.
    StillOpen {
        /// Conversations under way.
        tickets: Vec<TicketId>,
        /// Cases nobody has closed.
        cases: Vec<CaseId>,
    },
}

/// A ticket of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct PastTicket {
    /// Which.
    pub ticket: TicketId,
    /// In milliseconds since the Unix epoch.
    pub opened_at_unix_ms: i64,
    /// When it ended, if it has.
    pub ended_at_unix_ms: Option<i64>,
    /// In order.
    pub records: Vec<Record>,
}

/// The journal could not do it; why is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the journal cannot be read or written just now")]
pub struct ErrandFailed;
