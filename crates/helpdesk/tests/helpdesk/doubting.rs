//! Reps who did not answer or cannot be reached.

use expect_test::expect;

use crate::room::check;

#[test]
fn a_rep_who_let_an_offer_lapse_counts_as_away_for_a_minute() {
    check(
        "
        alice available
        ask t1 cameras
        20s
        group cameras
        ask t2 cameras
        59s
        show t2
        1s
        group cameras
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1
            cameras standard wait: 0 available, 0 busy, 1 away, 3 offline, 1 queued
            = t2 queued at 2
            t2 is queued at 2
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            < t2 is queued at 1, 250 s (26 to 576)
            cameras standard wait: 0 available, 1 busy, 0 away, 3 offline, 1 queued, 500 s (133 to 972)
        "#]],
    );
}

#[test]
fn a_doubted_rep_who_says_something_is_asked_at_once() {
    check(
        "
        alice available
        ask t1 cameras
        20s
        ask t2 cameras
        alice@t9: back
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1
            = t2 queued at 2
            = no such conversation
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
            < t1 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn a_doubted_rep_whose_presence_changes_is_asked_at_once() {
    check(
        "
        alice available
        ask t1 cameras
        20s
        ask t2 cameras
        alice busy
        alice available
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1
            = t2 queued at 2
            < t1 is queued at 1, 250 s (26 to 576)
            < t2 is queued at 2, 500 s (133 to 972)
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
        "#]],
    );
}

#[test]
fn presence_told_again_without_change_does_not_end_a_doubt() {
    check(
        "
        alice available
        ask t1 cameras
        20s
        ask t2 cameras
        alice available
        show t2
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1
            = t2 queued at 2
            t2 is queued at 2
        "#]],
    );
}

#[test]
fn an_unreachable_rep_is_asked_for_the_same_ticket_when_back() {
    check(
        "
        alice available
        ask t1 cameras
        alice unreachable
        show t1
        alice busy
        alice available
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1
            t1 is queued at 1
            < t1 is queued at 1, 250 s (26 to 576)
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn an_old_failure_does_not_count_against_a_rep_who_is_back() {
    check(
        "
        alice available
        ask t1 cameras
        25s
        alice busy
        alice available
        alice unreachable
        group cameras
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1
            < t1 is queued at 1, 250 s (26 to 576)
            cameras standard available: 1 available, 0 busy, 0 away, 3 offline, 1 queued
        "#]],
    );
}

#[test]
fn an_unreachable_rep_in_conversation_is_told_to_the_shopper_once() {
    check(
        "
        alice available
        ask t1 cameras
        1s
        alice: Hi
        t1: Hello?
        alice unreachable
        t1: Hello??
        alice unreachable
        alice: Back again
        t1: Ah
        show t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Hi
            < t1 shopper: Hello?
            > alice (t1): Hello?
            = said 3
            < t1 -: Alice cannot be reached right now.
            < t1 shopper: Hello??
            > alice (t1): Hello??
            = said 5
            < t1 Alice: Back again
            < t1 shopper: Ah
            > alice (t1): Ah
            = said 7
            t1 is open Alice
        "#]],
    );
}

#[test]
fn a_rep_who_goes_off_duty_in_conversation_is_told_to_the_shopper_once() {
    check(
        "
        alice available
        ask t1 cameras
        alice: Hi
        alice offline
        alice available
        alice offline
        show t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Hi
            < t1 -: Alice cannot be reached right now.
            t1 is open Alice
        "#]],
    );
}
