//! Who waits, who goes first, and what the waiting are told.

use std::time::Duration;

use expect_test::expect;
use helpdesk::Config;

use crate::room::{check, check_with};
use crate::samples::{rep, routed, sample, strict, with_capacity};

#[test]
fn a_freed_rep_pulls_the_oldest_ticket() {
    check(
        "
        alice busy
        ask t1 cameras
        1s
        ask t2 cameras
        alice available
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            < t2 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn a_closed_conversation_frees_the_rep_after_the_rest() {
    check(
        "
        alice available
        ask t1 cameras
        alice: Hi
        ask t2 cameras
        t1 end
        show t2
        9s
        show t2
        1s
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Hi
            = t2 queued at 1, 250 s (26 to 576)
            > alice (t1): A shopper has ended the conversation.
            < t1 is closed
            < t2 is queued at 1, 228 s (24 to 525)
            t2 is queued at 1, 228 s (24 to 525)
            t2 is queued at 1, 228 s (24 to 525)
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
        "#]],
    );
}

#[test]
fn a_rest_of_zero_frees_the_rep_at_once() {
    check_with(
        routed(|routing| routing.wrap_up = Duration::ZERO),
        "
        alice available
        ask t1 cameras
        alice: Hi
        ask t2 cameras
        t1 end
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Hi
            = t2 queued at 1, 240 s (25 to 553)
            > alice (t1): A shopper has ended the conversation.
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is closed
            < t2 is offered Alice
        "#]],
    );
}

#[test]
fn a_freed_rep_takes_what_fits_though_it_is_not_first() {
    check(
        "
        alice, bob busy
        ask t1 lenses
        ask t2 cameras
        bob available
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 250 s (66 to 486)
            > bob (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Bob
        "#]],
    );
}

#[test]
fn under_weighted_priority_weight_multiplies_the_wait() {
    check(
        "
        alice busy
        ask t1 cameras standard
        10s
        ask t2 cameras platinum
        10s
        alice available
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            < t1 is queued at 2, 250 s (133 to 576)
            < t2 is queued at 1, 250 s (26 to 576)
            > alice (t2): A shopper (platinum) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
            < t1 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn under_weighted_priority_a_long_wait_beats_a_weight() {
    check(
        "
        alice busy
        ask t1 cameras standard
        90s
        ask t2 cameras platinum
        10s
        alice available
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            < t2 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn a_heavier_ticket_overtakes_when_its_time_has_come() {
    check(
        "
        alice busy
        ask t1 cameras standard
        30s
        ask t2 cameras gold
        40s
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            < t1 is queued at 2, 250 s (133 to 576)
            < t2 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn under_strict_priority_weight_comes_first() {
    check_with(
        strict(),
        "
        alice busy
        ask t1 cameras standard
        90s
        ask t2 cameras gold
        alice available
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 1, 250 s (26 to 576)
            < t1 is queued at 2, 500 s (133 to 972), because more urgent requests go first
            > alice (t2): A shopper (gold) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
            < t1 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn places_count_only_those_who_want_the_same_reps() {
    check_with(
        Config {
            reps: vec![rep("alice", "cameras 70"), rep("bob", "lenses 70")],
            ..sample()
        },
        "
        alice, bob busy
        ask t1 cameras
        ask t2 lenses
        ask t3 cameras
        ask t4 lenses
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 1, 250 s (26 to 576)
            = t3 queued at 2, 500 s (133 to 972)
            = t4 queued at 2, 500 s (133 to 972)
        "#]],
    );
}

#[test]
fn a_wait_counts_only_those_who_want_the_same_reps_at_work() {
    check(
        "
        bob, carol busy
        ask t1 cameras
        ask t2 lenses gold
        group lenses gold
        erin busy
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 250 s (26 to 576)
            lenses gold wait: 0 available, 1 busy, 0 away, 2 offline, 1 queued, 500 s (133 to 972)
            < t1 is queued at 1, 125 s (13 to 288)
            < t2 is queued at 2, 250 s (66 to 486)
        "#]],
    );
}

#[test]
fn those_behind_move_up_when_one_leaves() {
    check(
        "
        alice busy
        ask t1 cameras
        ask t2 cameras
        ask t3 cameras
        t1 end
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            = t3 queued at 3, 750 s (276 to 1331)
            < t1 is abandoned
            < t2 is queued at 1, 250 s (26 to 576)
            < t3 is queued at 2, 500 s (133 to 972)
        "#]],
    );
}

#[test]
fn the_waiting_keep_their_place_when_the_last_rep_leaves() {
    check(
        "
        alice busy
        ask t1 cameras
        ask t2 cameras
        alice offline
        ask t3 cameras
        alice available
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            < t1 -: Nobody who can help is on duty at the moment. You keep your place.
            < t2 -: Nobody who can help is on duty at the moment. You keep your place.
            < t1 is queued at 1
            < t2 is queued at 2
            = refused: nobody who can help with this is on duty
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 -: Somebody is on duty again. You have kept your place.
            < t1 is offered Alice
            < t2 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn the_wait_shrinks_when_more_reps_come_to_work() {
    check(
        "
        alice busy
        ask t1 cameras
        ask t2 cameras
        bob busy
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            < t1 is queued at 1, 125 s (13 to 288)
            < t2 is queued at 2, 250 s (66 to 486)
        "#]],
    );
}

#[test]
fn handling_times_are_learnt() {
    check(
        "
        alice, bob available
        ask t1 cameras
        alice: Hi
        30s
        t1 end
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
fn several_conversations_fit_a_rep_of_capacity() {
    check_with(
        with_capacity("alice", 2),
        "
        alice available
        ask t1 cameras
        ask t2 cameras
        ask t3 cameras
        alice: Hi
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
            = t3 queued at 1, 125 s (13 to 288)
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Hi
        "#]],
    );
}

#[test]
fn who_is_out_of_reach_keeps_the_place_for_a_time() {
    check_with(
        routed(|routing| routing.keep_place = Duration::from_secs(600)),
        "
        alice busy
        ask t1 cameras
        ask t2 cameras phone=0612345678
        ask t3 cameras
        ask t4 cameras
        t1 page here
        t2 page here
        t3 page here
        t1 page gone
        t2 page gone
        t3 page gone
        540s
        t1 page here
        t1 page gone
        59s
        show t1
        show t3
        1s
        show t2
        show t4
        540s
        show t1
        t1 page here
        1200s
        alice available
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            = t2 queued at 2, 500 s (133 to 972)
            = t3 queued at 3, 750 s (276 to 1331)
            = t4 queued at 4, 1000 s (436 to 1670)
            < t1 is queued at 1, 250 s (26 to 576), because conversations take longer than they usually do
            < t2 is queued at 2, 500 s (133 to 972), because conversations take longer than they usually do
            < t3 is queued at 3, 750 s (276 to 1331), because conversations take longer than they usually do
            t1 is queued at 1, 250 s (26 to 576), because conversations take longer than they usually do
            t3 is queued at 3, 750 s (276 to 1331), because conversations take longer than they usually do
            < t3 -: Your page was out of reach for 10 min; your place was given up.
            < t3 is abandoned
            < t4 is queued at 3, 750 s (276 to 1331)
            t2 is queued at 2, 500 s (133 to 972), because conversations take longer than they usually do
            t4 is queued at 3, 750 s (276 to 1331)
            < t4 is queued at 3, 750 s (276 to 1331), because conversations take longer than they usually do
            < t1 -: Your page was out of reach for 10 min; your place was given up.
            < t1 is abandoned
            < t2 is queued at 1, 250 s (26 to 576)
            < t4 is queued at 2, 500 s (133 to 972)
            t1 is abandoned
            < t2 is queued at 1, 250 s (26 to 576), because conversations take longer than they usually do
            < t4 is queued at 2, 500 s (133 to 972), because conversations take longer than they usually do
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
            < t4 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

/// Whoever is offered to a rep while the place ends, and is declined, does not wait for ever after it.
#[test]
fn a_place_that_ended_during_an_offer_is_given_up_after_it() {
    check_with(
        routed(|routing| routing.keep_place = Duration::from_secs(10)),
        "
        alice available
        ask t1 cameras
        t1 page here
        t1 page gone
        15s
        show t1
        5s
        show t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            t1 is offered Alice
            < t1 -: Your page was out of reach for 10 s; your place was given up.
            < t1 is abandoned
            t1 is abandoned
        "#]],
    );
}
