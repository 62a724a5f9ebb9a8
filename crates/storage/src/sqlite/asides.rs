//! Decisions and lessons in SQLite. Must not know transactions.

use rusqlite::{CachedStatement, Connection, Params, Row, params};

use crate::aside::{Aside, AsideTable, DECISIONS_OF_A_TICKET, LESSONS, StoredAside};

/// A decision on a ticket that was erased is passed over.
pub(super) fn insert(connection: &Connection, aside: &Aside) -> Result<(), rusqlite::Error> {
    let Aside {
        table,
        ticket,
        at_unix_ms,
        version,
        body,
    } = aside;
    let digest = aside.digest();
    match table {
        AsideTable::Decisions => {
            let inserted = connection
                .prepare_cached(
                    "INSERT INTO decisions (ticket, at, version, body, digest) \
                     SELECT id, ?2, ?3, ?4, ?5 FROM tickets WHERE id = ?1",
                )?
                .execute(params![ticket, at_unix_ms, version, body, digest])?;
            if inserted > 0 {
                connection
                    .prepare_cached(
                        "DELETE FROM decisions WHERE ticket = ?1 \
                         AND position > (SELECT min(position) FROM decisions WHERE ticket = ?1) \
                         AND position <= (SELECT position FROM decisions WHERE ticket = ?1 \
                                          ORDER BY position DESC LIMIT 1 OFFSET ?2)",
                    )?
                    .execute(params![ticket, DECISIONS_OF_A_TICKET - 1])?;
            }
        }
        AsideTable::Lessons => {
            connection
                .prepare_cached(
                    "INSERT INTO lessons (at, version, body, digest) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![at_unix_ms, version, body, digest])?;
            let newest = connection.last_insert_rowid();
            connection
                .prepare_cached("DELETE FROM lessons WHERE position <= ?1")?
                .execute([newest - LESSONS])?;
        }
    }
    Ok(())
}

/// Every lesson, the oldest first.
pub(super) fn lessons(connection: &Connection) -> Result<Vec<StoredAside>, rusqlite::Error> {
    let sql = "SELECT position, '', at, version, body, digest FROM lessons ORDER BY position";
    collect(connection.prepare_cached(sql)?, [], AsideTable::Lessons)
}

/// The decisions on a ticket, in their order.
pub(super) fn decisions_on(
    connection: &Connection,
    ticket: &str,
) -> Result<Vec<StoredAside>, rusqlite::Error> {
    let sql = "SELECT position, ticket, at, version, body, digest FROM decisions \
               WHERE ticket = ?1 ORDER BY position";
    collect(
        connection.prepare_cached(sql)?,
        [ticket],
        AsideTable::Decisions,
    )
}

/// The decisions on tickets that have not ended, or ended at this moment or later.
pub(super) fn decisions_since(
    connection: &Connection,
    since_unix_ms: i64,
) -> Result<Vec<StoredAside>, rusqlite::Error> {
    let sql = "SELECT position, ticket, at, version, body, digest FROM decisions WHERE ticket IN \
               (SELECT id FROM tickets WHERE ended_at IS NULL OR ended_at >= ?1) ORDER BY position";
    collect(
        connection.prepare_cached(sql)?,
        [since_unix_ms],
        AsideTable::Decisions,
    )
}

/// A page of a table after a position.
pub(super) fn after(
    connection: &Connection,
    table: AsideTable,
    position: i64,
    at_most: u32,
) -> Result<Vec<StoredAside>, rusqlite::Error> {
    let sql = match table {
        AsideTable::Decisions => {
            "SELECT position, ticket, at, version, body, digest FROM decisions \
             WHERE position > ?1 ORDER BY position LIMIT ?2"
        }
        AsideTable::Lessons => {
            "SELECT position, '', at, version, body, digest FROM lessons \
             WHERE position > ?1 ORDER BY position LIMIT ?2"
        }
    };
    collect(
        connection.prepare_cached(sql)?,
        params![position, at_most],
        table,
    )
}

fn collect(
    mut statement: CachedStatement<'_>,
    parameters: impl Params,
    table: AsideTable,
) -> Result<Vec<StoredAside>, rusqlite::Error> {
    let read = |row: &Row<'_>| {
        Ok(StoredAside {
            position: row.get(0)?,
            row: Aside {
                table,
                ticket: row.get(1)?,
                at_unix_ms: row.get(2)?,
                version: row.get(3)?,
                body: row.get(4)?,
            },
            digest: row.get(5)?,
        })
    };
    statement.query_map(parameters, read)?.collect()
}
