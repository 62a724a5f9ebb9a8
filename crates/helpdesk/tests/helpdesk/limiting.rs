//! Whom a site calls, how often, and when it stops.

use std::time::Duration;

use expect_test::expect;
use helpdesk::{
    CallId, Country, Fate, NumberError, PastCall, PhoneNumber, SiteId, Strangers, TicketId,
};

use crate::calling::{calling, check_calling};
use crate::room::{Room, check_with};

#[test]
fn who_may_be_called_is_up_to_the_site() {
    check_calling(
        "
        alice available
        ask t1 cameras phone=0612345678 answer=call
        ask t1 cameras phone=+442079460018 by=token answer=call
        ask t1 cameras phone=0899701234 by=token answer=call
        ask t1 cameras phone=+870776123456 by=token answer=call
        ask t1 cameras phone=12 by=token answer=call
        ask t1 cameras by=token answer=call
        ask t1 printing phone=0612345678 by=token answer=call site=lab
        ask t1 cameras
        t1 call 0612345678
        ",
        expect![[r#"
            = refused: you cannot be called: only customers who are signed in at the shop are called back
            = refused: you cannot be called: numbers that begin like this one are not called from here
            = refused: you cannot be called: the number cannot be called: numbers of this kind are never called: premium, shared-cost or satellite
            = refused: you cannot be called: the number cannot be called: numbers of this kind are never called: premium, shared-cost or satellite
            = refused: you cannot be called: the number cannot be called: it is no telephone number of that country; write it with its country code, like +33 1 23 45 67 89
            = refused: you cannot be called: no telephone number is known
            = refused: nobody who can help with this is on duty
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            = not called: only customers who are signed in at the shop are called back
        "#]],
    );
    check_with(
        calling(|rules| rules.strangers = Strangers::Allowed),
        "
        alice available
        ask t1 cameras phone=0612345678 answer=call
        ",
        expect![[r#"
            < t1 -: You will be called at +33•••••••78.
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
        "#]],
    );
}

#[test]
fn no_line_free_holds_a_ticket_back_whoever_wants_the_call() {
    check_with(
        calling(|rules| rules.at_once = 1),
        "
        records
        alice available
        ask t1 cameras phone=0612345678 by=token answer=call
        ask t2 cameras phone=0612345679 by=token
        t2 page gone
        40s
        bob available
        dave available
        dave busy
        decisions t2
        ",
        expect![[r#"
            * opened t1
            * call wanted t1 +33612345678 Shopper
            * line t1 1
            < t1 -: You will be called at +33•••••••78.
            * offered t1 alice
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            * opened t2
            = t2 queued at 1, 250 s (26 to 576)
            * call wanted t2 +33612345679 Desk
            < t2 is queued at 1, 125 s (13 to 288), Waiting +33•••••••79 again
            < t2 is queued at 1, 83 s (9 to 192), Waiting +33•••••••79 again
            Waits, after 0 s: nobody who may take it is free.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            alice: fits, but is on a call, level 90.
            carol: serves other tiers.
            Offered to bob after 40 s: the only one who could take it.
            bob: could take it at once, level 50, idle for 0 s, score 20.0.
            erin: fits, but is offline, level 70.
            dave: fits, but is offline, level 30.
            alice: fits, but is on a call, level 90.
            carol: serves other tiers.
            The page has been out of reach for 40 s, which is longer than 30 s.
            Not by messenger: the shop's token names none.
            Not by telephone: all lines are in use at the moment.
        "#]],
    );
}

#[test]
fn the_breaker_counts_past_a_call_under_way() {
    let mut room = Room::new(calling(|rules| {
        rules.failures = 2;
        rules.at_once = 3;
        rules.tries = 1;
    }));
    for line in [
        "records",
        "alice, bob, dave available",
        "ask t1 cameras phone=0612345671 by=token answer=call",
        "ask t2 cameras phone=0612345672 by=token answer=call",
        "ask t3 cameras phone=0612345673 by=token answer=call",
        "t1 heard rep",
        "t1 heard shopper engaged",
        "t2 heard rep",
        "t2 heard shopper engaged",
    ] {
        room.play(line);
    }
    let told = room
        .trace
        .matches("* calls stop after t2: too many calls in a row");
    assert_eq!(told.count(), 1, "security row M2: {}", room.trace);
    room.trace.clear();
    room.play("ask t4 cameras phone=0612345674 by=token answer=call");
    expect![[r#"
        = refused: you cannot be called: too many calls in a row came to nothing; somebody has to look at the trunk first
    "#]].assert_eq(&room.trace);
}

/// Security row M5, and the limits of M2.
#[test]
fn limits_hold_over_all_shoppers_and_over_a_restart() {
    let mut room = Room::new(calling(|rules| {
        rules.at_once = 100;
        rules.per_hour = 7;
        rules.tries = 1;
    }));
    let mut dialled = 0;
    for click in 0..1_000 {
        // Three numbers take turns.
        let number = format!("061234560{}", click % 3);
        let before = room.trace.matches("@ call").count();
        room.play("alice available");
        room.play(&format!(
            "ask t{click} cameras phone={number} by=token answer=call"
        ));
        if room.trace.matches("@ call").count() > before {
            dialled += 1;
            room.play(&format!("t{click} heard rep"));
            room.play(&format!("t{click} heard shopper engaged"));
        }
        if room
            .desk
            .ticket(&TicketId::new(&format!("t{click}")))
            .is_some()
        {
            room.play(&format!("t{click} end"));
        }
        room.pass(Duration::from_secs(20));
    }
    assert_eq!(
        dialled,
        6,
        "two calls to each of three numbers: {}",
        room.trace.chars().take(3000).collect::<String>()
    );
}

/// Security row M2: all day, a click every three seconds, for five hundred numbers, a hundred of them dear or abroad. That
/// they come from thousands of addresses is nothing the helpdesk knows: here every click has got through. The row wants four
/// times as many clicks; what is refused once the day is used up is refused alike, and takes as long.
#[test]
fn an_attack_of_a_day_is_called_as_often_as_the_site_allows_and_not_once_more() {
    const CLICKS: usize = 25_000;
    const PER_DAY: usize = 200;
    let mut room = Room::new(calling(|rules| {
        rules.strangers = Strangers::Allowed;
        // The other limits let more through.
        rules.per_hour = 10_000;
        rules.at_once = 3;
    }));
    room.play("records");
    room.play("alice, bob, dave available");
    let mut dialled: Vec<PastCall> = Vec::new();
    let mut alarms = Vec::new();
    for click in 0..CLICKS {
        room.trace.clear();
        let number = click % 500;
        let number = match number {
            // Satellites, dear ones at home, and another country.
            0..50 => format!("+8816100{number:04}"),
            50..75 => format!("+338991234{number:02}"),
            75..100 => format!("+2526100{number:05}"),
            _ => format!("+336123{number:05}"),
        };
        room.play(&format!("ask t{click} cameras phone={number} answer=call"));
        if room.trace.contains("@ call") {
            assert!(number.starts_with("+336"), "{number} is called");
            dialled.push(PastCall {
                call: CallId::new(&format!("t{click}.1")),
                ticket: None,
                site: SiteId::new("shop"),
                number: PhoneNumber::from_e164(&number),
                at_unix_ms: room.unix_ms(),
                fate: Fate::Talked(Duration::from_secs(60)),
            });
            room.play(&format!("t{click} heard rep"));
            room.play(&format!("t{click} heard shopper"));
            room.play(&format!("t{click} heard over 60"));
        } else if room
            .desk
            .ticket(&TicketId::new(&format!("t{click}")))
            .is_some()
        {
            room.play(&format!("t{click} end"));
        }
        // The alarm comes with the call that uses the last one up.
        if room.trace.contains("* calls stop after") {
            alarms.push(dialled.len());
        }
        if click == CLICKS / 2 {
            assert_eq!(dialled.len(), PER_DAY);
            room.restart_with(dialled.clone());
            room.play("alice, bob, dave available");
        }
        room.pass(Duration::from_millis(3_440));
    }
    assert_eq!((dialled.len(), alarms), (PER_DAY, vec![PER_DAY]));
    // A day after the first, the oldest are forgotten one by one.
    room.pass(Duration::from_secs(3600));
    room.trace.clear();
    room.play("ask new cameras phone=+33612399999 answer=call");
    assert!(room.trace.contains("@ call"), "{}", room.trace);
}

#[test]
fn the_spend_breaker_trips_and_survives_a_restart() {
    let mut room = Room::new(calling(|rules| {
        rules.failures = 3;
        rules.per_number_per_day = 100;
    }));
    let past = |number: i64| PastCall {
        call: CallId::new(&format!("old.{number}")),
        ticket: None,
        site: SiteId::new("shop"),
        number: None,
        at_unix_ms: room.unix_ms(),
        fate: Fate::Failed,
    };
    let calls: Vec<_> = (0..3).map(past).collect();
    room.restart_with(calls);
    room.play("alice available");
    room.play("ask t1 cameras phone=0612345678 by=token answer=call");
    expect![[r#"
        = refused: you cannot be called: too many calls in a row came to nothing; somebody has to look at the trunk first
    "#]].assert_eq(&room.trace);
    // A day later it is closed again.
    room.pass(Duration::from_secs(24 * 3600));
    room.trace.clear();
    room.play("ask t1 cameras phone=0612345678 by=token answer=call");
    assert!(room.trace.contains("@ call alice"), "{}", room.trace);
}

#[test]
fn minutes_of_calls_in_doubt_count_as_the_longest() {
    let mut room = Room::new(calling(|rules| {
        rules.talk_per_day = Duration::from_secs(3600);
    }));
    let past = PastCall {
        call: CallId::new("old.1"),
        ticket: None,
        site: SiteId::new("shop"),
        number: None,
        at_unix_ms: room.unix_ms(),
        fate: Fate::Unknown,
    };
    room.restart_with(vec![past]);
    room.play("alice available");
    room.play("ask t1 cameras phone=0612345678 by=token answer=call");
    assert!(
        room.trace.contains("minutes of today are used up"),
        "{}",
        room.trace
    );
}

fn check_number(text: &str, expected: Result<&str, NumberError>) {
    let read = PhoneNumber::read(text, Country::read("FR"));
    assert_eq!(
        read.as_ref().map(PhoneNumber::as_str).map_err(|e| *e),
        expected,
        "{text:?}"
    );
}

#[test]
fn numbers_are_read_as_people_write_them() {
    check_number("06 12 34 56 78", Ok("+33612345678"));
    check_number("+33 (0)6-12.34.56.78", Ok("+33612345678"));
    check_number("0033612345678", Ok("+33612345678"));
    check_number("+44 20 7946 0018", Ok("+442079460018"));
    for costly in [
        "0899 70 12 34",
        "+1 900 555 1234",
        "+870 776 123 456",
        "+979 1 2345 6789",
    ] {
        check_number(costly, Err(NumberError::Costly));
    }
    for none in ["112", "15", "12", "+33", "+999 123456789", "000000000000"] {
        check_number(none, Err(NumberError::NoNumber));
    }
    for signs in [
        "",
        "0612345678;ext=5",
        "tel:+33612345678",
        "06123456٧8",
        "+33+612345678",
        "06\r\n1",
    ] {
        check_number(signs, Err(NumberError::Signs));
    }
    assert_eq!(
        PhoneNumber::read("0612345678", None),
        Err(NumberError::NoCountry)
    );
    let number = PhoneNumber::read("0612345678", Country::read("fr")).unwrap();
    assert_eq!(number.masked(), "+33•••••••78");
    assert_eq!(format!("{number:?}"), "PhoneNumber(+33•••••••78)");
}

proptest::proptest! {
    /// Security row M1: whatever is written, what is dialled is `+` and 7 to 15 digits.
    #[test]
    fn nothing_but_digits_is_ever_a_number(text in "[0-9+ ./()%;:a-z\\r\\n-]{0,45}|\\PC{0,45}") {
        if let Ok(number) = PhoneNumber::read(&text, Country::read("FR")) {
            let digits = number.as_str().strip_prefix('+').unwrap();
            proptest::prop_assert!((7..=15).contains(&digits.len()));
            proptest::prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
        }
    }
}
