//! What the journal brings back.

use expect_test::expect;

use helpdesk::{Record, TicketId};

use crate::room::{Room, check};
use crate::samples::sample;

#[test]
fn a_waiting_ticket_waits_again_with_its_age() {
    check(
        "
        alice busy
        ask t1 cameras
        30s
        restart
        show t1
        alice busy
        ask t2 cameras platinum
        5s
        alice available
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            t1 is queued at 1
            < t1 is queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            < t2 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn an_offered_ticket_waits_again() {
    check(
        "
        records
        alice available
        ask t1 cameras
        restart
        show t1
        alice available
        ",
        expect![[r#"
            * opened t1
            * offered t1 alice
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * offer ended t1 alice: the server was restarted
            t1 is queued at 1
            * offered t1 alice
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn an_answer_to_an_offer_from_before_the_restart_still_takes_it() {
    check(
        "
        alice available
        ask t1 cameras
        restart
        alice: hi
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
        "#]],
    );
}

#[test]
fn an_open_conversation_stays_open() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        restart
        show t1
        t1: still there?
        alice: yes
        lines t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            t1 is open Alice
            < t1 shopper: still there?
            > alice (t1): still there?
            = said 3
            < t1 Alice: yes
            1 -: Alice has joined.
            2 Alice: hi
            3 shopper: still there?
            4 Alice: yes
        "#]],
    );
}

#[test]
fn a_conversation_after_a_restart_still_fills_its_rep() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        restart
        alice available
        ask t2 cameras
        group cameras
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            = t2 queued at 1, 250 s (26 to 576)
            cameras standard wait: 0 available, 1 busy, 0 away, 3 offline, 1 queued, 500 s (133 to 972)
        "#]],
    );
}

#[test]
fn a_line_repeated_over_a_restart_is_one_line() {
    check(
        "
        alice available
        ask t1 cameras
        t1#a: one
        restart
        t1#a: one
        lines t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 shopper: one
            > alice (t1): one
            = said 1
            = said 1
            1 shopper: one
        "#]],
    );
}

#[test]
fn an_ended_ticket_is_readable_until_its_time() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        t1 end
        1000s
        restart
        show t1
        799s
        show t1
        1s
        show t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > alice (t1): A shopper has ended the conversation.
            < t1 is closed
            t1 is closed
            t1 is closed
            t1 is unknown
        "#]],
    );
}

#[test]
fn a_decline_is_remembered_over_a_restart() {
    check(
        "
        alice available
        ask t1 cameras
        alice: /no
        30s
        restart
        alice available
        29s
        show t1
        1s
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1, 250 s (26 to 576)
            < t1 is queued at 1, 250 s (26 to 576)
            t1 is queued at 1, 250 s (26 to 576)
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_transfer_is_remembered_over_a_restart() {
    check(
        "
        alice, bob available
        ask t1 cameras
        alice: hi
        bob busy
        alice: /to bob
        restart
        alice, erin available
        bob busy
        show t1
        bob available
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            < t1 -: Alice hands you on to Bob.
            > alice (t1): Handed on to Bob.
            < t1 is queued at 1, 125 s (13 to 288)
            < t1 is queued at 1, 125 s (26 to 288)
            > erin (t1): A shopper (standard) asks for help with Cameras: "hi" | Reply to take it, /no to pass (20 s).
            < t1 is offered Erin
            t1 is offered Erin
        "#]],
    );
}

#[test]
fn the_rest_after_a_conversation_outlasts_a_restart() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        t1 end
        4s
        restart
        alice available
        group cameras
        6s
        group cameras
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > alice (t1): A shopper has ended the conversation.
            < t1 is closed
            cameras standard wait: 0 available, 1 busy, 0 away, 3 offline, 0 queued, 228 s (24 to 525)
            cameras standard available: 1 available, 0 busy, 0 away, 3 offline, 0 queued
        "#]],
    );
}

