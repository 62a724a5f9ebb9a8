//! Two threads at one presentity: whatever they were answered, there is an order of their PUBLISHes, one after the
//! other, in which each would have been answered just so, and which ends where the store ended.
#![expect(
    clippy::disallowed_types,
    reason = "the threads of the test share what they were answered"
)]

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use presence::{EntityTag, PresentityId, Publish, PublishError, Store, StoreConfig};
use proptest::prelude::{Strategy, any, prop, prop_oneof};

use crate::desk::{document, start};

#[derive(Debug, Clone)]
enum Ask {
    Initial,
    Refresh(prop::sample::Index),
    Modify(prop::sample::Index),
    Remove(prop::sample::Index),
}

/// One PUBLISH as it happened.
#[derive(Debug, Clone)]
struct Event {
    /// The tag it named; `None` for an initial one.
    names: Option<EntityTag>,
    /// True if it takes the publication away.
    removes: bool,
    answered: Result<EntityTag, PublishError>,
    /// Moments of a clock that both threads share.
    began: u64,
    ended: u64,
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let tag = any::<prop::sample::Index>();
    let ask = prop_oneof![
        2 => any::<bool>().prop_map(|_| Ask::Initial),
        3 => tag.clone().prop_map(Ask::Refresh),
        2 => tag.clone().prop_map(Ask::Modify),
        2 => tag.prop_map(Ask::Remove),
    ];
    prop::collection::vec(ask, 1..7)
}

struct Race {
    store: Store,
    now: Instant,
    /// Every tag that was given out so far, also those that are dead.
    tags: Mutex<Vec<EntityTag>>,
    clock: AtomicU64,
}

impl Race {
    fn run(&self, asks: &[Ask]) -> Vec<Event> {
        asks.iter().map(|ask| self.publish(ask)).collect()
    }

    fn publish(&self, ask: &Ask) -> Event {
        let pick = |index: &prop::sample::Index| {
            let tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
            *index.get(&tags)
        };
        let (names, removes) = match ask {
            Ask::Initial => (None, false),
            Ask::Refresh(tag) | Ask::Modify(tag) => (Some(pick(tag)), false),
            Ask::Remove(tag) => (Some(pick(tag)), true),
        };
        let text = names.map(|tag| tag.to_string()).unwrap_or_default();
        let entity_tag = text.as_str();
        let publish = match ask {
            Ask::Initial => Publish::Initial {
                document: document("free"),
                lifetime: None,
                publisher: None,
            },
            Ask::Refresh(_) => Publish::Refresh {
                entity_tag,
                lifetime: None,
                publisher: None,
            },
            Ask::Modify(_) => Publish::Modify {
                entity_tag,
                document: document("busy"),
                lifetime: None,
                publisher: None,
            },
            Ask::Remove(_) => Publish::Remove { entity_tag },
        };
        let began = self.clock.fetch_add(1, Ordering::SeqCst);
        let answered = self
            .store
            .publish(&PresentityId::new("alice"), publish, self.now)
            .map(|published| published.entity_tag);
        let ended = self.clock.fetch_add(1, Ordering::SeqCst);
        if let Ok(tag) = answered {
            self.tags
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(tag);
        }
        Event {
            names,
            removes,
            answered,
            began,
            ended,
        }
    }
}

/// Whether the rest of both histories can follow upon a presentity with these tags, and end with those.
fn can_follow(
    one: &[Event],
    other: &[Event],
    live: &BTreeSet<String>,
    end: &BTreeSet<String>,
) -> bool {
    if one.is_empty() && other.is_empty() {
        return live == end;
    }
    let may_be_next = |event: &Event, beside: &[Event]| {
        beside.first().is_none_or(|first| event.began < first.ended)
    };
    if let Some((event, rest)) = one.split_first()
        && may_be_next(event, other)
        && let Some(live) = after(event, live)
        && can_follow(rest, other, &live, end)
    {
        return true;
    }
    if let Some((event, rest)) = other.split_first()
        && may_be_next(event, one)
        && let Some(live) = after(event, live)
        && can_follow(one, rest, &live, end)
    {
        return true;
    }
    false
}

/// The tags after an event, if a store with these tags would have answered it so.
fn after(event: &Event, live: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let mut live = live.clone();
    let is_known = match event.names {
        Some(tag) => live.remove(&tag.to_string()),
        None => true,
    };
    match (&event.answered, is_known) {
        (Ok(tag), true) => {
            if !event.removes {
                live.insert(tag.to_string());
            }
            Some(live)
        }
        (Err(PublishError::UnknownEntityTag), false) => Some(live),
        _ => None,
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(512))]

    #[test]
    fn two_threads_are_answered_as_if_one_came_after_the_other(one in asks(), other in asks()) {
        let alice = PresentityId::new("alice");
        let race = Race {
            store: Store::new(StoreConfig::new([8; 16])),
            now: start(),
            tags: Mutex::default(),
            clock: AtomicU64::new(0),
        };
        let first = race.publish(&Ask::Initial);
        let (ones, others) = thread::scope(|scope| {
            let others = scope.spawn(|| race.run(&other));
            (race.run(&one), others.join())
        });
        let others = others.unwrap();
        let snapshot = race.store.presentity(&alice);
        let end: BTreeSet<String> = snapshot
            .iter()
            .flat_map(|alice| alice.publications())
            .map(|publication| publication.entity_tag().to_string())
            .collect();
        let live = after(&first, &BTreeSet::new()).unwrap();
        assert!(can_follow(&ones, &others, &live, &end), "{first:?}\n{ones:#?}\n{others:#?}\n{end:?}");
        assert_eq!(race.store.publications(), end.len());
        assert_eq!(race.store.is_empty(), end.is_empty());
        // Nothing is left that would wake for nothing for ever.
        race.store.expire(race.now + std::time::Duration::from_secs(7200));
        assert_eq!((race.store.len(), race.store.next_timeout()), (0, None));
    }
}
