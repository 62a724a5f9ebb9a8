//! The thread that owns the writing connection: whatever waits is committed in one transaction with one sync.
//! Must not know what a record means beyond its row.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use helpdesk::TicketId;
use rusqlite::{Connection, ErrorCode, Savepoint, TransactionBehavior, ffi, params};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::error::CommitError;
use crate::row::{Kind, Row};

/// What the writer is asked.
pub(crate) enum Request {
    /// Commit these rows, all or none.
    Commit {
        rows: Vec<Row>,
        reply: oneshot::Sender<Result<(), CommitError>>,
    },
    /// Commit what was asked before, then stop.
    Close { reply: oneshot::Sender<()> },
}

/// What the writer has done so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) transactions: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) records: AtomicU64,
}

/// The writing connection and whether it can still be trusted.
pub(crate) struct Writer {
    connection: Connection,
    /// Keeps other processes off the database; freed after the connection is closed.
    lock: Option<File>,
    counters: Arc<Counters>,
    state: State,
}

enum State {
    Sound,
    /// Writing failed in a way that leaves the disk's content unknown.
    Poisoned(Arc<str>),
}

/// One caller's rows and whom to tell.
struct Batch {
    rows: Vec<Row>,
    reply: oneshot::Sender<Result<(), CommitError>>,
}

/// Batches of one transaction at most; more wait for the next.
const GROUP_LIMIT: usize = 1024;

impl Writer {
    pub(crate) fn new(connection: Connection, lock: Option<File>, counters: Arc<Counters>) -> Self {
        Self {
            connection,
            lock,
            counters,
            state: State::Sound,
        }
    }

    /// Serves requests until asked to close or nobody is left to ask.
    pub(crate) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut closing = Vec::new();
        while let Some(first) = requests.blocking_recv() {
            let mut group = Vec::new();
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Commit { rows, reply } => group.push(Batch { rows, reply }),
                    Request::Close { reply } => {
                        requests.close();
                        closing.push(reply);
                    }
                }
                next = if group.len() < GROUP_LIMIT {
                    requests.try_recv().ok()
                } else {
                    None
                };
            }
            self.commit_group(group);
        }
        self.finish();
        for reply in closing {
            // Whoever asked may have stopped waiting.
            let _ = reply.send(());
        }
    }

    /// Moves the log into the database and lets go of both.
    fn finish(self) {
        // The records are safe in the log whether or not this succeeds.
        if let Err(failure) =
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        {
            warn!(%failure, "journal's log could not be moved into the database");
        }
        drop(self.connection);
        drop(self.lock);
    }

    fn commit_group(&mut self, group: Vec<Batch>) {
        if group.is_empty() {
            return;
        }
        if let State::Poisoned(why) = &self.state {
            return answer_all(group, &CommitError::Poisoned(Arc::clone(why)));
        }
        match self.write(&group) {
            Ok(outcomes) => {
                for (batch, outcome) in group.into_iter().zip(outcomes) {
                    // A caller that went away has no use for the answer; its records are kept all the same.
                    let _ = batch.reply.send(outcome);
                }
            }
            Err(failure) => {
                let refusal = match failure.sqlite_error_code() {
                    Some(ErrorCode::DiskFull) => CommitError::DiskFull,
                    Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => CommitError::Busy,
                    _ => self.poison(&failure),
                };
                let refusal = if self.connection.is_autocommit() {
                    refusal
                } else {
                    self.poison(&failure)
                };
                warn!(batches = group.len(), %refusal, "journal refused records");
                answer_all(group, &refusal);
            }
        }
    }

    fn poison(&mut self, failure: &rusqlite::Error) -> CommitError {
        error!(%failure, "journal failed; nothing more is committed");
        let why: Arc<str> = Arc::from(failure.to_string());
        self.state = State::Poisoned(Arc::clone(&why));
        CommitError::Poisoned(why)
    }

    /// Writes the group in one transaction; a batch refused for its own fault leaves the others be.
    fn write(&mut self, group: &[Batch]) -> Result<Vec<Result<(), CommitError>>, rusqlite::Error> {
        let mut transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut outcomes = Vec::with_capacity(group.len());
        let (mut batches, mut records) = (0, 0);
        for batch in group {
            let savepoint = transaction.savepoint()?;
            match insert_all(&savepoint, &batch.rows) {
                Ok(()) => {
                    savepoint.commit()?;
                    batches += 1;
                    records += batch.rows.len() as u64;
                    outcomes.push(Ok(()));
                }
                Err(InsertError::Refused(refusal)) => {
                    savepoint.finish()?;
                    outcomes.push(Err(refusal));
                }
                Err(InsertError::Database(failure)) => return Err(failure),
            }
        }
        transaction.commit()?;
        self.counters.transactions.fetch_add(1, Ordering::Relaxed);
        self.counters.batches.fetch_add(batches, Ordering::Relaxed);
        self.counters.records.fetch_add(records, Ordering::Relaxed);
        Ok(outcomes)
    }
}

fn answer_all(group: Vec<Batch>, refusal: &CommitError) {
    for batch in group {
        // A caller that went away has no use for the answer.
        let _ = batch.reply.send(Err(refusal.clone()));
    }
}

