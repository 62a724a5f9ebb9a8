//! What pages show of the groups.

use expect_test::expect;

use crate::room::{check, check_with};
use crate::samples::{accepting, strict};

#[test]
fn nobody_on_duty_is_closed() {
    check(
        "
        group cameras
        ",
        expect![[r#"
            cameras standard closed: 0 available, 0 busy, 0 away, 4 offline, 0 queued
        "#]],
    );
}

#[test]
fn a_free_rep_is_available() {
    check(
        "
        alice available
        group cameras
        group lenses
        group printing
        ",
        expect![[r#"
            cameras standard available: 1 available, 0 busy, 0 away, 3 offline, 0 queued
            lenses standard available: 1 available, 0 busy, 0 away, 1 offline, 0 queued
            printing standard closed: 0 available, 0 busy, 0 away, 3 offline, 0 queued
        "#]],
    );
}

#[test]
fn every_rep_counts_once_by_what_keeps_them() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        bob busy
        dave away
        group cameras
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            cameras standard wait: 0 available, 2 busy, 1 away, 1 offline, 0 queued, 125 s (13 to 288)
        "#]],
    );
}

#[test]
fn a_resting_rep_is_busy() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        t1 end
        group cameras
        10s
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
fn a_reserved_rep_counts_for_those_tiers_only() {
    check(
        "
        carol available
        group lenses standard
        group lenses gold
        ",
        expect![[r#"
            lenses standard closed: 0 available, 0 busy, 0 away, 2 offline, 0 queued
            lenses gold available: 1 available, 0 busy, 0 away, 2 offline, 0 queued
        "#]],
    );
}

#[test]
fn a_group_in_wait_promises_the_wait_of_a_click() {
    check(
        "
        alice busy
        ask t1 cameras
        ask t2 cameras
        group cameras
        ask t3 cameras
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            cameras standard wait: 0 available, 1 busy, 0 away, 3 offline, 2 queued, 750 s (276 to 1331)
            = t3 queued at 3, 750 s (276 to 1331)
        "#]],
    );
}

#[test]
fn a_group_whose_overflow_is_on_duty_is_not_closed() {
    check_with(
        accepting(),
        "
        carol available
        group cameras gold
        group cameras standard
        ",
        expect![[r#"
            cameras gold wait: 0 available, 0 busy, 0 away, 4 offline, 0 queued
            cameras standard closed: 0 available, 0 busy, 0 away, 4 offline, 0 queued
        "#]],
    );
}

#[test]
fn under_strict_priority_a_heavier_group_waits_less() {
    check_with(
        strict(),
        "
        alice busy
        ask t1 cameras gold
        ask t2 cameras standard
        group cameras standard
        group cameras gold
        group cameras platinum
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            cameras standard wait: 0 available, 1 busy, 0 away, 3 offline, 1 queued, 750 s (276 to 1331)
            cameras gold wait: 0 available, 1 busy, 0 away, 3 offline, 1 queued, 500 s (133 to 972)
            cameras platinum wait: 0 available, 1 busy, 0 away, 3 offline, 0 queued, 250 s (26 to 576)
        "#]],
    );
}
