//! Commits groups of batches in one SQLite transaction with one sync. Must not know what a record means beyond its row.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use helpdesk::{CaseId, TicketId};
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, Savepoint, Transaction, TransactionBehavior, ffi, params};
use tracing::warn;

use super::reseal::reseal;
use super::{asides, changes, errands, open};
use crate::backend::{Backend, Batch, Failure, Removal, Resealed, Resealing};
use crate::chain::{Digest, Link, Links};
use crate::changes::{Appended, Backlog};
use crate::error::{CommitError, OpenError};
use crate::health::Health;
use crate::row::{Kind, Row};
use crate::seal::Keyring;
use crate::soft::{SoftKey, SoftKind, SoftValue};

/// The writing connection.
pub(crate) struct SqliteBackend {
    connection: Connection,
    /// Keeps other servers off the database; freed after the connection is closed.
    lock: Option<File>,
    keyring: Keyring,
    links: Links,
    backlog: Backlog,
    /// Pages in the log, as of the last commit.
    log_pages: Arc<AtomicI32>,
}

/// The log is moved into the database when it has so many pages.
const LONG_LOG: i32 = 1000;

impl SqliteBackend {
    pub(crate) fn new(
        mut connection: Connection,
        lock: Option<File>,
        keyring: Keyring,
    ) -> Result<Self, rusqlite::Error> {
        // SQLite's own hook, whose place this takes, moves the log by itself and says nothing of a sync that failed.
        let log_pages = Arc::new(AtomicI32::new(0));
        let told = Arc::clone(&log_pages);
        let hook = move |_: &mut Wal, pages| {
            told.store(pages, Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook))?;
        Ok(Self {
            connection,
            lock,
            keyring,
            links: Links::default(),
            backlog: Backlog::default(),
            log_pages,
        })
    }

    /// Does something in a transaction, and says what kind of failure it was where it failed.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>, &mut Links, &Keyring) -> Result<T, rusqlite::Error>,
    ) -> Result<T, Failure> {
        let Self {
            connection,
            links,
            keyring,
            ..
        } = self;
        let done = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|mut transaction| {
                let done = work(&mut transaction, links, keyring)?;
                transaction.commit()?;
                Ok(done)
            });
        let done = done.map_err(|failure| {
            self.links.forget_all();
            self.judge(&failure)
        })?;
        self.shorten_log()?;
        Ok(done)
    }

    /// Moves a long log into the database as far as no reader needs it. What was committed is safe in the log either
    /// way, so that no room and a busy reader are no harm.
    fn shorten_log(&self) -> Result<(), Failure> {
        if self.log_pages.load(Ordering::Relaxed) < LONG_LOG {
            return Ok(());
        }
        let sql = "PRAGMA wal_checkpoint(PASSIVE)";
        let Err(failure) = self.connection.query_row(sql, [], |_| Ok(())) else {
            return Ok(());
        };
        match self.judge(&failure) {
            Failure::Passing(_) => Ok(()),
            Failure::Lasting(why) => Err(Failure::Lasting(why)),
        }
    }

    fn judge(&self, failure: &rusqlite::Error) -> Failure {
        // What could not even be rolled back is no sound connection.
        if !self.connection.is_autocommit() {
            return Failure::Lasting(failure.to_string());
        }
        let extended_code = failure.sqlite_error().map(|detail| detail.extended_code);
        match failure.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Failure::Passing(Health::Full),
            // The log's index could not grow; nothing was written to the log.
            _ if extended_code == Some(ffi::SQLITE_IOERR_SHMSIZE) => Failure::Passing(Health::Full),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                let why = "another program keeps the database locked";
                Failure::Passing(Health::Unreachable(Arc::from(why)))
            }
            _ => Failure::Lasting(failure.to_string()),
        }
    }
}

