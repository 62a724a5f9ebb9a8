//! The registrar's table from outside: what is registered, and in which order phones are tried.

use std::sync::Arc;

use helpdesk::Clock;
use sip::Protocol;

use super::*;

const GRACE: Duration = Duration::from_secs(5);

fn bindings() -> Bindings {
    Bindings::new(GRACE)
}

fn flow(id: u64) -> Flow {
    Flow {
        transport: Protocol::Tcp,
        local: "127.0.0.1:5060".parse().unwrap(),
        remote: "127.0.0.1:40000".parse().unwrap(),
        id,
    }
}

fn phone(contact: &str, cseq: u32, expires_at: Instant) -> Binding {
    Binding {
        contact: Arc::from(contact),
        instance: None,
        reg_id: None,
        path: Arc::from([]),
        priority: Priority::HIGHEST,
        domain: Arc::from("shop.example"),
        way: Way::Flow(flow(1)),
        call_id: Arc::from(&b"one"[..]),
        cseq,
        expires_at,
    }
}

fn contacts(bindings: &Bindings, now: Instant) -> Vec<String> {
    bindings
        .phones(&RepId::new("alice"), now)
        .iter()
        .map(|phone| phone.contact.to_string())
        .collect()
}

#[test]
fn the_phone_that_came_last_comes_first_and_a_refresh_does_not_change_that() {
    let (bindings, rep, now) = (bindings(), RepId::new("alice"), Instant::now());
    let later = now + Duration::from_secs(60);
    for (contact, cseq) in [("sip:a@h", 1), ("sip:b@h", 1), ("sip:a@h", 2)] {
        bindings
            .register(&rep, vec![phone(contact, cseq, later)], now)
            .unwrap();
    }
    assert_eq!(contacts(&bindings, now), ["sip:b@h", "sip:a@h"]);
    let restarted = Binding {
        call_id: Arc::from(&b"two"[..]),
        ..phone("sip:a@h", 1, later)
    };
    bindings.register(&rep, vec![restarted], now).unwrap();
    assert_eq!(contacts(&bindings, now), ["sip:a@h", "sip:b@h"]);
}

#[test]
fn the_phone_that_spoke_last_comes_first() {
    let (bindings, rep, now) = (bindings(), RepId::new("alice"), Instant::now());
    let later = now + Duration::from_secs(60);
    for (contact, id) in [("sip:a@h", 1), ("sip:b@h", 2), ("sip:c@h", 3)] {
        let registered = Binding {
            way: Way::Flow(flow(id)),
            ..phone(contact, 1, later)
        };
        bindings.register(&rep, vec![registered], now).unwrap();
    }
    bindings.handle_use(&rep, flow(1));
    assert_eq!(contacts(&bindings, now), ["sip:a@h", "sip:c@h", "sip:b@h"]);
    bindings.handle_use(&rep, flow(9));
    assert_eq!(contacts(&bindings, now), ["sip:a@h", "sip:c@h", "sip:b@h"]);
}

#[test]
fn an_older_register_of_the_same_call_changes_nothing() {
    let (bindings, rep, now) = (bindings(), RepId::new("alice"), Instant::now());
    let later = now + Duration::from_secs(60);
    bindings
        .register(&rep, vec![phone("sip:a@h", 5, later)], now)
        .unwrap();
    assert_eq!(
        bindings.register(&rep, vec![phone("sip:a@h", 5, now)], now),
        Err(OutOfOrder)
    );
    assert_eq!(contacts(&bindings, now), ["sip:a@h"]);
}

#[test]
fn a_binding_ends_with_its_time_its_removal_and_its_connection() {
    let (bindings, rep, now) = (bindings(), RepId::new("alice"), Instant::now());
    let later = now + Duration::from_secs(60);
    let add = |cseq| {
        bindings
            .register(&rep, vec![phone("sip:a@h", cseq, later)], now)
            .unwrap();
    };
    add(1);
    assert!(contacts(&bindings, later).is_empty());
    bindings
        .register(&rep, vec![phone("sip:a@h", 2, now)], now)
        .unwrap();
    assert!(contacts(&bindings, now).is_empty());
    add(3);
    bindings.handle_flow_closed(flow(2), now);
    assert_eq!(contacts(&bindings, now + GRACE), ["sip:a@h"]);
    bindings.handle_flow_closed(flow(1), now);
    assert!(contacts(&bindings, now + GRACE).is_empty());
}

