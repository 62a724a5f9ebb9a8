//! Letters to consoles and phones, with time moved by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{DeliveryId, DeliveryOutcome, RepId, RepText, TicketId};

use super::letters::Letters;
use crate::desk::RepMail;

const DELIVERED: DeliveryOutcome = DeliveryOutcome::Delivered;
const UNDELIVERABLE: DeliveryOutcome = DeliveryOutcome::Undeliverable;

fn letter(delivery: u64, kind: RepText) -> RepMail {
    RepMail {
        delivery: DeliveryId(delivery),
        rep: alice(),
        ticket: TicketId::new("t"),
        kind,
        text: Arc::from("hello"),
    }
}

fn alice() -> RepId {
    RepId::new("alice")
}

fn reports(letters: &mut Letters) -> Vec<(u64, DeliveryOutcome)> {
    std::iter::from_fn(|| letters.poll_report())
        .map(|(delivery, outcome)| (delivery.0, outcome))
        .collect()
}

#[test]
fn a_letter_is_delivered_once_either_has_it_and_only_once() {
    let (mut letters, now) = (Letters::default(), Instant::now());
    letters.handle_letter(&letter(1, RepText::Line), true, now);
    letters.handle_got(&alice(), DeliveryId(1));
    letters.handle_got(&alice(), DeliveryId(1));
    assert_eq!(reports(&mut letters), [(1, DELIVERED)]);

    letters.handle_letter(&letter(2, RepText::Line), true, now);
    letters.handle_phone(DeliveryId(2), DELIVERED);
    letters.handle_got(&alice(), DeliveryId(2));
    assert_eq!(reports(&mut letters), [(2, DELIVERED)]);
    assert_eq!(letters.unconfirmed(&alice()).count(), 0);
}

#[test]
fn an_offer_that_no_page_confirms_goes_back_in_five_seconds() {
    let (mut letters, now) = (Letters::default(), Instant::now());
    letters.handle_letter(&letter(1, RepText::Offer), false, now);
    letters.handle_letter(&letter(2, RepText::Line), false, now);
    letters.handle_time(now + Duration::from_millis(4999));
    assert_eq!(reports(&mut letters), []);
    letters.handle_time(now + Duration::from_secs(5));
    assert_eq!(reports(&mut letters), [(1, UNDELIVERABLE)]);
    // A line waits longer than a network is usually gone, and is there for the page that comes back.
    letters.handle_time(now + Duration::from_secs(20));
    assert_eq!(letters.unconfirmed(&alice()).count(), 1);
    letters.handle_time(now + Duration::from_secs(45));
    assert_eq!(reports(&mut letters), [(2, UNDELIVERABLE)]);
    assert_eq!(letters.unconfirmed(&alice()).count(), 0);
}

#[test]
fn a_letter_is_lost_only_when_both_ways_have_failed() {
    let (mut letters, now) = (Letters::default(), Instant::now());
    letters.handle_letter(&letter(1, RepText::Offer), true, now);
    letters.handle_time(now + Duration::from_secs(6));
    assert_eq!(reports(&mut letters), []);
    letters.handle_phone(DeliveryId(1), UNDELIVERABLE);
    assert_eq!(reports(&mut letters), [(1, UNDELIVERABLE)]);

    letters.handle_letter(&letter(2, RepText::Note), true, now);
    letters.handle_phone(DeliveryId(2), UNDELIVERABLE);
    assert_eq!(reports(&mut letters), []);
    letters.handle_nobody(&alice());
    assert_eq!(reports(&mut letters), [(2, UNDELIVERABLE)]);
}

#[test]
fn nobody_confirms_the_letters_of_another() {
    let (mut letters, now) = (Letters::default(), Instant::now());
    letters.handle_letter(&letter(1, RepText::Line), false, now);
    letters.handle_got(&RepId::new("mallory"), DeliveryId(1));
    assert_eq!(reports(&mut letters), []);
}

#[test]
fn what_went_to_a_phone_alone_is_passed_on() {
    let mut letters = Letters::default();
    letters.handle_phone(DeliveryId(9), UNDELIVERABLE);
    assert_eq!(reports(&mut letters), [(9, UNDELIVERABLE)]);
}

#[test]
fn more_letters_than_are_kept_cost_the_oldest() {
    let (mut letters, now) = (Letters::default(), Instant::now());
    for delivery in 0..=200 {
        letters.handle_letter(&letter(delivery, RepText::Line), false, now);
    }
    assert_eq!(reports(&mut letters), [(0, UNDELIVERABLE)]);
    assert_eq!(letters.unconfirmed(&alice()).count(), 200);
}
