//! The publish path under loom: the store's own sources, compiled once more over `schedules::sync`, in every order that
//! the steps of two threads can take, or every one with at most three preemptions. The maps and the queue are modelled:
//! what is inside papaya and crossbeam is theirs to test.

#[path = "../expiry.rs"]
#[expect(dead_code, reason = "under loom only this file calls it")]
mod expiry;
#[path = "../marks.rs"]
#[expect(unreachable_pub, reason = "under loom only this file calls it")]
mod marks;
#[path = "../store.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "under loom only this file calls it"
)]
mod store;
mod sync;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use loom::{
    model::Builder,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use self::{marks::Marks, store::Store};
use crate::{
    document::{Basic, Document},
    entity_tag::EntityTag,
    own::OwnKnowledge,
    presentity_id::PresentityId,
    publication::{Publish, PublishError},
    store_config::StoreConfig,
};

/// Which orders are tried.
#[derive(Clone, Copy)]
enum Orders {
    /// Every one.
    All,
    /// Those in which a thread is interrupted three times at most; all would take minutes.
    OfFewPreemptions,
}

fn alice() -> PresentityId {
    PresentityId::new("alice")
}

fn document(basic: Basic) -> Document {
    Document {
        basic: Some(basic),
        ..Document::default()
    }
}

/// One store and a moment; plain calls and calls from another thread.
#[derive(Clone)]
struct World {
    store: Arc<Store>,
    start: Instant,
}

impl World {
    fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "only the distance from it counts"
        )]
        let start = Instant::now();
        Self {
            store: Arc::new(Store::new(StoreConfig::new([7; 16])).with_edits()),
            start,
        }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn publish(&self, basic: Basic) -> EntityTag {
        let publish = Publish::Initial {
            document: document(basic),
            lifetime: None,
            publisher: None,
        };
        let published = self.store.publish(&alice(), publish, self.start);
        published.unwrap().entity_tag
    }

    fn modify(&self, tag: EntityTag, basic: Basic) -> Result<EntityTag, PublishError> {
        let publish = Publish::Modify {
            entity_tag: &tag.to_string(),
            document: document(basic),
            lifetime: None,
            publisher: None,
        };
        let published = self.store.publish(&alice(), publish, self.start)?;
        Ok(published.entity_tag)
    }

    fn refresh(&self, tag: EntityTag, at: Instant) -> Result<EntityTag, PublishError> {
        let publish = Publish::Refresh {
            entity_tag: &tag.to_string(),
            lifetime: None,
            publisher: None,
        };
        Ok(self.store.publish(&alice(), publish, at)?.entity_tag)
    }

    fn remove(&self, tag: EntityTag) -> Result<EntityTag, PublishError> {
        let entity_tag = &tag.to_string();
        let publish = Publish::Remove { entity_tag };
        Ok(self
            .store
            .publish(&alice(), publish, self.start)?
            .entity_tag)
    }

    /// The version; 0 where nothing is published or known.
    fn version(&self) -> u64 {
        let newest = self.store.presentity(&alice());
        newest.map_or(0, |newest| newest.version())
    }

    /// Follows the marks as the owner does, and gives what it saw last.
    fn follow(&self, mut seen: u64) -> u64 {
        while self.store.poll_changed().is_some() {
            seen = self.version();
        }
        seen
    }

    /// What holds whenever nobody is at work.
    fn check(&self) {
        let newest = self.store.presentity(&alice());
        let held = newest
            .as_ref()
            .map_or(0, |newest| newest.publications().len());
        assert_eq!(self.store.publications(), held, "publications are counted");
        assert_eq!(
            self.store.len(),
            usize::from(newest.is_some()),
            "no empty place"
        );
        let Some(newest) = newest else {
            return;
        };
        let ends = newest.publications().iter().map(|one| one.expires_at());
        let rest = newest.own_knowledge().and_then(OwnKnowledge::first_end);
        if let Some(end) = ends.chain(rest).min() {
            let wakes = self.store.next_timeout().is_some_and(|at| at <= end);
            assert!(wakes, "what ends first is slept through");
        }
        let mut edited = 0;
        while self.store.poll_edited().is_some() {
            edited += 1;
        }
        assert!(edited <= 1, "marks are merged");
    }
}

/// Plays `one` and `two` at once, and then `after` with what they came to.
fn check<A: 'static, B: 'static, S: Clone + 'static>(
    orders: Orders,
    prepare: impl Fn(&World) -> S + Send + Sync + 'static,
    one: impl Fn(&World, S) -> A + Copy + Send + Sync + 'static,
    two: impl Fn(&World, S) -> B + Copy + Send + Sync + 'static,
    after: impl Fn(&World, A, B) + Send + Sync + 'static,
) {
    let mut builder = Builder::new();
    builder.preemption_bound = match orders {
        Orders::All => None,
        Orders::OfFewPreemptions => Some(3),
    };
    builder.max_branches = 10_000;
    builder.check(move || {
        let world = World::new();
        let prepared = prepare(&world);
        let (other, given) = (world.clone(), prepared.clone());
        let thread = thread::spawn(move || one(&other, given));
        let second = two(&world, prepared);
        let first = thread.join().unwrap();
        after(&world, first, second);
        world.check();
    });
}

