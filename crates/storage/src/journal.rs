//! The journal's face: open, commit, load, history, close.
//!
//! Facts are rows of one append-only table, in the order of their commitment, each with its ticket, kind,
//! version and a JSON body; `tickets` keeps one row a ticket to choose by. See below for why.

// One table instead of one per kind: a restart needs the facts in one order, a new kind of fact needs no
// migration, and the body's version says how to read it. What retention, erasure and people choose by
// (ticket, site, tier, times, line) are columns; erasing a ticket is one DELETE, which takes its records
// along; the view `story` shows it all to people. JSON bodies carry over to PostgreSQL as they are.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use helpdesk::{Record, TicketId};
use tokio::sync::{mpsc, oneshot};
use tokio::task;

use crate::error::{CommitError, LoadError, OpenError};
use crate::location::Location;
use crate::open::Database;
use crate::reader::Reader;
use crate::row::Row;
use crate::writer::{Counters, Request, Writer};

/// The journal of one deskbell; clones share it.
#[derive(Clone)]
pub struct Journal {
    requests: mpsc::Sender<Request>,
    reader: Reader,
    counters: Arc<Counters>,
}

/// What a journal has committed since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Transactions, each with one sync of the disk.
    pub transactions: u64,
    /// Calls of [`Journal::commit`] that succeeded.
    pub batches: u64,
    /// Records kept by them, repetitions included.
    pub records: u64,
}

/// Batches that may wait for the writer; [`Journal::commit`] waits for a place beyond them.
const QUEUE_LIMIT: usize = 1024;

impl Journal {
    /// Opens `sqlite:PATH`, creating it if absent, or `sqlite::memory:`, which ends with the journal.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let location = Location::read(url)?;
        let opening = task::spawn_blocking(move || Database::open(&location));
        let database = opening
            .await
            .map_err(|error| OpenError::Writer(std::io::Error::other(error)))??;
        Self::start(database)
    }

    fn start(database: Database) -> Result<Self, OpenError> {
        let Database {
            writer,
            reader,
            lock,
        } = database;
        let counters = Arc::new(Counters::default());
        let (requests, waiting) = mpsc::channel(QUEUE_LIMIT);
        let writer = Writer::new(writer, lock, Arc::clone(&counters));
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(waiting))
            .map_err(OpenError::Writer)?;
        Ok(Self {
            requests,
            reader: Reader::new(reader),
            counters,
        })
    }

    /// Keeps the records, all or none, and returns once they are on disk. Batches that wait at the same time
    /// share one transaction; batches of one caller keep their order.
    ///
    /// A line or an opening repeated word for word is kept once. Dropping the future does not undo the commit.
    pub async fn commit(&self, records: Vec<Record>) -> Result<(), CommitError> {
        if records.is_empty() {
            return Ok(());
        }
        let rows: Result<Vec<Row>, _> = records.iter().map(Row::from_record).collect();
        let rows = rows.map_err(|error| CommitError::Unwritable(Arc::from(error.to_string())))?;
        let (reply, outcome) = oneshot::channel();
        let request = Request::Commit { rows, reply };
        self.requests
            .send(request)
            .await
            .map_err(|_| CommitError::Closed)?;
        outcome.await.unwrap_or(Err(CommitError::Closed))
    }

    /// What a restart needs, in the order of commitment: every record of the tickets that have not ended or
    /// ended at `since_unix_ms` (milliseconds since the Unix epoch) or later.
    pub async fn load(&self, since_unix_ms: i64) -> Result<Vec<Record>, LoadError> {
        self.reader.load(since_unix_ms).await
    }

    /// Every record of a ticket, in the order of commitment; none for an unknown ticket.
    pub async fn history(&self, ticket: &TicketId) -> Result<Vec<Record>, LoadError> {
        self.reader.history(ticket).await
    }

    /// What was committed since the journal was opened.
    pub fn totals(&self) -> Totals {
        Totals {
            transactions: self.counters.transactions.load(Ordering::Relaxed),
            batches: self.counters.batches.load(Ordering::Relaxed),
            records: self.counters.records.load(Ordering::Relaxed),
        }
    }

    /// Commits what waits and closes the database; clones answer [`CommitError::Closed`] from then on.
    pub async fn close(self) {
        let (reply, closed) = oneshot::channel();
        if self.requests.send(Request::Close { reply }).await.is_ok() {
            // An error means that the writer is gone, which is what was asked.
            let _ = closed.await;
        }
    }
}
