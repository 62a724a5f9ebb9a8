//! Reads a PostgreSQL journal back, over a connection of its own that is made anew when it breaks. Must not know the writer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connect::{Connection, Settings, describe, within};
use super::errands::{self, ENTRY, INTENT};
use super::{asides, changes};
use crate::aside::{AsideTable, StoredAside};
use crate::changes::StoredChanges;
use crate::error::{LoadError, PostgresError};
use crate::intent::{Intent, IntentKind};
use crate::outbox::{OutboxChoice, OutboxCounts, OutboxEntry};
use crate::reader::{Choice, TicketRow, WholeTicket};
use crate::row::StoredRow;
use crate::soft::{SoftPage, SoftValue, StoredState};
use crate::verify::{LooseFrom, LooseRows, PAGE};

/// Two connections, so that nobody who wants one thing waits for whoever reads much.
#[derive(Clone)]
pub(crate) struct Reader {
    settings: Arc<Settings>,
    looks: Lane,
    long: Lane,
}

/// One connection, made when it is wanted, and how long what is read over it may take.
#[derive(Clone)]
struct Lane {
    connection: Arc<Mutex<Option<Connection>>>,
    limit: Duration,
}

/// How long a look at one thing, or a page of things, may take, with the wait for others and the way to the server: a
/// phone or a page waits for it.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// How long reading much may take, which only a start, upkeep and people at a command line do.
const LONG_LIMIT: Duration = Duration::from_secs(60);

const COLUMNS: &str = "position, ticket, kind, version, at, line, line_id, body, digest";

