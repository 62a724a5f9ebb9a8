//! Takes tickets out of a PostgreSQL journal and seals bodies anew, inside an open transaction.
//! Must not know why.

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::errands::{self, ENTRY, INTENT, forget_tickets};
use super::insert::{Left, answer};
use super::read::{stored_row, stored_state};
use crate::backend::{Removal, Resealing};
use crate::chain::Link;
use crate::reader::resealed_soft;
use crate::seal::Keyring;

/// What is still being said of a ticket finds it among the erased.
pub(super) async fn remove(
    client: &Client,
    removal: &Removal,
    now_unix_ms: i64,
) -> Result<u64, Left> {
    match removal {
        Removal::Tickets(tickets) => {
            let ids: Vec<&str> = tickets.iter().map(helpdesk::TicketId::as_str).collect();
            remove_tickets(client, &ids, now_unix_ms).await
        }
        Removal::Ended {
            site,
            before_unix_ms,
            at_most,
        } => {
            let sql = "SELECT id FROM tickets WHERE ended_at < $1 AND site = $2 ORDER BY ended_at LIMIT $3";
            let at_most = i64::from(*at_most);
            let rows = answer(client.query(sql, &[before_unix_ms, site, &at_most])).await?;
            let ids: Result<Vec<&str>, _> = rows.iter().map(|row| row.try_get(0)).collect();
            remove_tickets(client, &ids.map_err(unexpected)?, now_unix_ms).await
        }
        Removal::LapsedState { at_most } => {
            let sql = "DELETE FROM state WHERE ctid = ANY(ARRAY(\
                       SELECT ctid FROM state WHERE expires_at <= $1 LIMIT $2))";
            answer(client.execute(sql, &[&now_unix_ms, &i64::from(*at_most)])).await
        }
        Removal::EndedIntents { at_most } => {
            let sql = "DELETE FROM intents WHERE ctid = ANY(ARRAY(\
                       SELECT ctid FROM intents WHERE NOT open AND changed_at < $1 LIMIT $2))";
            answer(client.execute(sql, &[&now_unix_ms, &i64::from(*at_most)])).await
        }
    }
}

async fn remove_tickets(client: &Client, ids: &[&str], now_unix_ms: i64) -> Result<u64, Left> {
    if ids.is_empty() {
        return Ok(0);
    }
    forget_tickets(client, ids).await?;
    let sql = "WITH gone AS (DELETE FROM tickets WHERE id = ANY($1) RETURNING id) \
               INSERT INTO erased (ticket, at) SELECT id, $2 FROM gone ON CONFLICT DO NOTHING";
    answer(client.execute(sql, &[&ids, &now_unix_ms])).await
}

pub(super) async fn reseal(client: &Client, resealing: &Resealing) -> Result<u64, Left> {
    let Resealing {
        keyring,
        tickets,
        at_most,
    } = resealing;
    let Some(mark) = keyring.newest_mark() else {
        return Ok(0);
    };
    for ticket in tickets {
        reseal_ticket(client, ticket, keyring).await?;
    }
    let loose = reseal_loose(client, keyring, &mark, i64::from(*at_most)).await?;
    Ok(tickets.len() as u64 + loose)
}

/// The rows that belong to no chain. What no key opens stays as it is.
async fn reseal_loose(
    client: &Client,
    keyring: &Keyring,
    mark: &str,
    at_most: i64,
) -> Result<u64, Left> {
    let mut resealed = 0;
    let old = "NOT starts_with(body, $1)";
    let sql = format!(
        "SELECT kind, key, version, expires_at, body, digest FROM state WHERE {old} LIMIT $2"
    );
    for row in answer(client.query(&sql, &[&mark, &at_most])).await? {
        let row = stored_state(&row).map_err(|error| Left::Lasting(error.to_string()))?;
        let Some(value) = resealed_soft(&row, keyring) else {
            continue;
        };
        let digest = value.digest_as(&row.kind, &row.name);
        let sql = "UPDATE state SET body = $3, digest = $4 WHERE kind = $1 AND key = $2";
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&row.kind, &row.name, &value.body, &&digest[..]];
        answer(client.execute(sql, &parameters)).await?;
        resealed += 1;
    }
    // An intent whose ticket was erased has nothing to seal.
    let sql = format!("SELECT {INTENT} FROM intents WHERE {old} AND body <> '' LIMIT $2");
    for row in answer(client.query(&sql, &[&mark, &at_most])).await? {
        let found = errands::intent(&row).map_err(Left::Lasting)?;
        if let Some((intent, _)) = found
            && let Ok(mut intent) = intent.opened(keyring)
            && intent.seal(keyring).is_ok()
        {
            errands::put_intent(client, &intent).await?;
            resealed += 1;
        }
    }
    let sql = format!("SELECT {ENTRY} FROM outbox WHERE {old} LIMIT $2");
    for row in answer(client.query(&sql, &[&mark, &at_most])).await? {
        let (entry, _) = errands::entry(&row).map_err(Left::Lasting)?;
        if let Ok(mut entry) = entry.opened(keyring)
            && entry.seal(keyring).is_ok()
        {
            errands::put_entry(client, &entry).await?;
            resealed += 1;
        }
    }
    Ok(resealed)
}

async fn reseal_ticket(client: &Client, ticket: &str, keyring: &Keyring) -> Result<(), Left> {
    let sql = "SELECT position, ticket, kind, version, at, line, line_id, body, digest FROM records \
               WHERE ticket = $1 ORDER BY position";
    let mut link = Link::default();
    for row in answer(client.query(sql, &[&ticket])).await? {
        let row = stored_row(&row).map_err(|error| Left::Lasting(error.to_string()))?;
        let Ok(resealed) = row.resealed(keyring) else {
            // A body that no key opens stays as it is; `verify` tells of it.
            link = link.followed_by(&row.columns().digest());
            continue;
        };
        let digest = resealed.columns().digest();
        link = link.followed_by(&digest);
        let sql = "UPDATE records SET body = $2, digest = $3 WHERE position = $1";
        let digest = &digest[..];
        answer(client.execute(sql, &[&resealed.position, &resealed.body, &digest])).await?;
    }
    let sql = "UPDATE tickets SET records = $2, chain = $3 WHERE id = $1";
    answer(client.execute(sql, &[&ticket, &link.records, &&link.chain[..]])).await?;
    Ok(())
}

fn unexpected(error: tokio_postgres::Error) -> Left {
    Left::Lasting(error.to_string())
}
