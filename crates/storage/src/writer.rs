//! The thread that owns the writing connection: whatever waits is committed in one transaction with one sync, and
//! waits on while the database cannot take it. Must not know which database it is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use crate::backend::{Backend, Batch, Failure, Removal, Resealed, Resealing};
use crate::error::CommitError;
use crate::health::Health;
use crate::space::{LOOK_EVERY, Space};

/// What the writer is asked.
pub(crate) enum Request {
    /// Commit this batch, all or none.
    Commit {
        batch: Batch,
        reply: oneshot::Sender<Result<(), CommitError>>,
    },
    /// Take this out for good; answered with how many tickets went.
    Remove {
        removal: Removal,
        now_unix_ms: i64,
        reply: oneshot::Sender<Result<u64, CommitError>>,
    },
    /// Seal anew what another key sealed, or none.
    Reseal {
        resealing: Resealing,
        reply: oneshot::Sender<Result<Resealed, CommitError>>,
    },
    /// Commit what was asked before, then stop.
    Close { reply: oneshot::Sender<()> },
}

/// What the writer shares with those who ask it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) transactions: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) soft_changes: AtomicU64,
    pub(crate) health: watch::Sender<Health>,
    /// Where the disk is the journal's own to look after.
    space: Option<Space>,
    /// Whether little room is left on it.
    is_scarce: AtomicBool,
    /// Set when somebody wants the end: what cannot be committed soon is then given up.
    pub(crate) closing: AtomicBool,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            transactions: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            records: AtomicU64::new(0),
            soft_changes: AtomicU64::new(0),
            health: watch::Sender::new(Health::Sound),
            space: None,
            is_scarce: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }
}

impl Shared {
    /// With the room to look after, where there is any.
    pub(crate) fn with(space: Option<Space>) -> Self {
        Self {
            space,
            ..Self::default()
        }
    }

    /// Looks at the room on the disk until nobody has the journal any more.
    pub(crate) fn look_after_space(shared: &Weak<Self>) {
        // Whoever has it for a moment needs no reserve.
        thread::park_timeout(LOOK_EVERY);
        while let Some(shared) = shared.upgrade() {
            if let Some(space) = &shared.space {
                let is_scarce = space.look();
                shared.is_scarce.store(is_scarce, Ordering::SeqCst);
            }
            shared.health.send_if_modified(|told| {
                let now = match told {
                    Health::Sound | Health::Scarce => shared.when_well(),
                    Health::Full | Health::Unreachable(_) | Health::Failed(_) => return false,
                };
                let is_other = *told != now;
                *told = now;
                is_other
            });
            drop(shared);
            thread::park_timeout(LOOK_EVERY);
        }
    }

    /// What is told while records are committed.
    fn when_well(&self) -> Health {
        if self.is_scarce.load(Ordering::SeqCst) {
            Health::Scarce
        } else {
            Health::Sound
        }
    }

    /// Makes room; whether there was anything to give up.
    fn give_up_reserve(&self) -> bool {
        let given_up = self.space.as_ref().is_some_and(Space::give_up_reserve);
        if given_up {
            self.is_scarce.store(true, Ordering::SeqCst);
        }
        given_up
    }
}

/// The writing connection and whether it can still be trusted.
pub(crate) struct Writer<B> {
    backend: B,
    shared: Arc<Shared>,
    state: State,
}

enum State {
    Sound,
    /// Writing failed in a way that leaves the disk's content unknown.
    Poisoned(Arc<str>),
}

/// Whom to tell what became of a batch.
type Reply = oneshot::Sender<Result<(), CommitError>>;

/// Batches of one transaction at most; more wait for the next.
const GROUP_LIMIT: usize = 1024;

/// Between two tries of a transaction that cannot happen, the first time and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// How often something is tried that nobody was promised: what cannot be done then keeps no line waiting.
const TRIES_OF_UPKEEP: u32 = 2;

/// How long a transaction that cannot happen is tried once the end is wanted.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(3);

impl<B: Backend> Writer<B> {
    pub(crate) fn new(backend: B, shared: Arc<Shared>) -> Self {
        Self {
            backend,
            shared,
            state: State::Sound,
        }
    }

