//! Intents and the outbox in PostgreSQL: their rows, their changes, and what becomes of them when a ticket is erased.
//! Must not know transactions.

use helpdesk::TicketId;
use tokio_postgres::types::FromSqlOwned;
use tokio_postgres::{Client, Row};

use super::connect::describe;
use super::insert::{Left, answer};
use crate::error::CommitError;
use crate::intent::{Intent, IntentChange, IntentKind, Standing};
use crate::outbox::{Becomes, OutboxChange, OutboxEntry, OutboxState};

/// The columns of [`intent`].
pub(super) const INTENT: &str =
    "kind, id, ticket, step, open, began_at, changed_at, version, body, digest";

/// The columns of [`entry`].
pub(super) const ENTRY: &str =
    "id, destination, ticket, at, due_at, attempts, dead, why, version, body, digest";

/// `Ok(Err(…))` is a refusal, and nothing was changed.
pub(super) async fn change_intent(
    client: &Client,
    change: &IntentChange,
) -> Result<Result<(), CommitError>, Left> {
    let (kind, id) = change.key();
    let sql = format!("SELECT {INTENT} FROM intents WHERE kind = $1 AND id = $2");
    let row = answer(client.query_opt(&sql, &[&kind.as_str(), &id])).await?;
    let found = row
        .as_ref()
        .map(intent)
        .transpose()
        .map_err(Left::Lasting)?;
    match change.applied_to(found.flatten().map(|(intent, _)| intent)) {
        Ok(intent) => put_intent(client, &intent).await.map(Ok),
        Err(moved) => Ok(Err(change.refusal(moved))),
    }
}

pub(super) async fn put_intent(client: &Client, intent: &Intent) -> Result<(), Left> {
    let sql = "INSERT INTO intents (kind, id, ticket, step, open, began_at, changed_at, version, body, digest) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
               ON CONFLICT (kind, id) DO UPDATE SET ticket = excluded.ticket, step = excluded.step, \
               open = excluded.open, changed_at = excluded.changed_at, body = excluded.body, digest = excluded.digest";
    answer(client.execute(
        sql,
        &[
            &intent.kind.as_str(),
            &intent.id,
            &intent.ticket.as_ref().map(TicketId::as_str),
            &intent.step,
            &intent.is_open(),
            &intent.began_at_unix_ms,
            &intent.changed_at_unix_ms,
            &i32::try_from(intent.version).unwrap_or(i32::MAX),
            &intent.body,
            &&intent.digest()[..],
        ],
    ))
    .await?;
    Ok(())
}

pub(super) async fn change_outbox(client: &Client, change: &OutboxChange) -> Result<(), Left> {
    let id = change.id();
    let sql = format!("SELECT {ENTRY} FROM outbox WHERE id = $1");
    let row = answer(client.query_opt(&sql, &[&id])).await?;
    let found = row.as_ref().map(entry).transpose().map_err(Left::Lasting)?;
    let Some((found, _)) = found else {
        return match change {
            OutboxChange::Put(entry) if !is_about_erased(client, entry).await? => {
                put_entry(client, entry).await
            }
            OutboxChange::Put(_)
            | OutboxChange::Delivered { .. }
            | OutboxChange::Failed { .. }
            | OutboxChange::Revive { .. }
            | OutboxChange::Drop { .. } => Ok(()),
        };
    };
    match change.applied_to(found) {
        Becomes::Entry(entry) => put_entry(client, &entry).await,
        Becomes::Gone => {
            let sql = "DELETE FROM outbox WHERE id = $1";
            answer(client.execute(sql, &[&id])).await?;
            Ok(())
        }
    }
}

