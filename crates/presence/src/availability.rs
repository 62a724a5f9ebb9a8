//! The one word a presentity's state comes down to. Must not know how it was found.

use std::fmt;

/// The composed state of a rep, from the most to the least helpful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Availability {
    /// On duty and free.
    Available,
    /// On duty and occupied: on the phone, in a meeting.
    Busy,
    /// On duty but not at the desk.
    Away,
    /// Off duty, or nothing is known.
    Offline,
}

impl Availability {
    /// The word in lower case, as logs and pages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Busy => "busy",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
