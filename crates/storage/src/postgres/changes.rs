//! The table `changes`: appended to by each commit, and brought into `state` a portion at a time, inside an open
//! transaction. Must not know when.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::connect::{describe, within};
use super::insert::{Left, answer, write_words};
use super::read::cell;
use super::write::Session;
use crate::changes::{Appended, Backlog, PORTION_BYTES, PORTION_ROWS, Portion, StoredChanges};
use crate::error::{LoadError, PostgresError};

/// The first row after one of them.
pub(super) const NEXT: &str =
    "SELECT number, body, digest FROM changes WHERE number > $1 ORDER BY number LIMIT 1";

pub(super) async fn prepare(client: &Client) -> Result<Statement, PostgresError> {
    let append = "INSERT INTO changes (body, digest) VALUES ($1, $2) RETURNING number";
    within(client.prepare(append)).await
}

/// Appends a row; says its number.
pub(super) async fn append(session: &Session, row: &Appended) -> Result<i64, Left> {
    let (client, statement) = (&session.connection.client, &session.statements.append);
    let parameters: [&(dyn ToSql + Sync); 2] = [&row.body, &&row.digest[..]];
    let row = answer(client.query_one(statement, &parameters)).await?;
    row.try_get(0)
        .map_err(|error| Left::Lasting(describe(&error)))
}

/// Brings the first rows into `state`.
pub(super) async fn settle(session: &Session, backlog: &Backlog) -> Result<Portion, Left> {
    let client = &session.connection.client;
    let sql = "SELECT number, body, digest FROM \
               (SELECT number, body, digest, sum(length(body)) OVER (ORDER BY number) - length(body) AS before \
               FROM (SELECT number, body, digest FROM changes WHERE number > $1 ORDER BY number LIMIT $2) AS first) \
               AS measured WHERE before < $3 ORDER BY number";
    let parameters: [&(dyn ToSql + Sync); 3] = [
        &backlog.passed_over(),
        &PORTION_ROWS,
        &(PORTION_BYTES as i64),
    ];
    let rows = answer(client.query(sql, &parameters)).await?;
    let rows: Result<Vec<_>, _> = rows.iter().map(stored_changes).collect();
    let portion = backlog.portion(rows.map_err(|error| Left::Lasting(error.to_string()))?);
    write_words(session, &portion.words).await?;
    if !portion.done.is_empty() {
        let sql = "DELETE FROM changes WHERE number = ANY($1)";
        answer(client.execute(sql, &[&portion.done])).await?;
    }
    Ok(portion)
}

/// The columns number, body, digest.
pub(super) fn stored_changes(row: &Row) -> Result<StoredChanges, LoadError> {
    Ok(StoredChanges {
        number: cell(row, 0)?,
        body: cell(row, 1)?,
        digest: cell(row, 2)?,
    })
}