impl Backend for SqliteBackend {
    fn commit(&mut self, group: &[Batch]) -> Result<Vec<Result<(), CommitError>>, Failure> {
        let (outcomes, appended) = self.transact(|transaction, links, keyring| {
            let mut outcomes = Vec::with_capacity(group.len());
            let mut appended = Vec::new();
            for batch in group {
                let savepoint = transaction.savepoint()?;
                match insert_all(&savepoint, batch, links, keyring) {
                    Ok(row) => {
                        savepoint.commit()?;
                        outcomes.push(Ok(()));
                        appended.extend(row.map(|(number, bytes)| (number, bytes, &batch.soft)));
                    }
                    Err(InsertError::Refused(refusal)) => {
                        savepoint.finish()?;
                        // The chains of what was taken back are remembered too far.
                        links.forget_all();
                        outcomes.push(Err(refusal));
                    }
                    Err(InsertError::Database(failure)) => return Err(failure),
                }
            }
            Ok((outcomes, appended))
        })?;
        for (number, bytes, soft) in appended {
            self.backlog.note(number, bytes, soft.iter());
        }
        Ok(outcomes)
    }

    fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    fn settle(&mut self) -> Result<bool, Failure> {
        let backlog = std::mem::take(&mut self.backlog);
        let settled = self.transact(|transaction, _, _| changes::settle(transaction, &backlog));
        self.backlog = backlog;
        Ok(self.backlog.settled(&settled?))
    }

    fn remove(&mut self, removal: &Removal, now_unix_ms: i64) -> Result<u64, Failure> {
        self.transact(|transaction, links, _| {
            links.forget_all();
            match removal {
                Removal::Tickets(tickets) => {
                    let mut removed = 0;
                    for ticket in tickets {
                        removed += remove_ticket(transaction, ticket.as_str(), now_unix_ms)?;
                    }
                    Ok(removed)
                }
                Removal::Ended {
                    site,
                    before_unix_ms,
                    at_most,
                } => {
                    let tickets: Vec<String> = transaction
                        .prepare_cached(
                            "SELECT id FROM tickets WHERE ended_at < ?1 AND site = ?2 ORDER BY ended_at LIMIT ?3",
                        )?
                        .query_map(params![before_unix_ms, site, at_most], |row| row.get(0))?
                        .collect::<Result<_, _>>()?;
                    let mut removed = 0;
                    for ticket in &tickets {
                        removed += remove_ticket(transaction, ticket, now_unix_ms)?;
                    }
                    Ok(removed)
                }
                Removal::LapsedState { at_most } => Ok(transaction.execute(
                    "DELETE FROM state WHERE (kind, key) IN \
                     (SELECT kind, key FROM state WHERE expires_at <= ?1 LIMIT ?2)",
                    params![now_unix_ms, at_most],
                )? as u64),
                Removal::EndedIntents { at_most } => Ok(transaction.execute(
                    "DELETE FROM intents WHERE (kind, id) IN \
                     (SELECT kind, id FROM intents WHERE open = 0 AND changed_at < ?1 LIMIT ?2)",
                    params![now_unix_ms, at_most],
                )? as u64),
                Removal::NamesOfErased { at_most } => Ok(transaction.execute(
                    "DELETE FROM erased WHERE ticket IN \
                     (SELECT ticket FROM erased WHERE at < ?1 LIMIT ?2)",
                    params![now_unix_ms, at_most],
                )? as u64),
            }
        })
    }

    fn reseal(&mut self, resealing: &Resealing) -> Result<Resealed, Failure> {
        self.keyring = resealing.keyring.clone();
        self.transact(|transaction, links, _| {
            links.forget_all();
            reseal(transaction, resealing)
        })
    }

    /// What failed here did not happen.
    fn give_up(&mut self) {}

    /// Leaves both as they are. After a sync that failed, what the system shows of the log may not be what is on disk:
    /// moving it into the database could spoil that too.
    fn abandon(self) {
        let off = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        if let Err(failure) = self.connection.set_db_config(off, true) {
            warn!(%failure, "the journal's log could not be left as it is; the connection is leaked");
            #[expect(
                clippy::disallowed_methods,
                reason = "closing would move the log; the process is about to stop"
            )]
            std::mem::forget(self.connection);
        }
        drop(self.lock);
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
}

