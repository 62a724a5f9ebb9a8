//! What shoppers ask of the journal of their past: a look at it, and its end.
//! Must not know whose tickets they are: the gateway has proven that.

use gateway::{Errand, ErrandFailed, Past};
use helpdesk::TicketId;
use storage::Journal;
use tokio::sync::mpsc;

use crate::happenings::unix_ms;

/// Does one after the other until the gateway is gone.
pub(crate) async fn run_errands(journal: Journal, mut errands: mpsc::Receiver<Errand>) {
    while let Some(errand) = errands.recv().await {
        match errand {
            // Whoever has gone away meanwhile is not told; what was to be done is done.
            Errand::Show { tickets, answer } => drop(answer.send(show(&journal, tickets).await)),
            Errand::Erase { tickets, answer } => drop(answer.send(erase(&journal, tickets).await)),
        }
    }
}

async fn show(journal: &Journal, tickets: Vec<TicketId>) -> Result<Past, ErrandFailed> {
    let mut found = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        let records = journal.history(&ticket).await.map_err(|error| {
            tracing::error!(%error, "a shopper's conversation cannot be read");
            ErrandFailed
        })?;
        if !records.is_empty() {
            found.push((ticket, records));
        }
    }
    Ok(found)
}

async fn erase(journal: &Journal, tickets: Vec<TicketId>) -> Result<u64, ErrandFailed> {
    journal.erase(tickets, unix_ms()).await.map_err(|error| {
        tracing::error!(%error, "a shopper's conversations cannot be erased");
        ErrandFailed
    })
}
