//! What becomes of an offer.

use std::time::Duration;

use expect_test::expect;

use crate::room::{check, check_with};
use crate::samples::routed;

#[test]
fn a_declined_offer_goes_to_the_next_best_at_once() {
    check(
        "
        records
        alice, bob available
        ask t1 cameras
        alice: /no
        ",
        expect![[r#"
            * opened t1
            * offered t1 alice
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * offer ended t1 alice: the rep declined
            * offered t1 bob
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}

#[test]
fn silence_passes_an_offer_on_after_the_timeout() {
    check(
        "
        records
        alice, bob available
        ask t1 cameras
        19s
        show t1
        1s
        ",
        expect![[r#"
            * opened t1
            * offered t1 alice
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            t1 is offered Alice
            * offer ended t1 alice: the rep did not answer in time
            * offered t1 bob
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}

#[test]
fn an_unreachable_phone_passes_an_offer_on_at_once() {
    check(
        "
        records
        alice, bob available
        ask t1 cameras
        alice unreachable
        ",
        expect![[r#"
            * opened t1
            * offered t1 alice
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * offer ended t1 alice: the rep's phone could not be reached
            * offered t1 bob
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}

#[test]
fn a_rep_who_goes_off_duty_passes_an_offer_on_at_once() {
    check(
        "
        records
        alice, bob available
        ask t1 cameras
        alice offline
        ",
        expect![[r#"
            * opened t1
            * offered t1 alice
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * offer ended t1 alice: the rep went off duty
            * offered t1 bob
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}

#[test]
fn a_busy_rep_can_still_answer_the_offer() {
    check(
        "
        alice available
        ask t1 cameras
        alice busy
        alice: Just in time
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Just in time
        "#]],
    );
}

#[test]
fn an_only_rep_who_declines_is_asked_again_after_a_minute() {
    check(
        "
        alice available
        ask t1 cameras
        alice: /no
        59s
        show t1
        1s
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1, 250 s (26 to 576)
            t1 is queued at 1, 250 s (26 to 576)
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_rep_who_declined_is_asked_again_only_after_all_others() {
    check(
        "
        alice, bob, dave available
        ask t1 cameras
        alice: /no
        bob: /no
        dave: /no
        why t1
        60s
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
            > dave (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Dave
            < t1 is queued at 1, 83 s (9 to 192)
            alice Refused
            bob Refused
            carol OtherTier
            dave Refused
            erin NotAvailable
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_rep_who_declined_is_asked_for_other_tickets() {
    check(
        "
        alice available
        ask t1 cameras
        alice: /no
        ask t2 cameras
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1, 250 s (26 to 576)
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
        "#]],
    );
}

#[test]
fn one_who_was_never_asked_is_asked_before_one_who_declined() {
    check_with(
        routed(|routing| routing.offer_timeout = Duration::from_secs(70)),
        "
        alice, bob available
        ask t1 cameras
        alice: /no
        30s
        dave available
        40s
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (70 s).
            = t1 offered Alice
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (70 s).
            < t1 is offered Bob
            > dave (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (70 s).
            < t1 is offered Dave
        "#]],
    );
}

#[test]
fn an_offer_keeps_the_age_of_its_ticket() {
    check(
        "
        alice available
        ask t1 cameras
        10s
        ask t2 cameras
        alice: /no
        show t1
        bob available
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            = t2 queued at 1, 250 s (26 to 576)
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
            < t1 is queued at 1, 250 s (26 to 576)
            t1 is queued at 1, 250 s (26 to 576)
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}

#[test]
fn a_late_answer_takes_a_ticket_that_still_waits() {
    check(
        "
        alice available
        ask t1 cameras : Hello?
        20s
        t1: Anybody?
        alice: Sorry, here I am
        ",
        expect![[r#"
            < t1 shopper: Hello?
            > alice (t1): A shopper (standard) asks for help with Cameras: "Hello?" | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1
            < t1 shopper: Anybody?
            = said 2
            > alice (t1): A shopper: Hello?
            > alice (t1): A shopper: Anybody?
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Sorry, here I am
        "#]],
    );
}

#[test]
fn a_late_answer_to_a_ticket_that_went_on_is_told_so() {
    check(
        "
        alice, bob available
        ask t1 cameras
        20s
        bob: Hello
        alice@t1: Hello
        alice: Hello
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
            < t1 is open Bob
            < t1 -: Bob has joined.
            < t1 Bob: Hello
            > alice (t1): It is not yours: it has gone to somebody else. Nothing was passed on.
            > alice (t1): It is not yours: it has gone to somebody else. Nothing was passed on.
        "#]],
    );
}

#[test]
fn a_decline_after_the_timeout_takes_nothing() {
    check(
        "
        alice available
        ask t1 cameras
        20s
        alice: /no
        alice: sorry, lunch
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1
            < t1 is queued at 1, 250 s (26 to 576)
            > alice (desk): You have no conversation. Reply to take an offer, or to talk. /no passes an offer, /end ends the conversation, /to SKILL-or-REP hands it on, /who shows who it is, /phone calls the shopper, /done confirms a call by hand, /pause or /pause MINUTES stops new offers until /resume, /help shows this.
        "#]],
    );
}

#[test]
fn a_shopper_who_leaves_ends_the_offer() {
    check(
        "
        records
        alice available
        ask t1 cameras name=Zoe
        t1 end
        alice: Hello
        ask t2 cameras
        ",
        expect![[r#"
            * opened t1
            * offered t1 alice
            > alice (t1): Zoe (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * closed t1 Abandoned
            > alice (t1): Zoe has left. Nothing to do.
            < t1 is abandoned
            > alice (desk): You have no conversation. Reply to take an offer, or to talk. /no passes an offer, /end ends the conversation, /to SKILL-or-REP hands it on, /who shows who it is, /phone calls the shopper, /done confirms a call by hand, /pause or /pause MINUTES stops new offers until /resume, /help shows this.
            * opened t2
            * offered t2 alice
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
        "#]],
    );
}

#[test]
fn an_offer_shows_what_was_said_so_far() {
    check(
        "
        alice, bob available
        ask t1 cameras name=Zoe : One
        t1: Two
        alice: /no
        bob: Hi
        ",
        expect![[r#"
            < t1 shopper: One
            > alice (t1): Zoe (standard) asks for help with Cameras: "One" | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 shopper: Two
            > alice (t1): Two
            = said 2
            > bob (t1): Zoe (standard) asks for help with Cameras. Said so far: | Zoe: One | Zoe: Two | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
            < t1 is open Bob
            < t1 -: Bob has joined.
            < t1 Bob: Hi
        "#]],
    );
}

#[test]
fn a_long_story_is_cut_in_the_offer_and_told_on_acceptance() {
    check(
        "
        alice busy
        ask t1 cameras name=Zoe : 1
        t1: 2
        t1: 3
        t1: 4
        t1: 5
        t1: 6
        alice available
        alice: Hi
        ",
        expect![[r#"
            < t1 shopper: 1
            = t1 queued at 1, 250 s (26 to 576)
            < t1 shopper: 2
            = said 2
            < t1 shopper: 3
            = said 3
            < t1 shopper: 4
            = said 4
            < t1 shopper: 5
            = said 5
            < t1 shopper: 6
            = said 6
            > alice (t1): Zoe (standard) asks for help with Cameras. Said so far: (1 earlier) | Zoe: 2 | Zoe: 3 | Zoe: 4 | Zoe: 5 | Zoe: 6 | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            > alice (t1): Zoe: 1
            > alice (t1): Zoe: 2
            > alice (t1): Zoe: 3
            > alice (t1): Zoe: 4
            > alice (t1): Zoe: 5
            > alice (t1): Zoe: 6
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Hi
        "#]],
    );
}

#[test]
fn an_offer_never_shows_control_characters() {
    check(
        "
        alice available
        ask t1 cameras name=Z\u{1b}oe\u{202e} page=http://x/\u{7} : a\\nReply\0 b
        ",
        expect![[r#"
            < t1 shopper: a | Reply\u{0} b
            > alice (t1): Zoe (standard) asks for help with Cameras: "a Reply b" | Page: http://x/ | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
        "#]],
    );
}

#[test]
fn an_unanswered_message_that_arrives_is_no_answer() {
    check(
        "
        alice, bob available
        ask t1 cameras
        alice reached
        20s
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}