pub(super) enum InsertError {
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

/// The number and length of the row of `changes` that came of it.
fn insert_all(
    savepoint: &Savepoint<'_>,
    batch: &Batch,
    links: &mut Links,
    keyring: &Keyring,
) -> Result<Option<(i64, usize)>, InsertError> {
    for row in &batch.rows {
        insert(savepoint, row, links, keyring)?;
    }
    for aside in &batch.asides {
        asides::insert(savepoint, aside)?;
    }
    for change in &batch.soft {
        if !change.key.is_appended() {
            keep_word(savepoint, &change.key, change.value.as_ref())?;
        }
    }
    let appended = match Appended::of(batch.soft.iter()) {
        Some(row) => Some((changes::append(savepoint, &row)?, row.body.len())),
        None => None,
    };
    for change in &batch.intents {
        errands::change_intent(savepoint, change)?;
    }
    for change in &batch.outbox {
        errands::change_outbox(savepoint, change)?;
    }
    Ok(appended)
}

/// Puts the newest word into `state`, or takes it away there.
pub(super) fn keep_word(
    connection: &Connection,
    key: &SoftKey,
    value: Option<&SoftValue>,
) -> Result<(), rusqlite::Error> {
    let (kind, name) = (key.kind.as_str(), key.name.as_bytes());
    match value {
        Some(value) => connection
            .prepare_cached(
                "INSERT INTO state (kind, key, version, expires_at, body, digest) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, \
                 expires_at = excluded.expires_at, body = excluded.body, digest = excluded.digest",
            )?
            .execute(params![
                kind,
                name,
                value.version,
                value.expires_at_unix_ms,
                value.body,
                value.digest(key)
            ])?,
        None => connection
            .prepare_cached("DELETE FROM state WHERE kind = ?1 AND key = ?2")?
            .execute(params![kind, name])?,
    };
    Ok(())
}

fn insert(
    savepoint: &Savepoint<'_>,
    row: &Row,
    links: &mut Links,
    keyring: &Keyring,
) -> Result<(), InsertError> {
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
                return accept_if_same(savepoint, row, keyring);
            }
            links.remember(&row.ticket, Link::default());
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
        | Kind::Callback
        | Kind::Rated
        | Kind::Noted
        | Kind::Promised => {}
    }
    let Some(link) = end_of_chain(savepoint, &row.ticket, links)? else {
        return if is_erased(savepoint, ticket)? {
            Ok(())
        } else {
            Err(InsertError::Refused(CommitError::UnknownTicket(
                row.ticket.clone(),
            )))
        };
    };
    let columns = row.columns().ok_or_else(|| conflict(row))?;
    let digest = columns.digest();
    let inserted = savepoint
        .prepare_cached(
            "INSERT INTO records (ticket, kind, version, at, line, line_id, body, digest) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            ticket,
            columns.kind,
            columns.version,
            columns.at_unix_ms,
            columns.line,
            columns.line_id,
            columns.body,
            digest
        ]);
    let inserted = match inserted {
        // The end of its chain is remembered, and yet the ticket is gone: it was erased beside this writer.
        Err(failure) if is_missing_ticket(&failure) => {
            links.forget_all();
            return if is_erased(savepoint, ticket)? {
                Ok(())
            } else {
                Err(InsertError::Refused(CommitError::UnknownTicket(
                    row.ticket.clone(),
                )))
            };
        }
        inserted => inserted?,
    };
    if inserted == 0 {
        return accept_if_same(savepoint, row, keyring);
    }
    let link = link.followed_by(&digest);
    savepoint
        .prepare_cached("UPDATE tickets SET records = ?2, chain = ?3 WHERE id = ?1")?
        .execute(params![ticket, link.records, link.chain])?;
    links.remember(&row.ticket, link);
    Ok(())
}

