//! Takes tickets out of a PostgreSQL journal, inside an open transaction. Must not know why.

use tokio_postgres::Client;

use super::errands::forget_tickets;
use super::insert::{Left, answer};
use crate::backend::Removal;

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
        Removal::NamesOfErased { at_most } => {
            let sql = "DELETE FROM erased WHERE ctid = ANY(ARRAY(\
                       SELECT ctid FROM erased WHERE at < $1 LIMIT $2))";
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

fn unexpected(error: tokio_postgres::Error) -> Left {
    Left::Lasting(error.to_string())
}
