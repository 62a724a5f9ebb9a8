//! Letters to consoles and phones, and pages with their sessions, with time moved by hand.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::presence::{Store, StoreConfig};
use arc_swap::ArcSwap;
use gateway::{ConsoleCall, ConsoleEvent, ConsoleId, OpenRefused, SignedIn};
use helpdesk::{DeliveryId, DeliveryOutcome, RepId, RepText, TicketId};
use sip::digest::{Algorithm, Ha1};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::letters::Letters;
use super::{Consoles, PAGES, Parts, proof};
use crate::desk::{PresenceSignal, RepMail};
use crate::happenings::{Happenings, unix_ms};
use crate::sip_service::{Bindings, Directory, Login, Offers};

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

/// Alice may sign in with the password `right`.
fn consoles() -> Consoles {
    let secret = Ha1::derive(Algorithm::Sha256, "alice", "shop.example", "right");
    let directory = Directory {
        realm: "shop.example".to_owned(),
        secrets_by_rep: HashMap::from([(alice(), vec![secret])]),
        ..Directory::default()
    };
    let directory = Arc::new(ArcSwap::from_pointee(directory));
    let offers = Offers::new(Vec::new(), Vec::new(), &[]);
    Consoles::new(Parts {
        login: Arc::new(Login::new(directory.clone(), offers, [7; 32], 5)),
        directory,
        store: Arc::new(Store::new(StoreConfig::new([7; 16]))),
        signal: PresenceSignal::default(),
        bindings: Arc::new(Bindings::new(Duration::from_secs(1))),
        calls: mpsc::channel(1).1,
        letters: mpsc::channel(1).1,
        mail: mpsc::channel(1).0,
        phone_outcomes: mpsc::channel(1).1,
        deliveries: mpsc::channel(1).0,
        happenings: Happenings::default(),
    })
}

fn session(password: &str) -> SignedIn {
    let secret = Ha1::derive(Algorithm::Sha256, "alice", "shop.example", password);
    SignedIn {
        rep: alice(),
        proof: proof(&secret),
        since_unix_ms: unix_ms() - 1,
    }
}

type Opened = Result<mpsc::Receiver<ConsoleEvent>, OpenRefused>;

fn open(consoles: &mut Consoles, session: SignedIn, page: &str) -> Opened {
    let (answer, mut answered) = oneshot::channel();
    let call = ConsoleCall::Open {
        session,
        console: ConsoleId(Arc::from(page)),
        hand: None,
        answer,
    };
    consoles.handle_call(call, Instant::now());
    answered.try_recv().unwrap()
}

/// Whether the page's letters have ended, once what waits is read.
fn is_let_go(letters: &mut mpsc::Receiver<ConsoleEvent>) -> bool {
    loop {
        match letters.try_recv() {
            Ok(_) => {}
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Disconnected) => return true,
        }
    }
}

#[test]
fn who_holds_an_old_session_signs_nobody_out() {
    let mut consoles = consoles();
    let bindings = consoles.parts.bindings.clone();
    assert!(!bindings.is_at_console(&alice()));
    let mut letters = open(&mut consoles, session("right"), "page").unwrap();
    let sign_out = |session| ConsoleCall::SignOut { session };
    consoles.handle_call(sign_out(session("before")), Instant::now());
    assert!(!is_let_go(&mut letters));
    assert!(bindings.is_at_console(&alice()));
    consoles.handle_call(sign_out(session("right")), Instant::now());
    assert!(is_let_go(&mut letters));
    assert!(!bindings.is_at_console(&alice()));
    // A session from before the signing out is as old as one with another password.
    let refused = open(&mut consoles, session("right"), "page").unwrap_err();
    assert_eq!(refused, OpenRefused::SignedOut);
    let mut later = session("right");
    later.since_unix_ms += 60_000;
    let mut letters = open(&mut consoles, later, "page").unwrap();
    consoles.handle_call(sign_out(session("right")), Instant::now());
    assert!(!is_let_go(&mut letters));
}

#[test]
fn a_page_takes_the_place_of_one_of_its_name_and_one_too_many_is_told_so() {
    let mut consoles = consoles();
    let mut first = open(&mut consoles, session("right"), "page").unwrap();
    let mut second = open(&mut consoles, session("right"), "page").unwrap();
    assert!(is_let_go(&mut first));
    assert!(!is_let_go(&mut second));
    for page in 1..PAGES {
        open(&mut consoles, session("right"), &format!("page {page}")).unwrap();
    }
    let refused = open(&mut consoles, session("right"), "one more").unwrap_err();
    assert_eq!(refused, OpenRefused::TooMany);
    assert!(open(&mut consoles, session("right"), "page").is_ok());
}
