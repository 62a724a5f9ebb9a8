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

#[cfg(test)]
mod tests {
    use helpdesk::Record;
    use tokio::sync::oneshot;

    use super::*;
    use crate::desk::tests::ask;

    #[tokio::test]
    async fn what_is_erased_is_shown_to_nobody() {
        let journal = Journal::open("sqlite::memory:").await.unwrap();
        let records = ["one", "two"].map(|ticket| Record::Opened {
            ask: Box::new(ask(ticket)),
            at_unix_ms: 0,
        });
        journal.commit(records.to_vec()).await.unwrap();
        let (errands, inbox) = mpsc::channel(1);
        let running = tokio::spawn(run_errands(journal, inbox));
        let tickets = || ["one", "none", "two"].map(TicketId::new).to_vec();
        let show = async || {
            let (answer, answered) = oneshot::channel();
            let tickets = tickets();
            let errand = Errand::Show { tickets, answer };
            errands.send(errand).await.unwrap();
            let past = answered.await.unwrap().unwrap();
            past.iter()
                .map(|(ticket, records)| format!("{ticket} {}", records.len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(show().await, ["one 1", "two 1"]);
        let (answer, answered) = oneshot::channel();
        let tickets = vec![TicketId::new("one"), TicketId::new("none")];
        let errand = Errand::Erase { tickets, answer };
        errands.send(errand).await.unwrap();
        assert_eq!(answered.await.unwrap(), Ok(1));
        assert_eq!(show().await, ["two 1"]);
        drop(errands);
        running.await.unwrap();
    }
}
