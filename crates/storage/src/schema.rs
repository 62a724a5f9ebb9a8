//! The database's schema: numbered steps, applied forward, one transaction each.
//! Must not know how the tables are used.

use rusqlite::{Connection, TransactionBehavior};

/// Step `n` (from 1) brings a database from schema `n - 1` to schema `n`. A released step never changes.
const STEPS: &[&str] = &[include_str!("migrations/0001_journal.sql")];

/// Marks the file as ours in the SQLite header: "Dskb".
const APPLICATION_ID: i32 = 0x4473_6b62;

/// Why a database was left as it was.
#[derive(Debug)]
pub(crate) enum SchemaError {
    /// It holds another program's tables.
    NotOurs,
    /// A newer program wrote it.
    Newer { found: i64, known: i64 },
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
            transaction.pragma_update(None, "user_version", number)?;
        }
        transaction.commit()?;
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
