//! Which of several free reps is asked.

use std::time::Duration;

use expect_test::expect;

use helpdesk::Config;

use crate::room::{check, check_with};
use crate::samples::{longest_idle, rep, routed, sample};

#[test]
fn the_highest_level_is_asked_first() {
    check(
        "
        alice, bob, dave, erin available
        ask t1 cameras
        ask t2 cameras
        ask t3 cameras
        ask t4 cameras
        ask t5 cameras
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            > erin (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Erin
            > bob (t3): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t3 offered Bob
            > dave (t4): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t4 offered Dave
            = t5 queued at 1, 63 s (7 to 144)
        "#]],
    );
}

#[test]
fn equals_are_asked_longest_idle_first() {
    check_with(
        level_pegging(),
        "
        bob available
        1s
        alice available
        1s
        ask t1 cameras
        ask t2 cameras
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
        "#]],
    );
}

#[test]
fn equals_idle_alike_are_asked_by_name() {
    check_with(
        level_pegging(),
        "
        bob, alice available
        ask t1 cameras
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
        "#]],
    );
}

#[test]
fn a_rep_back_on_duty_is_not_the_longest_idle() {
    check_with(
        level_pegging(),
        "
        alice, bob available
        5s
        alice away
        5s
        alice available
        ask t1 cameras
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
        "#]],
    );
}

#[test]
fn a_rep_who_ended_a_conversation_is_not_the_longest_idle() {
    check_with(
        level_pegging(),
        "
        alice available
        ask t1 cameras
        alice: hi
        bob available
        5s
        alice: /end
        10s
        ask t2 cameras
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            < t1 -: Alice has ended the conversation.
            > alice (t1): Ended.
            < t1 is closed
            > bob (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Bob
        "#]],
    );
}

#[test]
fn longest_idle_ignores_levels() {
    check_with(
        longest_idle(),
        "
        dave available
        1s
        alice available
        ask t1 cameras
        ",
        expect![[r#"
            > dave (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Dave
        "#]],
    );
}

#[test]
fn reps_reserved_for_other_tiers_are_not_asked() {
    check(
        "
        carol available
        alice busy
        ask t1 lenses standard
        ask t2 lenses gold
        why t1
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            > carol (t2): A shopper (gold) asks for help with Lenses. | Reply to take it, /no to pass (20 s).
            = t2 offered Carol
            alice NotAvailable
            bob LacksSkill
            carol OtherTier
            dave LacksSkill
            erin NotAvailable
        "#]],
    );
}

#[test]
fn a_named_rep_is_asked_though_others_are_better() {
    check(
        "
        alice, bob available
        ask t1 cameras to=bob
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
        "#]],
    );
}

#[test]
fn a_named_rep_is_waited_for_until_the_deadline() {
    check(
        "
        alice available
        bob busy
        ask t1 cameras to=bob
        why t1
        44s
        show t1
        1s
        ",
        expect![[r#"
            = t1 queued at 1, 125 s (13 to 288)
            alice KeptForAnother
            bob NotAvailable
            carol OtherTier
            dave KeptForAnother
            erin KeptForAnother
            t1 is queued at 1, 125 s (13 to 288)
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_named_rep_who_is_off_duty_is_not_waited_for() {
    check(
        "
        alice available
        ask t1 cameras to=bob
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
        "#]],
    );
}

#[test]
fn a_named_rep_who_does_not_answer_is_not_waited_for() {
    check(
        "
        bob available
        ask t1 cameras
        20s
        t1 end
        alice available
        ask t2 cameras to=bob
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
            < t1 is queued at 1
            < t1 is abandoned
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
        "#]],
    );
}

#[test]
fn a_named_rep_who_goes_off_duty_is_no_longer_waited_for() {
    check(
        "
        alice available
        bob busy
        ask t1 cameras to=bob
        bob offline
        ",
        expect![[r#"
            = t1 queued at 1, 125 s (13 to 288)
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_named_rep_who_declines_is_no_longer_waited_for() {
    check(
        "
        alice, bob available
        ask t1 cameras to=bob
        bob: /no
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_named_rep_is_first_among_the_free_even_when_not_waited_for() {
    check_with(
        routed(|routing| routing.sticky_for = Duration::ZERO),
        "
        alice, bob available
        ask t1 cameras to=bob
        bob: /no
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

/// Alice and Bob know cameras equally well.
fn level_pegging() -> Config {
    Config {
        reps: vec![rep("alice", "cameras 70"), rep("bob", "cameras 70")],
        ..sample()
    }
}
