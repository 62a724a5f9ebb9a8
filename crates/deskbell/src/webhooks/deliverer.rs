//! Tells the events of the outbox: those that are due, again with growing pauses, until they are taken or given up.
//! What became of each is on disk before the next of its ticket goes. Must not know what events mean.

use std::collections::HashSet;
use std::time::Duration;

use gateway::push::{Caller, Listener, Told};
use storage::{CommitError, Journal, OutboxChange, OutboxEntry, Work};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::admin::Request;
use super::announcer::SharedListeners;
use super::fresh::{Fresh, Next};
use super::lanes::Lanes;
use crate::happenings::unix_ms;

/// Events of one listener held in memory; more wait in the outbox. Listeners have nothing to do with each other, and
/// what waits for one that is configured no more is not held at all.
const HELD: usize = 20_000;

/// How often the outbox is looked through for events that found no room.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The longest time a listener is left alone because it asks for it.
const LONGEST_LEAVE: Duration = Duration::from_secs(3600);

/// Tells the events of the outbox.
pub(crate) struct Deliverer {
    journal: Journal,
    listeners: SharedListeners,
    caller: Caller,
    fresh: Fresh,
    requests: mpsc::Receiver<Request>,
    lanes: Lanes,
    /// Listeners for whom nothing waits on disk that is not held, so that what comes fresh is the next for them.
    caught_up: HashSet<String>,
    under_way: JoinSet<(OutboxEntry, Told)>,
}

impl Deliverer {
    /// A deliverer for what is in the outbox of `journal` and what comes fresh.
    pub(super) fn new(
        journal: Journal,
        listeners: SharedListeners,
        caller: Caller,
        fresh: Fresh,
        requests: mpsc::Receiver<Request>,
    ) -> Self {
        Self {
            journal,
            listeners,
            caller,
            fresh,
            requests,
            lanes: Lanes::default(),
            caught_up: HashSet::new(),
            under_way: JoinSet::new(),
        }
    }

    /// Runs until `shutdown`. What is under way then is told again after the next start, under the same identity.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> Result<(), CommitError> {
        let mut looking = tokio::time::interval(LOOK_AGAIN);
        looking.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.begin_due();
            let pause = self.pause();
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                Some(next) = self.fresh.recv() => self.take(next),
                _ = looking.tick() => self.look().await,
                Some(ended) = self.under_way.join_next() => match ended {
                    Ok((entry, told)) => self.conclude(entry, told).await?,
                    Err(error) => tracing::error!(%error, "telling a listener failed"),
                },
                Some(request) = self.requests.recv() => self.answer(request).await?,
                () = sleep(pause) => {}
            }
        }
    }

    /// What comes while others wait on disk is found there behind them.
    fn take(
        &mut self,
        Next {
            entry,
            is_behind_others,
        }: Next,
    ) {
        if is_behind_others {
            self.caught_up.clear();
        }
        let destination = entry.destination.clone();
        if self.caught_up.contains(&destination) && !self.hold(entry) {
            self.caught_up.remove(&destination);
        }
    }

    /// Whether it is held.
    fn hold(&mut self, entry: OutboxEntry) -> bool {
        let has_room = self.lanes.len_of(&entry.destination) < HELD;
        if has_room {
            self.lanes.add(entry);
        }
        has_room
    }

    /// Reads what waits on disk and is not held yet.
    async fn look(&mut self) {
        let listeners = self.listeners.load_full();
        let is_known = |id: &str| listeners.iter().any(|listener| listener.id == id);
        self.lanes.let_go_of_all_but(is_known);
        self.caught_up.retain(|listener| is_known(listener));
        let most = u32::try_from(HELD).unwrap_or(u32::MAX);
        for listener in listeners.iter() {
            if self.lanes.len_of(&listener.id) >= HELD {
                continue;
            }
            match self.journal.outbox_waiting_for(&listener.id, most).await {
                Ok(entries) => {
                    let is_all = entries.len() < HELD;
                    let mut held = entries.into_iter().map(|entry| self.hold(entry));
                    if held.all(|held| held) && is_all {
                        self.caught_up.insert(listener.id.clone());
                    }
                }
                Err(error) => tracing::warn!(%error, "the outbox cannot be read"),
            }
        }
        // What was read there may wait here too: while it is held it is known, and once it is told it is not.
        while let Some(next) = self.fresh.poll() {
            self.take(next);
        }
    }

    fn begin_due(&mut self) {
        let listeners = self.listeners.load_full();
        let known = |id: &str| listeners.iter().any(|listener| listener.id == id);
        let now = unix_ms();
        while let Some(entry) = self.lanes.poll(now, known) {
            let listener = listeners
                .iter()
                .find(|listener| listener.id == entry.destination);
            let Some(listener) = listener.cloned() else {
                continue;
            };
            let caller = self.caller.clone();
            self.under_way.spawn(async move {
                let told = tell(&listener, &caller, &entry).await;
                (entry, told)
            });
        }
    }

    fn pause(&self) -> Duration {
        let listeners = self.listeners.load_full();
        let due = self
            .lanes
            .next_due(|id| listeners.iter().any(|listener| listener.id == id));
        due.map_or(LOOK_AGAIN, |due| {
            Duration::from_millis(u64::try_from(due - unix_ms()).unwrap_or(0)).min(LOOK_AGAIN)
        })
    }

    /// On disk first: what was told and is not known to be would be told again.
    async fn conclude(&mut self, entry: OutboxEntry, told: Told) -> Result<(), CommitError> {
        let now = unix_ms();
        let id = entry.id.clone();
        let (why, after) = match told {
            Told::Taken => {
                self.keep(OutboxChange::Delivered { id }).await?;
                self.lanes.settle(&entry);
                return Ok(());
            }
            Told::Never => (
                "have it taken: the listener says it is gone for good".to_owned(),
                None,
            ),
            Told::NotNow { why, after } => {
                let listeners = self.listeners.load_full();
                let listener = listeners
                    .iter()
                    .find(|listener| listener.id == entry.destination);
                let tried = usize::try_from(entry.attempts).unwrap_or(usize::MAX);
                let pause = listener.and_then(|listener| listener.retries.get(tried).copied());
                if let Some(after) = after {
                    self.lanes
                        .leave_alone(&entry.destination, later(now, after.min(LONGEST_LEAVE)));
                }
                (why, pause)
            }
        };
        let retry_at_unix_ms = after.map(|pause| later(now, pause));
        tracing::info!(listener = %entry.destination, event = %entry.id, why, is_given_up = after.is_none(), "an event was not taken");
        let failed = OutboxChange::Failed {
            id,
            why: why.clone(),
            retry_at_unix_ms,
        };
        self.keep(failed).await?;
        match retry_at_unix_ms {
            Some(due) => self.lanes.postpone(&entry, &why, due),
            None => self.lanes.settle(&entry),
        }
        Ok(())
    }

    async fn answer(&mut self, request: Request) -> Result<(), CommitError> {
        match request {
            Request::Waiting { listener, answer } => {
                let waiting = self
                    .lanes
                    .waiting_of(&listener)
                    .into_iter()
                    .cloned()
                    .collect();
                // Whoever asked may have gone.
                let _ = answer.send(waiting);
            }
            Request::Revive { entries, answer } => {
                let now = unix_ms();
                let count = entries.len();
                for entry in entries {
                    let id = entry.id.clone();
                    let due_at_unix_ms = now;
                    self.keep(OutboxChange::Revive { id, due_at_unix_ms })
                        .await?;
                    self.lanes.add(OutboxEntry {
                        due_at_unix_ms,
                        attempts: 0,
                        ..entry
                    });
                }
                // Whoever asked may have gone.
                let _ = answer.send(count);
            }
        }
        Ok(())
    }

    async fn keep(&self, change: OutboxChange) -> Result<(), CommitError> {
        let outbox = vec![change];
        self.journal
            .write(Work {
                outbox,
                ..Work::default()
            })
            .await
    }
}