/// RFC 3903 §6: of two that name one tag, one changes the state and the other is told that its tag is gone.
#[test]
fn of_two_modifications_with_one_tag_one_wins() {
    check(
        Orders::All,
        |world| world.publish(Basic::Closed),
        |world, tag| world.modify(tag, Basic::Open),
        |world, tag| world.modify(tag, Basic::Open),
        |world, one, two| {
            assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
            let winner = one.or(two).unwrap();
            let newest = world.store.presentity(&alice()).unwrap();
            assert_eq!(newest.publications()[0].entity_tag(), winner);
            assert_eq!(world.follow(0), newest.version());
        },
    );
}

/// Two phones that begin at once are both there.
#[test]
fn two_first_publications_are_two() {
    check(
        Orders::OfFewPreemptions,
        |_| (),
        |world, ()| world.publish(Basic::Open),
        |world, ()| world.publish(Basic::Closed),
        |world, one, two| {
            let newest = world.store.presentity(&alice()).unwrap();
            let tags: Vec<_> = newest
                .publications()
                .iter()
                .map(|p| p.entity_tag())
                .collect();
            assert!(tags.contains(&one) && tags.contains(&two) && tags.len() == 2);
            assert_eq!(world.follow(0), newest.version());
        },
    );
}

/// A first publication that meets the removal of the last one is there afterwards, and counted.
#[test]
fn a_beginning_meets_an_end() {
    check(
        Orders::OfFewPreemptions,
        |world| world.publish(Basic::Open),
        |world, tag| world.remove(tag).unwrap(),
        |world, _| world.publish(Basic::Closed),
        |world, _, kept| {
            let newest = world.store.presentity(&alice()).unwrap();
            assert_eq!(newest.publications().len(), 1);
            assert_eq!(newest.publications()[0].entity_tag(), kept);
        },
    );
}

/// A refresh in the moment of expiry either keeps the publication or is told that it is gone; nobody is left without a
/// wake-up.
#[test]
fn a_refresh_meets_an_expiry() {
    check(
        Orders::All,
        |world| {
            let tag = world.publish(Basic::Open);
            let newest = world.store.presentity(&alice()).unwrap();
            (tag, newest.publications()[0].expires_at())
        },
        |world, (tag, end)| world.refresh(tag, end - Duration::from_secs(1)).is_ok(),
        |world, (_, end)| world.store.expire(end),
        |world, kept, lapsed| {
            assert_eq!(usize::from(kept) + lapsed, 1);
            assert_eq!(world.store.presentity(&alice()).is_some(), kept);
        },
    );
}

/// Whoever follows the marks ends with the newest state, however writer and owner meet.
#[test]
fn the_owner_ends_with_the_newest_state() {
    check(
        Orders::All,
        |world| {
            let tag = world.publish(Basic::Open);
            world.follow(0);
            tag
        },
        |world, tag| {
            let tag = world.modify(tag, Basic::Closed).unwrap();
            world.modify(tag, Basic::Open).unwrap();
        },
        |world, _| world.follow(0),
        |world, (), seen| assert_eq!(world.follow(seen), world.version()),
    );
}

/// Who begins to follow while a change is under way reads the newest state at once or is told of it. What is read is no more
/// than a number here, whose order only the marks' own fences keep.
#[test]
fn who_begins_to_follow_misses_no_change_under_way() {
    loom::model(|| {
        let marks = Arc::new(Marks::new());
        marks.let_be();
        let state = Arc::new(AtomicU64::new(0));
        let (writer_marks, written) = (marks.clone(), state.clone());
        let writer = thread::spawn(move || {
            for version in 1..=2 {
                written.store(version, Ordering::Relaxed);
                writer_marks.mark(&alice());
            }
        });
        marks.follow();
        let mut seen = state.load(Ordering::Relaxed);
        writer.join().unwrap();
        while marks.poll().is_some() {
            seen = state.load(Ordering::Relaxed);
        }
        assert_eq!(seen, 2);
    });
}

/// A reader never goes back in time, also where nothing is published in between.
#[test]
fn versions_rise_for_every_reader() {
    check(
        Orders::All,
        |world| world.publish(Basic::Open),
        |world, tag| {
            world.remove(tag).unwrap();
            world.publish(Basic::Closed);
        },
        |world, _| [world.version(), world.version(), world.version()],
        |world, (), seen| {
            let told: Vec<_> = seen.into_iter().filter(|version| *version > 0).collect();
            assert!(told.is_sorted(), "{told:?}");
            assert!(told.last().is_none_or(|last| *last <= world.version()));
        },
    );
}

/// The desk's word and a phone's are independent: both are there afterwards, and what ends first wakes.
#[test]
fn the_desk_and_a_phone_speak_at_once() {
    check(
        Orders::OfFewPreemptions,
        |_| (),
        |world, ()| world.publish(Basic::Open),
        |world, ()| {
            let resting = OwnKnowledge {
                resting_until: Some(world.at(10)),
                ..OwnKnowledge::default()
            };
            world.store.learn(&alice(), resting, world.start).unwrap();
        },
        |world, _, ()| {
            let newest = world.store.presentity(&alice()).unwrap();
            assert_eq!(newest.publications().len(), 1);
            assert!(newest.own_knowledge().is_some());
            assert_eq!(world.follow(0), newest.version());
        },
    );
}
