//! Reads an SQLite journal back, on a connection that cannot write. Must not know the writer.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, backup::Backup, params};
use tokio::task;

use super::{asides, changes, errands};
use crate::aside::StoredAside;
use crate::changes::StoredChanges;
use crate::error::LoadError;
use crate::intent::{Intent, IntentKind};
use crate::outbox::{OutboxChoice, OutboxCounts, OutboxEntry};
use crate::reader::{Choice, TicketRow, WholeTicket};
use crate::row::StoredRow;
use crate::soft::{SoftPage, SoftValue, StoredState};
use crate::verify::{LooseFrom, LooseRows};

/// The reading connection; reads are done one at a time, off the runtime's threads.
#[derive(Clone)]
pub(crate) struct Reader {
    connection: Arc<Mutex<Connection>>,
}

impl Reader {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection: Arc::new(Mutex::new(connection)),
        }
    }

    pub(crate) async fn rows(&self, choice: Choice) -> Result<Vec<StoredRow>, LoadError> {
        self.read(move |connection| match choice {
            Choice::Since(since_unix_ms) => {
                let sql = "SELECT position, ticket, kind, version, at, line, line_id, body, digest FROM records \
                           WHERE ticket IN (SELECT id FROM tickets WHERE ended_at IS NULL OR ended_at >= ?1) \
                           ORDER BY position";
                let mut statement = connection.prepare_cached(sql)?;
                statement.query_map([since_unix_ms], stored_row)?.collect()
            }
            Choice::Tickets(tickets) => {
                let sql = "SELECT position, ticket, kind, version, at, line, line_id, body, digest FROM records \
                           WHERE ticket = ?1 ORDER BY position";
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = Vec::new();
                for ticket in tickets {
                    for row in statement.query_map([ticket.as_str()], stored_row)? {
                        rows.push(row?);
                    }
                }
                Ok(rows)
            }
        })
        .await
    }

    /// Tickets in the order of their opening, after one of them.
    pub(crate) async fn tickets(
        &self,
        since_unix_ms: i64,
        after: Option<(i64, String)>,
        at_most: u32,
    ) -> Result<Vec<TicketRow>, LoadError> {
        self.read(move |connection| {
            let (at, id) = after.unwrap_or((i64::MIN, String::new()));
            let sql = "SELECT id, site, tier, opened_at, ended_at, records, chain FROM tickets \
                       WHERE opened_at >= ?1 AND (opened_at, id) > (?2, ?3) ORDER BY opened_at, id LIMIT ?4";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![since_unix_ms, at, id, at_most], ticket_row)?;
            rows.collect()
        })
        .await
    }

    /// A ticket and its records as of one moment, whatever is written meanwhile.
    pub(crate) async fn story(&self, ticket: String) -> Result<Option<WholeTicket>, LoadError> {
        self.read(move |connection| {
            let moment = connection.unchecked_transaction()?;
            let sql = "SELECT id, site, tier, opened_at, ended_at, records, chain FROM tickets WHERE id = ?1";
            let found = moment.prepare_cached(sql)?.query_row([&ticket], ticket_row);
            let Some(found) = found.optional()? else {
                return Ok(None);
            };
            let sql = "SELECT position, ticket, kind, version, at, line, line_id, body, digest FROM records \
                       WHERE ticket = ?1 ORDER BY position";
            let mut statement = moment.prepare_cached(sql)?;
            let rows = statement.query_map([&ticket], stored_row)?;
            Ok(Some((found, rows.collect::<Result<_, _>>()?)))
        })
        .await
    }

    /// Tickets with records that do not begin with this, in the order of their ids, after one of them.
    pub(crate) async fn tickets_not_marked(
        &self,
        mark: String,
        after: String,
        at_most: u32,
    ) -> Result<Vec<String>, LoadError> {
        self.read(move |connection| {
            let sql = "SELECT DISTINCT ticket FROM records \
                       WHERE ticket > ?1 AND substr(body, 1, length(?2)) <> ?2 ORDER BY ticket LIMIT ?3";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![after, mark, at_most], |row| row.get(0))?;
            rows.collect()
        })
        .await
    }

    /// A page of soft state in the order of its names.
    pub(crate) async fn soft(&self, page: SoftPage) -> Result<Vec<StoredState>, LoadError> {
        self.read(move |connection| {
            let sql = "SELECT kind, key, version, expires_at, body, digest FROM state \
                       WHERE kind = ?1 AND key > ?2 AND expires_at > ?3 ORDER BY key LIMIT ?4";
            let SoftPage {
                kind,
                after,
                now_unix_ms,
                at_most,
            } = page;
            let mut statement = connection.prepare_cached(sql)?;
            let chosen = params![kind.as_str(), after, now_unix_ms, at_most];
            let rows = statement.query_map(chosen, stored_state)?;
            rows.collect()
        })
        .await
    }

    /// The row of `changes` behind one of them.
    pub(crate) async fn next_changes(
        &self,
        after: i64,
    ) -> Result<Option<StoredChanges>, LoadError> {
        self.read(move |connection| changes::next(connection, after))
            .await
    }

    pub(crate) async fn intents(
        &self,
        kind: IntentKind,
        since_unix_ms: i64,
    ) -> Result<Vec<(Intent, Vec<u8>)>, LoadError> {
        self.read(move |connection| {
            let which = "WHERE kind = ?1 AND (open = 1 OR began_at >= ?2) ORDER BY began_at, id";
            errands::intents(connection, which, params![kind.as_str(), since_unix_ms])
        })
        .await
    }

    pub(crate) async fn outbox(
        &self,
        choice: OutboxChoice,
        at_most: u32,
    ) -> Result<Vec<(OutboxEntry, Vec<u8>)>, LoadError> {
        self.read(move |connection| errands::entries(connection, &choice, at_most))
            .await
    }

    pub(crate) async fn outbox_counts(&self) -> Result<OutboxCounts, LoadError> {
        self.read(|connection| {
            let sql = "SELECT count(*) FILTER (WHERE dead = 0), count(*) FILTER (WHERE dead = 1) FROM outbox";
            connection.query_row(sql, [], |row| {
                let (waiting, dead): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok(OutboxCounts {
                    waiting: waiting.unsigned_abs(),
                    dead: dead.unsigned_abs(),
                })
            })
        })
        .await
    }

    pub(crate) async fn lessons(&self) -> Result<Vec<StoredAside>, LoadError> {
        self.read(asides::lessons).await
    }

    pub(crate) async fn decisions_since(
        &self,
        since_unix_ms: i64,
    ) -> Result<Vec<StoredAside>, LoadError> {
        self.read(move |connection| asides::decisions_since(connection, since_unix_ms))
            .await
    }

    pub(crate) async fn decisions_on(&self, ticket: String) -> Result<Vec<StoredAside>, LoadError> {
        self.read(move |connection| asides::decisions_on(connection, &ticket))
            .await
    }

    /// A page of the rows that belong to no chain, and what is wrong with them.
    pub(crate) async fn loose_rows(&self, from: LooseFrom) -> Result<LooseRows, LoadError> {
        self.read(move |connection| errands::loose_rows(connection, &from))
            .await
    }

    /// How many records there are, and what SQLite finds wrong with the file.
    pub(crate) async fn examine(&self) -> Result<(i64, Vec<String>), LoadError> {
        self.read(|connection| {
            let records =
                connection.query_row("SELECT count(*) FROM records", [], |row| row.get(0))?;
            let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
            let told: Vec<String> = statement
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok((
                records,
                told.into_iter().filter(|line| line != "ok").collect(),
            ))
        })
        .await
    }

    /// Copies the database, as of one moment, while it is written to.
    pub(crate) async fn back_up(&self, to: &Path) -> Result<(), LoadError> {
        let to = to.to_owned();
        self.read(move |connection| {
            let mut copy = Connection::open(to)?;
            Backup::new(connection, &mut copy)?.run_to_completion(
                PAGES_AT_ONCE,
                Duration::ZERO,
                None,
            )?;
            // A copy that stands alone: no log beside it.
            copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        })
        .await
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, LoadError> {
        let connection = Arc::clone(&self.connection);
        let read = move || {
            // A reader that panicked left nothing half done: it only reads.
            read(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let read = task::spawn_blocking(read)
            .await
            .map_err(|_| LoadError::Stopping)?;
        Ok(read?)
    }
}

/// Pages copied under one lock of the reader: all of them, so that the copy is of one moment however busy the writer.
const PAGES_AT_ONCE: i32 = i32::MAX;

/// The columns id, site, tier, opened_at, ended_at, records, chain.
fn ticket_row(row: &Row<'_>) -> Result<TicketRow, rusqlite::Error> {
    Ok(TicketRow {
        id: row.get(0)?,
        site: row.get(1)?,
        tier: row.get(2)?,
        opened_at_unix_ms: row.get(3)?,
        ended_at_unix_ms: row.get(4)?,
        records: row.get(5)?,
        chain: row.get(6)?,
    })
}

/// The columns position, ticket, kind, version, at, line, line_id, body, digest.
pub(crate) fn stored_row(row: &Row<'_>) -> Result<StoredRow, rusqlite::Error> {
    Ok(StoredRow {
        position: row.get(0)?,
        ticket: row.get(1)?,
        kind: row.get(2)?,
        version: row.get(3)?,
        at_unix_ms: row.get(4)?,
        line: row.get(5)?,
        line_id: row.get(6)?,
        body: row.get(7)?,
        digest: row.get(8)?,
    })
}

/// The columns kind, key, version, expires_at, body, digest.
pub(super) fn stored_state(row: &Row<'_>) -> Result<StoredState, rusqlite::Error> {
    Ok(StoredState {
        kind: row.get(0)?,
        name: row.get(1)?,
        value: SoftValue {
            version: row.get(2)?,
            expires_at_unix_ms: row.get(3)?,
            body: row.get(4)?,
        },
        digest: row.get(5)?,
    })
}
