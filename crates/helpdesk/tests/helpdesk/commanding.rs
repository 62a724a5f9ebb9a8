//! What a rep can type beside answers.

use expect_test::expect;

use crate::room::{check, check_with};
use crate::samples::with_capacity;

#[test]
fn help_lists_the_commands() {
    check(
        "
        alice available
        alice: /help
        ask t1 cameras
        alice: /help
        ",
        expect![[r#"
            > alice (desk): Reply to take an offer, or to talk. /no passes an offer, /end ends the conversation, /to SKILL-or-REP hands it on, /who shows who it is, /phone calls the shopper, /done confirms a call by hand, /pause or /pause MINUTES stops new offers until /resume, /help shows this.
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            > alice (t1): Reply to take an offer, or to talk. /no passes an offer, /end ends the conversation, /to SKILL-or-REP hands it on, /who shows who it is, /phone calls the shopper, /done confirms a call by hand, /pause or /pause MINUTES stops new offers until /resume, /help shows this.
        "#]],
    );
}

#[test]
fn an_unknown_command_is_answered_with_the_commands() {
    check(
        "
        alice available
        ask t1 cameras
        alice: /dance now
        show t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            > alice (t1): There is no command /dance. Reply to take an offer, or to talk. /no passes an offer, /end ends the conversation, /to SKILL-or-REP hands it on, /who shows who it is, /phone calls the shopper, /done confirms a call by hand, /pause or /pause MINUTES stops new offers until /resume, /help shows this.
            t1 is offered Alice
        "#]],
    );
}

#[test]
fn who_shows_the_card() {
    check(
        "
        alice available
        ask t1 cameras gold name=Zoe page=http://x/ : Hi
        90s
        alice: /who
        10s
        alice: ok
        alice: /who
        t1 seen 3
        alice: /who
        ",
        expect![[r#"
            < t1 shopper: Hi
            > alice (t1): Zoe (gold) asks for help with Cameras: "Hi" | Page: http://x/ | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1
            > alice (t1): Zoe (gold) asks for help with Cameras: "Hi" | Page: http://x/ | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            > alice (t1): Zoe (gold), Cameras, asked 90 s ago. | Page: http://x/ | The page has not shown the last lines yet.
            < t1 is queued at 1
            > alice (t1): Zoe: Hi
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: ok
            > alice (t1): Zoe (gold), Cameras, asked 100 s ago. | Page: http://x/ | The page has not shown the last lines yet.
            > alice (t1): Zoe (gold), Cameras, asked 100 s ago. | Page: http://x/ | The page has shown every line.
        "#]],
    );
}

#[test]
fn phone_says_that_callbacks_are_not_set_up() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        alice: /phone
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > alice (t1): Not called: this site calls nobody back.
        "#]],
    );
}

#[test]
fn commands_are_read_whatever_their_case() {
    check(
        "
        alice available
        ask t1 cameras
        alice: /NO
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn end_closes_the_conversation() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        alice: /end
        alice: hello?
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
            > alice (desk): You have no conversation. Reply to take an offer, or to talk. /no passes an offer, /end ends the conversation, /to SKILL-or-REP hands it on, /who shows who it is, /phone calls the shopper, /done confirms a call by hand, /pause or /pause MINUTES stops new offers until /resume, /help shows this.
        "#]],
    );
}

#[test]
fn end_before_taking_is_explained() {
    check(
        "
        alice available
        ask t1 cameras
        alice: /end
        alice: /to bob
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            > alice (t1): You have not taken it yet: reply to take it, /no to pass.
            > alice (t1): You have not taken it yet: reply to take it, /no to pass.
        "#]],
    );
}

#[test]
fn no_in_conversation_is_explained() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        alice: /no
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > alice (t1): You have taken it already. /end ends it, /to hands it on.
        "#]],
    );
}

