//! The presence agent: one task that owns every subscription, answers SUBSCRIBEs in order and sends NOTIFYs with
//! the newest state (RFC 3856). Must not know how a SUBSCRIBE is read or a state is composed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{Clock, RepId, Snapshot};
use presence::Store;
use sip::subscription::{
    Config, EndReason, Input, Notifier, Outcome, Output, Path, Reach, Standing, SubscriptionId,
    address_of,
};
use sip::{HeaderName, RequestDraft, Response};
use sip_transport::{PendingAnswer, RequestError, Sender, Target, Volley};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::directory::{Directory, SharedDirectory};
use super::formats::Formats;
use super::kept::{KeptSubscriptions, SavedSubscription};
use super::permission::Verdict;
use super::subscribe::SubscribeAsk;
use super::telling::{Occasion, Telling};
use super::watched::Watched;
use super::watched_list::ListHandle;
use crate::desk::PresenceChanges;
use crate::happenings::{Happenings, unix_ms};

/// After a restart the first watcher is told so late, when everything runs.
const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// Watchers are told after a restart over so long a time, so that they do not all answer at once.
const RESTART_SPREAD: Duration = Duration::from_secs(3);

/// How long the watchers' answers to the last word are waited for.
const GOODBYE: Duration = Duration::from_secs(1);

/// What can happen to an agent.
pub(crate) struct AgentInputs {
    /// From phones.
    pub(crate) subscribes: mpsc::Receiver<SubscribeAsk>,
    /// Reps whose state is a newer one.
    pub(crate) changes: PresenceChanges,
    /// The states of groups.
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Says that there is another directory.
    pub(crate) reloads: watch::Receiver<()>,
}

/// Owns the subscriptions.
pub(crate) struct Agent {
    notifier: Notifier<Watched>,
    telling: Telling,
    directory: SharedDirectory,
    inputs: AgentInputs,
    sender: Sender,
    /// At most one NOTIFY for each subscription, and the last words of those that are over.
    volley: Volley,
    /// The lists to be told of a change.
    lists_by_member: HashMap<Watched, HashSet<ListHandle>>,
    /// The same, to watchers that have to be found first, as after a restart.
    notifying: JoinSet<(SubscriptionId, Outcome)>,
    /// Nothing where nothing outlives this process.
    kept: Option<KeptSubscriptions>,
    happenings: Happenings,
}

impl Agent {
    /// An agent that reads reps' states in `store`.
    pub(crate) fn new(
        config: Config,
        store: Arc<Store>,
        directory: SharedDirectory,
        inputs: AgentInputs,
        sender: Sender,
        kept: Option<KeptSubscriptions>,
        happenings: Happenings,
    ) -> Self {
        let telling = Telling::new(store, &inputs.snapshots.borrow());
        Self {
            notifier: Notifier::new(config),
            telling,
            directory,
            inputs,
            volley: sender.volley(),
            sender,
            lists_by_member: HashMap::new(),
            notifying: JoinSet::new(),
            kept,
            happenings,
        }
    }

    /// Brings back what was written down before a restart; says how many that is. What is written down of them anew has
    /// to be kept before [`run`](Self::run) begins, so that no NOTIFY has the number of one before.
    pub(crate) fn restore(&mut self, kept: Vec<(SubscriptionId, SavedSubscription)>) -> usize {
        self.inputs.changes.follow();
        let directory = self.directory.load_full();
        let clock = now();
        let spread = RESTART_SPREAD / u32::try_from(kept.len()).unwrap_or(u32::MAX).max(1);
        let mut due = clock.at + RESTART_PAUSE;
        for (subscription, saved) in kept {
            let (saved, formats) = saved.read(subscription, &directory, clock);
            let resource = saved.resource.clone();
            if self.notifier.restore(saved, due, clock.at) {
                self.telling
                    .handle_subscribed(subscription, &resource, formats);
                due += spread;
            } else if let Some(kept) = &self.kept {
                kept.end(subscription);
            }
        }
        self.carry_out(None);
        self.notifier.len()
    }

