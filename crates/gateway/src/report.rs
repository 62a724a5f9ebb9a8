//! What supervisors ask of the helpdesk's owner. Must not know how it is shown.

use helpdesk::{
    Case, Decision, EstimateScores, Outcome, RepId, RepReport, TicketId, TicketReport, WaitEnded,
};
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
    /// Tickets with what was decided of them last, in the order of their first decisions.
    Decided {
        /// Which.
        asked: DecidedAsked,
        /// The tickets.
        answer: oneshot::Sender<Vec<DecidedTicket>>,
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

/// Which tickets, by what was decided of them last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedAsked {
    /// Those of which this was decided.
    pub outcome: Option<OutcomeKind>,
    /// Those offered to this rep.
    pub rep: Option<RepId>,
    /// Those decided of at this moment, in milliseconds since the Unix epoch, or later.
    pub since_unix_ms: i64,
    /// Those that come after this one; from the first on, where it is none of them.
    pub after: Option<TicketId>,
    /// So many.
    pub at_most: usize,
}

/// An outcome without whom it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    /// It was put to a rep.
    Offered,
    /// It waits.
    Waits,
    /// It waits for nobody who is on duty.
    Stranded,
    /// It went one step towards a call.
    Step,
}

/// A ticket with what was decided of it last.
#[derive(Debug, Clone, PartialEq)]
pub struct DecidedTicket {
    /// Decisions about it that are kept.
    pub decisions: usize,
    /// The last of them.
    pub latest: Decision,
}

impl DecidedAsked {
    /// Those among `all`, which holds each ticket's decisions together and in their order.
    pub fn of<'a>(&self, all: impl Iterator<Item = &'a Decision> + Clone) -> Vec<DecidedTicket> {
        let is_known = |after: &&TicketId| all.clone().any(|one| one.ticket == **after);
        let mut behind = self.after.as_ref().filter(is_known);
        let mut found = Vec::new();
        let mut all = all.peekable();
        while let Some(first) = all.next() {
            let (mut latest, mut decisions) = (first, 1);
            while let Some(next) = all.next_if(|next| next.ticket == first.ticket) {
                latest = next;
                decisions += 1;
            }
            if let Some(after) = behind {
                if *after == first.ticket {
                    behind = None;
                }
                continue;
            }
            if self.fits(latest) {
                found.push(DecidedTicket {
                    decisions,
                    latest: latest.clone(),
                });
            }
            if found.len() >= self.at_most {
                break;
            }
        }
        found
    }

    fn fits(&self, decision: &Decision) -> bool {
        let (kind, rep) = match &decision.outcome {
            Outcome::Offered(rep) => (OutcomeKind::Offered, Some(rep)),
            Outcome::Waits => (OutcomeKind::Waits, None),
            Outcome::Stranded => (OutcomeKind::Stranded, None),
            Outcome::Step(_) => (OutcomeKind::Step, None),
        };
        self.outcome.is_none_or(|asked| asked == kind)
            && self.rep.as_ref().is_none_or(|asked| rep == Some(asked))
            && decision.at_unix_ms >= self.since_unix_ms
    }
}
