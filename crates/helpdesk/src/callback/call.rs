//! One call as the helpdesk orders it, hears of it and remembers it. Must not know how calls are made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::number::PhoneNumber;
use crate::ids::{CallId, RepId, SiteId, TicketId};

/// A call to be made: the rep's phone first, then the shopper's number, which is dialled at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOrder {
    /// Names it for its news.
    pub call: CallId,
    /// The ticket it is for.
    pub ticket: TicketId,
    /// The site it was asked at.
    pub site: SiteId,
    /// Whose phone rings first.
    pub rep: RepId,
    /// Whose rings then.
    pub number: PhoneNumber,
    /// What the rep's phone shows: who is called, and why.
    pub display: Arc<str>,
    /// How long they may talk.
    pub longest: Duration,
    /// When it was ordered, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
}

/// What becomes of a call. [`CallNews::Ended`] is the last, and comes exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallNews {
    /// The rep's phone rings.
    RepRings,
    /// The rep has taken the call. The number is dialled next, and counts as dialled from here on.
    RepAnswered,
    /// The shopper's phone rings.
    ShopperRings,
    /// The shopper has taken the call: they talk.
    ShopperAnswered,
    /// It is over.
    Ended(CallEnd),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEnd {
    /// The rep's phone led to nothing; the number was not dialled.
    Rep(NotReached),
    /// The rep hung up before the shopper answered.
    RepLeft,
    /// The shopper's phone led to nothing.
    Shopper(NotReached),
    /// They have talked.
    Over {
        /// For how long.
        talked: Duration,
        /// Who ended it.
        by: EndedBy,
    },
    /// We ended it before they talked.
    Cancelled,
    /// The two phones found no way to speak with each other.
    NoCommonMedia,
    /// The server was restarted meanwhile; nobody knows how far it came.
    Unknown,
    /// It was not begun.
    NotBegun(Arc<str>),
}

/// Why a phone led to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReached {
    /// Busy.
    Busy,
    /// Nobody took it.
    NoAnswer,
    /// Somebody declined.
    Declined,
    /// There is no phone, or no way to it; with the reason for people.
    Unreachable(Arc<str>),
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The rep.
    Rep,
    /// The shopper.
    Shopper,
    /// Deskbell: it lasted as long as a call may, a phone was lost, or somebody asked for its end.
    Desk,
}

/// A call that was ordered before a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCall {
    /// Its name.
    pub call: CallId,
    /// The ticket it was for, unless that was forgotten.
    pub ticket: Option<TicketId>,
    /// The site it was asked at.
    pub site: SiteId,
    /// The number, unless that was forgotten.
    pub number: Option<PhoneNumber>,
    /// When it was ordered, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
    /// What came of it.
    pub fate: Fate,
}

/// What came of a call before a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It ended before the number was dialled.
    NotDialled,
    /// The number was dialled, and nobody talked.
    Failed,
    /// They talked for so long.
    Talked(Duration),
    /// Nobody knows: the number may have been dialled.
    Unknown,
}

impl CallEnd {
    /// What is to be remembered, where `dialled` tells whether the number had been dialled.
    pub fn fate(&self, dialled: Dialled) -> Fate {
        match (self, dialled) {
            (Self::Over { talked, .. }, _) => Fate::Talked(*talked),
            (Self::Unknown, _) => Fate::Unknown,
            (
                Self::Rep(_)
                | Self::RepLeft
                | Self::Shopper(_)
                | Self::Cancelled
                | Self::NoCommonMedia
                | Self::NotBegun(_),
                Dialled::Yes,
            ) => Fate::Failed,
            (
                Self::Rep(_)
                | Self::RepLeft
                | Self::Shopper(_)
                | Self::Cancelled
                | Self::NoCommonMedia
                | Self::NotBegun(_),
                Dialled::No,
            ) => Fate::NotDialled,
        }
    }
}

impl NotReached {
    /// What the shopper is told. How calls are made, and by which trunk, is for those who run the desk.
    pub(crate) fn for_shopper(&self) -> &'static str {
        match self {
            Self::Busy => "Your phone is busy.",
            Self::NoAnswer => "Your phone was not answered.",
            Self::Declined => "Your phone declined the call.",
            Self::Unreachable(_) => "You could not be called just now.",
        }
    }
}

/// Whether a call's number was dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialled {
    /// It was, or may have been.
    Yes,
    /// It was not.
    No,
}

impl fmt::Display for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("is busy"),
            Self::NoAnswer => f.write_str("was not answered"),
            Self::Declined => f.write_str("was declined"),
            Self::Unreachable(why) => write!(f, "could not be reached: {why}"),
        }
    }
}
