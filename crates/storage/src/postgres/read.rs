//! Reads a PostgreSQL journal back, over a connection of its own that is made anew when it breaks. Must not know the writer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::asides;
use super::connect::{Connection, Settings, describe, within};
use super::errands::{self, ENTRY, INTENT};
use crate::aside::{AsideTable, StoredAside};
use crate::error::{LoadError, PostgresError};
use crate::intent::{Intent, IntentKind};
use crate::outbox::{OutboxChoice, OutboxCounts, OutboxEntry};
use crate::reader::{Choice, TicketRow};
use crate::row::StoredRow;
use crate::soft::{SoftPage, SoftValue, StoredState};
use crate::verify::{LooseFrom, LooseRows, PAGE};

/// The reading connection.
#[derive(Clone)]
pub(crate) struct Reader {
    settings: Arc<Settings>,
    connection: Arc<Mutex<Option<Connection>>>,
}

/// How long reading may take: a restart reads much at once.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

const COLUMNS: &str = "position, ticket, kind, version, at, line, line_id, body, digest";

impl Reader {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            connection: Arc::new(Mutex::new(None)),
        }
    }

    /// Says whether the database has this program's schema.
    pub(crate) async fn examine(&self) -> Result<(), PostgresError> {
        let connection = self.settings.connect().await?;
        super::schema::examine_current(&connection.client).await
    }

    pub(crate) async fn rows(&self, choice: Choice) -> Result<Vec<StoredRow>, LoadError> {
        let rows = match choice {
            Choice::Since(since_unix_ms) => {
                let sql = format!(
                    "SELECT {COLUMNS} FROM records WHERE ticket IN \
                     (SELECT id FROM tickets WHERE ended_at IS NULL OR ended_at >= $1) ORDER BY position"
                );
                self.query(&sql, &[&since_unix_ms]).await?
            }
            Choice::Tickets(tickets) => {
                let sql = format!(
                    "SELECT {COLUMNS} FROM records WHERE ticket = ANY($1) \
                     ORDER BY array_position($1, ticket), position"
                );
                self.query(&sql, &[&tickets]).await?
            }
        };
        rows.iter().map(stored_row).collect()
    }

    pub(crate) async fn tickets(
        &self,
        since_unix_ms: i64,
        after: Option<(i64, String)>,
        at_most: u32,
    ) -> Result<Vec<TicketRow>, LoadError> {
        let (at, id) = after.unwrap_or((i64::MIN, String::new()));
        let sql = "SELECT id, site, tier, opened_at, ended_at, records, chain FROM tickets \
                   WHERE opened_at >= $1 AND (opened_at, id) > ($2, $3) ORDER BY opened_at, id LIMIT $4";
        let rows = self
            .query(sql, &[&since_unix_ms, &at, &id, &i64::from(at_most)])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(TicketRow {
                    id: cell(row, 0)?,
                    site: cell(row, 1)?,
                    tier: cell(row, 2)?,
                    opened_at_unix_ms: cell(row, 3)?,
                    ended_at_unix_ms: cell(row, 4)?,
                    records: cell(row, 5)?,
                    chain: cell(row, 6)?,
                })
            })
            .collect()
    }

    /// Tickets with records that do not begin with this.
    pub(crate) async fn tickets_not_marked(
        &self,
        mark: String,
        at_most: u32,
    ) -> Result<Vec<String>, LoadError> {
        let sql = "SELECT DISTINCT ticket FROM records WHERE NOT starts_with(body, $1) LIMIT $2";
        let rows = self.query(sql, &[&mark, &i64::from(at_most)]).await?;
        rows.iter().map(|row| cell(row, 0)).collect()
    }

    /// A page of soft state in the order of its names.
    pub(crate) async fn soft(&self, page: SoftPage) -> Result<Vec<StoredState>, LoadError> {
        let sql = "SELECT kind, key, version, expires_at, body, digest FROM state \
                   WHERE kind = $1 AND key > $2 AND expires_at > $3 ORDER BY key LIMIT $4";
        let SoftPage {
            kind,
            after,
            now_unix_ms,
            at_most,
        } = page;
        let chosen: [&(dyn ToSql + Sync); 4] =
            [&kind.as_str(), &after, &now_unix_ms, &i64::from(at_most)];
        let rows = self.query(sql, &chosen).await?;
        rows.iter().map(stored_state).collect()
    }

    pub(crate) async fn intents(
        &self,
        kind: IntentKind,
        since_unix_ms: i64,
    ) -> Result<Vec<(Intent, Vec<u8>)>, LoadError> {
        let sql = format!(
            "SELECT {INTENT} FROM intents WHERE kind = $1 AND (open OR began_at >= $2) ORDER BY began_at, id"
        );
        let rows = self.query(&sql, &[&kind.as_str(), &since_unix_ms]).await?;
        let intents = rows
            .iter()
            .map(errands::intent)
            .filter_map(Result::transpose);
        intents
            .collect::<Result<_, _>>()
            .map_err(LoadError::Postgres)
    }

    pub(crate) async fn outbox(
        &self,
        choice: OutboxChoice,
        at_most: u32,
    ) -> Result<Vec<(OutboxEntry, Vec<u8>)>, LoadError> {
        let at_most = i64::from(at_most);
        let rows = match choice {
            OutboxChoice::DueBy(at) => {
                let sql = format!(
                    "SELECT {ENTRY} FROM outbox WHERE NOT dead AND due_at <= $1 ORDER BY due_at, id LIMIT $2"
                );
                self.query(&sql, &[&at, &at_most]).await?
            }
            OutboxChoice::DeadAfter(id) => {
                let sql = format!(
                    "SELECT {ENTRY} FROM outbox WHERE dead AND id > $1 ORDER BY id LIMIT $2"
                );
                self.query(&sql, &[&id, &at_most]).await?
            }
            OutboxChoice::WaitingFor(destination) => {
                let sql = format!(
                    "SELECT {ENTRY} FROM outbox WHERE NOT dead AND destination = $1 ORDER BY id LIMIT $2"
                );
                self.query(&sql, &[&destination, &at_most]).await?
            }
        };
        let entries = rows.iter().map(errands::entry);
        entries
            .collect::<Result<_, _>>()
            .map_err(LoadError::Postgres)
    }

    pub(crate) async fn outbox_counts(&self) -> Result<OutboxCounts, LoadError> {
        let sql =
            "SELECT count(*) FILTER (WHERE NOT dead), count(*) FILTER (WHERE dead) FROM outbox";
        let rows = self.query(sql, &[]).await?;
        let Some(row) = rows.first() else {
            return Ok(OutboxCounts::default());
        };
        let (waiting, dead): (i64, i64) = (cell(row, 0)?, cell(row, 1)?);
        Ok(OutboxCounts {
            waiting: waiting.unsigned_abs(),
            dead: dead.unsigned_abs(),
        })
    }

    pub(crate) async fn lessons(&self) -> Result<Vec<StoredAside>, LoadError> {
        let table = AsideTable::Lessons;
        let sql = format!("SELECT {} ORDER BY position", asides::columns(table));
        let rows = self.query(&sql, &[]).await?;
        rows.iter().map(|row| asides::stored(row, table)).collect()
    }

    pub(crate) async fn decisions_since(
        &self,
        since_unix_ms: i64,
    ) -> Result<Vec<StoredAside>, LoadError> {
        let table = AsideTable::Decisions;
        let sql = format!(
            "SELECT {} WHERE ticket IN (SELECT id FROM tickets WHERE ended_at IS NULL OR ended_at >= $1) \
             ORDER BY position",
            asides::columns(table)
        );
        let rows = self.query(&sql, &[&since_unix_ms]).await?;
        rows.iter().map(|row| asides::stored(row, table)).collect()
    }

    pub(crate) async fn decisions_on(&self, ticket: String) -> Result<Vec<StoredAside>, LoadError> {
        let table = AsideTable::Decisions;
        let columns = asides::columns(table);
        let sql = format!("SELECT {columns} WHERE ticket = $1 ORDER BY position");
        let rows = self.query(&sql, &[&ticket]).await?;
        rows.iter().map(|row| asides::stored(row, table)).collect()
    }

    /// A page of the rows that belong to no chain, and what is wrong with them.
    pub(crate) async fn loose_rows(&self, from: LooseFrom) -> Result<LooseRows, LoadError> {
        let page = i64::from(PAGE);
        match from {
            LooseFrom::State { kind, name } => {
                let sql = "SELECT kind, key, version, expires_at, body, digest FROM state \
                           WHERE (kind, key) > ($1, $2) ORDER BY kind, key LIMIT $3";
                let rows = self.query(sql, &[&kind, &name, &page]).await?;
                let rows: Vec<_> = rows.iter().map(stored_state).collect::<Result<_, _>>()?;
                Ok(LooseRows::of_state(&rows))
            }
            LooseFrom::Asides { table, position } => {
                let sql = format!(
                    "SELECT {} WHERE position > $1 ORDER BY position LIMIT $2",
                    asides::columns(table)
                );
                let rows = self.query(&sql, &[&position, &page]).await?;
                let rows = rows.iter().map(|row| asides::stored(row, table));
                Ok(LooseRows::of_asides(
                    &rows.collect::<Result<Vec<_>, _>>()?,
                    table,
                ))
            }
            LooseFrom::Intents { kind, id } => {
                let sql = format!(
                    "SELECT {INTENT} FROM intents WHERE (kind, id) > ($1, $2) ORDER BY kind, id LIMIT $3"
                );
                let rows = self.query(&sql, &[&kind, &id, &page]).await?;
                let intents = rows
                    .iter()
                    .map(errands::intent)
                    .filter_map(Result::transpose);
                let intents = intents.collect::<Result<Vec<_>, _>>();
                Ok(LooseRows::of_intents(
                    &intents.map_err(LoadError::Postgres)?,
                ))
            }
            LooseFrom::Outbox { id } => {
                let sql = format!("SELECT {ENTRY} FROM outbox WHERE id > $1 ORDER BY id LIMIT $2");
                let rows = self.query(&sql, &[&id, &page]).await?;
                let entries = rows
                    .iter()
                    .map(errands::entry)
                    .collect::<Result<Vec<_>, _>>();
                Ok(LooseRows::of_outbox(&entries.map_err(LoadError::Postgres)?))
            }
        }
    }

    pub(crate) async fn count(&self) -> Result<i64, LoadError> {
        let rows = self.query("SELECT count(*) FROM records", &[]).await?;
        match rows.first() {
            Some(row) => cell(row, 0),
            None => Ok(0),
        }
    }

    /// A connection that broke while it lay idle is made anew once.
    async fn query(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, LoadError> {
        let mut place = self.connection.lock().await;
        if place.as_ref().is_none_or(Connection::is_closed) {
            let connection = self.settings.connect().await.map_err(failed)?;
            let limit = format!("SET statement_timeout = {}", READ_TIMEOUT.as_millis());
            within(connection.client.batch_execute(&limit))
                .await
                .map_err(failed)?;
            *place = Some(connection);
        }
        let Some(connection) = place.as_ref() else {
            return Err(LoadError::Stopping);
        };
        let answer = timeout(READ_TIMEOUT, connection.client.query(sql, parameters)).await;
        let answer = match answer {
            Ok(answer) => answer.map_err(|error| describe(&error)),
            Err(_) => Err("it does not answer".to_owned()),
        };
        if answer.is_err() {
            *place = None;
        }
        answer.map_err(LoadError::Postgres)
    }
}

