//! Decisions that can be asked for their reasons.

use expect_test::expect;

use crate::room::{check, check_with};
use crate::samples::{accepting, strict};

#[test]
fn a_decision_says_who_could_have_taken_the_ticket_and_why_one_did() {
    check(
        "
        alice, bob, dave available
        erin busy
        ask t1 cameras
        decisions t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            Offered to alice after 0 s, of 3 who could take it: level 90 before bob's 50.
            alice: could take it at once, level 90, idle for 0 s, score 0.0.
            bob: could take it at once, level 50, idle for 0 s, score 0.0.
            dave: could take it at once, level 30, idle for 0 s, score 0.0.
            erin: fits, but is busy, level 70.
            carol: serves other tiers.
        "#]],
    );
}

#[test]
fn a_ticket_that_waits_says_why_each_rep_did_not_take_it() {
    check_with(
        accepting(),
        "
        alice, carol busy
        bob available
        ask t1 lenses gold
        ask t2 cameras
        ask t3 cameras
        90s
        alice available
        decisions t3
        ",
        expect![[r#"
            = t1 queued at 1, 125 s (13 to 288)
            > bob (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Bob
            = t3 queued at 2, 250 s (66 to 486)
            < t2 is queued at 2, 500 s (133 to 972)
            < t3 is queued at 3, 750 s (276 to 1331), because fewer reps are at work than before
            > bob (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Bob
            < t3 is queued at 2, 250 s (66 to 486)
            > alice (t1): A shopper (gold) asks for help with Lenses. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            < t3 is queued at 1, 125 s (13 to 288)
            Waits, after 0 s: nobody who may take it is free.
            alice: fits, but is busy, level 90.
            erin: fits, but is offline, level 70.
            dave: fits, but is offline, level 30.
            bob: fits, but has as much in hand as may be, level 50.
            carol: serves other tiers.
            Waits, after 90 s: nobody who may take it is free.
            Rule: after 90 s for cameras lenses will do.
            alice: fits, but is busy, level 90.
            erin: fits, but is offline, level 70.
            dave: fits, but is offline, level 30.
            bob: fits, but has as much in hand as may be, level 50.
            carol: serves other tiers.
        "#]],
    );
}

#[test]
fn declined_and_lapsed_offers_are_decided_anew() {
    check(
        "
        alice, bob, erin available
        ask t1 cameras
        alice: /no
        20s
        decisions t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            > erin (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Erin
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
            Offered to alice after 0 s, of 3 who could take it: level 90 before erin's 70.
            alice: could take it at once, level 90, idle for 0 s, score 0.0.
            erin: could take it at once, level 70, idle for 0 s, score 0.0.
            bob: could take it at once, level 50, idle for 0 s, score 0.0.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            Offered to erin after 0 s, of 2 who could take it: level 70 before bob's 50.
            erin: could take it at once, level 70, idle for 0 s, score 0.0.
            bob: could take it at once, level 50, idle for 0 s, score 0.0.
            dave: fits, but is offline, level 30.
            alice: fits, but did not take it a short while ago, level 90.
            carol: serves other tiers.
            Offered to bob after 20 s: the only one who could take it.
            bob: could take it at once, level 50, idle for 20 s, score 10.0.
            dave: fits, but is offline, level 30.
            erin: fits, but did not answer lately, level 70.
            alice: fits, but did not take it a short while ago, level 90.
            carol: serves other tiers.
        "#]],
    );
}

#[test]
fn a_ticket_that_is_stranded_says_so() {
    check_with(
        strict(),
        "
        alice busy
        ask t1 cameras gold
        alice offline
        decisions t1
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            < t1 -: Nobody who can help is on duty at the moment. You keep your place.
            < t1 is queued at 1
            Waits, after 0 s: nobody who may take it is free.
            alice: fits, but is busy, level 90.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: lacks a required skill.
            Waits, after 0 s: nobody who could ever take it is on duty.
            alice: fits, but is offline, level 90.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: lacks a required skill.
        "#]],
    );
}