#[test]
fn handling_times_outlast_a_restart() {
    check(
        "
        alice, bob available
        ask t1 cameras
        alice: Hi
        30s
        t1 end
        restart
        alice, bob busy
        ask t2 cameras
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Hi
            > alice (t1): A shopper has ended the conversation.
            < t1 is closed
            = t2 queued at 1, 115 s (12 to 266)
        "#]],
    );
}

#[test]
fn two_restarts_are_as_good_as_one() {
    check(
        "
        alice available
        ask t1 cameras : hi
        restart
        restart
        show t1
        lines t1
        ",
        expect![[r#"
            < t1 shopper: hi
            > alice (t1): A shopper (standard) asks for help with Cameras: "hi" | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            t1 is queued at 1
            1 shopper: hi
        "#]],
    );
}

#[test]
fn a_pause_lasts_over_a_restart_and_not_longer() {
    check(
        "
        records
        alice, bob available
        alice pauses 60
        bob: /pause
        restart
        alice, bob available
        group cameras
        61s
        group cameras
        bob: /resume
        restart
        alice, bob available
        group cameras
        ",
        expect![[r#"
            * paused alice Some(At(1060000))
            * paused bob Some(WhenResumed)
            > bob (desk): You have a pause until /resume.
            cameras standard wait: 0 available, 0 busy, 2 away, 2 offline, 0 queued
            cameras standard available: 1 available, 0 busy, 1 away, 2 offline, 0 queued
            * paused bob None
            > bob (desk): Your pause is over.
            cameras standard available: 2 available, 0 busy, 0 away, 2 offline, 0 queued
        "#]],
    );
}

/// Ten conversations of half a minute, one of them waited for.
fn experienced() -> Room {
    let mut config = sample();
    config.routing.handling = None;
    let mut room = Room::new(config);
    room.play("alice available");
    for number in 10..=20 {
        room.play(&format!("ask t{number} cameras"));
        room.play("60s");
        room.play(&format!("alice@t{number}: Hello"));
        if number == 20 {
            room.play("ask t1 cameras");
        }
        room.play(&format!("{}s", number + 15));
        room.play(&format!("t{number} end"));
        room.play("60s");
    }
    room.play("alice@t1: Hello");
    room
}

#[test]
fn what_was_learnt_comes_back() {
    let mut room = experienced();
    let scores = room.desk.estimate_scores();
    assert_eq!((scores.total.promised, scores.total.scored), (1, 1));
    room.restart();
    assert_eq!(room.desk.estimate_scores(), scores);
    let waits = |room: &mut Room| {
        room.play("alice available");
        room.play("ask t2 cameras");
        room.desk.ticket(&TicketId::new("t2")).unwrap().wait
    };
    let after = waits(&mut room);
    let mut unbroken = experienced();
    assert!(after.is_some());
    assert_eq!(after, waits(&mut unbroken));
}

#[test]
fn an_old_journal_without_lessons_teaches_by_its_stories() {
    let mut room = experienced();
    let is_story = |record: &Record| record.ticket().is_some();
    room.records.retain(is_story);
    room.restart();
    room.play("alice available");
    room.play("ask t2 cameras");
    let wait = room.desk.ticket(&TicketId::new("t2")).unwrap().wait;
    assert!(wait.is_some());
}

#[test]
fn decisions_come_back() {
    let mut room = experienced();
    let before: Vec<_> = room.desk.all_decisions().cloned().collect();
    room.restart();
    assert!(!before.is_empty());
    assert!(before.iter().eq(room.desk.all_decisions()));
}

#[test]
fn a_promise_stays_the_same_promise_over_a_restart() {
    let mut room = Room::new(sample());
    room.play("alice busy");
    room.play("ask t1 cameras");
    room.play("100s");
    let before = room.desk.ticket(&TicketId::new("t1")).unwrap();
    room.play("restart");
    room.play("alice busy");
    assert_eq!(room.desk.ticket(&TicketId::new("t1")).unwrap(), before);
    assert_eq!(room.desk.estimate_scores().total.promised, 1);
}
