//! For how long a publication counts: until it expires, or its connection has gone for too long.

use std::time::Duration;

use presence::{Availability, Change, Composed, Trust};

use crate::desk::Desk;

#[test]
fn a_pbx_has_a_publication_for_each_call_and_forgets_none() {
    let desk = Desk::new();
    desk.publish("open", Some(1));
    let one = desk.publish("talking", Some(1));
    let other = desk.publish("ringing", Some(1));
    assert_eq!(desk.availability(), Availability::Busy);
    desk.remove(one);
    assert_eq!(desk.availability(), Availability::Busy);
    desk.remove(other);
    assert_eq!(desk.availability(), Availability::Available);
}

#[test]
fn each_source_expires_by_itself() {
    let mut desk = Desk::new();
    let phone = desk.publish("open", Some(1));
    desk.publish("talking", Some(2));
    desk.wait(30);
    desk.refresh(phone, Some(1));
    desk.wait(30);
    assert_eq!(desk.availability(), Availability::Available);
    desk.wait(30);
    assert_eq!(desk.availability(), Availability::Offline);
}

#[test]
fn a_publication_whose_connection_dropped_is_doubted_after_the_grace() {
    let mut desk = Desk::new();
    desk.publish("open", Some(1));
    assert_eq!(desk.doubt(1, 30), Change::Unchanged);
    assert_eq!(desk.doubt(9, 0), Change::Unchanged);
    desk.wait(29);
    assert_eq!(desk.availability(), Availability::Available);
    assert_eq!(
        desk.explanation().sources[0].trust,
        Trust::BelievedUntil(desk.now + Duration::from_secs(1))
    );
    assert_eq!(
        desk.explanation().good_until,
        Some(desk.now + Duration::from_secs(1))
    );
    desk.wait(1);
    assert_eq!(desk.composed(), Composed::NOTHING);
    assert_eq!(desk.explanation().sources[0].trust, Trust::Doubted);
    assert_eq!(
        desk.store.publications(),
        1,
        "its phone may yet speak of it"
    );
    desk.wait(30);
    assert!(desk.store.is_empty());
}

#[test]
fn a_phone_that_comes_back_in_time_is_never_doubted() {
    let mut desk = Desk::new();
    let tag = desk.publish("open", Some(1));
    desk.doubt(1, 30);
    desk.wait(20);
    desk.refresh(tag, Some(2));
    desk.wait(20);
    assert_eq!(desk.availability(), Availability::Available);
    // It goes by its new connection from then on.
    assert_eq!(desk.doubt(1, 0), Change::Unchanged);
    assert!(matches!(desk.doubt(2, 0), Change::Changed { .. }));
    assert_eq!(desk.availability(), Availability::Offline);
}

#[test]
fn a_doubted_publication_that_its_phone_speaks_of_counts_again() {
    let mut desk = Desk::new();
    let tag = desk.publish("open", Some(1));
    desk.doubt(1, 0);
    desk.wait(10);
    assert_eq!(desk.availability(), Availability::Offline);
    desk.refresh(tag, Some(2));
    assert_eq!(desk.availability(), Availability::Available);
}
