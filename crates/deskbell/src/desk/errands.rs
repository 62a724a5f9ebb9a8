//! What is asked of the journal of the past: by shoppers a look at their own and its end, by the site's programs all
//! of it. Must not know who asks: the gateway has proven that.

use gateway::{Customer, CustomerPast, Errand, ErrandFailed, Forgetting, Past, PastTicket};
use helpdesk::{Case, CaseId, TicketId};
use storage::{After, Journal, Story};
use tokio::sync::mpsc;

use crate::archive::customer;
use crate::happenings::unix_ms;

/// Does one after the other until the gateway is gone.
pub(crate) async fn run_errands(journal: Journal, mut errands: mpsc::Receiver<Errand>) {
    while let Some(errand) = errands.recv().await {
        match errand {
            // Whoever has gone away meanwhile is not told; what was to be done is done.
            Errand::Show { tickets, answer } => drop(answer.send(show(&journal, tickets).await)),
            Errand::Erase { tickets, answer } => drop(answer.send(erase(&journal, tickets).await)),
            Errand::List {
                since_unix_ms,
                after,
                at_most,
                answer,
            } => drop(answer.send(list(&journal, since_unix_ms, after, at_most).await)),
            Errand::Customer { customer, answer } => {
                drop(answer.send(past_of(&journal, &customer).await));
            }
            Errand::Forget { customer, answer } => {
                drop(answer.send(forget(&journal, &customer).await));
            }
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

async fn list(
    journal: &Journal,
    since_unix_ms: i64,
    after: Option<(i64, TicketId)>,
    at_most: u32,
) -> Result<Vec<PastTicket>, ErrandFailed> {
    let after = after.map(|(opened_at_unix_ms, ticket)| After {
        opened_at_unix_ms,
        ticket,
    });
    let stories = journal.stories(since_unix_ms, after, at_most).await;
    let stories = stories.map_err(|error| failed(&error))?;
    Ok(stories.into_iter().map(past).collect())
}

fn past(story: Story) -> PastTicket {
    PastTicket {
        ticket: story.ticket,
        opened_at_unix_ms: story.opened_at_unix_ms,
        ended_at_unix_ms: story.ended_at_unix_ms,
        records: story.records,
    }
}

/// Tickets read at once where all are looked through.
const PAGE: u32 = 500;

async fn stories_of(journal: &Journal, customer: &Customer) -> Result<Vec<Story>, ErrandFailed> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = journal.stories(i64::MIN, after, PAGE).await;
        let page = page.map_err(|error| failed(&error))?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        after = Some(After {
            opened_at_unix_ms: last.opened_at_unix_ms,
            ticket: last.ticket.clone(),
        });
        found.extend(
            page.into_iter()
                .filter(|story| customer::is_of(story, customer)),
        );
    }
}

async fn cases_of(
    journal: &Journal,
    customer: &Customer,
    stories: &[Story],
) -> Result<Vec<Case>, ErrandFailed> {
    let mut cases = journal.cases().await.map_err(|error| failed(&error))?;
    cases.retain(|case| customer::is_case_of(case, customer, stories));
    Ok(cases)
}

async fn past_of(journal: &Journal, customer: &Customer) -> Result<CustomerPast, ErrandFailed> {
    let stories = stories_of(journal, customer).await?;
    let cases = cases_of(journal, customer, &stories).await?;
    let tickets = stories
        .into_iter()
        .map(|story| (story.ticket, story.records));
    Ok(CustomerPast {
        tickets: tickets.collect(),
        cases,
    })
}

async fn forget(journal: &Journal, customer: &Customer) -> Result<Forgetting, ErrandFailed> {
    let stories = stories_of(journal, customer).await?;
    let cases = cases_of(journal, customer, &stories).await?;
    let unended = stories
        .iter()
        .filter(|story| story.ended_at_unix_ms.is_none());
    let open_tickets: Vec<TicketId> = unended.map(|story| story.ticket.clone()).collect();
    let open = cases.iter().filter(|case| case.is_open());
    let open_cases: Vec<CaseId> = open.map(|case| case.id.clone()).collect();
    if !open_tickets.is_empty() || !open_cases.is_empty() {
        return Ok(Forgetting::StillOpen {
            tickets: open_tickets,
            cases: open_cases,
        });
    }
    // Cases first: what is left when the second fails is found again by the same words.
    let cases: Vec<CaseId> = cases.into_iter().map(|case| case.id).collect();
    let gone = cases.len() as u64;
    let erased = journal.erase_cases(cases).await;
    erased.map_err(|error| failed(&error))?;
    let tickets = stories.into_iter().map(|story| story.ticket).collect();
    let erased = journal.erase(tickets, unix_ms()).await;
    Ok(Forgetting::Done {
        tickets: erased.map_err(|error| failed(&error))?,
        cases: gone,
    })
}

fn failed(error: &dyn std::error::Error) -> ErrandFailed {
    tracing::error!(%error, "the past cannot be read or written");
    ErrandFailed
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
