//! What the journal keeps: tickets' stories, and what outlives them. Replaying the records restores the desk.
//! Must not know how a record is written down.

use std::sync::Arc;

use crate::ask::Ask;
use crate::callback::{PhoneNumber, PlannedBy};
use crate::case::Case;
use crate::conversation::Line;
use crate::decision::Decision;
use crate::estimate::quote::Form;
use crate::ids::{RepId, SkillId, TicketId, TierId};
use crate::knowledge::PauseEnd;
use crate::lesson::Lesson;
use crate::scores::EstimateScore;
use crate::snapshot::Wait;
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
    /// With its call the site has used up what it may call or spend: somebody has to know.
    Tripped {
        /// Which limit it is.
        why: Arc<str>,
    },
}

/// One fact to be kept. Those that name a ticket are its story, and go when it goes; of the others each says
/// what of it is worth keeping. Times are milliseconds since the Unix epoch.
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
    /// A rep wrote down what whoever helps this shopper next should know. The newest word of a rep is the one to keep; an
    /// empty one takes it back.
    Noted {
        /// The ticket.
        ticket: TicketId,
        /// The rep.
        rep: RepId,
        /// The rep's words.
        text: Arc<str>,
        /// When.
        at_unix_ms: i64,
    },
    /// The shopper was told how long it will take: at first, and again whenever it takes longer than that.
    Promised {
        /// The ticket.
        ticket: TicketId,
        /// What was told, and how the desk stood.
        promise: GivenPromise,
        /// When.
        at_unix_ms: i64,
    },
    /// It was decided whom a ticket goes to, or that it waits: a bounded history of each ticket.
    Decided(Arc<Decision>),
    /// A case as it stands from here on. The newest word about a case is the one to keep.
    Case(Box<Case>),
    /// A rep has begun or ended a pause. The newest word about a rep is the one to keep.
    Paused {
        /// The rep.
        rep: RepId,
        /// Until when; `None` is no pause.
        pause: Option<PauseEnd>,
        /// Since when.
        at_unix_ms: i64,
    },
    /// Something was learnt. The newest [`LESSONS_KEPT`](crate::lesson::LESSONS_KEPT) are worth keeping, to be
    /// replayed oldest first.
    Learnt(Lesson),
    /// How good the promises of a skill and tier were so far. The newest word about these is the one to keep.
    Scored {
        /// The skill.
        skill: SkillId,
        /// The tier.
        tier: TierId,
        /// The score.
        score: EstimateScore,
        /// When.
        at_unix_ms: i64,
    },
}

/// A wait as it was told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GivenPromise {
    /// The wait.
    pub wait: Wait,
    /// The place in the queue, from 1.
    pub position: u32,
    /// Conversations that the reps at work who might take it could hold.
    pub servers: u32,
    /// How the wait was forecast.
    pub form: Form,
}

impl Record {
    /// The ticket whose story it belongs to; `None` of what outlives tickets.
    pub fn ticket(&self) -> Option<&TicketId> {
        match self {
            Self::Opened { ask, .. } => Some(&ask.ticket),
            Self::Line { ticket, .. }
            | Self::Offered { ticket, .. }
            | Self::OfferEnded { ticket, .. }
            | Self::Accepted { ticket, .. }
            | Self::Transferred { ticket, .. }
            | Self::Callback { ticket, .. }
            | Self::Closed { ticket, .. }
            | Self::Rated { ticket, .. }
            | Self::Noted { ticket, .. }
            | Self::Promised { ticket, .. } => Some(ticket),
            Self::Decided(decision) => Some(&decision.ticket),
            Self::Case(_) | Self::Paused { .. } | Self::Learnt(_) | Self::Scored { .. } => None,
        }
    }
}
