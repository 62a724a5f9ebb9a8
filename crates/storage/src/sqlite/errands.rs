//! Intents and the outbox in SQLite: their rows, their changes, and what becomes of them when a ticket is erased.
//! Must not know transactions.

use helpdesk::TicketId;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row, ToSql, params};

use super::asides;
use super::read::stored_state;
use super::write::InsertError;
use crate::intent::{Intent, IntentChange, IntentKind, Standing};
use crate::outbox::{Becomes, OutboxChange, OutboxChoice, OutboxEntry, OutboxState};
use crate::soft::StoredState;
use crate::verify::{LooseFrom, LooseRows, PAGE};

pub(super) fn change_intent(
    connection: &Connection,
    change: &IntentChange,
) -> Result<(), InsertError> {
    let (kind, id) = change.key();
    let sql = format!("SELECT {INTENT} FROM intents WHERE kind = ?1 AND id = ?2");
    let found = connection
        .prepare_cached(&sql)?
        .query_row(params![kind.as_str(), id], |row| intent(row, kind))
        .optional()?;
    match change.applied_to(found) {
        Ok(intent) => Ok(put_intent(connection, &intent)?),
        Err(moved) => Err(InsertError::Refused(change.refusal(moved))),
    }
}

pub(super) fn put_intent(connection: &Connection, intent: &Intent) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO intents (kind, id, ticket, step, open, began_at, changed_at, version, body, digest) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
             ON CONFLICT (kind, id) DO UPDATE SET ticket = excluded.ticket, step = excluded.step, \
             open = excluded.open, changed_at = excluded.changed_at, body = excluded.body, digest = excluded.digest",
        )?
        .execute(params![
            intent.kind.as_str(),
            intent.id,
            intent.ticket.as_ref().map(TicketId::as_str),
            intent.step,
            intent.is_open(),
            intent.began_at_unix_ms,
            intent.changed_at_unix_ms,
            intent.version,
            intent.body,
            intent.digest(),
        ])?;
    Ok(())
}

pub(super) fn change_outbox(
    connection: &Connection,
    change: &OutboxChange,
) -> Result<(), rusqlite::Error> {
    let id = change.id();
    let sql = format!("SELECT {ENTRY} FROM outbox WHERE id = ?1");
    let found = connection
        .prepare_cached(&sql)?
        .query_row([id], entry)
        .optional()?;
    let Some((found, _)) = found else {
        return match change {
            OutboxChange::Put(entry) if !is_about_erased(connection, entry)? => {
                put_entry(connection, entry)
            }
            OutboxChange::Put(_)
            | OutboxChange::Delivered { .. }
            | OutboxChange::Failed { .. }
            | OutboxChange::Revive { .. }
            | OutboxChange::Drop { .. } => Ok(()),
        };
    };
    match change.applied_to(found) {
        Becomes::Entry(entry) => put_entry(connection, &entry),
        Becomes::Gone => {
            connection
                .prepare_cached("DELETE FROM outbox WHERE id = ?1")?
                .execute([id])?;
            Ok(())
        }
    }
}

pub(super) fn put_entry(
    connection: &Connection,
    entry: &OutboxEntry,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO outbox (id, destination, ticket, at, due_at, attempts, dead, why, version, body, digest) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, attempts = excluded.attempts, \
             dead = excluded.dead, why = excluded.why, body = excluded.body, digest = excluded.digest",
        )?
        .execute(params![
            entry.id,
            entry.destination,
            entry.ticket.as_ref().map(TicketId::as_str),
            entry.at_unix_ms,
            entry.due_at_unix_ms,
            entry.attempts,
            entry.is_dead(),
            entry.why,
            entry.version,
            entry.body,
            entry.digest(),
        ])?;
    Ok(())
}

/// What the ticket was about goes with it; that something was intended stays, for the limits.
pub(super) fn forget_ticket(connection: &Connection, ticket: &str) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM outbox WHERE ticket = ?1")?
        .execute([ticket])?;
    for (intent, _) in intents(connection, "WHERE ticket = ?1", [ticket])? {
        put_intent(connection, &intent.forgotten())?;
    }
    Ok(())
}

/// A page of the rows that belong to no chain.
pub(super) fn loose_rows(
    connection: &Connection,
    from: &LooseFrom,
) -> Result<LooseRows, rusqlite::Error> {
    match from {
        LooseFrom::State { kind, name } => {
            let sql = "SELECT kind, key, version, expires_at, body, digest FROM state \
                       WHERE (kind, key) > (?1, ?2) ORDER BY kind, key LIMIT ?3";
            let rows: Vec<StoredState> = connection
                .prepare_cached(sql)?
                .query_map(params![kind, name, PAGE], stored_state)?
                .collect::<Result<_, _>>()?;
            Ok(LooseRows::of_state(&rows))
        }
        LooseFrom::Asides { table, position } => {
            let rows = asides::after(connection, *table, *position, PAGE)?;
            Ok(LooseRows::of_asides(&rows, *table))
        }
        LooseFrom::Intents { kind, id } => {
            let which = "WHERE (kind, id) > (?1, ?2) ORDER BY kind, id LIMIT ?3";
            let rows = intents(connection, which, params![kind, id, PAGE])?;
            Ok(LooseRows::of_intents(&rows))
        }
        LooseFrom::Outbox { id } => {
            let sql = format!("SELECT {ENTRY} FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2");
            let rows: Vec<(OutboxEntry, Vec<u8>)> = connection
                .prepare_cached(&sql)?
                .query_map(params![id, PAGE], entry)?
                .collect::<Result<_, _>>()?;
            Ok(LooseRows::of_outbox(&rows))
        }
    }
}

