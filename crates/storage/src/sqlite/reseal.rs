//! Seals bodies anew in an SQLite journal, inside an open transaction. Must not know when or why.

use rusqlite::{Connection, params};

use super::errands::{self, intents};
use super::read::{stored_row, stored_state};
use crate::backend::{Part, Resealed, Resealing};
use crate::chain::Link;
use crate::reader::resealed_soft;
use crate::row::StoredRow;
use crate::seal::Keyring;
use crate::soft::StoredState;
use crate::verify::LooseFrom;

pub(super) fn reseal(
    connection: &Connection,
    resealing: &Resealing,
) -> Result<Resealed, rusqlite::Error> {
    let Resealing { keyring, part } = resealing;
    match part {
        Part::Tickets(tickets) => {
            let mut count = 0;
            for ticket in tickets {
                count += u64::from(reseal_ticket(connection, ticket, keyring)?);
            }
            Ok(Resealed { count, next: None })
        }
        Part::Loose { from, at_most } => reseal_loose(connection, keyring, from, *at_most),
    }
}

/// Whether anything of it is sealed anew.
fn reseal_ticket(
    connection: &Connection,
    ticket: &str,
    keyring: &Keyring,
) -> Result<bool, rusqlite::Error> {
    let rows: Vec<StoredRow> = connection
        .prepare_cached(
            "SELECT position, ticket, kind, version, at, line, line_id, body, digest FROM records \
             WHERE ticket = ?1 ORDER BY position",
        )?
        .query_map([ticket], stored_row)?
        .collect::<Result<_, _>>()?;
    let kept: (i64, Vec<u8>) = connection
        .prepare_cached("SELECT records, chain FROM tickets WHERE id = ?1")?
        .query_row([ticket], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(found), Some(resealed)) = (Link::over(&rows), Resealing::rows(rows, keyring)) else {
        return Ok(false);
    };
    if found.records != kept.0 || found.chain[..] != kept.1[..] {
        return Ok(false);
    }
    let mut link = Link::default();
    for row in resealed {
        let digest = row.columns().digest();
        link = link.followed_by(&digest);
        connection
            .prepare_cached("UPDATE records SET body = ?2, digest = ?3 WHERE position = ?1")?
            .execute(params![row.position, row.body, digest])?;
    }
    connection
        .prepare_cached("UPDATE tickets SET records = ?2, chain = ?3 WHERE id = ?1")?
        .execute(params![ticket, link.records, link.chain])?;
    Ok(true)
}

/// The rows that belong to no chain.
fn reseal_loose(
    connection: &Connection,
    keyring: &Keyring,
    from: &LooseFrom,
    at_most: u32,
) -> Result<Resealed, rusqlite::Error> {
    let mark = keyring.newest_mark().unwrap_or_default();
    let mut count = 0;
    let next = match from {
        LooseFrom::State { kind, name } => {
            let sql = "SELECT kind, key, version, expires_at, body, digest FROM state \
                       WHERE (kind, key) > (?1, ?2) AND substr(body, 1, length(?3)) <> ?3 \
                       ORDER BY kind, key LIMIT ?4";
            let rows: Vec<StoredState> = connection
                .prepare_cached(sql)?
                .query_map(params![kind, name, mark, at_most], stored_state)?
                .collect::<Result<_, _>>()?;
            for row in &rows {
                let Some(value) = resealed_soft(row, keyring) else {
                    continue;
                };
                let digest = value.digest_as(&row.kind, &row.name);
                let sql = "UPDATE state SET body = ?3, digest = ?4 WHERE kind = ?1 AND key = ?2";
                connection
                    .prepare_cached(sql)?
                    .execute(params![row.kind, row.name, value.body, digest])?;
                count += 1;
            }
            LooseFrom::after_state(&rows, at_most)
        }
        LooseFrom::Intents { kind, id } => {
            // An intent whose ticket was erased has nothing to seal.
            let which = "WHERE (kind, id) > (?1, ?2) AND substr(body, 1, length(?3)) <> ?3 AND body <> '' \
                         ORDER BY kind, id LIMIT ?4";
            let rows = intents(connection, which, params![kind, id, mark, at_most])?;
            for (intent, digest) in &rows {
                if let Some(intent) = intent.resealed(digest, keyring) {
                    errands::put_intent(connection, &intent)?;
                    count += 1;
                }
            }
            LooseFrom::after_intents(&rows, at_most)
        }
        LooseFrom::Outbox { id } => {
            let rows = errands::entries_not_marked(connection, id, &mark, at_most)?;
            for (entry, digest) in &rows {
                if let Some(entry) = entry.resealed(digest, keyring) {
                    errands::put_entry(connection, &entry)?;
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
