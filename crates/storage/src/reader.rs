//! Reads records back, on a connection that cannot write. Must not know the writer.

use std::sync::{Arc, Mutex, PoisonError};

use helpdesk::{Record, TicketId};
use rusqlite::{Connection, Params};
use tokio::task;

use crate::error::LoadError;
use crate::row::StoredRow;

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

    /// Everything of the tickets that have not ended, or ended at `since_unix_ms` or later.
    pub(crate) async fn load(&self, since_unix_ms: i64) -> Result<Vec<Record>, LoadError> {
        let sql = "SELECT position, ticket, kind, version, at, line, line_id, body FROM records \
                   WHERE ticket IN (SELECT id FROM tickets WHERE ended_at IS NULL OR ended_at >= ?1) \
                   ORDER BY position";
        self.select(sql, [since_unix_ms]).await
    }

    /// Everything of one ticket.
    pub(crate) async fn history(&self, ticket: &TicketId) -> Result<Vec<Record>, LoadError> {
        let sql = "SELECT position, ticket, kind, version, at, line, line_id, body FROM records \
                   WHERE ticket = ?1 ORDER BY position";
        self.select(sql, [ticket.as_str().to_owned()]).await
    }

    async fn select(
        &self,
        sql: &'static str,
        parameters: impl Params + Send + 'static,
    ) -> Result<Vec<Record>, LoadError> {
        let connection = Arc::clone(&self.connection);
        let read = move || {
            // A reader that panicked left nothing half done: it only reads.
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(parameters, |row| {
                Ok(StoredRow {
                    position: row.get(0)?,
                    ticket: row.get(1)?,
                    kind: row.get(2)?,
                    version: row.get(3)?,
                    at_unix_ms: row.get(4)?,
                    line: row.get(5)?,
                    line_id: row.get(6)?,
                    body: row.get(7)?,
                })
            })?;
            rows.map(|row| read_row(row?)).collect()
        };
        task::spawn_blocking(read)
            .await
            .map_err(|_| LoadError::Stopping)?
    }
}

fn read_row(row: StoredRow) -> Result<Record, LoadError> {
    let (position, kind, version) = (row.position, row.kind.clone(), row.version);
    row.into_record().map_err(|why| LoadError::Unreadable {
        position,
        kind,
        version,
        why,
    })
}
