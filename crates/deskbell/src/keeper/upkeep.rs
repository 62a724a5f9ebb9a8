//! What the journal needs done every hour: tickets past their site's retention go, lapsed soft state goes, and what an
//! older key sealed is sealed anew. Must not know what a ticket is about.

use std::collections::HashMap;
use std::time::Duration;

use helpdesk::{Case, CaseId, CaseState};
use storage::{CommitError, Journal};
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::happenings::unix_ms;

/// Soon after the start, when phones have come back, and every hour.
const FIRST: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_secs(3600);

/// Tickets or rows in one transaction, so that shoppers' lines never wait for long.
const AT_ONCE: u32 = 200;

/// How long it is known that something was intended and how it ended, which is longer than any limit counts back, and
/// that a ticket was erased, which is longer than anybody has anything to say of it.
const TRACES_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Sees to the journal until `shutdown`.
pub(crate) async fn run(
    journal: Journal,
    retention_by_site: HashMap<String, Duration>,
    shutdown: CancellationToken,
) -> Result<(), CommitError> {
    let mut due = interval_at(tokio::time::Instant::now() + FIRST, EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(due.tick()).await.is_some() {
        let done = see_to(&journal, &retention_by_site);
        let Some(done) = shutdown.run_until_cancelled(done).await else {
            break;
        };
        match done {
            // What is not done now is done in an hour.
            Err(CommitError::Unavailable(why)) => {
                tracing::warn!(%why, "the journal is not seen to this time");
            }
            done => done?,
        }
    }
    Ok(())
}

async fn see_to(
    journal: &Journal,
    retention_by_site: &HashMap<String, Duration>,
) -> Result<(), CommitError> {
    let now = unix_ms();
    journal.purge_lapsed(now).await?;
    let kept = i64::try_from(TRACES_KEPT.as_millis()).unwrap_or(i64::MAX);
    journal.purge_intents(now.saturating_sub(kept)).await?;
    journal.purge_erased(now.saturating_sub(kept)).await?;
    let mut purged = purge_cases(journal, retention_by_site, now).await?;
    for (site, retention) in retention_by_site {
        let retention = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        loop {
            let before = now.saturating_sub(retention);
            match journal.purge(site, before, AT_ONCE, now).await? {
                0 => break,
                gone => purged += gone,
            }
        }
    }
    let resealed = journal.reseal(AT_ONCE).await?;
    if purged > 0 || resealed > 0 {
        tracing::info!(purged, resealed, "the journal is seen to");
    }
    Ok(())
}

/// Closed cases go as the tickets of their site do.
async fn purge_cases(
    journal: &Journal,
    retention_by_site: &HashMap<String, Duration>,
    now_unix_ms: i64,
) -> Result<u64, CommitError> {
    let cases = match journal.cases().await {
        Ok(cases) => cases,
        Err(error) => {
            tracing::error!(%error, "cases cannot be read; none is purged");
            return Ok(0);
        }
    };
    let is_over = |case: &Case| {
        let CaseState::Closed { at_unix_ms, .. } = case.state else {
            return false;
        };
        let retention = retention_by_site.get(case.site.as_str());
        retention.is_some_and(|retention| {
            let retention = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
            at_unix_ms < now_unix_ms.saturating_sub(retention)
        })
    };
    let gone: Vec<CaseId> = cases
        .into_iter()
        .filter(is_over)
        .map(|case| case.id)
        .collect();
    let purged = gone.len() as u64;
    journal.erase_cases(gone).await?;
    Ok(purged)
}

#[cfg(test)]
mod tests {
    use helpdesk::ticket::CloseReason;
    use helpdesk::{Record, TicketId};

    use super::*;

    #[tokio::test]
    async fn each_site_has_its_own_retention() {
        let journal = Journal::open("sqlite::memory:").await.unwrap();
        let day = Duration::from_secs(24 * 3600);
        let two_days_ago = unix_ms() - 2 * 24 * 3600 * 1000;
        for site in ["shop", "library"] {
            let case = Case {
                id: CaseId::new(site),
                site: helpdesk::SiteId::new(site),
                shopper: None,
                name: None,
                contact: None,
                skills: Vec::new(),
                ticket: None,
                reason: helpdesk::CaseReason::Unfinished,
                words: None,
                state: CaseState::Closed {
                    at_unix_ms: two_days_ago,
                    by: None,
                },
                opened_unix_ms: two_days_ago,
                rep: None,
            };
            let open = Case {
                id: CaseId::new(&format!("{site}-open")),
                state: CaseState::Open,
                ..case.clone()
            };
            let cases = [case, open].map(|case| Record::Case(Box::new(case)));
            journal.commit(cases.into()).await.unwrap();
            let mut ask = crate::desk::tests::ask(site);
            ask.site = helpdesk::SiteId::new(site);
            journal
                .commit(vec![
                    Record::Opened {
                        ask: Box::new(ask),
                        at_unix_ms: two_days_ago,
                    },
                    Record::Closed {
                        ticket: TicketId::new(site),
                        reason: CloseReason::Rep,
                        at_unix_ms: two_days_ago,
                    },
                ])
                .await
                .unwrap();
        }
        let retention = HashMap::from([("shop".to_owned(), day), ("library".to_owned(), 3 * day)]);
        see_to(&journal, &retention).await.unwrap();
        assert!(
            journal
                .history(&TicketId::new("shop"))
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            journal
                .history(&TicketId::new("library"))
                .await
                .unwrap()
                .len(),
            2
        );
        let mut cases: Vec<String> = journal
            .cases()
            .await
            .unwrap()
            .into_iter()
            .map(|case| case.id.as_str().to_owned())
            .collect();
        cases.sort();
        assert_eq!(cases, ["library", "library-open", "shop-open"]);
    }
}
