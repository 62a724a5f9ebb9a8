//! What the store does with each kind of PUBLISH and with time.

use std::time::Duration;

use presence::{
    Availability, Change, Document, PresentityId, Publish, PublishError, Source, Store, StoreConfig,
};

use crate::desk::{Desk, document, version};

#[test]
fn an_initial_publication_makes_its_presentity_available() {
    let desk = Desk::new();
    let published = desk.initial("alice", "free", 60).unwrap();
    assert!(matches!(published.change, Change::Changed { .. }));
    assert_eq!(published.lifetime, Duration::from_secs(60));
    assert_eq!(desk.availability("alice"), Availability::Available);
    assert_eq!(desk.availability("Alice"), Availability::Available);
    assert_eq!(desk.availability("bob"), Availability::Offline);
    assert_eq!(desk.changed(), ["alice"]);
    assert_eq!((desk.store.len(), desk.store.publications()), (1, 1));
}

#[test]
fn a_refresh_gets_a_new_tag_and_keeps_the_state() {
    let mut desk = Desk::new();
    let first = desk.initial("alice", "meeting", 60).unwrap();
    desk.changed();
    let before = desk.store.presentity(&PresentityId::new("alice")).unwrap();

    desk.wait(50);
    let second = desk.refresh("alice", &first, 60).unwrap();
    assert_ne!(second.entity_tag, first.entity_tag);
    assert_eq!(second.change, Change::Unchanged);
    assert!(desk.changed().is_empty());

    let after = desk.store.presentity(&PresentityId::new("alice")).unwrap();
    assert_eq!(after.composed(), before.composed());
    assert_eq!(after.version(), before.version());
    assert_eq!(
        after.publications()[0].since(),
        before.publications()[0].since()
    );
    assert_eq!(
        after.valid_until(),
        Some(desk.now + Duration::from_secs(60))
    );
}

#[test]
fn a_tag_that_was_answered_with_another_is_dead() {
    let desk = Desk::new();
    let first = desk.initial("alice", "free", 60).unwrap();
    let second = desk.refresh("alice", &first, 60).unwrap();
    let third = desk.modify("alice", &second, "busy", 60).unwrap();
    for dead in [&first, &second] {
        assert_eq!(
            desk.refresh("alice", dead, 60),
            Err(PublishError::UnknownEntityTag)
        );
        assert_eq!(
            desk.modify("alice", dead, "away", 60),
            Err(PublishError::UnknownEntityTag)
        );
        assert_eq!(
            desk.remove("alice", dead),
            Err(PublishError::UnknownEntityTag)
        );
    }
    assert_eq!(desk.availability("alice"), Availability::Busy);
    desk.remove("alice", &third).unwrap();
    assert_eq!(
        desk.remove("alice", &third),
        Err(PublishError::UnknownEntityTag)
    );
}

#[test]
fn a_tag_of_somebody_else_is_unknown() {
    let desk = Desk::new();
    let alice = desk.initial("alice", "free", 60).unwrap();
    desk.initial("bob", "free", 60).unwrap();
    assert_eq!(
        desk.remove("bob", &alice),
        Err(PublishError::UnknownEntityTag)
    );
    assert_eq!(
        desk.remove("carol", &alice),
        Err(PublishError::UnknownEntityTag)
    );
    assert_eq!(desk.store.publications(), 2);
}

#[test]
fn a_tag_from_before_a_restart_is_unknown() {
    let before = Desk::with(StoreConfig::new([1; 16]));
    let after = Desk::with(StoreConfig::new([2; 16]));
    let old = before.initial("alice", "free", 60).unwrap();
    after.initial("alice", "free", 60).unwrap();
    assert_eq!(
        after.refresh("alice", &old, 60),
        Err(PublishError::UnknownEntityTag)
    );
    let entity_tag = "etag1";
    let refresh = Publish::Refresh {
        entity_tag,
        lifetime: None,
        publisher: None,
    };
    assert_eq!(
        after.publish("alice", refresh),
        Err(PublishError::UnknownEntityTag)
    );
}

