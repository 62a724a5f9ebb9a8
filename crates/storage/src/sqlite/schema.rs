//! The database's schema: numbered steps, applied forward, one transaction each.
//! Must not know how the tables are used.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::read::stored_row;
use crate::chain::Link;

/// Step `n` (from 1) brings a database from schema `n - 1` to schema `n`. A released step never changes.
const STEPS: &[&str] = &[
    include_str!("../migrations/sqlite/0001_journal.sql"),
    include_str!("../migrations/sqlite/0002_state.sql"),
    include_str!("../migrations/sqlite/0003_errands.sql"),
    include_str!("../migrations/sqlite/0004_asides.sql"),
    include_str!("../migrations/sqlite/0005_destinations.sql"),
    include_str!("../migrations/sqlite/0006_changes.sql"),
];

/// The schema that brought digests and chains.
const WITH_CHAINS: i64 = 2;

/// Marks the file as ours in the SQLite header: "Dskb".
const APPLICATION_ID: i32 = 0x4473_6b62;

/// Why a database was left as it was.
#[derive(Debug)]
pub(crate) enum SchemaError {
    /// It holds another program's tables.
    NotOurs,
    /// A newer program wrote it.
    Newer { found: i64, known: i64 },
    /// An older program wrote it, and it may not be changed here.
    Older { found: i64, known: i64 },
    /// SQLite refused.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for SchemaError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Says whether the database is ours and not newer than this program; changes nothing.
pub(crate) fn examine(connection: &Connection) -> Result<(), SchemaError> {
    let found = version(connection)?;
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(SchemaError::NotOurs);
    }
    let known = newest();
    if found > known {
        return Err(SchemaError::Newer { found, known });
    }
    Ok(())
}

/// Says whether the database has the schema of this program; changes nothing.
pub(crate) fn examine_current(connection: &Connection) -> Result<(), SchemaError> {
    examine(connection)?;
    let (found, known) = (version(connection)?, newest());
    if found < known {
        return Err(SchemaError::Older { found, known });
    }
    Ok(())
}

/// Applies the steps the database lacks.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), SchemaError> {
    migrate_by(STEPS, connection)
}

fn migrate_by(steps: &[&str], connection: &mut Connection) -> Result<(), SchemaError> {
    for (number, step) in (1_i64..).zip(steps) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Read inside the transaction: another process may have applied the step meanwhile.
        if version(&transaction)? < number {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.execute_batch(step)?;
            if number == WITH_CHAINS && steps == STEPS {
                chain_existing(&transaction)?;
            }
            transaction.pragma_update(None, "user_version", number)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

/// Gives the records of before their digests and the tickets their chains.
fn chain_existing(transaction: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    let mut links: HashMap<String, Link> = HashMap::new();
    let mut read = transaction.prepare(
        "SELECT position, ticket, kind, version, at, line, line_id, body, digest FROM records ORDER BY position",
    )?;
    let mut write = transaction.prepare("UPDATE records SET digest = ?2 WHERE position = ?1")?;
    for row in read.query_map([], stored_row)? {
        let row = row?;
        let digest = row.columns().digest();
        write.execute(params![row.position, digest])?;
        let link = links.entry(row.ticket).or_default();
        *link = link.followed_by(&digest);
    }
    let mut write =
        transaction.prepare("UPDATE tickets SET records = ?2, chain = ?3 WHERE id = ?1")?;
    for (ticket, link) in links {
        write.execute(params![ticket, link.records, link.chain])?;
    }
    Ok(())
}

fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

fn version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_applied_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection).unwrap(), newest());
        examine(&connection).unwrap();
    }

    /// The database of the first release, with a ticket in it, comes to the newest schema and verifies.
    #[test]
    fn first_schema_is_brought_up_to_date_with_what_is_in_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&STEPS[..1], &mut connection).unwrap();
        connection
            .execute_batch(
                "INSERT INTO tickets (id, site, tier, opened_at) VALUES ('t1', 'shop', 'gold', 5);
                 INSERT INTO records (ticket, kind, version, at, line, line_id, body)
                 VALUES ('t1', 'line', 1, 5, 1, 'a', '{\"from\":\"rep\",\"text\":\"hi\"}'),
                        ('t1', 'rated', 1, 6, NULL, NULL, '{\"stars\":5}')",
            )
            .unwrap();
        migrate(&mut connection).unwrap();
        let mut statement = connection
            .prepare("SELECT position, ticket, kind, version, at, line, line_id, body, digest FROM records ORDER BY position")
            .unwrap();
        let rows = statement.query_map([], stored_row).unwrap();
        let link = rows.fold(Link::default(), |link, row| {
            let row = row.unwrap();
            assert_eq!(row.digest, row.columns().digest());
            link.followed_by(&row.columns().digest())
        });
        let kept: (i64, Vec<u8>) = connection
            .query_row("SELECT records, chain FROM tickets", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(kept, (2, link.chain.to_vec()));
    }

    #[test]
    fn failing_step_leaves_the_schema_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = [
            "CREATE TABLE a (x)",
            "CREATE TABLE b (x); CREATE TABLE a (x)",
        ];
        assert!(migrate_by(&steps, &mut connection).is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn database_of_another_program_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(examine(&connection), Err(SchemaError::NotOurs)));
    }

    #[test]
    fn newer_schema_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection
            .pragma_update(None, "user_version", newest() + 1)
            .unwrap();
        assert!(matches!(
            examine(&connection),
            Err(SchemaError::Newer { .. })
        ));
    }
}