    /// Serves requests until asked to close or nobody is left to ask.
    pub(crate) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut closing = Vec::new();
        let mut held = None;
        while let Some(first) = held.take().or_else(|| requests.blocking_recv()) {
            let (mut group, mut replies) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(request) = next.take() {
                match request {
                    Request::Commit { batch, reply } => {
                        group.push(batch);
                        replies.push(reply);
                    }
                    other => {
                        held = Some(other);
                        break;
                    }
                }
                if group.len() < GROUP_LIMIT {
                    next = requests.try_recv().ok();
                }
            }
            self.commit_group(&group, replies, &requests);
            if self.backend.backlog().is_long() {
                self.settle(&requests);
            }
            match held.take() {
                Some(Request::Remove {
                    removal,
                    now_unix_ms,
                    reply,
                }) => {
                    self.settle_all(&requests);
                    let attempt = |backend: &mut B| backend.remove(&removal, now_unix_ms);
                    // Whoever asked may have stopped waiting, here and below.
                    let _ = reply.send(self.persist(attempt, Some(TRIES_OF_UPKEEP), &requests));
                }
                Some(Request::Reseal { resealing, reply }) => {
                    self.settle_all(&requests);
                    let attempt = |backend: &mut B| backend.reseal(&resealing);
                    let _ = reply.send(self.persist(attempt, Some(TRIES_OF_UPKEEP), &requests));
                }
                Some(Request::Close { reply }) => {
                    requests.close();
                    closing.push(reply);
                }
                commit => held = commit,
            }
        }
        self.settle_all(&requests);
        match self.state {
            State::Sound => self.backend.finish(),
            State::Poisoned(_) => self.backend.abandon(),
        }
        for reply in closing {
            let _ = reply.send(());
        }
    }

    /// Brings all of `changes` into `state`, as far as that can be done now: what is not is safe where it is.
    pub(crate) fn settle_all(&mut self, requests: &mpsc::Receiver<Request>) {
        while self.settle(requests) {}
    }

    /// Whether a part was brought into `state`, and there may be more.
    fn settle(&mut self, requests: &mpsc::Receiver<Request>) -> bool {
        if self.backend.backlog().is_empty() {
            return false;
        }
        let attempt = |backend: &mut B| backend.settle();
        // Poison is remembered, and everything else passes.
        self.persist(attempt, Some(1), requests).unwrap_or(false)
    }

    fn commit_group(
        &mut self,
        group: &[Batch],
        replies: Vec<Reply>,
        requests: &mpsc::Receiver<Request>,
    ) {
        if group.is_empty() {
            return;
        }
        match self.persist(|backend| backend.commit(group), None, requests) {
            Ok(outcomes) => {
                self.count(group, &outcomes);
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    // A caller that went away has no use for the answer; its records are kept all the same.
                    let _ = reply.send(outcome);
                }
            }
            Err(refusal) => {
                for reply in replies {
                    let _ = reply.send(Err(refusal.clone()));
                }
            }
        }
    }

    fn count(&self, group: &[Batch], outcomes: &[Result<(), CommitError>]) {
        let (mut batches, mut records, mut soft_changes) = (0, 0, 0);
        for (batch, outcome) in group.iter().zip(outcomes) {
            if outcome.is_ok() {
                batches += 1;
                records += batch.rows.len() as u64;
                soft_changes += batch.soft.len() as u64;
            }
        }
        let shared = &self.shared;
        shared.transactions.fetch_add(1, Ordering::Relaxed);
        shared.batches.fetch_add(batches, Ordering::Relaxed);
        shared.records.fetch_add(records, Ordering::Relaxed);
        shared
            .soft_changes
            .fetch_add(soft_changes, Ordering::Relaxed);
    }

    /// Tries until it is done, until it never will be, so many `tries`, or until the end is wanted and it takes too
    /// long.
    fn persist<T>(
        &mut self,
        mut attempt: impl FnMut(&mut B) -> Result<T, Failure>,
        tries: Option<u32>,
        requests: &mpsc::Receiver<Request>,
    ) -> Result<T, CommitError> {
        let mut pause = RETRY.0;
        let mut tries_left = tries;
        let mut give_up_at = None;
        loop {
            if let State::Poisoned(why) = &self.state {
                return Err(CommitError::Poisoned(Arc::clone(why)));
            }
            let health = match attempt(&mut self.backend) {
                Ok(done) => {
                    self.tell(None);
                    return Ok(done);
                }
                Err(Failure::Lasting(why)) => return Err(self.poison(why)),
                Err(Failure::Passing(Health::Full)) if self.shared.give_up_reserve() => continue,
                Err(Failure::Passing(health)) => health,
            };
            if let Some(left) = &mut tries_left {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.backend.give_up();
                    return Err(CommitError::Unavailable(Arc::from(health.to_string())));
                }
            }
            self.tell(Some(&health));
            let end_wanted = self.shared.closing.load(Ordering::Relaxed)
                || (requests.is_closed() && requests.is_empty());
            let now = Instant::now();
            if end_wanted && *give_up_at.get_or_insert(now + PATIENCE_AT_THE_END) <= now {
                self.backend.give_up();
                return Err(CommitError::Unavailable(Arc::from(health.to_string())));
            }
            thread::park_timeout(pause);
            pause = (pause * 2).min(RETRY.1);
        }
    }

    fn poison(&mut self, why: String) -> CommitError {
        error!(failure = why, "journal failed; nothing more is committed");
        let why: Arc<str> = Arc::from(why);
        self.state = State::Poisoned(Arc::clone(&why));
        self.shared
            .health
            .send_replace(Health::Failed(Arc::clone(&why)));
        CommitError::Poisoned(why)
    }

    /// Tells what stands in the way; nothing where records are committed.
    fn tell(&self, obstacle: Option<&Health>) {
        self.shared.health.send_if_modified(|told| {
            let health = obstacle.cloned().unwrap_or_else(|| self.shared.when_well());
            if *told == health {
                return false;
            }
            if !health.takes_records() {
                warn!(%health, "the journal takes no records; what was asked waits");
            } else if !told.takes_records() {
                info!("the journal takes records again");
            }
            *told = health;
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::changes::Backlog;

    /// A database that does what it is told.
    #[derive(Default)]
    struct Script {
        failures: VecDeque<Failure>,
        committed: Arc<AtomicU64>,
        given_up: Arc<AtomicU64>,
        backlog: Backlog,
        /// Bytes that each commit appends to the table of changes.
        appends: Option<usize>,
        settled: Arc<AtomicU64>,
    }

    impl Backend for Script {
        fn commit(&mut self, group: &[Batch]) -> Result<Vec<Result<(), CommitError>>, Failure> {
            if let Some(failure) = self.failures.pop_front() {
                return Err(failure);
            }
            if let Some(bytes) = self.appends {
                self.backlog.note(1, bytes, [].iter());
            }
            let batches = group.len() as u64;
            self.committed.fetch_add(batches, Ordering::Relaxed);
            Ok(vec![Ok(()); group.len()])
        }

        fn backlog(&self) -> &Backlog {
            &self.backlog
        }

        fn settle(&mut self) -> Result<bool, Failure> {
            self.settled.fetch_add(1, Ordering::Relaxed);
            let nothing = self.backlog.portion(Vec::new());
            Ok(self.backlog.settled(&nothing))
        }

        fn remove(&mut self, _: &Removal, _: i64) -> Result<u64, Failure> {
            let timed_out =
                Health::Unreachable(Arc::from("canceling statement due to statement timeout"));
            Err(Failure::Passing(timed_out))
        }

        fn reseal(&mut self, _: &Resealing) -> Result<Resealed, Failure> {
            Ok(Resealed {
                count: 0,
                next: None,
            })
        }

        fn give_up(&mut self) {
            self.given_up.fetch_add(1, Ordering::Relaxed);
        }

        fn finish(self) {}

        fn abandon(self) {}
    }

    fn start(failures: impl Into<VecDeque<Failure>>) -> (mpsc::Sender<Request>, Arc<Shared>) {
        run(Script {
            failures: failures.into(),
            ..Script::default()
        })
    }

    fn run(script: Script) -> (mpsc::Sender<Request>, Arc<Shared>) {
        let (requests, waiting) = mpsc::channel(16);
        let shared = Arc::new(Shared::default());
        let writer = Writer::new(script, Arc::clone(&shared));
        thread::spawn(move || writer.run(waiting));
        (requests, shared)
    }

    fn ask(requests: &mpsc::Sender<Request>) -> oneshot::Receiver<Result<(), CommitError>> {
        let (reply, outcome) = oneshot::channel();
        let batch = Batch::default();
        requests
            .blocking_send(Request::Commit { batch, reply })
            .unwrap();
        outcome
    }

    #[test]
    fn what_cannot_be_committed_waits_and_is_told() {
        let away = Failure::Passing(Health::Unreachable(Arc::from("away")));
        let failures = [Failure::Passing(Health::Full), away];
        let (requests, shared) = start(failures);
        let mut health = shared.health.subscribe();
        assert_eq!(ask(&requests).blocking_recv().unwrap(), Ok(()));
        assert_eq!(*health.borrow_and_update(), Health::Sound);
        assert_eq!(shared.batches.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_removal_that_always_takes_too_long_keeps_no_line_waiting() {
        let script = Script::default();
        let given_up = Arc::clone(&script.given_up);
        let (requests, _) = run(script);
        let (reply, removed) = oneshot::channel();
        let removal = Removal::LapsedState { at_most: 1 };
        requests
            .blocking_send(Request::Remove {
                removal,
                now_unix_ms: 0,
                reply,
            })
            .unwrap();
        assert_eq!(ask(&requests).blocking_recv().unwrap(), Ok(()));
        let refusal = removed.blocking_recv().unwrap().unwrap_err();
        assert!(
            matches!(refusal, CommitError::Unavailable(_)),
            "{refusal:?}"
        );
        assert_eq!(given_up.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_long_table_of_changes_is_made_shorter_between_commits() {
        // It begins not knowing how long it is, and ends with nothing left.
        for (bytes, expected) in [(10 << 20, 1 + 1), (70 << 20, 5)] {
            let script = Script {
                appends: Some(bytes),
                ..Script::default()
            };
            let settled = Arc::clone(&script.settled);
            let (requests, _) = run(script);
            for _ in 0..5 {
                assert_eq!(ask(&requests).blocking_recv().unwrap(), Ok(()));
            }
            let (reply, closed) = oneshot::channel();
            requests.blocking_send(Request::Close { reply }).unwrap();
            closed.blocking_recv().unwrap();
            assert_eq!(settled.load(Ordering::Relaxed), expected, "{bytes}");
        }
    }

    #[test]
    fn a_lasting_failure_poisons_every_later_commit() {
        let (requests, shared) = start([Failure::Lasting("the disk lies".to_owned())]);
        let first = ask(&requests).blocking_recv().unwrap().unwrap_err();
        assert_eq!(first, CommitError::Poisoned(Arc::from("the disk lies")));
        assert_eq!(ask(&requests).blocking_recv().unwrap(), Err(first));
        assert!(matches!(*shared.health.borrow(), Health::Failed(_)));
    }

    #[test]
    fn at_the_end_what_cannot_be_committed_is_given_up() {
        let script = Script {
            failures: vec![Failure::Passing(Health::Full); 1_000].into(),
            ..Script::default()
        };
        let given_up = Arc::clone(&script.given_up);
        let (requests, shared) = run(script);
        let outcome = ask(&requests);
        shared.closing.store(true, Ordering::Relaxed);
        let refusal = outcome.blocking_recv().unwrap().unwrap_err();
        assert!(
            matches!(refusal, CommitError::Unavailable(_)),
            "{refusal:?}"
        );
        assert_eq!(given_up.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn closed_writer_refuses() {
        let (requests, _) = start([]);
        let (reply, closed) = oneshot::channel();
        requests.blocking_send(Request::Close { reply }).unwrap();
        closed.blocking_recv().unwrap();
        assert!(requests.is_closed());
    }
}