#[test]
fn a_modification_changes_the_state_and_raises_the_version() {
    let mut desk = Desk::new();
    let free = desk.initial("alice", "free", 60).unwrap();
    desk.wait(5);
    let busy = desk.modify("alice", &free, "on-the-phone", 60).unwrap();
    assert!(version(&busy) > version(&free));
    let alice = desk.store.presentity(&PresentityId::new("alice")).unwrap();
    assert_eq!(alice.composed().availability, Availability::Busy);
    assert_eq!(alice.composed().source, Source::Line);
    assert_eq!(alice.composed().since, Some(desk.now));
    assert_eq!(Some(alice.version()), version(&busy));
    assert_eq!(desk.changed(), ["alice"]);
}

#[test]
fn a_modification_that_says_the_same_is_no_change() {
    let mut desk = Desk::new();
    let first = desk.initial("alice", "busy", 60).unwrap();
    let since = desk.now;
    desk.changed();
    desk.wait(5);
    let entity_tag = &first.entity_tag.to_string();
    let document = Document {
        timestamp: Some("2026-11-23T13:00:47Z".into()),
        ..document("busy")
    };
    let again = desk
        .publish(
            "alice",
            Publish::Modify {
                entity_tag,
                document,
                lifetime: None,
                publisher: None,
            },
        )
        .unwrap();
    assert_eq!(again.change, Change::Unchanged);
    let alice = desk.store.presentity(&PresentityId::new("alice")).unwrap();
    assert_eq!(alice.composed().since, Some(since));
    assert!(desk.changed().is_empty());
}

#[test]
fn removing_the_last_publication_leaves_nothing() {
    let desk = Desk::new();
    let phone = desk.initial("alice", "free", 60).unwrap();
    let desktop = desk.initial("alice", "away", 60).unwrap();
    desk.changed();
    let removed = desk.remove("alice", &phone).unwrap();
    assert_eq!(removed.lifetime, Duration::ZERO);
    assert_eq!(desk.availability("alice"), Availability::Away);
    // A lifetime of zero says the same in the words of RFC 3903.
    desk.refresh("alice", &desktop, 0).unwrap();
    assert!(desk.store.presentity(&PresentityId::new("alice")).is_none());
    assert!(desk.store.is_empty());
    assert_eq!(
        (desk.store.publications(), desk.store.next_timeout()),
        (0, None)
    );
    assert_eq!(desk.changed(), ["alice"]);
}

#[test]
fn the_version_rises_over_a_time_of_nothing() {
    let desk = Desk::new();
    let first = desk.initial("alice", "free", 60).unwrap();
    let removed = desk.remove("alice", &first).unwrap();
    let second = desk.initial("alice", "free", 60).unwrap();
    assert!(version(&first) < version(&removed));
    assert!(version(&removed) < version(&second));
}

#[test]
fn a_modification_with_lifetime_zero_removes() {
    let desk = Desk::new();
    let published = desk.initial("alice", "free", 60).unwrap();
    desk.modify("alice", &published, "busy", 0).unwrap();
    assert_eq!(desk.availability("alice"), Availability::Offline);
}

#[test]
fn an_initial_publication_with_lifetime_zero_is_never_seen() {
    let desk = Desk::new();
    let published = desk.initial("alice", "free", 0).unwrap();
    assert_eq!(
        (published.lifetime, published.change),
        (Duration::ZERO, Change::Unchanged)
    );
    assert!(desk.store.is_empty());
    assert!(desk.changed().is_empty());
    assert_eq!(
        desk.refresh("alice", &published, 60),
        Err(PublishError::UnknownEntityTag)
    );
}

#[test]
fn lifetimes_are_granted_within_bounds_and_never_refused() {
    let desk = Desk::new();
    let granted = |asked: Option<u64>| {
        let lifetime = asked.map(Duration::from_secs);
        let published = desk.publish(
            "alice",
            Publish::Initial {
                document: document("free"),
                lifetime,
                publisher: None,
            },
        );
        published.unwrap().lifetime.as_secs()
    };
    assert_eq!(granted(None), 300);
    assert_eq!(granted(Some(1)), 10);
    assert_eq!(granted(Some(60)), 60);
    assert_eq!(granted(Some(u64::from(u32::MAX))), 3600);
    assert_eq!(granted(Some(u64::MAX)), 3600);
}

