//! What can go wrong with the journal, told by what the caller can do about it.
//! Must not know which statement failed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use helpdesk::TicketId;
use thiserror::Error;

/// Why a journal could not be opened. Each text is one sentence that says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The address has no form we know.
    #[error("{url:?} is no storage address; write sqlite:PATH or postgres://USER@HOST/DATABASE")]
    BadUrl {
        /// The address as given, without what may hold a password.
        url: String,
    },
    /// The file system refused.
    #[error("cannot open {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other users of the machine could read the shoppers' words.
    #[error("{} can be read or written by other users; run chmod 600 on it", path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
    },
    /// Another process owns the journal.
    #[error("{} is in use by another deskbell; stop that one or choose another storage", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a deskbell database; choose another storage or move the file away", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error(
        "{} has schema {found} and this program knows schemas up to {known}; run the newer deskbell that wrote it",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The schema in the file.
        found: i64,
        /// The newest schema of this program.
        known: i64,
    },
    /// An older program wrote it, and only a server brings it up to date.
    #[error(
        "{} has schema {found} and this program reads schema {known}; start the server once to bring it up to date",
        path.display()
    )]
    OlderSchema {
        /// The file.
        path: PathBuf,
        /// The schema in the file.
        found: i64,
        /// The schema of this program.
        known: i64,
    },
    /// The file system cannot keep a write-ahead log.
    #[error("{} is on a file system that cannot keep its log; choose a local disk", path.display())]
    NoLog {
        /// The file.
        path: PathBuf,
    },
    /// The database refused for any other reason.
    #[error("cannot open {}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// PostgreSQL refused or does not answer.
    #[error("cannot open the PostgreSQL database: {0}")]
    Postgres(#[from] PostgresError),
    /// The system gave no thread for the writer.
    #[error("cannot start the journal's writer: {0}")]
    Writer(#[source] io::Error),
}

/// Why a PostgreSQL database cannot be used. Each text fits "cannot open the PostgreSQL database: {text}".
#[derive(Debug, Error)]
pub enum PostgresError {
    /// It does not answer, or not in time.
    #[error("{0}")]
    Unreachable(String),
    /// Another deskbell owns the journal.
    #[error("it is in use by another deskbell; stop that one or choose another database")]
    InUse,
    /// It may lose what it has acknowledged.
    #[error("its setting fsync is off, so that it may lose what it acknowledges; turn it on")]
    Fsync,
    /// It holds tables of the same names that are not ours.
    #[error("it holds tables of another program; create a database for deskbell")]
    NotOurs,
    /// A newer program wrote it.
    #[error(
        "it has schema {found} and this program knows schemas up to {known}; run the newer deskbell that wrote it"
    )]
    NewerSchema {
        /// The schema in the database.
        found: i64,
        /// The newest schema of this program.
        known: i64,
    },
    /// An older program wrote it, and only a server brings it up to date.
    #[error(
        "it has schema {found} and this program reads schema {known}; start the server once to bring it up to date"
    )]
    OlderSchema {
        /// The schema in the database.
        found: i64,
        /// The schema of this program.
        known: i64,
    },
    /// A connection over a network must be secured.
    #[error("{0}")]
    Tls(String),
}

/// Why records were not committed. Nothing of the batch is in the journal then, except after
/// [`CommitError::Poisoned`] and [`CommitError::Unavailable`], when it may or may not be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommitError {
    /// The journal was closed while it could not take records.
    #[error("the journal was closed while it could not be written: {0}")]
    Unavailable(Arc<str>),
    /// A record belongs to a ticket that was never opened, or was erased: a bug of the caller.
    #[error("there is no ticket {0} in the journal")]
    UnknownTicket(TicketId),
    /// A different line has this place or this identity, or a different ticket has this id: a bug of the caller.
    #[error("ticket {0} has a different record in this place")]
    Conflict(TicketId),
    /// An intent does not stand where it should: somebody else has taken that step, or it was never begun. Whoever
    /// wanted an effect must not have it.
    #[error("intent {id} {}", whereabouts(.step.as_deref()))]
    IntentMoved {
        /// Which.
        id: Arc<str>,
        /// Where it stands; `None` where there is none.
        step: Option<Arc<str>>,
    },
    /// Writing failed and what is on disk is unknown. Every later commit fails; the process must
    /// stop and recover from the disk.
    #[error("the journal failed and must be reopened: {0}")]
    Poisoned(Arc<str>),
    /// A record cannot be written down: a bug of this crate.
    #[error("a record cannot be written down: {0}")]
    Unwritable(Arc<str>),
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

fn whereabouts(step: Option<&str>) -> String {
    match step {
        Some(step) => format!("is at step {step}"),
        None => "is not known".to_owned(),
    }
}

/// Why records could not be read.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A record this program cannot read.
    #[error("record {position} ({kind}, version {version}) cannot be read: {why}")]
    Unreadable {
        /// Its place in the journal.
        position: i64,
        /// Its kind as written.
        kind: String,
        /// Its version as written.
        version: u32,
        /// What is wrong with it.
        why: String,
    },
    /// A row is not what was written.
    #[error("{0} is not what was written; restore a backup")]
    Damaged(String),
    /// A row cannot be opened with the keys given.
    #[error("{name} cannot be opened: {why}")]
    Sealed {
        /// Which row.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// SQLite refused.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// PostgreSQL refused or does not answer.
    #[error("the database failed: {0}")]
    Postgres(String),
    /// The runtime is stopping.
    #[error("the program is stopping")]
    Stopping,
}
