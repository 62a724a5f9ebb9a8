//! The presence agent: one task that owns every subscription, answers SUBSCRIBEs in order and sends NOTIFYs with
//! the newest state (RFC 3856). Must not know how a SUBSCRIBE is read or a state is composed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{RepId, Snapshot};
use presence::Store;
use sip::subscription::{Config, Input, Notifier, Outcome, Output, SubscriptionId};
use sip::{Flow, HeaderName, RequestDraft, Response};
use sip_transport::{PendingAnswer, RequestError, Sender, Target};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::subscribe::SubscribeAsk;
use super::watched::{
    Groups, PIDF, WATCHERINFO, Watched, group_document, rep_document, watchers_document,
};
use crate::desk::PresenceChanges;
use crate::happenings::Happenings;

/// What can happen to an agent.
pub(crate) struct AgentInputs {
    /// From phones.
    pub(crate) subscribes: mpsc::Receiver<SubscribeAsk>,
    /// Reps whose state is a newer one.
    pub(crate) changes: PresenceChanges,
    /// The states of groups.
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
}

/// Owns the subscriptions.
pub(crate) struct Agent {
    notifier: Notifier<Watched>,
    store: Arc<Store>,
    groups: Groups,
    inputs: AgentInputs,
    sender: Sender,
    /// At most one for each subscription, and the last words of those that are over; the transport bounds both.
    notifying: JoinSet<(SubscriptionId, Outcome)>,
    happenings: Happenings,
}

impl Agent {
    /// An agent that reads reps' states in `store`.
    pub(crate) fn new(
        config: Config,
        store: Arc<Store>,
        inputs: AgentInputs,
        sender: Sender,
        happenings: Happenings,
    ) -> Self {
        let groups = Groups::of(&inputs.snapshots.borrow());
        Self {
            notifier: Notifier::new(config),
            groups,
            store,
            inputs,
            sender,
            notifying: JoinSet::new(),
            happenings,
        }
    }

    /// Runs until `shutdown`. Subscriptions are soft state: a phone that meets a 481 after a restart subscribes
    /// anew.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let wake_at = self.notifier.next_timeout();
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(ask) = self.inputs.subscribes.recv() => self.handle_subscribe(ask),
                () = self.inputs.changes.marked() => self.read_changes(),
                Ok(()) = self.inputs.snapshots.changed() => self.read_groups(),
                Some(done) = self.notifying.join_next() => match done {
                    Ok((subscription, outcome)) => {
                        self.feed(Input::Notified { subscription, outcome });
                    }
                    Err(error) => tracing::error!(%error, "a NOTIFY failed"),
                },
                () = sleep_until_some(wake_at) => self.feed(Input::Timeout),
            }
        }
    }

    fn handle_subscribe(&mut self, ask: SubscribeAsk) {
        let SubscribeAsk { subscribe, pending } = ask;
        self.happenings.sip(|| {
            let watcher = &subscribe.watcher;
            match &subscribe.resource {
                Some(Watched::Rep(rep)) => format!("SUBSCRIBE: {watcher} watches {rep}"),
                Some(Watched::Group(group)) => format!("SUBSCRIBE: {watcher} watches {group}"),
                Some(Watched::WatchersOf(_)) => {
                    format!("SUBSCRIBE: {watcher} wants to know who watches")
                }
                None => format!("SUBSCRIBE: {watcher} goes on watching"),
            }
        });
        self.notifier
            .handle(Input::Subscribe(subscribe), Instant::now());
        self.carry_out(Some(pending));
    }

    /// A mark is only a hint: the newest state is read when a NOTIFY goes out.
    fn read_changes(&mut self) {
        while let Some(presentity) = self.inputs.changes.poll() {
            let resource = Watched::Rep(RepId::new(presentity.as_str()));
            self.feed(Input::Changed { resource });
        }
    }

    fn read_groups(&mut self) {
        let newer = Groups::of(&self.inputs.snapshots.borrow_and_update());
        let changed = self.groups.changed(&newer);
        self.groups = newer;
        for group in changed {
            let resource = Watched::Group(group);
            self.feed(Input::Changed { resource });
        }
    }

    fn feed(&mut self, input: Input<Watched>) {
        self.notifier.handle(input, Instant::now());
        self.carry_out(None);
    }

    /// Answer and NOTIFY go through one queue of the flow, so that they leave in this order.
    fn carry_out(&mut self, mut pending: Option<PendingAnswer>) {
        let mut watched_otherwise = Vec::new();
        while let Some(output) = self.notifier.poll_output() {
            match output {
                Output::Answer { response } => match pending.take() {
                    Some(pending) => pending.answer(response),
                    None => tracing::error!("the notifier answered a question nobody asked"),
                },
                Output::Notify {
                    subscription,
                    resource,
                    address,
                    flow,
                    draft,
                } => {
                    let notify = self.fill(*draft, &resource, &address);
                    let sender = self.sender.clone();
                    self.notifying
                        .spawn(async move { (subscription, deliver(&sender, notify, flow).await) });
                }
                Output::WatchersChanged { resource } => match resource {
                    Watched::Rep(rep) => watched_otherwise.push(rep),
                    Watched::Group(_) | Watched::WatchersOf(_) => {}
                },
            }
        }
        for rep in watched_otherwise {
            let resource = Watched::WatchersOf(rep);
            self.feed(Input::Changed { resource });
        }
    }

    /// Gives a NOTIFY its body: the state at this moment.
    fn fill(&self, draft: RequestDraft, watched: &Watched, address: &str) -> RequestDraft {
        match watched {
            Watched::Rep(rep) => draft.body(PIDF, rep_document(rep, address, &self.store)),
            Watched::Group(name) => draft.body(PIDF, group_document(name, address, &self.groups)),
            Watched::WatchersOf(rep) => {
                // NOTIFYs are numbered from 1, versions from 0 (RFC 3858 §3).
                let version = draft.cseq_number().saturating_sub(1);
                let watchers = self.notifier.watchers(&Watched::Rep(rep.clone()));
                let body = watchers_document(address, version, watchers, Instant::now());
                draft.body(WATCHERINFO, body)
            }
        }
    }
}

async fn deliver(sender: &Sender, notify: RequestDraft, flow: Flow) -> Outcome {
    match sender.request(notify, Target::Flow(flow)).await {
        Ok(response) => Outcome::Answered {
            status: response.status(),
            retry_after: retry_after(&response),
        },
        Err(RequestError::Timeout) => Outcome::TimedOut,
        Err(RequestError::Overloaded | RequestError::NoRandomness) => Outcome::NotSent,
        Err(
            error @ (RequestError::FlowClosed
            | RequestError::NotRunning
            | RequestError::NoSocket { .. }
            | RequestError::Connect { .. }
            | RequestError::Resolve(_)
            | RequestError::Unsupported),
        ) => {
            tracing::debug!(%flow, %error, "a watcher cannot be reached");
            Outcome::FlowClosed
        }
    }
}

/// The seconds before comment and parameters (RFC 3261 §20.33).
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.header(HeaderName::RetryAfter)?;
    let digits: String = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .map(|byte| char::from(*byte))
        .collect();
    digits.parse().ok().map(Duration::from_secs)
}

async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