#[test]
fn what_a_phone_forgot_counts_no_more_also_after_its_new_publication_went() {
    let desk = Desk::new();
    desk.initial_from("alice", "free", 1);
    let known = desk.initial_from("alice", "busy", 1);
    assert_eq!(desk.availability("alice"), Availability::Busy);
    let known = desk.modify("alice", &known, "closed", 60).unwrap();
    assert_eq!(desk.availability("alice"), Availability::Offline);
    desk.remove("alice", &known).unwrap();
    assert_eq!(desk.availability("alice"), Availability::Offline);
}

#[test]
fn what_another_phone_published_goes_on_counting() {
    let desk = Desk::new();
    desk.initial_from("alice", "free", 1);
    let other = desk.initial_from("alice", "closed", 2);
    assert_eq!(desk.availability("alice"), Availability::Offline);
    desk.remove("alice", &other).unwrap();
    assert_eq!(desk.availability("alice"), Availability::Available);
}

#[test]
fn a_forgotten_publication_that_its_phone_speaks_of_counts_again() {
    let desk = Desk::new();
    let first = desk.initial_from("alice", "busy", 1);
    let second = desk.initial_from("alice", "free", 1);
    assert_eq!(desk.availability("alice"), Availability::Available);
    desk.changed();
    let first = desk.refresh("alice", &first, 60).unwrap();
    assert!(matches!(first.change, Change::Changed { .. }));
    assert_eq!(desk.availability("alice"), Availability::Busy);
    assert_eq!(desk.changed(), ["alice"]);
    desk.remove("alice", &second).unwrap();
    desk.remove("alice", &first).unwrap();
    assert!(desk.store.is_empty());
}

#[test]
fn a_forgotten_publication_makes_room_for_a_new_one() {
    let mut config = StoreConfig::new([1; 16]);
    config.most_publications = 2;
    let desk = Desk::with(config);
    for _ in 0..5 {
        desk.initial_from("alice", "free", 1);
    }
    assert_eq!(desk.store.publications(), 2);
    desk.initial_from("alice", "free", 2);
    assert_eq!(
        desk.initial("alice", "free", 60),
        Err(PublishError::TooManyPublications)
    );
}

#[test]
fn contradicting_bounds_do_not_panic() {
    let mut config = StoreConfig::new([1; 16]);
    (config.shortest_lifetime, config.longest_lifetime) = (Duration::MAX, Duration::MAX);
    let desk = Desk::with(config);
    assert!(desk.initial("alice", "free", u64::MAX).is_ok());
}

#[test]
fn what_lapsed_is_dropped_and_marked() {
    let mut desk = Desk::new();
    desk.initial("alice", "free", 60).unwrap();
    desk.initial("bob", "busy", 30).unwrap();
    desk.initial("bob", "free", 90).unwrap();
    desk.changed();
    assert_eq!(
        desk.store.next_timeout(),
        Some(desk.now + Duration::from_secs(30))
    );

    desk.wait(29);
    assert_eq!(desk.store.expire(desk.now), 0);
    desk.wait(1);
    assert_eq!(desk.store.expire(desk.now), 1);
    assert_eq!(desk.availability("bob"), Availability::Available);
    assert_eq!(desk.changed(), ["bob"]);
    assert_eq!(
        desk.store.next_timeout(),
        Some(desk.now + Duration::from_secs(30))
    );

    desk.wait(60);
    assert_eq!(desk.store.expire(desk.now), 2);
    assert!(desk.store.is_empty());
    assert_eq!(
        (desk.store.publications(), desk.store.next_timeout()),
        (0, None)
    );
}

#[test]
fn a_lapsed_publication_is_unknown_before_anybody_sweeps() {
    let mut desk = Desk::new();
    let published = desk.initial("alice", "busy", 30).unwrap();
    desk.wait(30);
    assert_eq!(
        desk.refresh("alice", &published, 30),
        Err(PublishError::UnknownEntityTag)
    );
    assert_eq!(
        desk.modify("alice", &published, "free", 30),
        Err(PublishError::UnknownEntityTag)
    );
    // What the phone then does, without the old one in the way.
    desk.initial("alice", "free", 30).unwrap();
    assert_eq!(desk.availability("alice"), Availability::Available);
    assert_eq!(desk.store.publications(), 1);
}