#[test]
fn an_empty_message_does_nothing_to_an_offer() {
    check(
        "
        alice available
        ask t1 cameras
        alice: \\n
        show t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_message_without_a_conversation_is_answered() {
    check(
        "
        alice available
        alice: hello
        ",
        expect![[r#"
            > alice (desk): You have no conversation. Reply to take an offer, or to talk. /no passes an offer, /end ends the conversation, /to SKILL-or-REP hands it on, /who shows who it is, /phone calls the shopper, /done confirms a call by hand, /pause or /pause MINUTES stops new offers until /resume, /help shows this.
        "#]],
    );
}

#[test]
fn a_message_to_an_unknown_conversation_is_answered() {
    check(
        "
        alice available
        alice@t7: hello
        ",
        expect![[r#"
            = no such conversation
        "#]],
    );
}

#[test]
fn a_stranger_to_a_conversation_says_nothing_in_it() {
    check(
        "
        alice, bob available
        ask t1 cameras
        alice: hi
        bob@t1: hi
        lines t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > bob (t1): It is not yours: it has gone to somebody else. Nothing was passed on.
            1 -: Alice has joined.
            2 Alice: hi
        "#]],
    );
}

#[test]
fn a_stranger_to_the_desk_is_told_so() {
    check(
        "
        zed: hello
        ",
        expect![[r#"
            > zed (desk): You are not set up as a rep here.
        "#]],
    );
}

#[test]
fn a_transfer_to_a_skill_keeps_lines_and_age() {
    check(
        "
        records
        alice, erin available
        ask t1 cameras name=Zoe : My lens is stuck
        alice: I see
        30s
        alice: /to lenses
        erin: Hello Zoe
        lines t1
        ",
        expect![[r#"
            * opened t1
            * line t1 1
            < t1 shopper: My lens is stuck
            * offered t1 alice
            > alice (t1): Zoe (standard) asks for help with Cameras: "My lens is stuck" | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * accepted t1 alice
            < t1 is open Alice
            * line t1 2
            < t1 -: Alice has joined.
            * line t1 3
            < t1 Alice: I see
            * line t1 4
            < t1 -: Alice hands you on to Lenses.
            * transferred t1 from alice, [SkillId(lenses)], None
            > alice (t1): Handed on to Lenses.
            * offered t1 erin
            > erin (t1): Zoe (standard) asks for help with Lenses. Said so far: | Zoe: My lens is stuck | Alice: I see | Reply to take it, /no to pass (20 s).
            < t1 is offered Erin
            * accepted t1 erin
            < t1 is open Erin
            * line t1 5
            < t1 -: Erin has joined.
            * line t1 6
            < t1 Erin: Hello Zoe
            1 shopper: My lens is stuck
            2 -: Alice has joined.
            3 Alice: I see
            4 -: Alice hands you on to Lenses.
            5 -: Erin has joined.
            6 Erin: Hello Zoe
        "#]],
    );
}

#[test]
fn a_transfer_to_a_rep_goes_to_that_rep() {
    check(
        "
        alice, bob, erin available
        ask t1 cameras
        alice: hi
        alice: /to Bob
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            < t1 -: Alice hands you on to Bob.
            > alice (t1): Handed on to Bob.
            > bob (t1): A shopper (standard) asks for help with Cameras: "hi" | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}

#[test]
fn a_transfer_waits_for_its_rep_before_others() {
    check(
        "
        alice, erin available
        bob busy
        ask t1 cameras
        alice: hi
        alice: /to bob
        44s
        show t1
        1s
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            < t1 -: Alice hands you on to Bob.
            > alice (t1): Handed on to Bob.
            < t1 is queued at 1, 83 s (9 to 192)
            t1 is queued at 1, 83 s (9 to 192)
            > erin (t1): A shopper (standard) asks for help with Cameras: "hi" | Reply to take it, /no to pass (20 s).
            < t1 is offered Erin
        "#]],
    );
}

#[test]
fn a_transferred_ticket_does_not_come_back_while_others_work() {
    check(
        "
        alice available
        erin busy
        ask t1 cameras
        alice: hi
        alice: /to lenses
        300s
        show t1
        erin available
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            < t1 -: Alice hands you on to Lenses.
            > alice (t1): Handed on to Lenses.
            < t1 is queued at 1, 125 s (13 to 288)
            < t1 is queued at 1, 125 s (13 to 288), because conversations take longer than they usually do
            t1 is queued at 1, 125 s (13 to 288), because conversations take longer than they usually do
            > erin (t1): A shopper (standard) asks for help with Lenses: "hi" | Reply to take it, /no to pass (20 s).
            < t1 is offered Erin
        "#]],
    );
}

#[test]
fn a_transferred_ticket_comes_back_when_nobody_else_is_left() {
    check(
        "
        alice available
        erin busy
        ask t1 cameras
        alice: hi
        alice: /to lenses
        5s
        erin offline
        55s
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            < t1 -: Alice hands you on to Lenses.
            > alice (t1): Handed on to Lenses.
            < t1 is queued at 1, 125 s (13 to 288)
            < t1 is queued at 1, 125 s (26 to 288)
            > alice (t1): A shopper (standard) asks for help with Lenses: "hi" | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_transfer_to_nowhere_stays() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        alice: /to printing
        alice: /to bob
        alice: /to alice
        alice: /to mars
        alice: /to
        show t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > alice (t1): Nobody else at work can help with Printing. The conversation stays with you.
            > alice (t1): Bob is off duty. The conversation stays with you.
            > alice (t1): You have it already.
            > alice (t1): There is no skill or rep called mars.
            > alice (t1): Whom to? Write /to and a skill or a rep.
            t1 is open Alice
        "#]],
    );
}

#[test]
fn a_transferred_conversation_frees_its_rep_after_the_rest() {
    check(
        "
        alice, bob available
        ask t1 cameras
        alice: hi
        alice: /to bob
        ask t2 cameras
        10s
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            < t1 -: Alice hands you on to Bob.
            > alice (t1): Handed on to Bob.
            > bob (t1): A shopper (standard) asks for help with Cameras: "hi" | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
            = t2 queued at 1, 125 s (13 to 288)
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
        "#]],
    );
}

#[test]
fn two_pending_offers_are_answered_oldest_first() {
    check_with(
        with_capacity("alice", 2),
        "
        alice available
        ask t1 cameras name=Zoe
        ask t2 cameras name=Yan
        alice: hi
        alice: hello
        alice: anybody?
        ",
        expect![[r#"
            > alice (t1): Zoe (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            > alice (t2): Yan (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            < t2 is open Alice
            < t2 -: Alice has joined.
            < t2 Alice: hello
            > alice (t2): This went to Yan (Cameras).
            < t2 Alice: anybody?
        "#]],
    );
}

#[test]
fn with_several_open_the_reply_says_which_it_went_to_once() {
    check_with(
        with_capacity("alice", 3),
        "
        alice available
        ask t1 cameras name=Zoe
        alice: a
        ask t2 cameras name=Yan
        alice: b
        alice: c
        alice@t1: d
        alice: e
        alice: f
        ",
        expect![[r#"
            > alice (t1): Zoe (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: a
            > alice (t2): Yan (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
            < t2 is open Alice
            < t2 -: Alice has joined.
            < t2 Alice: b
            > alice (t2): This went to Yan (Cameras).
            < t2 Alice: c
            < t1 Alice: d
            < t1 Alice: e
            > alice (t1): This went to Zoe (Cameras).
            < t1 Alice: f
        "#]],
    );
}

#[test]
fn desk_means_the_conversation_left_when_the_other_ends() {
    check_with(
        with_capacity("alice", 2),
        "
        alice available
        ask t1 cameras
        alice: a
        ask t2 cameras
        alice: b
        t2 end
        alice: c
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: a
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
            < t2 is open Alice
            < t2 -: Alice has joined.
            < t2 Alice: b
            > alice (t2): This went to a shopper (Cameras).
            > alice (t2): A shopper has ended the conversation.
            < t2 is closed
            < t1 Alice: c
        "#]],
    );
}
