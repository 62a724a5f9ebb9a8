//! What the journal keeps of a ticket's story; replaying the records restores the tickets.
//! Must not know how a record is written down.

use std::sync::Arc;

use crate::ask::Ask;
use crate::callback::{PhoneNumber, PlannedBy};
use crate::conversation::Line;
use crate::ids::{RepId, SkillId, TicketId};
use crate::ticket::CloseReason;

/// What is kept of a wish to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallbackFact {
    /// Somebody wants the shopper to be called.
    Wanted {
        /// Where.
        number: PhoneNumber,
        /// Who.
        by: PlannedBy,
    },
    /// Nobody does any more.
    Withdrawn,
}

/// One fact of a ticket's story. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A ticket came to be.
    Opened {
        /// What was asked.
        ask: Box<Ask>,
        /// When.
        at_unix_ms: i64,
    },
    /// A line was said.
    Line {
        /// In which conversation.
        ticket: TicketId,
        /// The line.
        line: Line,
    },
    /// The ticket was put to a rep.
    Offered {
        /// The ticket.
        ticket: TicketId,
        /// The rep.
        rep: RepId,
        /// When.
        at_unix_ms: i64,
    },
    /// The rep did not take it; the ticket waits again with its age.
    OfferEnded {
        /// The ticket.
        ticket: TicketId,
        /// The rep.
        rep: RepId,
        /// Why, for people.
        why: Arc<str>,
        /// When.
        at_unix_ms: i64,
    },
    /// The rep took it.
    Accepted {
        /// The ticket.
        ticket: TicketId,
        /// The rep.
        rep: RepId,
        /// When.
        at_unix_ms: i64,
    },
    /// The rep handed the conversation on; the ticket waits again with its age and its lines.
    Transferred {
        /// The ticket.
        ticket: TicketId,
        /// Who handed it on.
        from: RepId,
        /// The skills wanted from here on, the first is the one routed by.
        skills: Vec<SkillId>,
        /// The rep it was handed to by name.
        to: Option<RepId>,
        /// When.
        at_unix_ms: i64,
    },
    /// A shopper is to be called, or not any more. Calls themselves are kept as intents.
    Callback {
        /// The ticket.
        ticket: TicketId,
        /// Which of the two.
        fact: CallbackFact,
        /// When.
        at_unix_ms: i64,
    },
    /// The conversation ended.
    Closed {
        /// The ticket.
        ticket: TicketId,
        /// Why.
        reason: CloseReason,
        /// When.
        at_unix_ms: i64,
    },
    /// The shopper rated it.
    Rated {
        /// The ticket.
        ticket: TicketId,
        /// 1 to 5.
        stars: u8,
        /// In the shopper's words.
        comment: Option<String>,
        /// When.
        at_unix_ms: i64,
    },
}
