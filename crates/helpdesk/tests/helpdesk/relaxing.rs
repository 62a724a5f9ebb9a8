//! What a ticket no longer insists on as it waits.

use expect_test::expect;

use helpdesk::{Config, Relax};

use crate::room::{check, check_with};
use crate::samples::{accepting, level, relax, routed};

#[test]
fn without_rules_no_level_is_too_low() {
    check(
        "
        dave available
        ask t1 cameras
        ",
        expect![[r#"
            > dave (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Dave
        "#]],
    );
}

#[test]
fn a_rule_lets_other_skills_do_after_its_time() {
    check_with(
        accepting(),
        "
        alice busy
        carol available
        ask t1 cameras gold
        89s
        show t1
        why t1
        1s
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            t1 is queued at 1, 250 s (26 to 576)
            alice NotAvailable
            bob NotAvailable
            carol LacksSkill
            dave NotAvailable
            erin NotAvailable
            > carol (t1): A shopper (gold) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Carol
        "#]],
    );
}

#[test]
fn a_rule_for_one_skill_does_not_relax_another() {
    check_with(
        accepting(),
        "
        bob busy
        carol available
        ask t1 printing gold
        120s
        show t1
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            t1 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn a_rule_lets_reserved_reps_do_after_its_time() {
    check_with(
        any_tier(),
        "
        alice busy
        carol available
        ask t1 lenses standard
        120s
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            > carol (t1): A shopper (standard) asks for help with Lenses. | Reply to take it, /no to pass (20 s).
            < t1 is offered Carol
        "#]],
    );
}

#[test]
fn with_level_rules_the_best_at_work_is_waited_for_first() {
    check_with(
        levelled(),
        "
        alice busy
        bob, erin available
        ask t1 cameras
        why t1
        30s
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            alice NotAvailable
            bob BelowLevel
            carol OtherTier
            dave BelowLevel
            erin BelowLevel
            > erin (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Erin
        "#]],
    );
}

#[test]
fn the_best_at_work_is_enough_from_the_start() {
    check_with(
        levelled(),
        "
        bob available
        alice away
        ask t1 cameras
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
        "#]],
    );
}

#[test]
fn a_level_that_is_too_low_stays_too_low_while_a_better_rep_is_at_work() {
    check_with(
        levelled(),
        "
        alice busy
        bob available
        ask t1 cameras
        300s
        show t1
        alice offline
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            t1 is queued at 1, 250 s (26 to 576)
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}

#[test]
fn a_click_that_only_relaxing_can_serve_waits() {
    check_with(
        accepting(),
        "
        carol available
        ask t1 cameras gold
        group cameras gold
        90s
        ",
        expect![[r#"
            = t1 queued at 1
            cameras gold wait: 0 available, 0 busy, 0 away, 4 offline, 1 queued
            > carol (t1): A shopper (gold) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Carol
        "#]],
    );
}

/// Waiting for her would shut out those who could take it all the time.
#[test]
fn a_named_rep_whom_only_relaxing_lets_in_is_not_waited_for() {
    check_with(
        accepting(),
        "
        alice, carol available
        ask t1 cameras gold
        alice: hi
        ask t2 lenses gold
        carol: hi
        ask t3 cameras gold to=carol wait=300
        120s
        alice: /end
        10s
        ",
        expect![[r#"
            > alice (t1): A shopper (gold) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > carol (t2): A shopper (gold) asks for help with Lenses. | Reply to take it, /no to pass (20 s).
            = t2 offered Carol
            < t2 is open Carol
            < t2 -: Carol has joined.
            < t2 Carol: hi
            = t3 queued at 1, 250 s (26 to 576)
            < t3 is queued at 1, 125 s (13 to 288)
            < t1 -: Alice has ended the conversation.
            > alice (t1): Ended.
            < t1 is closed
            < t3 is queued at 1, 120 s (13 to 275)
            > alice (t3): A shopper (gold) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t3 is offered Alice
        "#]],
    );
}

#[test]
fn a_transfer_starts_the_relaxing_afresh() {
    check_with(
        accepting(),
        "
        alice, carol available
        ask t1 cameras gold
        alice: Hi
        200s
        bob busy
        alice: /to bob
        46s
        show t1
        ",
        expect![[r#"
            > alice (t1): A shopper (gold) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Hi
            < t1 -: Alice hands you on to Bob.
            > alice (t1): Handed on to Bob.
            < t1 is queued at 1, 125 s (13 to 288)
            t1 is queued at 1, 125 s (13 to 288)
        "#]],
    );
}

/// After 120 s reserved reps will do.
fn any_tier() -> Config {
    routed(|routing| {
        routing.relax = vec![Relax {
            any_tier: true,
            ..relax(120)
        }];
    })
}

/// After 30 s level 60 is enough.
fn levelled() -> Config {
    routed(|routing| {
        routing.relax = vec![Relax {
            min_level: Some(level(60)),
            ..relax(30)
        }];
    })
}
