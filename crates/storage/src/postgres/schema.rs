//! The database's schema: numbered steps, applied forward, one transaction each. Must not know how the tables are used.

use tokio_postgres::Client;

use super::connect::within;
use crate::error::PostgresError;

/// Step `n` (from 1) brings a database from schema `n - 1` to schema `n`. A released step never changes.
const STEPS: &[&str] = &[
    include_str!("../migrations/postgres/0001_journal.sql"),
    include_str!("../migrations/postgres/0002_errands.sql"),
    include_str!("../migrations/postgres/0003_asides.sql"),
    include_str!("../migrations/postgres/0004_destinations.sql"),
    include_str!("../migrations/postgres/0005_changes.sql"),
];

/// Applies the steps the database lacks. Whoever calls it holds the journal's lock.
pub(crate) async fn migrate(client: &Client) -> Result<(), PostgresError> {
    migrate_by(STEPS, client).await
}

/// Says whether the database has the schema of this program; changes nothing.
pub(crate) async fn examine_current(client: &Client) -> Result<(), PostgresError> {
    let (found, known) = (version(client).await?, newest(STEPS));
    match found {
        found if found > known => Err(PostgresError::NewerSchema { found, known }),
        found if found < known => Err(PostgresError::OlderSchema { found, known }),
        _ => Ok(()),
    }
}

async fn migrate_by(steps: &[&str], client: &Client) -> Result<(), PostgresError> {
    let (found, known) = (version(client).await?, newest(steps));
    if found > known {
        return Err(PostgresError::NewerSchema { found, known });
    }
    if found == 0 && has_tables(client).await? {
        return Err(PostgresError::NotOurs);
    }
    for (number, step) in (1_i64..).zip(steps) {
        if number > found {
            // One message is one transaction: the step and its number together, or neither.
            within(client.batch_execute(&format!(
                "BEGIN; {step}; \
                 CREATE TABLE IF NOT EXISTS deskbell_schema (version BIGINT NOT NULL); \
                 DELETE FROM deskbell_schema; INSERT INTO deskbell_schema VALUES ({number}); COMMIT"
            )))
            .await?;
        }
    }
    Ok(())
}

fn newest(steps: &[&str]) -> i64 {
    i64::try_from(steps.len()).unwrap_or(i64::MAX)
}

/// 0 for a database without our tables.
async fn version(client: &Client) -> Result<i64, PostgresError> {
    let ours =
        within(client.query_one("SELECT to_regclass('deskbell_schema') IS NOT NULL", &[])).await?;
    if !ours.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = within(client.query_opt("SELECT max(version) FROM deskbell_schema", &[])).await?;
    Ok(row
        .and_then(|row| row.get::<_, Option<i64>>(0))
        .unwrap_or(0))
}

async fn has_tables(client: &Client) -> Result<bool, PostgresError> {
    let row = within(client.query_one(
        "SELECT to_regclass('tickets') IS NOT NULL OR to_regclass('records') IS NOT NULL \
         OR to_regclass('state') IS NOT NULL OR to_regclass('head') IS NOT NULL",
        &[],
    ))
    .await?;
    Ok(row.get(0))
}