async fn tell(listener: &Listener, caller: &Caller, entry: &OutboxEntry) -> Told {
    // Two listeners know an event by one identity.
    let event = entry.id.split(':').next().unwrap_or(&entry.id);
    listener
        .tell(caller, event, entry.body.clone(), unix_ms() / 1000)
        .await
}

fn later(now_unix_ms: i64, pause: Duration) -> i64 {
    now_unix_ms.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arc_swap::ArcSwap;
    use gateway::push::{Form, Target};
    use helpdesk::TicketId;
    use storage::OutboxState;

    use super::*;
    use crate::webhooks::fresh::{FreshIn, fresh};

    fn entry(id: &str) -> OutboxEntry {
        OutboxEntry {
            id: id.to_owned(),
            destination: "shop".to_owned(),
            ticket: Some(TicketId::new("a")),
            at_unix_ms: 0,
            due_at_unix_ms: 0,
            attempts: 0,
            state: OutboxState::Waiting,
            why: None,
            version: 1,
            body: "{}".to_owned(),
        }
    }

    async fn commit(journal: &Journal, fresh: &FreshIn, id: &str) {
        let outbox = vec![OutboxChange::Put(entry(id))];
        let work = Work {
            outbox,
            ..Work::default()
        };
        journal.write(work).await.unwrap();
        fresh.put(entry(id));
    }

    #[tokio::test]
    async fn what_found_no_room_is_told_before_what_came_after_it() {
        let journal = Journal::open("sqlite::memory:").await.unwrap();
        let (fresh_in, fresh) = fresh(2);
        let listener = Listener {
            id: "shop".to_owned(),
            target: Target::read("https://shop.example/", Vec::new()).unwrap(),
            form: Form::Webhook,
            keys: Vec::new(),
            topics: Vec::new(),
            sites: None,
            patience: Duration::from_secs(1),
            retries: Vec::new(),
        };
        let listeners: SharedListeners = Arc::new(ArcSwap::from_pointee(vec![listener]));
        let (_, requests) = mpsc::channel(1);
        let mut deliverer =
            Deliverer::new(journal.clone(), listeners, Caller::new(), fresh, requests);
        deliverer.look().await;
        for id in ["1", "2", "3"] {
            commit(&journal, &fresh_in, id).await;
        }
        let mut told = Vec::new();
        let tell = |deliverer: &mut Deliverer, told: &mut Vec<String>| {
            while let Some(entry) = deliverer.lanes.poll(1, |_| true) {
                told.push(entry.id.clone());
                deliverer.lanes.settle(&entry);
            }
        };
        for _ in 0..2 {
            let next = deliverer.fresh.poll().unwrap();
            deliverer.take(next);
        }
        // There is room again, and the third is on disk alone.
        commit(&journal, &fresh_in, "4").await;
        let next = deliverer.fresh.poll().unwrap();
        deliverer.take(next);
        tell(&mut deliverer, &mut told);
        for id in &told {
            let id = id.clone();
            deliverer
                .keep(OutboxChange::Delivered { id })
                .await
                .unwrap();
        }
        deliverer.look().await;
        tell(&mut deliverer, &mut told);
        assert_eq!(told, ["1", "2", "3", "4"]);
    }
}
