//! Keeps soft state in the journal: behind the answer that a phone gets, or before it. Like every follower it reads
//! the newest snapshot after a mark. Must not know SIP.

mod publications;
pub(crate) mod upkeep;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use helpdesk::{Clock, RepId};
use presence::{PresentityId, Store};
use sip::subscription::SubscriptionId;
use sip_transport::{Exchange, Handling, PendingAnswer};
use storage::{CommitError, Health, Journal, LoadError, SoftChange, SoftKey, SoftKind, SoftValue};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::Durability;
use crate::happenings::unix_ms;
use crate::sip_service::{Bindings, KeptSubscriptions, SavedBinding, SavedSubscription};

/// How often marks are looked at: what a phone was told may be lost for so long and for one commit.
const TICK: Duration = Duration::from_millis(20);

/// How long a keeper whose commit is under way sleeps after it has taken what waits: to be woken for each answer would
/// cost more than what it gathers meanwhile.
const REST: Duration = Duration::from_millis(1);

/// Answers that may wait for their state to be kept; beyond it a phone is answered 503.
const ANSWERS: usize = 8192;

/// Presentities kept in one commit.
const AT_ONCE: usize = 4096;

/// What is to be answered once the state it tells of is kept.
#[derive(Debug)]
pub(crate) struct Owed {
    pending: PendingAnswer,
    response: Bytes,
}

/// The way of answers past the keeper, as the configuration wants it.
#[derive(Debug, Clone)]
pub(crate) enum AnswerWay {
    /// At once; the state is kept behind it.
    AtOnce,
    /// After the state is kept.
    Kept {
        owed: mpsc::Sender<Owed>,
        health: watch::Receiver<Health>,
    },
}

/// A place among the answers that wait, taken before anything is changed.
#[derive(Debug)]
pub(crate) enum AnswerPlace<'a> {
    /// None is needed.
    AtOnce,
    /// One of those that wait.
    Kept(mpsc::Permit<'a, Owed>),
}

/// No answer can be owed at this moment: 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoPlace;

impl AnswerWay {
    /// Takes a place, or says that the journal is behind or takes nothing at all.
    pub(crate) fn place(&self) -> Result<AnswerPlace<'_>, NoPlace> {
        match self {
            Self::AtOnce => Ok(AnswerPlace::AtOnce),
            Self::Kept { health, .. } if !health.borrow().takes_records() => Err(NoPlace),
            Self::Kept { owed, .. } => match owed.try_reserve() {
                Ok(place) => Ok(AnswerPlace::Kept(place)),
                Err(_) => Err(NoPlace),
            },
        }
    }
}

impl AnswerPlace<'_> {
    /// Answers now, or once everything that was changed by now is kept.
    pub(crate) fn answer(self, exchange: Exchange<'_>, response: Bytes) -> Handling {
        let place = match self {
            Self::AtOnce => return Handling::Answer(response),
            Self::Kept(place) => place,
        };
        match exchange.defer() {
            Ok(pending) => {
                place.send(Owed { pending, response });
                Handling::Later
            }
            Err(_) => Handling::Overloaded,
        }
    }
}

/// What goes into one commit, and who is told after it.
#[derive(Default)]
struct Gathered {
    changes: Vec<SoftChange>,
    answers: Vec<Owed>,
}

impl Gathered {
    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.answers.is_empty()
    }

    fn has_room(&self) -> bool {
        self.changes.len() < AT_ONCE
    }
}

/// A commit that is not done yet, and who is told after it.
struct UnderWay {
    kept: Pin<Box<dyn Future<Output = Result<(), CommitError>> + Send>>,
    answers: Vec<Owed>,
}

impl UnderWay {
    /// Waits for it; for ever where there is none.
    async fn done(under_way: &mut Option<Self>) -> Result<(), CommitError> {
        match under_way {
            Some(under_way) => under_way.kept.as_mut().await,
            None => std::future::pending().await,
        }
    }
}

/// Whether there may be marks that are not looked at yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    AllTaken,
    SomeLeft,
}

