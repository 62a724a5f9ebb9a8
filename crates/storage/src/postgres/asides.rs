//! Decisions and lessons in PostgreSQL. Must not know transactions.

use std::collections::BTreeSet;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::insert::{Left, answer};
use super::read::cell;
use crate::aside::{Aside, AsideTable, DECISIONS_OF_A_TICKET, LESSONS, StoredAside};
use crate::error::LoadError;

/// All at once. Decisions on tickets that were erased are passed over.
pub(super) async fn insert<'a>(
    client: &Client,
    asides: impl Iterator<Item = &'a Aside> + Clone,
) -> Result<(), Left> {
    let of = |table| {
        let rows = asides.clone().filter(move |aside| aside.table == table);
        Columns::of(rows)
    };
    let decisions = of(AsideTable::Decisions);
    if !decisions.tickets.is_empty() {
        let sql = "INSERT INTO decisions (ticket, at, version, body, digest) \
                   SELECT given.ticket, given.at, given.version, given.body, given.digest \
                   FROM unnest($1::TEXT[], $2::BIGINT[], $3::INTEGER[], $4::TEXT[], $5::BYTEA[]) WITH ORDINALITY \
                   AS given (ticket, at, version, body, digest, number) \
                   JOIN tickets ON tickets.id = given.ticket ORDER BY given.number";
        let Columns {
            tickets,
            times,
            versions,
            bodies,
            digests,
        } = &decisions;
        let parameters: [&(dyn ToSql + Sync); 5] = [tickets, times, versions, bodies, digests];
        answer(client.execute(sql, &parameters)).await?;
        let sql = "DELETE FROM decisions USING (SELECT position, row_number() OVER newest AS age, \
                   row_number() OVER oldest AS number FROM decisions WHERE ticket = ANY($1) \
                   WINDOW newest AS (PARTITION BY ticket ORDER BY position DESC), \
                   oldest AS (PARTITION BY ticket ORDER BY position)) AS found \
                   WHERE decisions.position = found.position AND found.age >= $2 AND found.number > 1";
        let tickets: Vec<&str> = BTreeSet::from_iter(tickets.iter().copied())
            .into_iter()
            .collect();
        answer(client.execute(sql, &[&tickets, &DECISIONS_OF_A_TICKET])).await?;
    }
    let lessons = of(AsideTable::Lessons);
    if !lessons.times.is_empty() {
        let sql = "INSERT INTO lessons (at, version, body, digest) \
                   SELECT at, version, body, digest FROM unnest($1::BIGINT[], $2::INTEGER[], $3::TEXT[], $4::BYTEA[]) \
                   WITH ORDINALITY AS given (at, version, body, digest, number) ORDER BY number";
        let Columns {
            times,
            versions,
            bodies,
            digests,
            tickets: _,
        } = &lessons;
        let parameters: [&(dyn ToSql + Sync); 4] = [times, versions, bodies, digests];
        answer(client.execute(sql, &parameters)).await?;
        let sql = "DELETE FROM lessons WHERE position <= (SELECT max(position) FROM lessons) - $1::BIGINT";
        answer(client.execute(sql, &[&LESSONS])).await?;
    }
    Ok(())
}

/// Rows as columns, in which PostgreSQL takes many at once.
#[derive(Default)]
struct Columns<'a> {
    tickets: Vec<&'a str>,
    times: Vec<i64>,
    versions: Vec<i32>,
    bodies: Vec<&'a str>,
    digests: Vec<Vec<u8>>,
}

impl<'a> Columns<'a> {
    fn of(rows: impl Iterator<Item = &'a Aside>) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.tickets.push(&row.ticket);
            columns.times.push(row.at_unix_ms);
            let version = i32::try_from(row.version).unwrap_or(i32::MAX);
            columns.versions.push(version);
            columns.bodies.push(&row.body);
            columns.digests.push(row.digest().to_vec());
        }
        columns
    }
}

/// The columns position, ticket, at, version, body, digest of a table.
pub(super) fn columns(table: AsideTable) -> &'static str {
    match table {
        AsideTable::Decisions => "position, ticket, at, version, body, digest FROM decisions",
        AsideTable::Lessons => "position, '' AS ticket, at, version, body, digest FROM lessons",
    }
}

/// A row of these columns.
pub(super) fn stored(row: &Row, table: AsideTable) -> Result<StoredAside, LoadError> {
    let version: i32 = cell(row, 3)?;
    Ok(StoredAside {
        position: cell(row, 0)?,
        row: Aside {
            table,
            ticket: cell(row, 1)?,
            at_unix_ms: cell(row, 2)?,
            version: u32::try_from(version).unwrap_or_default(),
            body: cell(row, 4)?,
        },
        digest: cell(row, 5)?,
    })
}
