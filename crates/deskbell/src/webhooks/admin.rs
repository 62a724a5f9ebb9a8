//! What the admin addresses are told of listeners and their events. Must not know HTTP.

use gateway::{Delivery, WebhookDesk, WebhookReport};
use storage::{Journal, OutboxEntry};
use tokio::sync::{mpsc, oneshot};

use super::announcer::SharedListeners;

/// What the deliverer is asked.
pub(crate) enum Request {
    /// What waits for one listener.
    Waiting {
        listener: String,
        answer: oneshot::Sender<Vec<OutboxEntry>>,
    },
    /// These are to be tried again; answered with their number.
    Revive {
        entries: Vec<OutboxEntry>,
        answer: oneshot::Sender<usize>,
    },
}

/// Answers the gateway.
pub(crate) struct Desk {
    journal: Journal,
    listeners: SharedListeners,
    requests: mpsc::Sender<Request>,
}

/// Entries read of those that were given up.
const PAGE: u32 = 1000;

impl Desk {
    /// A desk that knows the outbox of `journal`, and its deliverer.
    pub(crate) fn new(
        journal: Journal,
        listeners: SharedListeners,
        requests: mpsc::Sender<Request>,
    ) -> Self {
        Self {
            journal,
            listeners,
            requests,
        }
    }

    /// Answers until the gateway is gone.
    pub(crate) async fn run(self, mut asked: mpsc::Receiver<WebhookDesk>) {
        while let Some(question) = asked.recv().await {
            match question {
                WebhookDesk::List { answer } => {
                    let mut reports = Vec::new();
                    let dead = self.dead().await;
                    for listener in self.listeners.load_full().iter() {
                        let waiting = self.waiting(&listener.id).await;
                        reports.push(WebhookReport {
                            id: listener.id.clone(),
                            url: listener.target.to_string(),
                            form: listener.form,
                            topics: listener.topics.clone(),
                            sites: listener.sites.clone(),
                            waiting: waiting.len(),
                            failing: waiting.iter().filter(|entry| entry.attempts > 0).count(),
                            dead: dead
                                .iter()
                                .filter(|entry| entry.destination == listener.id)
                                .count(),
                        });
                    }
                    // Whoever asked may have gone.
                    let _ = answer.send(reports);
                }
                WebhookDesk::Deliveries { webhook, answer } => {
                    let entries = self.waiting(&webhook).await.into_iter();
                    let dead = self
                        .dead()
                        .await
                        .into_iter()
                        .filter(|entry| entry.destination == webhook);
                    let mut deliveries: Vec<Delivery> =
                        entries.chain(dead).map(|entry| delivery(&entry)).collect();
                    deliveries.sort_by(|a, b| a.event.cmp(&b.event));
                    // Whoever asked may have gone.
                    let _ = answer.send(deliveries);
                }
                WebhookDesk::Replay {
                    webhook,
                    events,
                    answer,
                } => {
                    let mut entries = self.dead().await;
                    entries.retain(|entry| {
                        entry.destination == webhook
                            && events.as_ref().is_none_or(|events| {
                                events.iter().any(|event| *event == event_of(entry))
                            })
                    });
                    let (reply, revived) = oneshot::channel();
                    let request = Request::Revive {
                        entries,
                        answer: reply,
                    };
                    if self.requests.send(request).await.is_ok()
                        && let Ok(count) = revived.await
                    {
                        // Whoever asked may have gone.
                        let _ = answer.send(count);
                    }
                }
            }
        }
    }

    async fn waiting(&self, listener: &str) -> Vec<OutboxEntry> {
        let (answer, waiting) = oneshot::channel();
        let listener = listener.to_owned();
        if self
            .requests
            .send(Request::Waiting { listener, answer })
            .await
            .is_err()
        {
            return Vec::new();
        }
        waiting.await.unwrap_or_default()
    }

    async fn dead(&self) -> Vec<OutboxEntry> {
        let mut dead: Vec<OutboxEntry> = Vec::new();
        loop {
            let after = dead.last().map(|entry| entry.id.clone());
            match self.journal.outbox_dead(after.as_deref(), PAGE).await {
                Ok(page) if page.is_empty() || dead.len() >= 10 * PAGE as usize => return dead,
                Ok(page) => dead.extend(page),
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read");
                    return dead;
                }
            }
        }
    }
}

fn event_of(entry: &OutboxEntry) -> String {
    entry.id.split(':').next().unwrap_or(&entry.id).to_owned()
}

fn delivery(entry: &OutboxEntry) -> Delivery {
    let body: serde_json::Value = serde_json::from_str(&entry.body).unwrap_or_default();
    Delivery {
        event: event_of(entry),
        kind: body
            .get("type")
            .and_then(|kind| kind.as_str())
            .unwrap_or_default()
            .to_owned(),
        ticket: entry.ticket.clone(),
        at_unix_ms: entry.at_unix_ms,
        attempts: entry.attempts,
        is_dead: entry.state == storage::OutboxState::Dead,
        due_at_unix_ms: entry.due_at_unix_ms,
        why: entry.why.clone(),
    }
}
