//! What supervisors ask of the helpdesk's owner. Must not know how it is shown.

use helpdesk::{Case, Decision, EstimateScores, RepReport, TicketId, TicketReport, WaitEnded};
use tokio::sync::oneshot;

/// A look at the desk, answered at once: it may be a moment ahead of the journal.
#[derive(Debug)]
pub enum Report {
    /// Every rep, in order of identity.
    Reps(oneshot::Sender<Vec<RepReport>>),
    /// Every ticket that is not ended: those that wait first, in their order.
    Queue(oneshot::Sender<Vec<TicketReport>>),
    /// Every case that is open, and those closed within the last half hour, in order of identity.
    Cases(oneshot::Sender<Vec<Case>>),
    /// The decisions about a ticket, oldest first; none of one that is unknown or long forgotten.
    Decisions {
        /// Which.
        ticket: TicketId,
        /// The decisions.
        answer: oneshot::Sender<Vec<Decision>>,
    },
    /// The waits that ended after the one of a number, oldest first.
    WaitsEnded {
        /// The number.
        after: u64,
        /// The waits.
        answer: oneshot::Sender<Vec<WaitEnded>>,
    },
    /// How good the promised waits were so far.
    Estimates(oneshot::Sender<EstimateScores>),
}
