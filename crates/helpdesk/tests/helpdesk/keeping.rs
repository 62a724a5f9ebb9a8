//! What a rep is kept from by pauses and calls, and what a shopper is kept informed of.

use expect_test::expect;

use helpdesk::{PauseEnd, RepId};

use crate::room::{Room, check, check_with};
use crate::samples::{routed, sample, strict};

#[test]
fn a_rep_with_a_pause_is_asked_nothing_until_it_is_over() {
    check(
        "
        alice, bob available
        alice pauses 60
        ask t1 cameras
        group cameras
        bob: hi
        ask t2 cameras
        59s
        1s
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
            cameras standard wait: 0 available, 1 busy, 1 away, 2 offline, 0 queued, 250 s (26 to 576)
            < t1 is open Bob
            < t1 -: Bob has joined.
            < t1 Bob: hi
            = t2 queued at 1, 250 s (26 to 576)
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
        "#]],
    );
}

#[test]
fn a_rep_may_end_a_pause() {
    check(
        "
        alice available
        alice pauses 600
        ask t1 cameras
        why t1
        alice resumes 0
        ",
        expect![[r#"
            = t1 queued at 1
            alice Paused
            bob NotAvailable
            carol OtherTier
            dave NotAvailable
            erin NotAvailable
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_rep_begins_and_ends_a_pause_in_words() {
    check(
        "
        alice available
        alice: /pause
        alice: /pause
        ask t1 cameras
        3600s
        alice: /resume
        alice: hi
        alice@t1: /resume
        ",
        expect![[r#"
            > alice (desk): You have a pause until /resume.
            > alice (desk): You have a pause until /resume.
            = t1 queued at 1
            > alice (desk): Your pause is over.
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > alice (t1): You have no pause.
        "#]],
    );
}

#[test]
fn a_pause_in_words_is_over_by_itself() {
    check(
        "
        alice available
        alice: /pause 2 min
        ask t1 cameras
        119s
        1s
        ",
        expect![[r#"
            > alice (desk): You have a pause of 2 min; /resume ends it.
            = t1 queued at 1
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_pause_of_unclear_length_is_none() {
    check(
        "
        alice available
        alice: /pause for lunch
        ask t1 cameras
        ",
        expect![[r#"
            > alice (desk): How long? /pause 15 is 15 minutes; 90s and 2h are understood, 24h at most. /pause alone lasts until /resume.
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
        "#]],
    );
}

#[test]
fn who_begins_a_pause_passes_what_is_offered_on() {
    check(
        "
        alice, bob available
        ask t1 cameras
        records
        alice: /pause 15
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * paused alice Some(At(1900000))
            * offer ended t1 alice: the rep has begun a pause
            > alice (desk): You have a pause of 15 min; /resume ends it.
            * offered t1 bob
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}

/// In the window of a conversation that the desk has forgotten, or never had.
#[test]
fn a_pause_is_obeyed_wherever_it_is_written() {
    check(
        "
        alice available
        alice@t9: /pause 15
        alice@t9: hello
        ask t1 cameras
        alice@t9: /resume
        ",
        expect![[r#"
            > alice (desk): You have a pause of 15 min; /resume ends it.
            = no such conversation
            = t1 queued at 1
            > alice (desk): Your pause is over.
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_pause_leaves_the_conversation_as_it_is() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        alice@t1: /pause 90s
        t1: still there?
        alice: sure
        alice: /end
        ask t2 cameras
        90s
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > alice (t1): You have a pause of 90 s; /resume ends it.
            < t1 shopper: still there?
            > alice (t1): still there?
            = said 3
            < t1 Alice: sure
            < t1 -: Alice has ended the conversation.
            > alice (t1): Ended.
            < t1 is closed
            = t2 queued at 1
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
        "#]],
    );
}

#[test]
fn a_call_fills_a_rep() {
    check_with(
        crate::samples::with_capacity("alice", 3),
        "
        alice available
        alice calls 1
        ask t1 cameras
        why t1
        alice calls 0
        ",
        expect![[r#"
            = t1 queued at 1, 83 s (9 to 192)
            alice OnCall
            bob NotAvailable
            carol OtherTier
            dave NotAvailable
            erin NotAvailable
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_promise_grows_once_and_says_why() {
    check_with(
        strict(),
        "
        alice busy
        ask t1 cameras
        ask t2 cameras platinum
        ask t3 cameras platinum
        ask t4 cameras platinum
        30s
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 1, 250 s (26 to 576)
            < t1 is queued at 2, 250 s (133 to 576)
            = t3 queued at 2, 500 s (133 to 972)
            < t1 is queued at 3, 750 s (276 to 1331), because more urgent requests go first
            = t4 queued at 3, 750 s (276 to 1331)
            < t1 is queued at 4, 750 s (436 to 1331)
        "#]],
    );
}

/// Nine tenths of the 576 s promised to the standard shopper are over after 519 s.
#[test]
fn a_promise_in_danger_goes_first_where_the_desk_wants_it() {
    check_with(
        routed(|routing| routing.promise_boost = 10.0),
        "
        alice busy
        ask t1 cameras
        200s
        ask t2 cameras platinum
        318s
        show t1
        1s
        show t1
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            < t1 is queued at 2, 500 s (133 to 972), because more urgent requests go first
            < t2 is queued at 1, 250 s (26 to 576)
            t1 is queued at 2, 500 s (133 to 972), because more urgent requests go first
            < t1 is queued at 1, 250 s (26 to 576)
            < t2 is queued at 2, 250 s (133 to 576)
            t1 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn what_is_known_of_a_rep_is_what_keeps_offers_away() {
    let mut room = Room::new(sample());
    for line in [
        "alice available",
        "ask t1 cameras",
        "alice: hi",
        "alice pauses 60",
        "alice calls 1",
    ] {
        room.play(line);
    }
    let known = |room: &Room| room.desk.knowledge_of(&RepId::new("alice")).unwrap();
    let alice = known(&room);
    assert_eq!((alice.conversations, alice.offers, alice.calls), (1, 0, 1));
    assert_eq!(alice.pause, Some(PauseEnd::At(1_060_000)));
    assert!(!alice.has_room());
    for line in ["alice resumes 0", "alice calls 0", "t1 end"] {
        room.play(line);
    }
    let resting = known(&room);
    assert_eq!(resting.wrap_up_until_unix_ms, Some(1_010_000));
    assert!(!resting.has_room());
    room.play("10s");
    assert!(known(&room).has_room());
    for line in ["ask t2 cameras", "20s"] {
        room.play(line);
    }
    assert_eq!(known(&room).doubted_until_unix_ms, Some(1_090_000));
    assert!(room.desk.knowledge_of(&RepId::new("nobody")).is_none());
}

#[test]
fn promises_are_scored_against_what_came_to_be() {
    let mut room = Room::new(strict());
    for line in [
        "alice busy",
        "ask t1 cameras",
        "ask t2 cameras gold",
        "ask t3 cameras gold",
        "100s",
        "alice available",
        "alice: hi",
        "t1 end",
        "1100s",
        "t3 end",
    ] {
        room.play(line);
    }
    let scores = room.desk.estimate_scores();
    let (skill, tier, gold) = &scores.groups[0];
    assert_eq!((skill.as_str(), tier.as_str()), ("cameras", "gold"));
    // The heavier tier goes first: it was promised 250 s, and 500 s behind it.
    assert_eq!((gold.promised, gold.scored, gold.held), (2, 1, 1));
    assert_eq!(gold.by_length, 2, "no conversation is known to play with");
    assert_eq!(
        (gold.bias(), gold.mean_square_error()),
        (Some(150.0), Some(22_500.0))
    );
    assert_eq!(
        (gold.left, gold.left_after),
        (1, 1),
        "who leaves too late was promised too little"
    );
    assert_eq!(gold.coverage(), Some(0.5));
    let (_, tier, standard) = &scores.groups[1];
    assert_eq!(
        (tier.as_str(), standard.left, standard.left_after),
        ("standard", 1, 0)
    );
    assert_eq!(standard.coverage(), None);
    assert_eq!(scores.total.promised, 3);
}