    /// Runs until `shutdown`, and says goodbye.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        // Nobody goes on watching whom the configuration of this start keeps from it.
        self.judge_anew(Lists::AreOfThisDirectory);
        loop {
            if self.notifier.is_empty() {
                self.inputs.changes.let_be();
            }
            let wake_at = self.notifier.next_timeout();
            tokio::select! {
                () = shutdown.cancelled() => return self.say_goodbye().await,
                Some(ask) = self.inputs.subscribes.recv() => self.handle_subscribe(ask),
                () = self.inputs.changes.marked() => self.read_changes(),
                Ok(()) = self.inputs.snapshots.changed() => self.read_groups(),
                Ok(()) = self.inputs.reloads.changed() => {
                    self.judge_anew(Lists::AreOfAnotherDirectory);
                }
                Some(done) = self.notifying.join_next() => self.handle_delivered(done),
                outcomes = self.volley.outcomes() => self.handle_outcomes(outcomes),
                () = sleep_until_some(wake_at) => self.feed(Input::Timeout),
            }
        }
    }

    fn handle_delivered(&mut self, done: Result<(SubscriptionId, Outcome), JoinError>) {
        match done {
            Ok((subscription, outcome)) => self.feed(Input::Notified {
                subscription,
                outcome,
            }),
            Err(error) => tracing::error!(%error, "a NOTIFY failed"),
        }
    }

    fn handle_outcomes(&mut self, outcomes: Vec<sip_transport::Outcome>) {
        let now = Instant::now();
        for sip_transport::Outcome { key, result } in outcomes {
            let subscription = SubscriptionId(key);
            let outcome = outcome(result);
            let input = Input::Notified {
                subscription,
                outcome,
            };
            self.notifier.handle(input, now);
        }
        self.carry_out(None);
    }

    /// Ends the subscriptions that cannot go on after a restart, because the connection to their watcher ends with this
    /// process. RFC 6665 §4.1.3: `deactivated` brings the phones back at once; after `probation`, baresip would stay away
    /// for five minutes.
    async fn say_goodbye(mut self) {
        let is_over =
            |subscription| self.kept.is_none() || !self.notifier.is_reachable(subscription);
        let over: Vec<_> = self
            .notifier
            .subscriptions()
            .map(|held| held.subscription)
            .filter(|subscription| is_over(*subscription))
            .collect();
        for subscription in over {
            self.feed(Input::End {
                subscription,
                reason: EndReason::Deactivated,
            });
        }
        // The last NOTIFY of a subscription waits for the answer to the one before.
        let answered = timeout(GOODBYE, async {
            loop {
                tokio::select! {
                    Some(done) = self.notifying.join_next() => self.handle_delivered(done),
                    outcomes = self.volley.outcomes(), if self.volley.is_waiting() => {
                        self.handle_outcomes(outcomes);
                    }
                    else => break,
                }
            }
        });
        if answered.await.is_err() {
            tracing::debug!("some watchers did not answer the last NOTIFY in time");
        }
    }

    fn handle_subscribe(&mut self, ask: SubscribeAsk) {
        self.inputs.changes.follow();
        let SubscribeAsk {
            mut subscribe,
            formats,
            pending,
        } = ask;
        self.happenings.sip(|| {
            let watcher = &subscribe.watcher;
            match &subscribe.resource {
                Some(Watched::Rep(rep) | Watched::HiddenRep(rep)) => {
                    format!("SUBSCRIBE: {watcher} watches {rep}")
                }
                Some(Watched::Group(group)) => format!("SUBSCRIBE: {watcher} watches {group}"),
                Some(Watched::List(list)) => {
                    format!(
                        "SUBSCRIBE: {watcher} watches {} at once",
                        list.members().len()
                    )
                }
                Some(Watched::WatchersOf(_)) => {
                    format!("SUBSCRIBE: {watcher} wants to know who watches")
                }
                None => format!("SUBSCRIBE: {watcher} goes on watching"),
            }
        });
        let request = &subscribe.request;
        let known = match &subscribe.resource {
            Some(resource) => address_of(request)
                .ok()
                .map(|address| (resource.clone(), address)),
            None => self
                .notifier
                .resource_of(request)
                .map(|(resource, address)| (resource.clone(), address.into())),
        };
        if let Some((resource, address)) = &known {
            if request.header(HeaderName::SuppressIfMatch).is_some() {
                let tag = self.telling.entity_tag(resource, address, &self.notifier);
                subscribe.entity_tag = Some(tag);
            }
            if matches!(resource, Watched::List(_)) {
                subscribe.require = Some("eventlist");
            }
        }
        let resource = known.map(|(resource, _)| resource);
        self.notifier
            .handle(Input::Subscribe(subscribe), Instant::now());
        self.carry_out(Some(Asked {
            pending,
            formats,
            resource,
        }));
    }

    /// A mark is only a hint: the newest state is read when a NOTIFY goes out.
    fn read_changes(&mut self) {
        while let Some(presentity) = self.inputs.changes.poll() {
            self.change(Watched::Rep(RepId::new(presentity.as_str())));
        }
        self.carry_out(None);
    }

    fn read_groups(&mut self) {
        let snapshot = self.inputs.snapshots.borrow_and_update().clone();
        for group in self.telling.handle_snapshot(&snapshot) {
            self.change(group);
        }
        self.carry_out(None);
    }

    /// Whoever calls this carries out what follows from it.
    fn change(&mut self, resource: Watched) {
        let now = Instant::now();
        for list in self.lists_by_member.get(&resource).into_iter().flatten() {
            let resource = Watched::List(list.clone());
            self.notifier.handle(Input::Changed { resource }, now);
        }
        self.notifier.handle(Input::Changed { resource }, now);
    }

    /// Another configuration may let others watch.
    fn judge_anew(&mut self, lists: Lists) {
        let directory = self.directory.load_full();
        let verdicts: Vec<_> = self
            .notifier
            .subscriptions()
            .filter_map(|held| {
                let watcher = RepId::new(held.watcher);
                let verdict = judge(&watcher, held.resource, held.standing, lists, &directory)?;
                Some((held.subscription, verdict))
            })
            .collect();
        for (subscription, verdict) in verdicts {
            self.feed(match verdict {
                Judgement::Admit => Input::Admit { subscription },
                Judgement::End(reason) => Input::End {
                    subscription,
                    reason,
                },
            });
        }
    }

    fn feed(&mut self, input: Input<Watched>) {
        self.notifier.handle(input, Instant::now());
        self.carry_out(None);
    }

    /// Answer and NOTIFY go through one queue of the flow, so that they leave in this order.
    fn carry_out(&mut self, mut asked: Option<Asked>) {
        let mut watched_otherwise = Vec::new();
        let mut to_keep = BTreeSet::new();
        while let Some(output) = self.notifier.poll_output() {
            match output {
                Output::Answer {
                    response,
                    subscription,
                } => match asked.take() {
                    Some(asked) => {
                        if let (Some(subscription), Some(resource)) =
                            (subscription, &asked.resource)
                        {
                            self.telling
                                .handle_subscribed(subscription, resource, asked.formats);
                        }
                        asked.pending.answer(response);
                    }
                    None => tracing::error!("the notifier answered a question nobody asked"),
                },
                Output::Notify {
                    subscription,
                    resource,
                    address,
                    path,
                    content,
                    draft,
                } => {
                    let occasion = Occasion {
                        subscription,
                        resource: &resource,
                        address: &address,
                        content,
                    };
                    let notify = self.telling.fill(draft, &occasion, &self.notifier);
                    match path {
                        Path::Flow(flow) => self.volley.add(subscription.0, notify, flow),
                        Path::Reach(reach) => {
                            let sender = self.sender.clone();
                            self.notifying.spawn(async move {
                                (subscription, deliver(&sender, *notify, reach).await)
                            });
                        }
                    }
                }
                Output::ToKeep { subscription } => {
                    to_keep.insert(subscription);
                }
                Output::Ended { subscription } => self.telling.handle_ended(subscription),
                Output::WatchersChanged { resource } => match resource {
                    Watched::Rep(rep) | Watched::HiddenRep(rep) => watched_otherwise.push(rep),
                    Watched::List(list) => self.follow_members(list),
                    Watched::Group(_) | Watched::WatchersOf(_) => {}
                },
            }
        }
        self.volley.send();
        self.telling.forget_document();
        self.keep(to_keep);
        if !watched_otherwise.is_empty() {
            for rep in watched_otherwise {
                self.change(Watched::WatchersOf(rep));
            }
            self.carry_out(None);
        }
    }

    fn keep(&self, subscriptions: BTreeSet<SubscriptionId>) {
        let Some(kept) = &self.kept else {
            return;
        };
        let clock = now();
        for subscription in subscriptions {
            match self.notifier.saved(subscription) {
                Some(saved) => {
                    let formats = self.telling.formats(subscription);
                    let saved = SavedSubscription::write(saved, formats, clock);
                    kept.put(subscription, saved);
                }
                None => kept.end(subscription),
            }
        }
    }

    /// A list is told of its members' changes for as long as somebody watches it.
    fn follow_members(&mut self, list: ListHandle) {
        let resource = Watched::List(list.clone());
        let is_watched = self.notifier.watchers(&resource).next().is_some();
        for member in list.watched() {
            if is_watched {
                let lists = self.lists_by_member.entry(member.clone()).or_default();
                lists.insert(list.clone());
            } else if let Some(lists) = self.lists_by_member.get_mut(member) {
                lists.remove(&list);
                if lists.is_empty() {
                    self.lists_by_member.remove(member);
                }
            }
        }
    }
}