/// Intents with the digests that were stored. `which` is what follows the table's name.
pub(super) fn intents(
    connection: &Connection,
    which: &'static str,
    parameters: impl Params,
) -> Result<Vec<(Intent, Vec<u8>)>, rusqlite::Error> {
    let sql = format!("SELECT {INTENT}, kind FROM intents {which}");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(parameters, |row| {
        let kind: String = row.get(INTENT_COLUMNS)?;
        let Some(kind) = IntentKind::read(&kind) else {
            // A newer program's.
            return Ok(None);
        };
        Ok(Some((intent(row, kind)?, row.get(INTENT_DIGEST)?)))
    })?;
    rows.filter_map(Result::transpose).collect()
}

/// Those whose bodies do not begin with this, in the order of their ids, after one of them.
pub(super) fn entries_not_marked(
    connection: &Connection,
    after: &str,
    mark: &str,
    at_most: u32,
) -> Result<Vec<(OutboxEntry, Vec<u8>)>, rusqlite::Error> {
    let sql = format!(
        "SELECT {ENTRY} FROM outbox WHERE id > ?1 AND substr(body, 1, length(?2)) <> ?2 ORDER BY id LIMIT ?3"
    );
    connection
        .prepare_cached(&sql)?
        .query_map(params![after, mark, at_most], entry)?
        .collect()
}

/// Entries with the digests that were stored.
pub(super) fn entries(
    connection: &Connection,
    choice: &OutboxChoice,
    at_most: u32,
) -> Result<Vec<(OutboxEntry, Vec<u8>)>, rusqlite::Error> {
    let collect = |mut statement: CachedStatement<'_>, parameters: &[&dyn ToSql]| {
        statement.query_map(parameters, entry)?.collect()
    };
    match choice {
        OutboxChoice::DueBy(at) => {
            let sql = format!(
                "SELECT {ENTRY} FROM outbox WHERE dead = 0 AND due_at <= ?1 ORDER BY due_at, id LIMIT ?2"
            );
            collect(connection.prepare_cached(&sql)?, params![at, at_most])
        }
        OutboxChoice::DeadAfter(id) => {
            let sql = format!(
                "SELECT {ENTRY} FROM outbox WHERE dead = 1 AND id > ?1 ORDER BY id LIMIT ?2"
            );
            collect(connection.prepare_cached(&sql)?, params![id, at_most])
        }
        OutboxChoice::WaitingFor(destination) => collect(
            connection.prepare_cached(&waiting_for())?,
            params![destination, at_most],
        ),
    }
}

fn waiting_for() -> String {
    format!("SELECT {ENTRY} FROM outbox WHERE dead = 0 AND destination = ?1 ORDER BY id LIMIT ?2")
}

fn is_about_erased(connection: &Connection, entry: &OutboxEntry) -> Result<bool, rusqlite::Error> {
    let Some(ticket) = &entry.ticket else {
        return Ok(false);
    };
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM erased WHERE ticket = ?1)")?
        .query_row([ticket.as_str()], |row| row.get(0))
}

const INTENT: &str = "id, ticket, step, open, began_at, changed_at, version, body, digest";
const INTENT_DIGEST: usize = 8;
const INTENT_COLUMNS: usize = 9;

fn intent(row: &Row<'_>, kind: IntentKind) -> Result<Intent, rusqlite::Error> {
    let ticket: Option<String> = row.get(1)?;
    let is_open: bool = row.get(3)?;
    Ok(Intent {
        kind,
        id: row.get(0)?,
        ticket: ticket.as_deref().map(TicketId::new),
        step: row.get(2)?,
        standing: if is_open {
            Standing::Open
        } else {
            Standing::Ended
        },
        began_at_unix_ms: row.get(4)?,
        changed_at_unix_ms: row.get(5)?,
        version: row.get(6)?,
        body: row.get(7)?,
    })
}

const ENTRY: &str =
    "id, destination, ticket, at, due_at, attempts, dead, why, version, body, digest";

fn entry(row: &Row<'_>) -> Result<(OutboxEntry, Vec<u8>), rusqlite::Error> {
    let ticket: Option<String> = row.get(2)?;
    let is_dead: bool = row.get(6)?;
    let entry = OutboxEntry {
        id: row.get(0)?,
        destination: row.get(1)?,
        ticket: ticket.as_deref().map(TicketId::new),
        at_unix_ms: row.get(3)?,
        due_at_unix_ms: row.get(4)?,
        attempts: row.get(5)?,
        state: if is_dead {
            OutboxState::Dead
        } else {
            OutboxState::Waiting
        },
        why: row.get(7)?,
        version: row.get(8)?,
        body: row.get(9)?,
    };
    Ok((entry, row.get(10)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::Database;

    /// A delivery looks through what waits for its own listener, however much waits for others.
    #[test]
    fn what_waits_for_a_destination_is_found_by_its_index() {
        let database = Database::open_memory().unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {}", waiting_for());
        let mut statement = database.reader.prepare(&sql).unwrap();
        let plan: Vec<String> = statement
            .query_map(params!["shop", 10], |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(
            plan,
            ["SEARCH outbox USING INDEX outbox_by_destination (destination=?)"]
        );
    }
}