fn failed(error: PostgresError) -> LoadError {
    LoadError::Postgres(error.to_string())
}

/// The columns position, ticket, kind, version, at, line, line_id, body, digest.
pub(crate) fn stored_row(row: &Row) -> Result<StoredRow, LoadError> {
    let version: i32 = cell(row, 3)?;
    let line_id: Option<Vec<u8>> = cell(row, 6)?;
    Ok(StoredRow {
        position: cell(row, 0)?,
        ticket: cell(row, 1)?,
        kind: cell(row, 2)?,
        version: u32::try_from(version).unwrap_or_default(),
        at_unix_ms: cell(row, 4)?,
        line: cell(row, 5)?,
        line_id: line_id.map(|id| String::from_utf8_lossy(&id).into_owned()),
        body: cell(row, 7)?,
        digest: cell(row, 8)?,
    })
}

/// The columns kind, key, version, expires_at, body, digest.
pub(super) fn stored_state(row: &Row) -> Result<StoredState, LoadError> {
    let version: i32 = cell(row, 2)?;
    Ok(StoredState {
        kind: cell(row, 0)?,
        name: cell(row, 1)?,
        value: SoftValue {
            version: u32::try_from(version).unwrap_or_default(),
            expires_at_unix_ms: cell(row, 3)?,
            body: cell(row, 4)?,
        },
        digest: cell(row, 5)?,
    })
}

/// A server that answers something else than it was asked is an error, never a panic.
pub(super) fn cell<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    column: usize,
) -> Result<T, LoadError> {
    row.try_get(column)
        .map_err(|error| LoadError::Postgres(describe(&error)))
}