pub(super) async fn put_entry(client: &Client, entry: &OutboxEntry) -> Result<(), Left> {
    let sql = "INSERT INTO outbox (id, destination, ticket, at, due_at, attempts, dead, why, version, body, digest) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
               ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, attempts = excluded.attempts, \
               dead = excluded.dead, why = excluded.why, body = excluded.body, digest = excluded.digest";
    answer(client.execute(
        sql,
        &[
            &entry.id,
            &entry.destination,
            &entry.ticket.as_ref().map(TicketId::as_str),
            &entry.at_unix_ms,
            &entry.due_at_unix_ms,
            &i64::from(entry.attempts),
            &entry.is_dead(),
            &entry.why,
            &i32::try_from(entry.version).unwrap_or(i32::MAX),
            &entry.body,
            &&entry.digest()[..],
        ],
    ))
    .await?;
    Ok(())
}

/// What the tickets were about goes with them; that something was intended stays, for the limits.
pub(super) async fn forget_tickets(client: &Client, tickets: &[&str]) -> Result<(), Left> {
    let sql = "DELETE FROM outbox WHERE ticket = ANY($1)";
    answer(client.execute(sql, &[&tickets])).await?;
    let sql = format!("SELECT {INTENT} FROM intents WHERE ticket = ANY($1)");
    for row in answer(client.query(&sql, &[&tickets])).await? {
        if let Some((intent, _)) = intent(&row).map_err(Left::Lasting)? {
            put_intent(client, &intent.forgotten()).await?;
        }
    }
    Ok(())
}

async fn is_about_erased(client: &Client, entry: &OutboxEntry) -> Result<bool, Left> {
    let Some(ticket) = &entry.ticket else {
        return Ok(false);
    };
    let sql = "SELECT EXISTS (SELECT 1 FROM erased WHERE ticket = $1)";
    let row = answer(client.query_one(sql, &[&ticket.as_str()])).await?;
    cell(&row, 0).map_err(Left::Lasting)
}

/// An intent and the digest that was stored with it; `None` for a newer program's.
pub(super) fn intent(row: &Row) -> Result<Option<(Intent, Vec<u8>)>, String> {
    let kind: String = cell(row, 0)?;
    let Some(kind) = IntentKind::read(&kind) else {
        return Ok(None);
    };
    let ticket: Option<String> = cell(row, 2)?;
    let is_open: bool = cell(row, 4)?;
    let version: i32 = cell(row, 7)?;
    let intent = Intent {
        kind,
        id: cell(row, 1)?,
        ticket: ticket.as_deref().map(TicketId::new),
        step: cell(row, 3)?,
        standing: if is_open {
            Standing::Open
        } else {
            Standing::Ended
        },
        began_at_unix_ms: cell(row, 5)?,
        changed_at_unix_ms: cell(row, 6)?,
        version: u32::try_from(version).unwrap_or_default(),
        body: cell(row, 8)?,
    };
    Ok(Some((intent, cell(row, 9)?)))
}

/// An entry and the digest that was stored with it.
pub(super) fn entry(row: &Row) -> Result<(OutboxEntry, Vec<u8>), String> {
    let ticket: Option<String> = cell(row, 2)?;
    let attempts: i64 = cell(row, 5)?;
    let is_dead: bool = cell(row, 6)?;
    let version: i32 = cell(row, 8)?;
    let entry = OutboxEntry {
        id: cell(row, 0)?,
        destination: cell(row, 1)?,
        ticket: ticket.as_deref().map(TicketId::new),
        at_unix_ms: cell(row, 3)?,
        due_at_unix_ms: cell(row, 4)?,
        attempts: u32::try_from(attempts).unwrap_or_default(),
        state: if is_dead {
            OutboxState::Dead
        } else {
            OutboxState::Waiting
        },
        why: cell(row, 7)?,
        version: u32::try_from(version).unwrap_or_default(),
        body: cell(row, 9)?,
    };
    Ok((entry, cell(row, 10)?))
}

fn cell<T: FromSqlOwned>(row: &Row, column: usize) -> Result<T, String> {
    row.try_get(column).map_err(|error| describe(&error))
}