fn answer_all(answers: impl IntoIterator<Item = Vec<Owed>>) {
    for Owed { pending, response } in answers.into_iter().flatten() {
        pending.answer(response);
    }
}

/// Reads what has changed and commits it.
pub(crate) struct Keeper {
    journal: Journal,
    store: Arc<Store>,
    bindings: Arc<Bindings>,
    subscriptions: KeptSubscriptions,
    owed: mpsc::Receiver<Owed>,
}

impl Keeper {
    /// A keeper of what is in `store`, `bindings` and `subscriptions`, and the way answers take past it.
    pub(crate) fn new(
        journal: Journal,
        store: Arc<Store>,
        bindings: Arc<Bindings>,
        subscriptions: KeptSubscriptions,
        durability: Durability,
    ) -> (Self, AnswerWay) {
        let (sender, owed) = mpsc::channel(ANSWERS);
        let way = match durability {
            Durability::Behind => AnswerWay::AtOnce,
            Durability::Strict => AnswerWay::Kept {
                owed: sender,
                health: journal.health(),
            },
        };
        let keeper = Self {
            journal,
            store,
            bindings,
            subscriptions,
            owed,
        };
        (keeper, way)
    }

    /// Runs until `shutdown`, and keeps what is marked by then. What is marked while a commit is under way is gathered
    /// for the next one, so that commits grow with the load. While the journal takes nothing, marks are merged.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> Result<(), CommitError> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rest = pin!(sleep(Duration::ZERO));
        let mut waiting = Vec::new();
        let mut next = Gathered::default();
        let mut under_way: Option<UnderWay> = None;
        loop {
            let has_room = waiting.len() + next.answers.len() < ANSWERS;
            let is_resting = under_way.is_some() && !rest.is_elapsed();
            tokio::select! {
                () = shutdown.cancelled() => break,
                outcome = UnderWay::done(&mut under_way) => {
                    outcome?;
                    answer_all(under_way.take().map(|done| done.answers));
                }
                _ = tick.tick() => {}
                () = rest.as_mut(), if is_resting => {}
                // Without strict publications there is nobody who could owe an answer, and it returns at once, with none.
                1.. = self.owed.recv_many(&mut waiting, ANSWERS), if has_room && !is_resting => {
                    rest.as_mut().reset(tokio::time::Instant::now() + REST);
                }
            }
            while waiting.len() + next.answers.len() < ANSWERS
                && let Ok(owed) = self.owed.try_recv()
            {
                waiting.push(owed);
            }
            // Who waits for an answer has made its mark before: where all marks are taken, its own is.
            if self.gather(&mut next) == Marks::AllTaken {
                next.answers.append(&mut waiting);
            }
            if under_way.is_none() && !next.is_empty() {
                under_way = Some(self.begin(std::mem::take(&mut next)));
            }
        }
        if under_way.is_some() {
            UnderWay::done(&mut under_way).await?;
            answer_all(under_way.map(|done| done.answers));
        }
        // Who is not told would publish a second time.
        while let Ok(last) = self.owed.try_recv() {
            waiting.push(last);
        }
        self.journal.keep(next.changes).await?;
        self.keep_marked().await?;
        answer_all([next.answers, waiting]);
        Ok(())
    }

    fn begin(&self, Gathered { changes, answers }: Gathered) -> UnderWay {
        let journal = self.journal.clone();
        UnderWay {
            kept: Box::pin(async move { journal.keep(changes).await }),
            answers,
        }
    }

    /// Keeps everything that was marked when this began.
    pub(crate) async fn keep_marked(&self) -> Result<(), CommitError> {
        loop {
            let mut gathered = Gathered::default();
            let marks = self.gather(&mut gathered);
            self.journal.keep(gathered.changes).await?;
            if marks == Marks::AllTaken {
                return Ok(());
            }
        }
    }

    /// Takes marks and puts the newest word about each behind what is gathered, as long as there is room.
    fn gather(&self, gathered: &mut Gathered) -> Marks {
        if !self.journal.outlives_process() {
            return self.unmark();
        }
        let clock = now();
        while gathered.has_room()
            && let Some(presentity) = self.store.poll_edited()
        {
            gathered.changes.push(self.publications(&presentity, clock));
        }
        while gathered.has_room()
            && let Some(rep) = self.bindings.poll_changed()
        {
            gathered.changes.push(self.phones(&rep, clock));
        }
        while gathered.has_room()
            && let Some((id, saved)) = self.subscriptions.poll()
        {
            gathered.changes.push(subscription(id, saved.as_deref()));
        }
        if gathered.has_room() {
            Marks::AllTaken
        } else {
            Marks::SomeLeft
        }
    }

    /// Takes the marks of what nobody will read back.
    fn unmark(&self) -> Marks {
        let mut left = AT_ONCE;
        while left > 0
            && (self.store.poll_edited().is_some()
                || self.bindings.poll_changed().is_some()
                || self.subscriptions.poll().is_some())
        {
            left -= 1;
        }
        if left > 0 {
            Marks::AllTaken
        } else {
            Marks::SomeLeft
        }
    }

    fn publications(&self, presentity: &PresentityId, clock: Clock) -> SoftChange {
        let snapshot = self.store.presentity(presentity);
        SoftChange {
            key: SoftKey {
                kind: SoftKind::Publications,
                name: presentity.as_str().to_owned(),
            },
            value: snapshot.and_then(|snapshot| publications::write(&snapshot, clock)),
        }
    }

    fn phones(&self, rep: &RepId, clock: Clock) -> SoftChange {
        let saved = self.bindings.saved(rep, clock);
        let last_expiry = saved.iter().map(|phone| phone.expires_at).max();
        let value = last_expiry.and_then(|expires_at_unix_ms| {
            let body = serde_json::to_string(&saved)
                .inspect_err(|error| tracing::error!(%error, "phones cannot be written down"));
            Some(SoftValue {
                version: BINDINGS_VERSION,
                expires_at_unix_ms,
                body: body.ok()?,
            })
        });
        SoftChange {
            key: SoftKey {
                kind: SoftKind::Bindings,
                name: rep.as_str().to_owned(),
            },
            value,
        }
    }
}