/// The end of a ticket's chain; `None` for a ticket that is not in the journal.
fn end_of_chain(
    savepoint: &Savepoint<'_>,
    ticket: &TicketId,
    links: &mut Links,
) -> Result<Option<Link>, rusqlite::Error> {
    if let Some(link) = links.of(ticket) {
        return Ok(Some(link));
    }
    let mut statement =
        savepoint.prepare_cached("SELECT records, chain FROM tickets WHERE id = ?1")?;
    let mut rows = statement.query([ticket.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let chain: Vec<u8> = row.get(1)?;
    let link = Link {
        records: row.get(0)?,
        chain: Digest::try_from(&chain[..]).unwrap_or_default(),
    };
    links.remember(ticket, link);
    Ok(Some(link))
}

fn is_missing_ticket(failure: &rusqlite::Error) -> bool {
    let extended_code = failure.sqlite_error().map(|detail| detail.extended_code);
    extended_code == Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

fn is_erased(savepoint: &Savepoint<'_>, ticket: &str) -> Result<bool, rusqlite::Error> {
    savepoint
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM erased WHERE ticket = ?1)")?
        .query_row([ticket], |row| row.get(0))
}

/// A record repeated word for word is already kept; another in its place is refused.
fn accept_if_same(
    savepoint: &Savepoint<'_>,
    row: &Row,
    keyring: &Keyring,
) -> Result<(), InsertError> {
    let columns = row.columns().ok_or_else(|| conflict(row))?;
    let mut statement = savepoint.prepare_cached(
        "SELECT body FROM records WHERE ticket = ?1 AND kind = ?2 AND version = ?3 \
         AND at = ?4 AND line IS ?5 AND line_id IS ?6",
    )?;
    let bodies = statement.query_map(
        params![
            columns.ticket,
            columns.kind,
            columns.version,
            columns.at_unix_ms,
            columns.line,
            columns.line_id
        ],
        |found| found.get::<_, String>(0),
    )?;
    for body in bodies {
        if row.says(body?, keyring) {
            return Ok(());
        }
    }
    Err(conflict(row))
}

fn conflict(row: &Row) -> InsertError {
    InsertError::Refused(CommitError::Conflict(row.ticket.clone()))
}

/// Takes tickets and cases out of a database that a server may be writing to.
pub(crate) fn erase_beside(
    path: &Path,
    tickets: &[TicketId],
    cases: &[CaseId],
    now_unix_ms: i64,
) -> Result<u64, OpenError> {
    let mut connection = open::open_beside(path)?;
    let erase = |connection: &mut Connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut removed = 0;
        for ticket in tickets {
            removed += remove_ticket(&transaction, ticket.as_str(), now_unix_ms)?;
        }
        for case in cases {
            let (kind, name) = (SoftKind::Case.as_str(), case.as_str().as_bytes());
            let gone = "DELETE FROM state WHERE kind = ?1 AND key = ?2";
            removed += transaction.execute(gone, params![kind, name])? as u64;
        }
        transaction.commit()?;
        // What was erased leaves the log too, unless somebody still reads what was before.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(removed)
    };
    erase(&mut connection).map_err(|source| OpenError::Database {
        path: path.to_owned(),
        source,
    })
}

/// What is still being said of the ticket finds it among the erased.
fn remove_ticket(
    transaction: &Transaction<'_>,
    ticket: &str,
    now_unix_ms: i64,
) -> Result<u64, rusqlite::Error> {
    let removed = transaction
        .prepare_cached("DELETE FROM tickets WHERE id = ?1")?
        .execute([ticket])?;
    if removed > 0 {
        transaction
            .prepare_cached(
                "INSERT INTO erased (ticket, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![ticket, now_unix_ms])?;
        errands::forget_ticket(transaction, ticket)?;
    }
    Ok(removed as u64)
}
