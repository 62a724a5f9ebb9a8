//! What is on disk of each call: that it is intended, before anything leaves; that its number is dialled, before that
//! leaves; how it ended. Must not know how a call is made.

use std::time::Duration;

use helpdesk::{CallId, CallOrder, Dialled, Fate, PastCall, PhoneNumber, SiteId};
use serde::{Deserialize, Serialize};
use storage::{CommitError, Intent, IntentChange, IntentKind, Journal, LoadError, Standing, Work};

use crate::happenings::unix_ms;

/// How far back calls count.
const DAY_MS: i64 = 24 * 3600 * 1000;

const PLANNED: &str = "planned";
const DIALLED: &str = "dialled";
const ENDED: &str = "ended";
const UNKNOWN: &str = "unknown";

#[derive(Debug, Serialize, Deserialize)]
struct Body {
    site: String,
    number: String,
    /// Set where they talked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    talked_s: Option<u64>,
    /// Whether the number was dialled, known at the end.
    #[serde(default)]
    dialled: bool,
}

/// The record of one call.
pub(super) struct Record {
    journal: Journal,
    order: CallOrder,
    step: &'static str,
}

impl Record {
    /// Writes down that a call is intended; an error means that it must not be made.
    pub(super) async fn begin(journal: Journal, order: CallOrder) -> Result<Self, CommitError> {
        let body = body(&order, None, Dialled::No);
        let change = IntentChange::Begin(Intent {
            kind: IntentKind::Callback,
            id: order.call.as_str().to_owned(),
            ticket: Some(order.ticket.clone()),
            step: PLANNED.to_owned(),
            standing: Standing::Open,
            began_at_unix_ms: order.at_unix_ms,
            changed_at_unix_ms: order.at_unix_ms,
            version: 1,
            body,
        });
        write(&journal, change).await?;
        Ok(Self {
            journal,
            order,
            step: PLANNED,
        })
    }

    /// Writes down that the number is dialled next; an error means that it must not be.
    pub(super) async fn dial(&mut self) -> Result<(), CommitError> {
        self.advance(DIALLED, Standing::Open, None).await
    }

    /// Writes down how it ended.
    pub(super) async fn end(&mut self, fate: Fate) -> Result<(), CommitError> {
        let (talked, dialled) = match fate {
            Fate::NotDialled => (None, Dialled::No),
            Fate::Failed | Fate::Unknown => (None, Dialled::Yes),
            Fate::Talked(talked) => (Some(talked), Dialled::Yes),
        };
        let body = body(&self.order, talked, dialled);
        self.advance(ENDED, Standing::Ended, Some(body)).await
    }

    /// Whether the number was dialled.
    pub(super) fn dialled(&self) -> Dialled {
        if self.step == PLANNED {
            Dialled::No
        } else {
            Dialled::Yes
        }
    }

    async fn advance(
        &mut self,
        to: &'static str,
        standing: Standing,
        body: Option<String>,
    ) -> Result<(), CommitError> {
        let change = IntentChange::Advance {
            kind: IntentKind::Callback,
            id: self.order.call.as_str().to_owned(),
            from: self.step.to_owned(),
            to: to.to_owned(),
            standing,
            at_unix_ms: unix_ms(),
            body,
        };
        write(&self.journal, change).await?;
        self.step = to;
        Ok(())
    }
}

/// The calls of the last 24 hours. Those under way when the process ended are in doubt from here on, on disk too: they
/// are counted as dialled, and never made again.
pub(crate) async fn past_calls(journal: &Journal) -> Result<Vec<PastCall>, LoadError> {
    let now = unix_ms();
    let intents = journal
        .intents(IntentKind::Callback, now.saturating_sub(DAY_MS))
        .await?;
    let mut past = Vec::new();
    for intent in intents {
        let body: Option<Body> = serde_json::from_str(&intent.body)
            .inspect_err(|error| {
                tracing::error!(
                    call = %intent.id, %error,
                    "what a call was for cannot be read: it counts as made, though for no site and no number"
                );
            })
            .ok();
        let fate = match (intent.standing, intent.step.as_str(), &body) {
            (Standing::Open, PLANNED, _) => Fate::NotDialled,
            (Standing::Open, _, _) | (Standing::Ended, UNKNOWN, _) => Fate::Unknown,
            (Standing::Ended, _, None) => Fate::Failed,
            (Standing::Ended, _, Some(body)) => match (body.talked_s, body.dialled) {
                (Some(seconds), _) => Fate::Talked(Duration::from_secs(seconds)),
                (None, true) => Fate::Failed,
                (None, false) => Fate::NotDialled,
            },
        };
        if intent.standing == Standing::Open {
            let to = if fate == Fate::Unknown {
                UNKNOWN
            } else {
                ENDED
            };
            let change = IntentChange::Advance {
                kind: IntentKind::Callback,
                id: intent.id.clone(),
                from: intent.step.clone(),
                to: to.to_owned(),
                standing: Standing::Ended,
                at_unix_ms: now,
                body: None,
            };
            if let Err(error) = write(journal, change).await {
                tracing::error!(%error, "a call in doubt is still open on record");
            }
        }
        past.push(PastCall {
            call: CallId::new(&intent.id),
            ticket: intent.ticket,
            site: SiteId::new(body.as_ref().map_or("", |body| &body.site)),
            number: body.and_then(|body| PhoneNumber::from_e164(&body.number)),
            at_unix_ms: intent.began_at_unix_ms,
            fate,
        });
    }
    Ok(past)
}

async fn write(journal: &Journal, change: IntentChange) -> Result<(), CommitError> {
    let work = Work {
        intents: vec![change],
        ..Work::default()
    };
    journal.write(work).await
}

fn body(order: &CallOrder, talked: Option<Duration>, dialled: Dialled) -> String {
    let body = Body {
        site: order.site.as_str().to_owned(),
        number: order.number.as_str().to_owned(),
        talked_s: talked.map(|talked| talked.as_secs()),
        dialled: dialled == Dialled::Yes,
    };
    // A struct of texts and numbers always has a JSON form.
    serde_json::to_string(&body).unwrap_or_default()
}
