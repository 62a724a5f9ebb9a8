//! What a ticket knows of being called: whether it is to be, where, how often it was tried, how it can be reached.
//! Must not know reps, nor who else is called.

use std::sync::Arc;
use std::time::Duration;

use super::number::PhoneNumber;
use crate::clock::Moment;
use crate::ids::{CallId, RepId};

/// What a shopper is told of a call to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackView {
    /// Where, masked.
    pub number: Arc<str>,
    /// How far it is.
    pub stage: CallbackStage,
    /// When the next try begins at the earliest, in milliseconds since the Unix epoch.
    pub again_unix_ms: Option<i64>,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallbackStage {
    /// It waits for its turn in the queue.
    Waiting,
    /// A rep's phone rings.
    CallingRep,
    /// The shopper's own phone rings.
    CallingShopper,
    /// They talk.
    Talking,
}

/// Where a shopper's page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// It has not been seen since the ticket came to be.
    NotSeen,
    Here,
    Gone {
        since: Moment,
    },
}

/// Where a shopper's own messenger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Messenger {
    Unused,
    /// It is sent every line.
    InUse,
    /// It did not take a line.
    Failed,
}

/// A ticket that is to be called.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) number: PhoneNumber,
    pub(crate) by: PlannedBy,
    /// Dialled in vain so often.
    pub(crate) tries: u32,
    pub(crate) not_before: Option<Moment>,
    /// The rep who was given the number.
    pub(crate) handed_to: Option<RepId>,
}

/// Who wants a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlannedBy {
    /// The shopper.
    Shopper,
    /// Nobody: the page was out of reach when its turn came.
    Desk,
    /// A rep.
    Rep,
}

/// A call in progress.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Calling {
    pub(crate) call: CallId,
    pub(crate) rep: RepId,
    pub(crate) progress: Progress,
    pub(crate) origin: Origin,
    /// Whoever makes the call says how it ends long before.
    pub(crate) until: Moment,
    /// Its end was asked for.
    pub(crate) is_ending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    RingsRep,
    RingsShopper,
    Talks { since: Moment },
}

/// What the ticket was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Queue,
    Conversation { since: Moment },
}

impl Plan {
    pub(crate) fn new(number: PhoneNumber, by: PlannedBy) -> Self {
        Self {
            number,
            by,
            tries: 0,
            not_before: None,
            handed_to: None,
        }
    }
}

impl Calling {
    /// Whether a rep has the ticket in hand, so that its wait is over.
    pub(crate) fn is_taken_up(&self) -> bool {
        match (self.origin, self.progress) {
            (Origin::Conversation { .. }, _)
            | (Origin::Queue, Progress::RingsShopper | Progress::Talks { .. }) => true,
            (Origin::Queue, Progress::RingsRep) => false,
        }
    }

    /// Since when they talk.
    pub(crate) fn talks_since(&self) -> Option<Moment> {
        match self.progress {
            Progress::Talks { since } => Some(since),
            Progress::RingsRep | Progress::RingsShopper => None,
        }
    }
}

impl Page {
    /// How long it has been out of reach; `None` while it is here.
    pub(crate) fn gone_for(self, asked_at: Moment, now: Moment) -> Option<Duration> {
        match self {
            Self::Here => None,
            Self::NotSeen => Some(now.since(asked_at)),
            Self::Gone { since } => Some(now.since(since)),
        }
    }
}