/// The form of [`SavedBinding`].
const BINDINGS_VERSION: u32 = 1;

/// The form of [`SavedSubscription`].
const SUBSCRIPTION_VERSION: u32 = 1;

fn subscription(id: SubscriptionId, saved: Option<&SavedSubscription>) -> SoftChange {
    let value = saved.and_then(|saved| {
        let body = serde_json::to_string(saved)
            .inspect_err(|error| tracing::error!(%error, "a subscription cannot be written down"));
        Some(SoftValue {
            version: SUBSCRIPTION_VERSION,
            expires_at_unix_ms: saved.expires_at,
            body: body.ok()?,
        })
    });
    SoftChange {
        key: SoftKey {
            kind: SoftKind::Subscription,
            name: id.to_string(),
        },
        value,
    }
}

/// The subscriptions that were kept, the longest-standing first.
pub(crate) async fn load_subscriptions(
    journal: &Journal,
    subscriptions: &KeptSubscriptions,
) -> Result<Vec<(SubscriptionId, SavedSubscription)>, LoadError> {
    let mut pages = journal.soft_pages(SoftKind::Subscription, unix_ms());
    let mut loaded = Vec::new();
    while let Some(page) = pages.next().await {
        for (name, value) in page? {
            let Ok(id) = name.parse().map(SubscriptionId) else {
                tracing::warn!("a kept subscription has no number");
                continue;
            };
            subscriptions.is_written(id);
            match serde_json::from_str(&value.body) {
                Ok(saved) if value.version == SUBSCRIPTION_VERSION => loaded.push((id, saved)),
                Ok(_) => tracing::warn!(
                    value.version,
                    "a kept subscription is of an unknown version"
                ),
                // Its watcher subscribes anew.
                Err(error) => tracing::warn!(%error, "a kept subscription cannot be read"),
            }
        }
    }
    loaded.sort_unstable_by_key(|(id, _)| *id);
    Ok(loaded)
}