enum InsertError {
    /// The batch is at fault.
    Refused(CommitError),
    /// The database is.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for InsertError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

fn insert_all(savepoint: &Savepoint<'_>, rows: &[Row]) -> Result<(), InsertError> {
    rows.iter().try_for_each(|row| insert(savepoint, row))
}

fn insert(savepoint: &Savepoint<'_>, row: &Row) -> Result<(), InsertError> {
    let ticket = row.ticket.as_str();
    match &row.kind {
        Kind::Opened { site, tier } => {
            let inserted = savepoint
                .prepare_cached(
                    "INSERT INTO tickets (id, site, tier, opened_at) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    ticket,
                    site.as_str(),
                    tier.as_str(),
                    row.at_unix_ms
                ])?;
            if inserted == 0 {
                return accept_if_same(savepoint, row);
            }
        }
        Kind::Closed => {
            savepoint
                .prepare_cached("UPDATE tickets SET ended_at = ?2 WHERE id = ?1")?
                .execute(params![ticket, row.at_unix_ms])?;
        }
        Kind::Line
        | Kind::Offered
        | Kind::OfferEnded
        | Kind::Accepted
        | Kind::Transferred
        | Kind::Rated => {}
    }
    let (seq, line_id) = place(row)?;
    let inserted = savepoint
        .prepare_cached(
            "INSERT INTO records (ticket, kind, version, at, line, line_id, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            ticket,
            row.kind.as_str(),
            row.version,
            row.at_unix_ms,
            seq,
            line_id,
            row.body
        ])
        .map_err(|error| name_unknown_ticket(error, &row.ticket))?;
    if inserted == 0 {
        accept_if_same(savepoint, row)
    } else {
        Ok(())
    }
}

/// A record repeated word for word is already kept; another in its place is refused.
fn accept_if_same(savepoint: &Savepoint<'_>, row: &Row) -> Result<(), InsertError> {
    let (seq, line_id) = place(row)?;
    let same: bool = savepoint
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM records WHERE ticket = ?1 AND kind = ?2 AND version = ?3 \
             AND at = ?4 AND line IS ?5 AND line_id IS ?6 AND body = ?7)",
        )?
        .query_row(
            params![
                row.ticket.as_str(),
                row.kind.as_str(),
                row.version,
                row.at_unix_ms,
                seq,
                line_id,
                row.body
            ],
            |found| found.get(0),
        )?;
    if same {
        Ok(())
    } else {
        Err(InsertError::Refused(CommitError::Conflict(
            row.ticket.clone(),
        )))
    }
}

/// A line's place and identity as columns.
fn place(row: &Row) -> Result<(Option<i64>, Option<&str>), InsertError> {
    let Some((seq, id)) = &row.line else {
        return Ok((None, None));
    };
    // SQLite counts to 2^63; no conversation does.
    let seq = i64::try_from(seq.0)
        .map_err(|_| InsertError::Refused(CommitError::Conflict(row.ticket.clone())))?;
    Ok((Some(seq), id.as_ref().map(helpdesk::LineId::as_str)))
}

fn name_unknown_ticket(error: rusqlite::Error, ticket: &TicketId) -> InsertError {
    let extended_code = error.sqlite_error().map(|detail| detail.extended_code);
    if extended_code == Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) {
        InsertError::Refused(CommitError::UnknownTicket(ticket.clone()))
    } else {
        InsertError::Database(error)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use helpdesk::{Record, TicketId};

    use super::*;
    use crate::location::Location;
    use crate::open::Database;

    /// A running writer whose connection was first prepared by `prepare`.
    fn writer(prepare: &str) -> mpsc::Sender<Request> {
        let database = Database::open(&Location::Memory).unwrap();
        let open =
            "INSERT INTO tickets (id, site, tier, opened_at) VALUES ('t1', 'shop', 'gold', 0)";
        database.writer.execute_batch(open).unwrap();
        database.writer.execute_batch(prepare).unwrap();
        let (requests, waiting) = mpsc::channel(16);
        thread::spawn(move || {
            Writer::new(database.writer, None, Arc::default()).run(waiting);
            drop(database.reader);
        });
        requests
    }

    fn commit(requests: &mpsc::Sender<Request>, comment: &str) -> Result<(), CommitError> {
        let record = Record::Rated {
            ticket: TicketId::new("t1"),
            stars: 5,
            comment: Some(comment.to_owned()),
            at_unix_ms: 0,
        };
        let (reply, outcome) = oneshot::channel();
        let rows = vec![Row::from_record(&record).unwrap()];
        requests
            .blocking_send(Request::Commit { rows, reply })
            .unwrap();
        outcome.blocking_recv().unwrap()
    }

    #[test]
    fn full_disk_is_told_and_heals() {
        let requests = writer("PRAGMA max_page_count = 24");
        commit(&requests, "fits").unwrap();
        assert_eq!(
            commit(&requests, &"x".repeat(200_000)),
            Err(CommitError::DiskFull)
        );
        commit(&requests, "fits too").unwrap();
    }

    #[test]
    fn failed_write_poisons_every_later_commit() {
        let failing = "CREATE TEMP TRIGGER failing BEFORE INSERT ON records WHEN new.body LIKE '%lost%' \
                       BEGIN SELECT abs(-9223372036854775808); END";
        let requests = writer(failing);
        commit(&requests, "kept").unwrap();
        let first = commit(&requests, "lost").unwrap_err();
        assert!(matches!(first, CommitError::Poisoned(_)), "{first}");
        assert_eq!(commit(&requests, "could be kept"), Err(first));
    }

    #[test]
    fn closed_writer_refuses() {
        let requests = writer("");
        let (reply, closed) = oneshot::channel();
        requests.blocking_send(Request::Close { reply }).unwrap();
        closed.blocking_recv().unwrap();
        assert!(requests.is_closed());
    }
}