impl Reader {
    /// For a server.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            looks: Lane::new(LOOK_LIMIT),
            long: Lane::new(LONG_LIMIT),
        }
    }

    /// For whoever has time.
    pub(crate) fn patient(settings: Settings) -> Self {
        Self {
            looks: Lane::new(LONG_LIMIT),
            ..Self::new(settings)
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
                self.read(&sql, &[&since_unix_ms]).await?
            }
            Choice::Tickets(tickets) => {
                let sql = format!(
                    "SELECT {COLUMNS} FROM records WHERE ticket = ANY($1) \
                     ORDER BY array_position($1, ticket), position"
                );
                self.look(&sql, &[&tickets]).await?
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
            .look(sql, &[&since_unix_ms, &at, &id, &i64::from(at_most)])
            .await?;
        rows.iter().map(|row| ticket_row(row, 0)).collect()
    }

    /// A ticket and its records as of one moment, whatever is written meanwhile.
    pub(crate) async fn story(&self, ticket: String) -> Result<Option<WholeTicket>, LoadError> {
        // One statement sees one moment.
        let sql = format!(
            "SELECT {COLUMNS}, id, site, tier, opened_at, ended_at, tickets.records, chain \
             FROM tickets LEFT JOIN records ON ticket = id WHERE id = $1 ORDER BY position"
        );
        let rows = self.look(&sql, &[&ticket]).await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let found = ticket_row(first, 9)?;
        let position: Option<i64> = cell(first, 0)?;
        let records = match position {
            Some(_) => rows.iter().map(stored_row).collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        Ok(Some((found, records)))
    }

    /// Tickets with records that do not begin with this, in the order of their ids, after one of them.
    pub(crate) async fn tickets_not_marked(
        &self,
        mark: String,
        after: String,
        at_most: u32,
    ) -> Result<Vec<String>, LoadError> {
        let sql = "SELECT DISTINCT ticket FROM records WHERE ticket > $1 AND NOT starts_with(body, $2) \
                   ORDER BY ticket LIMIT $3";
        let parameters: [&(dyn ToSql + Sync); 3] = [&after, &mark, &i64::from(at_most)];
        let rows = self.read(sql, &parameters).await?;
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
        let rows = self.read(sql, &chosen).await?;
        rows.iter().map(stored_state).collect()
    }

    /// The row of `changes` behind one of them.
    pub(crate) async fn next_changes(
        &self,
        after: i64,
    ) -> Result<Option<StoredChanges>, LoadError> {
        let rows = self.read(changes::NEXT, &[&after]).await?;
        rows.first().map(changes::stored_changes).transpose()
    }

    pub(crate) async fn intents(
        &self,
        kind: IntentKind,
        since_unix_ms: i64,
    ) -> Result<Vec<(Intent, Vec<u8>)>, LoadError> {
        let sql = format!(
            "SELECT {INTENT} FROM intents WHERE kind = $1 AND (open OR began_at >= $2) ORDER BY began_at, id"
        );
        let rows = self.look(&sql, &[&kind.as_str(), &since_unix_ms]).await?;
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
                self.look(&sql, &[&at, &at_most]).await?
            }
            OutboxChoice::DeadAfter(id) => {
                let sql = format!(
                    "SELECT {ENTRY} FROM outbox WHERE dead AND id > $1 ORDER BY id LIMIT $2"
                );
                self.look(&sql, &[&id, &at_most]).await?
            }
            OutboxChoice::WaitingFor(destination) => {
                let sql = format!(
                    "SELECT {ENTRY} FROM outbox WHERE NOT dead AND destination = $1 ORDER BY id LIMIT $2"
                );
                self.look(&sql, &[&destination, &at_most]).await?
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
        let rows = self.look(sql, &[]).await?;
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
        let columns = asides::columns(table);
        let sql = format!("SELECT {columns} ORDER BY position");
        let rows = self.read(&sql, &[]).await?;
        rows.iter().map(|row| asides::stored(row, table)).collect()
    }

    pub(crate) async fn decisions_since(
        &self,
        since_unix_ms: i64,
    ) -> Result<Vec<StoredAside>, LoadError> {
        let table = AsideTable::Decisions;
        let columns = asides::columns(table);
        let sql = format!(
            "SELECT {columns} WHERE ticket IN (SELECT id FROM tickets WHERE ended_at IS NULL OR ended_at >= $1) \
             ORDER BY position"
        );
        let rows = self.read(&sql, &[&since_unix_ms]).await?;
        rows.iter().map(|row| asides::stored(row, table)).collect()
    }

    pub(crate) async fn decisions_on(&self, ticket: String) -> Result<Vec<StoredAside>, LoadError> {
        let table = AsideTable::Decisions;
        let columns = asides::columns(table);
        let sql = format!("SELECT {columns} WHERE ticket = $1 ORDER BY position");
        let rows = self.look(&sql, &[&ticket]).await?;
        rows.iter().map(|row| asides::stored(row, table)).collect()
    }

    /// A page of the rows that belong to no chain, and what is wrong with them.
    pub(crate) async fn loose_rows(&self, from: LooseFrom) -> Result<LooseRows, LoadError> {
        let page = i64::from(PAGE);
        match from {
            LooseFrom::State { kind, name } => {
                let sql = "SELECT kind, key, version, expires_at, body, digest FROM state \
                           WHERE (kind, key) > ($1, $2) ORDER BY kind, key LIMIT $3";
                let rows = self.read(sql, &[&kind, &name, &page]).await?;
                let rows: Vec<_> = rows.iter().map(stored_state).collect::<Result<_, _>>()?;
                Ok(LooseRows::of_state(&rows))
            }
            LooseFrom::Asides { table, position } => {
                let columns = asides::columns(table);
                let sql =
                    format!("SELECT {columns} WHERE position > $1 ORDER BY position LIMIT $2");
                let rows = self.read(&sql, &[&position, &page]).await?;
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
                let rows = self.read(&sql, &[&kind, &id, &page]).await?;
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
                let rows = self.read(&sql, &[&id, &page]).await?;
                let entries = rows
                    .iter()
                    .map(errands::entry)
                    .collect::<Result<Vec<_>, _>>();
                Ok(LooseRows::of_outbox(&entries.map_err(LoadError::Postgres)?))
            }
        }
    }

    pub(crate) async fn count(&self) -> Result<i64, LoadError> {
        let rows = self.read("SELECT count(*) FROM records", &[]).await?;
        match rows.first() {
            Some(row) => cell(row, 0),
            None => Ok(0),
        }
    }

    async fn look(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, LoadError> {
        self.looks.query(&self.settings, sql, parameters).await
    }

    async fn read(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, LoadError> {
        self.long.query(&self.settings, sql, parameters).await
    }
}

impl Lane {
    fn new(limit: Duration) -> Self {
        Self {
            connection: Arc::default(),
            limit,
        }
    }

    /// A connection that broke while it lay idle is made anew once.
    async fn query(
        &self,
        settings: &Settings,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, LoadError> {
        let give_up = Instant::now() + self.limit;
        let late = |_| LoadError::Postgres("it does not answer".to_owned());
        let mut place = timeout_at(give_up, self.connection.lock())
            .await
            .map_err(late)?;
        // Taken out of its place, so that whoever stops waiting leaves nobody a connection with an answer on its way.
        let connection = match place.take().filter(|found| !found.is_closed()) {
            Some(connection) => connection,
            None => {
                let connecting = async {
                    let connection = settings.connect().await?;
                    let limit = format!("SET statement_timeout = {}", self.limit.as_millis());
                    within(connection.client.batch_execute(&limit)).await?;
                    Ok(connection)
                };
                let connected = timeout_at(give_up, connecting).await.map_err(late)?;
                connected.map_err(failed)?
            }
        };
        let answer = timeout_at(give_up, connection.client.query(sql, parameters)).await;
        let rows = answer
            .map_err(late)?
            .map_err(|error| LoadError::Postgres(describe(&error)))?;
        *place = Some(connection);
        Ok(rows)
    }
}

fn failed(error: PostgresError) -> LoadError {
    LoadError::Postgres(error.to_string())
}

/// The columns id, site, tier, opened_at, ended_at, records, chain, from the `first` one on.
fn ticket_row(row: &Row, first: usize) -> Result<TicketRow, LoadError> {
    Ok(TicketRow {
        id: cell(row, first)?,
        site: cell(row, first + 1)?,
        tier: cell(row, first + 2)?,
        opened_at_unix_ms: cell(row, first + 3)?,
        ended_at_unix_ms: cell(row, first + 4)?,
        records: cell(row, first + 5)?,
        chain: cell(row, first + 6)?,
    })
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