#[test]
fn refreshes_put_expiry_off_for_ever() {
    let mut desk = Desk::new();
    let mut published = desk.initial("alice", "free", 60).unwrap();
    desk.changed();
    for _ in 0..1000 {
        desk.wait(45);
        published = desk.refresh("alice", &published, 60).unwrap();
        if desk.store.next_timeout().is_some_and(|at| at <= desk.now) {
            assert_eq!(desk.store.expire(desk.now), 0);
        }
        assert!(desk.store.next_timeout().is_some_and(|at| at > desk.now));
    }
    assert!(desk.changed().is_empty());
    desk.wait(60);
    assert_eq!(desk.store.expire(desk.now), 1);
}

#[test]
fn a_refresh_for_less_brings_expiry_nearer() {
    let mut desk = Desk::new();
    let published = desk.initial("alice", "free", 600).unwrap();
    desk.refresh("alice", &published, 30).unwrap();
    assert_eq!(
        desk.store.next_timeout(),
        Some(desk.now + Duration::from_secs(30))
    );
    desk.wait(30);
    assert_eq!(desk.store.expire(desk.now), 1);
    assert_eq!(desk.store.next_timeout(), None);
}

#[test]
fn one_presentity_cannot_fill_the_store() {
    let mut config = StoreConfig::new([1; 16]);
    config.most_publications = 2;
    let mut desk = Desk::with(config);
    desk.initial("alice", "free", 30).unwrap();
    desk.initial("alice", "free", 60).unwrap();
    assert_eq!(
        desk.initial("alice", "free", 60),
        Err(PublishError::TooManyPublications)
    );
    desk.wait(30);
    assert!(desk.initial("alice", "free", 60).is_ok());
}

#[test]
fn a_full_store_takes_no_new_presentities() {
    let mut config = StoreConfig::new([1; 16]);
    config.most_presentities = 2;
    let desk = Desk::with(config);
    let alice = desk.initial("alice", "free", 60).unwrap();
    desk.changed();
    desk.initial("bob", "free", 60).unwrap();
    assert_eq!(
        desk.initial("carol", "free", 60),
        Err(PublishError::TooManyPresentities)
    );
    assert!(desk.initial("alice", "free", 60).is_ok());
    desk.remove("alice", &alice).unwrap();
}

#[test]
fn unread_changes_are_bounded_too() {
    let mut config = StoreConfig::new([1; 16]);
    config.most_presentities = 2;
    let desk = Desk::with(config);
    for who in ["alice", "bob"] {
        let published = desk.initial(who, "free", 60).unwrap();
        desk.remove(who, &published).unwrap();
    }
    assert!(desk.store.is_empty());
    assert_eq!(
        desk.initial("carol", "free", 60),
        Err(PublishError::TooManyPresentities)
    );
    assert_eq!(desk.changed(), ["alice", "bob"]);
    assert!(desk.initial("carol", "free", 60).is_ok());
}

#[test]
fn many_changes_are_one_mark() {
    let desk = Desk::new();
    let mut published = desk.initial("alice", "free", 60).unwrap();
    desk.initial("bob", "free", 60).unwrap();
    for says in ["busy", "free", "away"] {
        published = desk.modify("alice", &published, says, 60).unwrap();
    }
    assert_eq!(desk.store.unread_changes(), 2);
    assert_eq!(desk.changed(), ["alice", "bob"]);
}

#[test]
fn a_snapshot_does_not_change_under_its_reader() {
    let desk = Desk::new();
    let published = desk.initial("alice", "free", 60).unwrap();
    let snapshot = desk.store.presentity(&PresentityId::new("alice")).unwrap();
    desk.modify("alice", &published, "busy", 60).unwrap();
    assert_eq!(snapshot.composed().availability, Availability::Available);
}

#[test]
fn the_seed_stays_out_of_debug_output() {
    let config = StoreConfig::new([171; 16]);
    let shown = format!("{config:?} {:?}", Store::new(config.clone()));
    assert!(!shown.contains("171") && !shown.contains("seed"), "{shown}");
}