/// Security row S26: at no moment more, and nobody else's phones go for them.
#[test]
fn ten_thousand_contacts_of_one_rep_leave_five() {
    let (bindings, rep, now) = (bindings(), RepId::new("alice"), Instant::now());
    let later = now + Duration::from_secs(60);
    let bob = RepId::new("bob");
    let phone_of_bob = vec![phone("sip:bob@h", 1, later)];
    bindings.register(&bob, phone_of_bob, now).unwrap();
    for n in 0..10_000 {
        let flood = vec![phone(&format!("sip:{n}@h"), 1, later)];
        bindings.register(&rep, flood, now).unwrap();
        assert!(bindings.phones(&rep, now).len() <= PHONES_PER_REP);
    }
    assert_eq!(bindings.phones(&bob, now).len(), 1);
    let all_at_once = (0..10_000)
        .map(|n| phone(&format!("sip:x{n}@h"), 1, later))
        .collect();
    bindings.register(&rep, all_at_once, now).unwrap();
    assert_eq!(bindings.phones(&rep, now).len(), PHONES_PER_REP);
}

#[test]
fn a_rep_keeps_the_five_newest_phones() {
    let (bindings, rep, now) = (bindings(), RepId::new("alice"), Instant::now());
    let later = now + Duration::from_secs(60);
    for n in 0..7 {
        bindings
            .register(&rep, vec![phone(&format!("sip:{n}@h"), 1, later)], now)
            .unwrap();
    }
    assert_eq!(
        contacts(&bindings, now),
        ["sip:6@h", "sip:5@h", "sip:4@h", "sip:3@h", "sip:2@h"]
    );
}

#[test]
fn the_highest_priority_comes_first_and_the_phone_in_hand_first_among_equals() {
    let (bindings, rep, now) = (bindings(), RepId::new("alice"), Instant::now());
    let later = now + Duration::from_secs(60);
    for (contact, q, id) in [
        ("sip:desk@h", "0.5", 1),
        ("sip:hand@h", "1", 2),
        ("sip:old@h", "0.5", 3),
        ("sip:last@h", "0", 4),
    ] {
        let registered = Binding {
            priority: Priority::read(q).unwrap(),
            way: Way::Flow(flow(id)),
            ..phone(contact, 1, later)
        };
        bindings.register(&rep, vec![registered], now).unwrap();
    }
    let order = |bindings: &Bindings| contacts(bindings, now).join(" ");
    assert_eq!(
        order(&bindings),
        "sip:hand@h sip:old@h sip:desk@h sip:last@h"
    );
    bindings.handle_use(&rep, flow(1));
    assert_eq!(
        order(&bindings),
        "sip:hand@h sip:desk@h sip:old@h sip:last@h"
    );
    // Whoever does not answer comes last, until heard again.
    let hand = bindings.phones(&rep, now).remove(0);
    bindings.handle_silence(&rep, &hand);
    assert_eq!(
        order(&bindings),
        "sip:desk@h sip:old@h sip:last@h sip:hand@h"
    );
    bindings.handle_use(&rep, flow(2));
    assert_eq!(
        order(&bindings),
        "sip:hand@h sip:desk@h sip:old@h sip:last@h"
    );
}

/// RFC 5626 §6.
#[test]
fn a_phone_that_comes_back_by_another_flow_takes_its_own_place() {
    let (bindings, rep, now) = (bindings(), RepId::new("alice"), Instant::now());
    let later = now + Duration::from_secs(60);
    let register = |contact: &str, instance: Option<&str>, reg_id, call: &str| {
        let change = Binding {
            instance: instance.map(Arc::from),
            reg_id,
            call_id: Arc::from(call.as_bytes()),
            ..phone(contact, 1, later)
        };
        bindings.register(&rep, vec![change], now).unwrap();
        contacts(&bindings, now).join(" ")
    };
    let (one, two) = (Some("<urn:uuid:1>"), Some("<urn:uuid:2>"));
    assert_eq!(register("sip:a@h:1", one, Some(1), "a"), "sip:a@h:1");
    assert_eq!(
        register("sip:a@h:2", one, Some(2), "b"),
        "sip:a@h:2 sip:a@h:1"
    );
    // The first flow again, from another port.
    assert_eq!(
        register("sip:a@h:3", one, Some(1), "c"),
        "sip:a@h:3 sip:a@h:2"
    );
    assert_eq!(
        register("sip:a@h:3", two, Some(1), "d"),
        "sip:a@h:3 sip:a@h:3 sip:a@h:2"
    );
    // Without reg-id the contact alone says which phone it is.
    assert_eq!(
        register("sip:a@h:4", one, None, "e"),
        "sip:a@h:4 sip:a@h:3 sip:a@h:3 sip:a@h:2"
    );
}

