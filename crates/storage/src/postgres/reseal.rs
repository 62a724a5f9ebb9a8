//! Seals bodies anew in a PostgreSQL journal, inside an open transaction. Must not know when or why.

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::connect::describe;
use super::errands::{self, ENTRY, INTENT};
use super::insert::{Left, answer};
use super::read::{stored_row, stored_state};
use crate::backend::{Part, Resealed, Resealing};
use crate::chain::Link;
use crate::reader::resealed_soft;
use crate::seal::Keyring;
use crate::verify::LooseFrom;

pub(super) async fn reseal(client: &Client, resealing: &Resealing) -> Result<Resealed, Left> {
    let Resealing { keyring, part } = resealing;
    match part {
        Part::Tickets(tickets) => {
            let mut count = 0;
            for ticket in tickets {
                count += u64::from(reseal_ticket(client, ticket, keyring).await?);
            }
            Ok(Resealed { count, next: None })
        }
        Part::Loose { from, at_most } => reseal_loose(client, keyring, from, *at_most).await,
    }
}

/// Whether anything of it is sealed anew.
async fn reseal_ticket(client: &Client, ticket: &str, keyring: &Keyring) -> Result<bool, Left> {
    let sql = "SELECT position, ticket, kind, version, at, line, line_id, body, digest FROM records \
               WHERE ticket = $1 ORDER BY position";
    let rows = answer(client.query(sql, &[&ticket])).await?;
    let rows: Result<Vec<_>, _> = rows.iter().map(stored_row).collect();
    let rows = rows.map_err(|error| Left::Lasting(error.to_string()))?;
    let sql = "SELECT records, chain FROM tickets WHERE id = $1";
    let Some(kept) = answer(client.query_opt(sql, &[&ticket])).await? else {
        return Ok(false);
    };
    let unexpected = |error: tokio_postgres::Error| Left::Lasting(describe(&error));
    let records: i64 = kept.try_get(0).map_err(unexpected)?;
    let chain: Vec<u8> = kept.try_get(1).map_err(unexpected)?;
    let (Some(found), Some(resealed)) = (Link::over(&rows), Resealing::rows(rows, keyring)) else {
        return Ok(false);
    };
    if found.records != records || found.chain[..] != chain[..] {
        return Ok(false);
    }
    let mut link = Link::default();
    for row in resealed {
        let digest = row.columns().digest();
        link = link.followed_by(&digest);
        let sql = "UPDATE records SET body = $2, digest = $3 WHERE position = $1";
        answer(client.execute(sql, &[&row.position, &row.body, &&digest[..]])).await?;
    }
    let sql = "UPDATE tickets SET records = $2, chain = $3 WHERE id = $1";
    answer(client.execute(sql, &[&ticket, &link.records, &&link.chain[..]])).await?;
    Ok(true)
}

/// The rows that belong to no chain.
async fn reseal_loose(
    client: &Client,
    keyring: &Keyring,
    from: &LooseFrom,
    at_most: u32,
) -> Result<Resealed, Left> {
    let mark = keyring.newest_mark().unwrap_or_default();
    let most = i64::from(at_most);
    let mut count = 0;
    let next = match from {
        LooseFrom::State { kind, name } => {
            let sql = "SELECT kind, key, version, expires_at, body, digest FROM state \
                       WHERE (kind, key) > ($1, $2) AND NOT starts_with(body, $3) ORDER BY kind, key LIMIT $4";
            let parameters: [&(dyn ToSql + Sync); 4] = [kind, name, &mark, &most];
            let rows = answer(client.query(sql, &parameters)).await?;
            let rows: Result<Vec<_>, _> = rows.iter().map(stored_state).collect();
            let rows = rows.map_err(|error| Left::Lasting(error.to_string()))?;
            for row in &rows {
                let Some(value) = resealed_soft(row, keyring) else {
                    continue;
                };
                let digest = value.digest_as(&row.kind, &row.name);
                let sql = "UPDATE state SET body = $3, digest = $4 WHERE kind = $1 AND key = $2";
                let parameters: [&(dyn ToSql + Sync); 4] =
                    [&row.kind, &row.name, &value.body, &&digest[..]];
                answer(client.execute(sql, &parameters)).await?;
                count += 1;
            }
            LooseFrom::after_state(&rows, at_most)
        }
        LooseFrom::Intents { kind, id } => {
            // An intent whose ticket was erased has nothing to seal.
            let sql = format!(
                "SELECT {INTENT} FROM intents WHERE (kind, id) > ($1, $2) AND NOT starts_with(body, $3) \
                 AND body <> '' ORDER BY kind, id LIMIT $4"
            );
            let parameters: [&(dyn ToSql + Sync); 4] = [kind, id, &mark, &most];
            let rows = answer(client.query(&sql, &parameters)).await?;
            let rows = rows.iter().map(errands::intent);
            let rows: Result<Vec<_>, _> = rows.filter_map(Result::transpose).collect();
            let rows = rows.map_err(Left::Lasting)?;
            for (intent, digest) in &rows {
                if let Some(intent) = intent.resealed(digest, keyring) {
                    errands::put_intent(client, &intent).await?;
                    count += 1;
                }
            }
            LooseFrom::after_intents(&rows, at_most)
        }
        LooseFrom::Outbox { id } => {
            let sql = format!(
                "SELECT {ENTRY} FROM outbox WHERE id > $1 AND NOT starts_with(body, $2) ORDER BY id LIMIT $3"
            );
            let parameters: [&(dyn ToSql + Sync); 3] = [id, &mark, &most];
            let rows = answer(client.query(&sql, &parameters)).await?;
            let rows: Result<Vec<_>, _> = rows.iter().map(errands::entry).collect();
            let rows = rows.map_err(Left::Lasting)?;
            for (entry, digest) in &rows {
                if let Some(entry) = entry.resealed(digest, keyring) {
                    errands::put_entry(client, &entry).await?;
                    count += 1;
                }
            }
            LooseFrom::after_outbox(&rows, at_most)
        }
        // Decisions and lessons name nobody and are not sealed.
        LooseFrom::Asides { .. } => return Ok(Resealed { count, next: None }),
    };
    Ok(Resealed {
        count,
        next: Some(next),
    })
}
