//! The table `changes`: appended to by each commit, and brought into `state` a portion at a time. Must not know when.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::write::keep_word;
use crate::changes::{Appended, Backlog, PORTION_BYTES, PORTION_ROWS, Portion, StoredChanges};

/// Appends a row; says its number.
pub(super) fn append(connection: &Connection, row: &Appended) -> Result<i64, rusqlite::Error> {
    connection
        .prepare_cached("INSERT INTO changes (body, digest) VALUES (?1, ?2)")?
        .execute(params![row.body, row.digest])?;
    Ok(connection.last_insert_rowid())
}

/// Brings the first rows into `state`.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    backlog: &Backlog,
) -> Result<Portion, rusqlite::Error> {
    let mut select = transaction.prepare_cached(
        "SELECT number, body, digest FROM changes WHERE number > ?1 ORDER BY number LIMIT ?2",
    )?;
    let mut found =
        select.query_map(params![backlog.passed_over(), PORTION_ROWS], stored_changes)?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while bytes < PORTION_BYTES
        && let Some(row) = found.next().transpose()?
    {
        bytes += row.body.len();
        rows.push(row);
    }
    drop(found);
    let portion = backlog.portion(rows);
    for (key, value) in &portion.words {
        keep_word(transaction, key, value.as_ref())?;
    }
    let mut delete = transaction.prepare_cached("DELETE FROM changes WHERE number = ?1")?;
    for number in &portion.done {
        delete.execute([number])?;
    }
    Ok(portion)
}

/// The first row after one of them.
pub(super) fn next(
    connection: &Connection,
    after: i64,
) -> Result<Option<StoredChanges>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT number, body, digest FROM changes WHERE number > ?1 ORDER BY number LIMIT 1",
        )?
        .query_row([after], stored_changes)
        .optional()
}

/// The columns number, body, digest.
fn stored_changes(row: &Row<'_>) -> Result<StoredChanges, rusqlite::Error> {
    Ok(StoredChanges {
        number: row.get(0)?,
        body: row.get(1)?,
        digest: row.get(2)?,
    })
}