#[test]
fn a_phone_whose_connection_is_gone_has_a_while_to_come_back() {
    let (bindings, rep, now) = (bindings(), RepId::new("alice"), Instant::now());
    let later = now + Duration::from_secs(60);
    let register = |cseq, id, now| {
        let registered = Binding {
            way: Way::Flow(flow(id)),
            ..phone("sip:a@h", cseq, later)
        };
        bindings.register(&rep, vec![registered], now).unwrap();
    };
    register(1, 1, now);
    let arrivals = bindings.arrivals();
    bindings.handle_flow_closed(flow(1), now);
    let almost = now + GRACE - Duration::from_millis(1);
    assert_eq!(bindings.phones(&rep, almost).remove(0).target(), None);
    assert!(!arrivals.has_changed().unwrap());
    register(2, 2, almost);
    assert!(arrivals.has_changed().unwrap());
    assert_eq!(contacts(&bindings, now + GRACE), ["sip:a@h"]);
    let back = bindings.phones(&rep, now + GRACE).remove(0);
    assert_eq!(back.target(), Some(sip_transport::Target::Flow(flow(2))));
}

/// RFC 3261 §10.3 step 6.
#[test]
fn a_star_removes_all_or_none() {
    let (bindings, rep, now) = (bindings(), RepId::new("alice"), Instant::now());
    let later = now + Duration::from_secs(60);
    for (contact, cseq) in [("sip:a@h", 3), ("sip:b@h", 7)] {
        bindings
            .register(&rep, vec![phone(contact, cseq, later)], now)
            .unwrap();
    }
    assert_eq!(bindings.remove_all(&rep, b"one", 5), Err(OutOfOrder));
    assert_eq!(contacts(&bindings, now).len(), 2);
    assert_eq!(bindings.remove_all(&rep, b"one", 8), Ok(()));
    assert!(contacts(&bindings, now).is_empty());
    assert_eq!(bindings.remove_all(&RepId::new("bob"), b"one", 1), Ok(()));
}

#[tokio::test]
async fn bindings_come_back_after_a_restart_with_the_time_they_have_left() {
    let (before, rep, at) = (bindings(), RepId::new("alice"), Instant::now());
    let then = Clock { at, unix_ms: 1_000 };
    let lifetime = Duration::from_secs(120);
    let udp = Flow {
        transport: Protocol::Udp,
        ..flow(7)
    };
    let desk = Binding {
        instance: Some(Arc::from("<urn:uuid:1>")),
        reg_id: Some(2),
        path: Arc::from([Arc::from("<sip:edge.example;lr>")]),
        priority: Priority::read("0.25").unwrap(),
        way: Way::Flow(udp),
        ..phone("sip:desk@h", 3, at + lifetime)
    };
    let page = phone("sip:page@h", 9, at + lifetime);
    let brief = phone("sip:brief@h", 9, at + Duration::from_secs(1));
    before
        .register(&rep, vec![desk.clone(), page.clone(), brief], at)
        .unwrap();
    assert_eq!(before.poll_changed(), Some(rep.clone()));
    assert_eq!(before.poll_changed(), None);
    let saved: Vec<SavedBinding> = before.saved(&rep, then);
    assert_eq!(saved.len(), 3);
    let written = serde_json::to_string(&saved).unwrap();

    // Ten seconds pass by the wall clock; the other one starts anew.
    let after = bindings();
    let clock = Clock {
        at,
        unix_ms: 11_000,
    };
    after.restore(rep.clone(), serde_json::from_str(&written).unwrap(), clock);
    let expires_at = at + lifetime - Duration::from_secs(10);
    let address = udp.remote;
    let protocol = Protocol::Udp;
    let found = after.phones(&rep, at);
    let restored = Binding {
        way: Way::Address { protocol, address },
        expires_at,
        ..desk
    };
    assert_eq!(found.last(), Some(&restored));
    let [page, _] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!((page.target(), page.expires_at), (None, expires_at));
    assert_eq!(after.phones(&rep, at + Duration::from_secs(61)).len(), 1);
}
