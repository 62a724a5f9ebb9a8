//! Whether the journal takes records at this moment. Must not know why beyond what people are told.

use std::fmt;
use std::sync::Arc;

/// What stands between a record and the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Nothing: records are committed.
    Sound,
    /// Nothing, but little room is left on the disk: what has begun goes on, and nothing new should.
    Scarce,
    /// No space is left. What was asked waits, and is committed once there is space again.
    Full,
    /// The database does not answer, or is locked by another program. What was asked waits, and is
    /// committed once it answers.
    Unreachable(Arc<str>),
    /// Writing failed and what is on disk is unknown: the process must stop and recover from the disk.
    Failed(Arc<str>),
}

impl Health {
    /// Whether records are committed.
    pub fn takes_records(&self) -> bool {
        matches!(self, Self::Sound | Self::Scarce)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sound => f.write_str("the journal is sound"),
            Self::Scarce => f.write_str("the disk is nearly full"),
            Self::Full => f.write_str("the disk is full"),
            Self::Unreachable(why) => write!(f, "the database does not answer: {why}"),
            Self::Failed(why) => write!(f, "the journal failed: {why}"),
        }
    }
}
