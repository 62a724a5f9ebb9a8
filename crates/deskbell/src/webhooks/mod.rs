//! Tells a shop's programs what happens: events of tickets out of the outbox, the state of groups as it changes.
//! Must not know how a program is called.

use std::sync::Arc;

use arc_swap::ArcSwap;
use gateway::WebhookDesk;
use gateway::push::{Caller, Listener};
use helpdesk::{Record, Snapshot};
use storage::{CommitError, Journal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

mod admin;
mod announcer;
mod deliverer;
mod fresh;
mod lanes;
mod presence;

pub(crate) use announcer::Announcer;
use announcer::SharedListeners;
use deliverer::Deliverer;
use fresh::{Fresh, FreshIn};

/// Events that may wait between their commitment and the deliverer; more are found in the outbox.
const FRESH: usize = 1024;

/// Questions of the admin addresses that may wait.
const QUESTIONS: usize = 16;

/// Everything that tells outside, before it runs.
pub(crate) struct Webhooks {
    journal: Journal,
    handle: WebhooksHandle,
    fresh_in: FreshIn,
    fresh: Fresh,
    asked: mpsc::Receiver<WebhookDesk>,
}

/// What others hold of it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct WebhooksHandle {
    listeners: SharedListeners,
    asked: mpsc::Sender<WebhookDesk>,
}

impl Webhooks {
    /// Tells these listeners out of the outbox of `journal`.
    pub(crate) fn new(journal: Journal, listeners: Vec<Listener>) -> Self {
        let (fresh_in, fresh) = fresh::fresh(FRESH);
        let (asked_in, asked) = mpsc::channel(QUESTIONS);
        let handle = WebhooksHandle {
            listeners: Arc::new(ArcSwap::from_pointee(listeners)),
            asked: asked_in,
        };
        Self {
            journal,
            handle,
            fresh_in,
            fresh,
            asked,
        }
    }

    /// What others hold of it.
    pub(crate) fn handle(&self) -> WebhooksHandle {
        self.handle.clone()
    }

    /// What makes events of records; it knows the tickets of these.
    pub(crate) fn announcer(&self, records: &[Record]) -> Announcer {
        let listeners = self.handle.listeners.clone();
        Announcer::new(listeners, self.fresh_in.clone(), records)
    }

    /// Runs until `shutdown`.
    pub(crate) async fn run(
        self,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        shutdown: CancellationToken,
    ) -> Result<(), CommitError> {
        let listeners = self.handle.listeners;
        let caller = Caller::new();
        let (requests_in, requests) = mpsc::channel(QUESTIONS);
        let deliverer = Deliverer::new(
            self.journal.clone(),
            listeners.clone(),
            caller.clone(),
            self.fresh,
            requests,
        );
        let desk = admin::Desk::new(self.journal, listeners.clone(), requests_in);
        let telling = presence::tell_presence(listeners, caller, snapshots, shutdown.clone());
        tokio::select! {
            delivered = deliverer.run(shutdown.clone()) => delivered,
            () = async { tokio::join!(desk.run(self.asked), telling); } => Ok(()),
        }
    }
}

impl WebhooksHandle {
    /// Tells these from now on.
    pub(crate) fn replace(&self, listeners: Vec<Listener>) {
        self.listeners.store(Arc::new(listeners));
    }

    /// Where the admin addresses ask.
    pub(crate) fn asked(&self) -> mpsc::Sender<WebhookDesk> {
        self.asked.clone()
    }
}
