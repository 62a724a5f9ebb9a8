//! Callbacks over a restart: the wish is kept, and no number is dialled twice.

use std::time::Duration;

use expect_test::expect;
use helpdesk::{Fate, PastCall, PhoneNumber, SiteId, TicketId};

use crate::calling::calling;
use crate::room::Room;

/// The first call of t1, as the process that makes calls wrote it down.
fn past(at_unix_ms: i64, fate: Fate) -> PastCall {
    PastCall {
        call: helpdesk::CallId::new("t1.1"),
        ticket: Some(TicketId::new("t1")),
        site: SiteId::new("shop"),
        number: PhoneNumber::from_e164("+33612345678"),
        at_unix_ms,
        fate,
    }
}

#[test]
fn a_restart_keeps_the_wish_and_never_dials_again_by_itself() {
    let mut room = Room::new(calling(|_| {}));
    room.play("alice available");
    room.play("ask t1 cameras phone=0612345678 by=token answer=call");
    room.play("t1 heard rep");
    room.trace.clear();
    let past = past(room.unix_ms(), Fate::Unknown);
    room.restart_with(vec![past]);
    room.play("alice available");
    room.play("decisions t1");
    expect![[r#"
        < t1 -: You cannot be called: nobody knows whether the last call went out; it is not made again by itself.
        > alice (t1): A shopper wanted to be called, but: nobody knows whether the last call went out; it is not made again by itself.
        > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
        < t1 is offered Alice
        The shopper asked to be called at +33•••••••78.
        Offered to alice after 0 s: the only one who could take it.
        alice: could take it at once, level 90, idle for 0 s, score 0.0.
        erin: fits, but is offline, level 70.
        bob: fits, but is offline, level 50.
        dave: fits, but is offline, level 30.
        carol: serves other tiers.
        The phone of alice rings; +33•••••••78 is dialled once alice is there.
        The rep has answered; +33•••••••78 is dialled.
        The server was restarted during a call: nobody knows whether the number was dialled, and it is not dialled again by itself.
        Waits, after 0 s: nobody who could ever take it is on duty.
        alice: fits, but is offline, level 90.
        erin: fits, but is offline, level 70.
        bob: fits, but is offline, level 50.
        dave: fits, but is offline, level 30.
        carol: serves other tiers.
        Offered to alice after 0 s: the only one who could take it.
        alice: could take it at once, level 90, idle for 0 s, score 0.0.
        erin: fits, but is offline, level 70.
        bob: fits, but is offline, level 50.
        dave: fits, but is offline, level 30.
        carol: serves other tiers.
        Not by telephone: nobody knows whether the last call went out; it is not made again by itself.
    "#]].assert_eq(&room.trace);
}

/// A crash between two tries makes the second no sooner.
#[test]
fn the_pause_between_two_tries_outlasts_a_restart() {
    let mut room = Room::new(calling(|_| {}));
    room.play("records");
    room.play("alice available");
    room.play("ask t1 cameras phone=0612345678 by=token answer=call");
    let at_unix_ms = room.unix_ms();
    room.play("t1 heard rep");
    room.play("t1 heard shopper engaged");
    room.pass(Duration::from_secs(60));
    room.trace.clear();
    room.restart_with(vec![past(at_unix_ms, Fate::Failed)]);
    room.play("alice available");
    room.pass(Duration::from_secs(230));
    assert!(!room.trace.contains("@ call"), "{}", room.trace);
    room.pass(Duration::from_secs(20));
    assert!(room.trace.contains("@ call alice"), "{}", room.trace);
}

/// Security row M3 at its own scale: a thousand restarts, at each step of a call. What is on disk of it then is what the
/// process that makes calls had written.
#[test]
fn a_thousand_restarts_dial_no_number_twice_and_lose_no_ticket() {
    let steps = [
        ("", Fate::NotDialled),
        ("heard rep", Fate::Unknown),
        ("heard shopper", Fate::Unknown),
        ("heard over 60", Fate::Talked(Duration::from_secs(60))),
        ("heard shopper engaged", Fate::Failed),
    ];
    let ways: [&[usize]; 5] = [&[0], &[0, 1], &[0, 1, 2], &[0, 1, 2, 3], &[0, 1, 4]];
    let mut dialled_again = 0;
    for cycle in 0..1_000 {
        let mut room = Room::new(calling(|rules| rules.tries = 1));
        room.play("records");
        room.play("alice available");
        room.play("ask t1 cameras phone=0612345678 by=token answer=call");
        let way = ways[cycle % ways.len()];
        let mut fate = Fate::NotDialled;
        for step in way {
            let (news, then) = steps[*step];
            fate = then;
            if !news.is_empty() {
                room.play(&format!("t1 {news}"));
            }
            // Time passes between two steps, less than a call of which nothing is heard may take.
            room.pass(Duration::from_millis(
                u64::try_from(cycle % 40).unwrap() * 100,
            ));
        }
        let past = past(room.unix_ms(), fate);
        // They have talked, or it has become a case.
        let is_closed = matches!(fate, Fate::Talked(_) | Fate::Failed);
        assert_eq!(
            room.trace.contains("* closed t1"),
            is_closed,
            "{}",
            room.trace
        );
        room.trace.clear();
        room.restart_with(vec![past]);
        room.play("alice available");
        room.pass(Duration::from_secs(1_800));
        let again = room.trace.matches("@ call").count();
        match fate {
            // The rep's phone rang at most; the number is dialled for the first time.
            Fate::NotDialled => dialled_again += again.min(1),
            Fate::Unknown | Fate::Failed | Fate::Talked(_) => {
                assert_eq!(again, 0, "{cycle}: {}", room.trace);
            }
        }
        let is_known = room.desk.ticket(&TicketId::new("t1")).is_some();
        assert_eq!(is_known, !is_closed, "{cycle}: {}", room.trace);
    }
    assert_eq!(
        dialled_again, 200,
        "a wish outlasts every restart before it is dialled"
    );
}
