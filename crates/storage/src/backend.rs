//! What a database must be able to do for the journal's writer; SQLite and PostgreSQL each do it in their own way.
//! Must not know who asks.

use helpdesk::TicketId;

use crate::aside::Aside;
use crate::error::CommitError;
use crate::health::Health;
use crate::intent::IntentChange;
use crate::outbox::OutboxChange;
use crate::row::Row;
use crate::seal::Keyring;
use crate::soft::SoftChange;

/// What one caller wants committed, all or none.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    pub(crate) asides: Vec<Aside>,
    pub(crate) soft: Vec<SoftChange>,
    pub(crate) intents: Vec<IntentChange>,
    pub(crate) outbox: Vec<OutboxChange>,
}

/// Which tickets are taken out of the journal for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Removal {
    /// These.
    Tickets(Vec<TicketId>),
    /// The longest-ended of a site, `at_most` so many.
    Ended {
        site: String,
        before_unix_ms: i64,
        at_most: u32,
    },
    /// Soft state that has lapsed, `at_most` so much.
    LapsedState { at_most: u32 },
    /// Intents that have ended before, `at_most` so many.
    EndedIntents { at_most: u32 },
}

/// What is sealed anew.
#[derive(Debug, Clone)]
pub(crate) struct Resealing {
    pub(crate) keyring: Keyring,
    /// Tickets with records that are not sealed by the newest key.
    pub(crate) tickets: Vec<String>,
    /// Rows of every kind that belongs to no ticket's story.
    pub(crate) at_most: u32,
}

/// Why a transaction did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may succeed later, and nothing of it is kept until then.
    Passing(Health),
    /// What is on disk is unknown.
    Lasting(String),
}

/// A database, as its one writer uses it.
pub(crate) trait Backend {
    /// Commits the group in one transaction that is on disk when this returns. A batch at fault is refused for
    /// itself. Called again with the same group after a passing failure, it commits it once.
    fn commit(&mut self, group: &[Batch]) -> Result<Vec<Result<(), CommitError>>, Failure>;

    /// Takes tickets or lapsed state out; says how many.
    fn remove(&mut self, removal: &Removal, now_unix_ms: i64) -> Result<u64, Failure>;

    /// Seals the records of these tickets anew, and what else is not sealed by the newest key; says how much it was.
    fn reseal(&mut self, resealing: &Resealing) -> Result<u64, Failure>;

    /// Lets go of the database.
    fn finish(self);

    /// Lets go of a database that failed, without touching it again.
    fn abandon(self);
}
