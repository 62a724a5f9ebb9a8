//! The store under many threads at once: one winner a race, nothing lost, nothing left over.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use presence::{Availability, PresentityId, Publish, PublishError, Store, StoreConfig};

use crate::desk::{document, start};

fn store() -> Store {
    Store::new(StoreConfig::new([6; 16]))
}

#[test]
fn of_two_publishes_with_one_tag_exactly_one_wins() {
    let (store, alice, now) = (store(), PresentityId::new("alice"), start());
    let mut tag = store
        .publish(
            &alice,
            Publish::Initial {
                document: document("free"),
                lifetime: None,
            },
            now,
        )
        .unwrap()
        .entity_tag
        .to_string();
    for round in 0..2_000 {
        let barrier = Barrier::new(2);
        let race = |says: &str| {
            barrier.wait();
            let modify = Publish::Modify {
                entity_tag: &tag,
                document: document(says),
                lifetime: None,
            };
            store.publish(&alice, modify, now)
        };
        let (one, other) = thread::scope(|scope| {
            let one = scope.spawn(|| race("away"));
            let other = scope.spawn(|| race("meeting"));
            (one.join().unwrap(), other.join().unwrap())
        });
        let (winner, state) = match (one, other) {
            (Ok(winner), Err(PublishError::UnknownEntityTag)) => (winner, Availability::Away),
            (Err(PublishError::UnknownEntityTag), Ok(winner)) => (winner, Availability::Busy),
            both => panic!("round {round}: {both:?}"),
        };
        let snapshot = store.presentity(&alice).unwrap();
        assert_eq!(snapshot.composed().availability, state);
        assert_eq!(snapshot.publications()[0].entity_tag(), winner.entity_tag);
        tag = winner.entity_tag.to_string();
    }
    assert_eq!(store.publications(), 1);
}

/// Writers publish, refresh, change and remove as fast as they can, a sweeper expires, a poller follows the
/// marks, a reader watches versions.
#[test]
fn nothing_is_lost_or_left_over_under_load() {
    const ROUNDS: u64 = 4_000;
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
                    let initial = Publish::Initial {
                        document: document("free"),
                        lifetime,
                    };
                    let first = store
                        .publish(name, initial, now)
                        .unwrap()
                        .entity_tag
                        .to_string();
                    let refresh = Publish::Refresh {
                        entity_tag: &first,
                        lifetime,
                    };
                    let second = store
                        .publish(name, refresh, now)
                        .unwrap()
                        .entity_tag
                        .to_string();
                    let modify = Publish::Modify {
                        entity_tag: &second,
                        document: document("meeting"),
                        lifetime,
                    };
                    let third = store
                        .publish(name, modify, now)
                        .unwrap()
                        .entity_tag
                        .to_string();
                    if round + 3 < ROUNDS {
                        store
                            .publish(name, Publish::Remove { entity_tag: &third }, now)
                            .unwrap();
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
                        presence::compose(presentity.publications())
                    );
                }
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        writing.store(false, Ordering::Release);
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
