//! What a click meets before any rep does.

use expect_test::expect;
use helpdesk::TicketId;

use crate::room::{Room, check, check_with};
use crate::samples::{routed, sample};

#[test]
fn a_click_without_anybody_on_duty_is_refused() {
    check(
        "
        ask t1 cameras
        ",
        expect![[r#"
            = refused: nobody who can help with this is on duty
        "#]],
    );
}

#[test]
fn a_click_with_only_away_reps_waits() {
    check(
        "
        alice away
        ask t1 cameras
        ",
        expect![[r#"
            = t1 queued at 1
        "#]],
    );
}

#[test]
fn a_click_for_an_unknown_site_is_refused() {
    check(
        "
        alice available
        ask t1 cameras site=nowhere
        ",
        expect![[r#"
            = refused: no site is called nowhere
        "#]],
    );
}

#[test]
fn a_click_for_a_skill_the_site_lacks_is_refused() {
    check(
        "
        alice available
        ask t1 cameras site=lab
        ",
        expect![[r#"
            = refused: this site has no skill called cameras
        "#]],
    );
}

#[test]
fn a_click_of_an_unknown_tier_is_refused() {
    check(
        "
        alice available
        ask t1 cameras diamond
        ",
        expect![[r#"
            = refused: no tier is called diamond
        "#]],
    );
}

#[test]
fn a_click_without_a_skill_is_refused_where_there_are_several() {
    check(
        "
        alice available
        ask t1 -
        ",
        expect![[r#"
            = refused: the request names no skill
        "#]],
    );
}

#[test]
fn a_site_of_one_skill_needs_no_skill_in_the_click() {
    check(
        "
        bob available
        ask t1 - standard site=lab
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Printing. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
        "#]],
    );
}

#[test]
fn a_click_for_a_rep_who_lacks_the_skill_is_refused() {
    check(
        "
        alice, bob available
        ask t1 lenses to=bob
        ",
        expect![[r#"
            = refused: no rep called bob can help with this
        "#]],
    );
}

#[test]
fn a_click_for_an_unknown_rep_is_refused() {
    check(
        "
        alice available
        ask t1 cameras to=zed
        ",
        expect![[r#"
            = refused: no rep called zed can help with this
        "#]],
    );
}

#[test]
fn a_click_beyond_the_queue_limit_is_refused() {
    check_with(
        routed(|routing| routing.queue_limit = 1),
        "
        alice busy
        ask t1 cameras
        ask t2 cameras
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = refused: the queue is full
        "#]],
    );
}

#[test]
fn a_full_queue_refuses_nobody_who_can_be_served_at_once() {
    check_with(
        routed(|routing| routing.queue_limit = 1),
        "
        alice busy
        ask t1 cameras
        carol available
        ask t2 lenses gold
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            > carol (t2): A shopper (gold) asks for help with Lenses. | Reply to take it, /no to pass (20 s).
            = t2 offered Carol
        "#]],
    );
}

#[test]
fn the_same_click_twice_is_one_ticket() {
    check(
        "
        alice busy
        ask t1 cameras
        ask t1 cameras
        group cameras
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t1 queued at 1, 250 s (26 to 576)
            cameras standard wait: 0 available, 1 busy, 0 away, 3 offline, 1 queued, 500 s (133 to 972)
        "#]],
    );
}

#[test]
fn a_skill_named_twice_is_wanted_once() {
    check(
        "
        records
        alice available
        ask t1 cameras+cameras
        ",
        expect![[r#"
            * opened t1
            * offered t1 alice
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
        "#]],
    );
}

#[test]
fn only_reps_with_every_skill_are_asked() {
    check(
        "
        alice, bob, erin available
        ask t1 cameras+printing
        ask t2 cameras+printing
        ask t3 cameras+lenses+printing
        ",
        expect![[r#"
            > erin (t1): A shopper (standard) asks for help with Cameras, Printing. | Reply to take it, /no to pass (20 s).
            = t1 offered Erin
            > bob (t2): A shopper (standard) asks for help with Cameras, Printing. | Reply to take it, /no to pass (20 s).
            = t2 offered Bob
            = t3 queued at 1, 250 s (26 to 576)
        "#]],
    );
}

/// Who calls themselves like a rep is not taken for one, neither by reps nor by who reads the conversation later.
#[test]
fn a_shopper_named_like_a_rep_is_told_apart() {
    check(
        "
        alice available
        bob available
        ask t1 cameras name=B\u{43e}B : Refund me
        alice: hello
        alice: /to bob
        ask t2 cameras name=Bobby : And me
        ",
        expect![[r#"
            < t1 shopper: Refund me
            > alice (t1): BоB (shopper) (standard) asks for help with Cameras: "Refund me" | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hello
            < t1 -: Alice hands you on to Bob.
            > alice (t1): Handed on to Bob.
            > bob (t1): BоB (shopper) (standard) asks for help with Cameras. Said so far: | BоB (shopper): Refund me | Alice: hello | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
            < t2 shopper: And me
            = t2 queued at 1, 125 s (13 to 288)
        "#]],
    );
}

/// Clicks that name what is not there say which, and those who wait are served as if they had not been.
#[test]
fn clicks_that_are_refused_leave_the_queue_as_it_is() {
    let mut room = Room::new(sample());
    for line in [
        "alice available",
        "ask t1 cameras",
        "ask t2 cameras",
        "ask t3 lenses",
    ] {
        room.play(line);
    }
    let views = |room: &Room| ["t1", "t2", "t3"].map(|id| room.desk.ticket(&TicketId::new(id)));
    let (before, told, snapshot) = (views(&room), room.records.len(), room.desk.snapshot());
    room.trace.clear();
    for line in [
        "ask t4 singing",
        "ask t4 cameras diamond",
        "ask t4 cameras to=zoe",
        "ask t4 cameras level=100",
        "ask t4 cameras site=nowhere",
    ] {
        room.play(line);
    }
    for named in [
        "singing",
        "diamond",
        "zoe",
        "cameras of level 100",
        "nowhere",
    ] {
        assert!(room.trace.contains(named), "{named}: {}", room.trace);
    }
    assert_eq!(room.trace.lines().count(), 5, "{}", room.trace);
    assert_eq!(views(&room), before);
    assert_eq!(room.records.len(), told);
    assert_eq!(room.desk.snapshot(), snapshot);
    assert_eq!(room.desk.ticket(&TicketId::new("t4")), None);
}