/// What a SUBSCRIBE's answer needs.
struct Asked {
    pending: PendingAnswer,
    formats: Formats,
    resource: Option<Watched>,
}

/// By which directory the members of lists were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lists {
    AreOfThisDirectory,
    AreOfAnotherDirectory,
}

/// What a newer configuration does to a subscription.
#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Admit,
    End(EndReason),
}

fn judge(
    watcher: &RepId,
    resource: &Watched,
    standing: Standing,
    lists: Lists,
    directory: &Directory,
) -> Option<Judgement> {
    if !directory.open && !directory.has(watcher) {
        return Some(Judgement::End(EndReason::Rejected));
    }
    let permissions = &directory.permissions;
    let (exists, verdict) = match resource {
        Watched::Rep(rep) | Watched::HiddenRep(rep) => (
            directory.open || directory.has(rep),
            permissions.of_rep(watcher, rep),
        ),
        Watched::WatchersOf(rep) => (
            directory.open || directory.has(rep),
            permissions.of_watchers(watcher, rep),
        ),
        Watched::Group(group) => (
            directory.has_group(group),
            match permissions.of_group(watcher) {
                Verdict::Hidden => Verdict::Forbidden,
                verdict @ (Verdict::Allowed | Verdict::Held | Verdict::Forbidden) => verdict,
            },
        ),
        Watched::List(_) => match lists {
            Lists::AreOfThisDirectory => return None,
            // Its members may be others: the watcher comes back at once and is told of them.
            Lists::AreOfAnotherDirectory => return Some(Judgement::End(EndReason::Deactivated)),
        },
    };
    if !exists {
        return Some(Judgement::End(EndReason::NoResource));
    }
    let hidden = matches!(resource, Watched::HiddenRep(_));
    match (verdict, standing) {
        (Verdict::Forbidden, _) => Some(Judgement::End(EndReason::Rejected)),
        (Verdict::Allowed, Standing::Pending) => Some(Judgement::Admit),
        (Verdict::Allowed, Standing::Active) if !hidden => None,
        (Verdict::Hidden, Standing::Active) if hidden => None,
        (Verdict::Held, Standing::Pending) => None,
        // The watcher comes back at once and is judged as a new one.
        (Verdict::Allowed | Verdict::Hidden | Verdict::Held, _) => {
            Some(Judgement::End(EndReason::Deactivated))
        }
    }
}

async fn deliver(sender: &Sender, notify: RequestDraft, reach: Reach) -> Outcome {
    let Reach { transport, address } = reach;
    let target = Target::Address {
        protocol: transport,
        address,
    };
    outcome(sender.request(notify, target).await)
}

fn outcome(result: Result<Response, RequestError>) -> Outcome {
    match result {
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
            tracing::debug!(%error, "a watcher cannot be reached");
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

fn now() -> Clock {
    Clock {
        at: Instant::now(),
        unix_ms: unix_ms(),
    }
}

async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