/// Brings back what was kept; says of how many presentities.
pub(crate) async fn restore(
    journal: &Journal,
    store: &Store,
    bindings: &Bindings,
) -> Result<usize, LoadError> {
    restore_bindings(journal, bindings).await?;
    let clock = now();
    let mut pages = journal.soft_pages(SoftKind::Publications, clock.unix_ms);
    let mut restored = 0;
    while let Some(page) = pages.next().await {
        for (name, value) in page? {
            match publications::read(&value, clock) {
                Ok(kept) => match store.restore(&PresentityId::new(&name), kept, clock.at) {
                    Ok(()) => restored += 1,
                    Err(error) => tracing::warn!(%error, "publications could not be brought back"),
                },
                // They come again by themselves.
                Err(error) => tracing::warn!(%error, "kept publications cannot be read"),
            }
        }
    }
    Ok(restored)
}

async fn restore_bindings(journal: &Journal, bindings: &Bindings) -> Result<(), LoadError> {
    let kept = journal.load_soft(SoftKind::Bindings, unix_ms()).await?;
    let clock = now();
    for (rep, value) in kept {
        let saved: Result<Vec<SavedBinding>, _> = serde_json::from_str(&value.body);
        match saved {
            Ok(saved) if value.version == BINDINGS_VERSION => {
                bindings.restore(RepId::new(&rep), saved, clock);
            }
            Ok(_) => tracing::warn!(value.version, "kept phones are of an unknown version"),
            // They come again by themselves.
            Err(error) => tracing::warn!(%error, "kept phones cannot be read"),
        }
    }
    Ok(())
}

fn now() -> Clock {
    Clock {
        at: Instant::now(),
        unix_ms: unix_ms(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use presence::{Document, Publish, StoreConfig};
    use tokio::time::timeout;

    use super::*;

    async fn kept(url: &str) -> usize {
        let journal = Journal::open(url).await.unwrap();
        let store = Arc::new(Store::new(StoreConfig::new([1; 16])).with_edits());
        let (keeper, _) = Keeper::new(
            journal.clone(),
            Arc::clone(&store),
            Arc::new(Bindings::new(Duration::ZERO)),
            KeptSubscriptions::default(),
            Durability::Behind,
        );
        let publish = Publish::Initial {
            document: Document::default(),
            lifetime: None,
            publisher: None,
        };
        let alice = PresentityId::new("alice");
        store.publish(&alice, publish, Instant::now()).unwrap();
        keeper.keep_marked().await.unwrap();
        assert_eq!(store.poll_edited(), None);
        let kept = journal.load_soft(SoftKind::Publications, unix_ms());
        kept.await.unwrap().len()
    }

    #[tokio::test]
    async fn nothing_to_keep_costs_a_look_for_each_tick() {
        for durability in [Durability::Behind, Durability::Strict] {
            let (keeper, way) = Keeper::new(
                Journal::open("sqlite::memory:").await.unwrap(),
                Arc::new(Store::new(StoreConfig::new([1; 16])).with_edits()),
                Arc::new(Bindings::new(Duration::ZERO)),
                KeptSubscriptions::default(),
                durability,
            );
            let mut running = pin!(keeper.run(CancellationToken::new()));
            let mut looks = 0;
            let counted = poll_fn(|context| {
                looks += 1;
                running.as_mut().poll(context)
            });
            assert!(timeout(10 * TICK, counted).await.is_err());
            assert!(looks < 50, "{looks} looks in ten ticks");
            drop(way);
        }
    }

    #[tokio::test]
    async fn what_ends_with_the_process_keeps_no_soft_state() {
        let name = format!("deskbell-keeper-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let file = format!("sqlite:{}", folder.join("journal.db").display());
        assert_eq!(kept(&file).await, 1);
        std::fs::remove_dir_all(folder).unwrap();
        assert_eq!(kept("sqlite::memory:").await, 0);
    }
}
