//! The store under many threads at once: one winner a race, nothing lost, nothing left over.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use presence::{PresentityId, Publish, PublishError, Store, StoreConfig};

use crate::desk::{document, start};

fn store() -> Store {
    Store::new(StoreConfig::new([6; 16]))
}

/// Lets nobody on before `racers` have come; spins, so that they go on at the same moment.
fn line_up(arrived: &AtomicUsize, racers: usize) {
    let round = arrived.fetch_add(1, Ordering::AcqRel) / racers;
    while arrived.load(Ordering::Acquire) < (round + 1) * racers {
        thread::yield_now();
    }
}

#[test]
fn of_two_publishes_with_one_tag_exactly_one_wins() {
    const ROUNDS: usize = 5_000;
    let (store, alice, now) = (store(), PresentityId::new("alice"), start());
    let initial = Publish::Initial {
        document: document("free"),
        lifetime: None,
        publisher: None,
    };
    store.publish(&alice, initial, now).unwrap();
    let arrived = AtomicUsize::new(0);
    let race = |says: &str| {
        let mut results = Vec::new();
        for _ in 0..ROUNDS {
            line_up(&arrived, 2);
            let tag = store.presentity(&alice).unwrap().publications()[0].entity_tag();
            let modify = Publish::Modify {
                entity_tag: &tag.to_string(),
                document: document(says),
                lifetime: None,
                publisher: None,
            };
            line_up(&arrived, 2);
            results.push(store.publish(&alice, modify, now));
        }
        results
    };
    let (one, other) = thread::scope(|scope| {
        let other = scope.spawn(|| race("meeting"));
        (race("away"), other.join().unwrap())
    });
    for (round, both) in one.into_iter().zip(other).enumerate() {
        match both {
            (Ok(_), Err(PublishError::UnknownEntityTag))
            | (Err(PublishError::UnknownEntityTag), Ok(_)) => {}
            both => panic!("round {round}: {both:?}"),
        }
    }
    assert_eq!(store.publications(), 1);
}

/// Three writers whose publications come and go: a first publication must not be put in place with a version that was
/// drawn before another one came and went.
#[test]
fn versions_rise_over_times_at_which_nothing_is_published() {
    const ROUNDS: u32 = 2_000;
    let (store, now) = (store(), start());
    let name = PresentityId::new("alice");
    let (writing, barrier) = (AtomicBool::new(true), Barrier::new(4));
    thread::scope(|scope| {
        let writers = ["free", "meeting", "free"].map(|says| {
            let (store, name, barrier) = (&store, &name, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for _ in 0..ROUNDS {
                    let publish = |publish| store.publish(name, publish, now).unwrap();
                    let published = publish(Publish::Initial {
                        document: document(says),
                        lifetime: None,
                        publisher: None,
                    });
                    let entity_tag = &published.entity_tag.to_string();
                    publish(Publish::Remove { entity_tag });
                }
            })
        });
        let reader = scope.spawn(|| {
            barrier.wait();
            let mut newest = 0;
            while writing.load(Ordering::Acquire) {
                if let Some(presentity) = store.presentity(&name) {
                    assert!(presentity.version() >= newest, "a version went back");
                    newest = presentity.version();
                }
            }
        });
        let written = writers.map(|writer| writer.join());
        writing.store(false, Ordering::Release);
        for written in written {
            written.unwrap();
        }
        reader.join().unwrap();
    });
    assert!(store.is_empty());
}

/// Writers publish, refresh, change and remove as fast as they can, a sweeper expires, a poller follows the
/// marks, a reader watches versions.
#[test]
fn nothing_is_lost_or_left_over_under_load() {
    const ROUNDS: u64 = 2_000;
    let (store, now) = (store(), start());
    let names = ["alice", "bob", "carol"].map(PresentityId::new);
    let (writing, barrier) = (AtomicBool::new(true), Barrier::new(5));

    let last_seen = thread::scope(|scope| {
        let writers = [1, 2].map(|writer: u64| {
            let (store, names, barrier) = (&store, &names, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for round in 0..ROUNDS {
                    let name = &names[(round % 3) as usize];
                    let now = now + Duration::from_millis(round);
                    let lifetime = Some(Duration::from_secs(10 + (round * writer) % 50));
                    let publish = |publish| {
                        let published = store.publish(name, publish, now).unwrap();
                        published.entity_tag.to_string()
                    };
                    let (free, meeting) = (document("free"), document("meeting"));
                    let tag = publish(Publish::Initial {
                        document: free,
                        lifetime,
                        publisher: None,
                    });
                    let tag = publish(Publish::Refresh {
                        entity_tag: &tag,
                        lifetime,
                        publisher: None,
                    });
                    let tag = publish(Publish::Modify {
                        entity_tag: &tag,
                        document: meeting,
                        lifetime,
                        publisher: None,
                    });
                    if round + 3 < ROUNDS {
                        publish(Publish::Remove { entity_tag: &tag });
                    }
                }
            })
        });
        let sweeper = scope.spawn(|| {
            barrier.wait();
            let mut lapsed = 0;
            while writing.load(Ordering::Acquire) {
                // Within every lifetime, so that nothing lapses yet but wake-ups are used up and armed again.
                lapsed += store.expire(now + Duration::from_millis(9_999));
            }
            lapsed
        });
        let poller = scope.spawn(|| {
            barrier.wait();
            let mut last_seen = std::collections::HashMap::new();
            loop {
                let still_writing = writing.load(Ordering::Acquire);
                while let Some(name) = store.poll_changed() {
                    let version = store
                        .presentity(&name)
                        .map(|presentity| presentity.version());
                    last_seen.insert(name, version);
                }
                if !still_writing {
                    return last_seen;
                }
            }
        });
        let reader = scope.spawn(|| {
            barrier.wait();
            let mut newest = 0;
            while writing.load(Ordering::Acquire) {
                if let Some(presentity) = store.presentity(&names[0]) {
                    assert!(presentity.version() >= newest, "a reader went back in time");
                    newest = presentity.version();
                    assert_eq!(
                        *presentity.composed(),
                        presence::compose(
                            presentity.publications(),
                            None,
                            &presence::Precedence::default()
                        )
                    );
                }
            }
        });
        let written = writers.map(|writer| writer.join());
        writing.store(false, Ordering::Release);
        for written in written {
            written.unwrap();
        }
        reader.join().unwrap();
        assert_eq!(sweeper.join().unwrap(), 0);
        poller.join().unwrap()
    });

    // Each writer left its last publication of each name.
    assert_eq!((store.len(), store.publications()), (3, 6));
    for name in &names {
        // Whoever follows the marks has seen the newest state.
        let version = store
            .presentity(name)
            .map(|presentity| presentity.version());
        assert_eq!(last_seen.get(name), Some(&version), "{name}");
    }
    assert_eq!(store.expire(now + Duration::from_secs(3600)), 6);
    assert!(store.is_empty());
    assert_eq!((store.publications(), store.next_timeout()), (0, None));
}
