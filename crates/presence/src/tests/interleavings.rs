//! The publish path cut into the steps between which another thread may come: replacing the snapshot, and settling
//! what follows from it. Schedules are drawn at random and played in one thread, with the code that runs in many.
//! The maps below are others' and have tests of their own; a compare-and-swap is one step here.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use proptest::prelude::{Strategy, any, prop, prop_oneof};

use crate::{
    document::Document,
    entity_tag::EntityTags,
    expiry::WakeUps,
    marks::Marks,
    own::OwnKnowledge,
    presentity::{Edit, Lease, Presentity, Says, WakeUp, edit},
    presentity_id::PresentityId,
    store_config::StoreConfig,
};

/// What one thread does.
#[derive(Debug, Clone)]
enum Task {
    /// A new publication that lasts so many seconds.
    Publish(u64),
    /// A refresh of whatever is there, to last so many seconds.
    Refresh(u64),
    /// The removal of whatever is there.
    Remove,
    /// The desk has the rep rest for so many seconds; none ends it.
    Learn(Option<u64>),
    /// Somebody looks for what is due after so many seconds.
    Sweep(u64),
    /// The owner follows the marks.
    Poll,
}

fn task() -> impl Strategy<Value = Task> {
    // Few, so that wake-ups of different snapshots meet.
    let seconds = prop::sample::select(&[10_u64, 20, 30]);
    prop_oneof![
        3 => seconds.clone().prop_map(Task::Publish),
        2 => seconds.clone().prop_map(Task::Refresh),
        2 => any::<bool>().prop_map(|_| Task::Remove),
        2 => prop::option::of(seconds.clone()).prop_map(Task::Learn),
        2 => seconds.prop_map(Task::Sweep),
        1 => any::<bool>().prop_map(|_| Task::Poll),
    ]
}

/// The next step of a thread.
enum Step {
    Begin(Task),
    Expire(Instant),
    Settle { wake_up: WakeUp, changed: bool },
    Read,
}

/// What the threads share.
struct Shared {
    config: StoreConfig,
    tags: EntityTags,
    newest: Option<Arc<Presentity>>,
    last_version: u64,
    wake_ups: WakeUps,
    marks: Marks,
    /// What the owner saw last.
    seen: Option<u64>,
    start: Instant,
}

fn alice() -> PresentityId {
    PresentityId::new("alice")
}

impl Shared {
    fn play(&mut self, step: Step) -> Option<Step> {
        match step {
            Step::Begin(task) => self.begin(task),
            Step::Expire(now) => self.replace(&Edit::Expire, now),
            Step::Settle { wake_up, changed } => {
                let WakeUp { arm, disarm } = wake_up;
                if let Some(at) = arm {
                    self.wake_ups.arm(&alice(), at);
                }
                if let Some(at) = disarm {
                    let newest = self.newest.as_ref();
                    self.wake_ups.disarm(&alice(), at, || {
                        newest.is_some_and(|newest| newest.wake_at == Some(at))
                    });
                }
                if changed {
                    self.marks.mark(&alice());
                }
                None
            }
            Step::Read => {
                self.seen = self.newest.as_ref().map(|newest| newest.version());
                None
            }
        }
    }

    fn begin(&mut self, task: Task) -> Option<Step> {
        let now = self.start;
        let lease = |seconds, tags: &EntityTags| Lease {
            entity_tag: tags.next(),
            expires_at: now + Duration::from_secs(seconds),
            publisher: None,
        };
        let first_tag = self.newest.as_ref().and_then(|newest| {
            let first = newest.publications().first();
            first.map(|publication| publication.entity_tag())
        });
        let edit = match (task, first_tag) {
            (Task::Publish(seconds), _) => {
                let says = Says {
                    document: Arc::new(Document {
                        basic: Some(crate::document::Basic::Open),
                        ..Document::default()
                    }),
                    timestamp: None,
                };
                Edit::Add(says, lease(seconds, &self.tags))
            }
            (Task::Refresh(seconds), Some(tag)) => Edit::Refresh(tag, lease(seconds, &self.tags)),
            (Task::Remove, Some(tag)) => Edit::Remove(tag),
            (Task::Refresh(_) | Task::Remove, None) => return None,
            (Task::Learn(seconds), _) => Edit::Learn(OwnKnowledge {
                resting_until: seconds.map(|seconds| now + Duration::from_secs(seconds)),
                ..OwnKnowledge::default()
            }),
            (Task::Sweep(seconds), _) => {
                let later = now + Duration::from_secs(seconds);
                let due = self.wake_ups.take_due(later);
                return due.contains(&alice()).then_some(Step::Expire(later));
            }
            (Task::Poll, _) => return self.marks.poll().map(|_| Step::Read),
        };
        self.replace(&edit, now)
    }

    fn replace(&mut self, change: &Edit, now: Instant) -> Option<Step> {
        let last_version = &mut self.last_version;
        let next_version = || {
            *last_version += 1;
            *last_version
        };
        let before = self.newest.as_deref();
        let edited = edit(&alice(), before, change, &self.config, next_version, now).ok()?;
        self.newest = edited.after.map(Arc::new);
        Some(Step::Settle {
            wake_up: edited.wake_up,
            changed: edited.changed.is_some(),
        })
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4096))]

    #[test]
    fn no_schedule_loses_a_wake_up_or_a_change(
        threads in prop::collection::vec(prop::collection::vec(task(), 1..4), 2..4),
        schedule in prop::collection::vec(any::<prop::sample::Index>(), 30),
    ) {
        #[expect(clippy::disallowed_methods, reason = "only the distance from it counts")]
        let start = Instant::now();
        let mut shared = Shared {
            config: StoreConfig::new([9; 16]),
            tags: EntityTags::new([9; 16]),
            newest: None,
            last_version: 0,
            wake_ups: WakeUps::default(),
            marks: Marks::new(),
            seen: None,
            start,
        };
        let mut threads: Vec<VecDeque<Step>> = threads
            .into_iter()
            .map(|tasks| tasks.into_iter().map(Step::Begin).collect())
            .collect();
        let mut schedule = schedule.iter().cycle();
        loop {
            threads.retain(|steps| !steps.is_empty());
            let (false, Some(pick)) = (threads.is_empty(), schedule.next()) else {
                break;
            };
            let picked = pick.index(threads.len());
            let Some(steps) = threads.get_mut(picked) else {
                break;
            };
            if let Some(step) = steps.pop_front()
                && let Some(next) = shared.play(step)
            {
                steps.push_front(next);
            }
        }
        if let Some(newest) = &shared.newest {
            // What ends first by itself is not slept through.
            let ends = newest.publications().iter().map(|publication| publication.expires_at());
            let rest = newest.own_knowledge().and_then(OwnKnowledge::first_end);
            if let Some(end) = ends.chain(rest).min() {
                assert!(shared.wake_ups.next().is_some_and(|at| at <= end), "nobody wakes");
            }
        }
        // Whoever follows the marks ends with the newest state.
        while shared.marks.poll().is_some() {
            shared.seen = shared.newest.as_ref().map(|newest| newest.version());
        }
        let told = shared.newest.as_ref().filter(|newest| {
            newest.composed() != &crate::composed::Composed::NOTHING
        });
        assert!(told.is_none() || shared.seen == told.map(|newest| newest.version()));
    }
}
