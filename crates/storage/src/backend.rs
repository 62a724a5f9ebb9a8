//! What a database must be able to do for the journal's writer; SQLite and PostgreSQL each do it in their own way.
//! Must not know who asks.

use helpdesk::TicketId;

use crate::aside::Aside;
use crate::changes::Backlog;
use crate::error::CommitError;
use crate::health::Health;
use crate::intent::IntentChange;
use crate::outbox::OutboxChange;
use crate::row::{Row, StoredRow};
use crate::seal::Keyring;
use crate::soft::SoftChange;
use crate::verify::LooseFrom;

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
    /// The names of tickets that were erased before, `at_most` so many.
    NamesOfErased { at_most: u32 },
}

/// What is sealed anew in one transaction.
#[derive(Debug, Clone)]
pub(crate) struct Resealing {
    pub(crate) keyring: Keyring,
    pub(crate) part: Part,
}

impl Resealing {
    /// A ticket's rows with every body that a key opens sealed by the newest; `None` where none opens.
    pub(crate) fn rows(rows: Vec<StoredRow>, keyring: &Keyring) -> Option<Vec<StoredRow>> {
        let mut any = false;
        let reseal = |row: StoredRow| match row.resealed(keyring) {
            Ok(resealed) => {
                any |= resealed.body != row.body;
                resealed
            }
            Err(_) => row,
        };
        let rows: Vec<StoredRow> = rows.into_iter().map(reseal).collect();
        any.then_some(rows)
    }
}

/// Which part of the journal that is.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// These tickets, which have records that are not sealed by the newest key.
    Tickets(Vec<String>),
    /// So many rows, from here on, of those that belong to no ticket's story.
    Loose { from: LooseFrom, at_most: u32 },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resealed {
    /// Tickets, or rows, of which something is sealed anew. What no key opens stays as it is, and so does what is not
    /// what was written: new digests would hide that.
    pub(crate) count: u64,
    /// Where the next part begins.
    pub(crate) next: Option<LooseFrom>,
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
    /// itself. Called again with the same group after a passing failure, it commits it once; whoever does not call it
    /// again says so by [`give_up`](Self::give_up).
    fn commit(&mut self, group: &[Batch]) -> Result<Vec<Result<(), CommitError>>, Failure>;

    /// What is known of `changes`.
    fn backlog(&self) -> &Backlog;

    /// Brings the first rows of `changes` into `state`; says whether there may be more.
    fn settle(&mut self) -> Result<bool, Failure>;

    /// Takes tickets or lapsed state out; says how many.
    fn remove(&mut self, removal: &Removal, now_unix_ms: i64) -> Result<u64, Failure>;

    /// Seals a part anew by the newest key.
    fn reseal(&mut self, resealing: &Resealing) -> Result<Resealed, Failure>;

    /// What failed last is not tried again, whether it happened or not.
    fn give_up(&mut self);

    /// Lets go of the database.
    fn finish(self);

    /// Lets go of a database that failed, without touching it again.
    fn abandon(self);
}
