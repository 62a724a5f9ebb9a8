//! From the click to the end of the conversation.

use expect_test::expect;

use crate::room::check;

#[test]
fn a_click_reaches_a_rep_who_answers_and_ends() {
    check(
        "
        records
        alice available
        ask t1 cameras name=Zoe page=https://shop.example/x100 : Is it waterproof?
        t1: Hello?
        alice: Yes, down to 10 m.
        t1: Great!
        alice: /end
        t1: Thanks
        t1 rate 5
        ",
        expect![[r#"
            * opened t1
            * line t1 1
            < t1 shopper: Is it waterproof?
            * offered t1 alice
            > alice (t1): Zoe (standard) asks for help with Cameras: "Is it waterproof?" | Page: https://shop.example/x100 | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * line t1 2
            < t1 shopper: Hello?
            > alice (t1): Hello?
            = said 2
            * accepted t1 alice
            < t1 is open Alice
            * line t1 3
            < t1 -: Alice has joined.
            * line t1 4
            < t1 Alice: Yes, down to 10 m.
            * line t1 5
            < t1 shopper: Great!
            > alice (t1): Great!
            = said 5
            * line t1 6
            < t1 -: Alice has ended the conversation.
            * closed t1 Rep
            > alice (t1): Ended.
            < t1 is closed
            = not said: the conversation has ended
            * rated t1 5
        "#]],
    );
}

#[test]
fn a_line_sent_twice_is_one_line() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        t1#a: one
        t1#a: one
        t1 end
        t1#a: one
        lines t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            < t1 shopper: one
            > alice (t1): one
            = said 3
            = said 3
            > alice (t1): A shopper has ended the conversation.
            < t1 is closed
            = said 3
            1 -: Alice has joined.
            2 Alice: hi
            3 shopper: one
        "#]],
    );
}

#[test]
fn lines_said_while_waiting_reach_the_rep() {
    check(
        "
        alice busy
        ask t1 cameras name=Zoe
        t1: one
        t1: two
        alice available
        alice: hi
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            < t1 shopper: one
            = said 1
            < t1 shopper: two
            = said 2
            > alice (t1): Zoe (standard) asks for help with Cameras. Said so far: | Zoe: one | Zoe: two | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
        "#]],
    );
}

#[test]
fn typing_goes_both_ways_in_conversation_only() {
    check(
        "
        alice available
        ask t1 cameras
        t1 typing
        alice typing
        alice: hi
        t1 typing
        alice typing
        t1 end
        t1 typing
        alice typing
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > alice (t1) typing
            < t1 rep typing
            > alice (t1): A shopper has ended the conversation.
            < t1 is closed
        "#]],
    );
}

#[test]
fn a_shopper_ends_the_conversation() {
    check(
        "
        records
        alice available
        ask t1 cameras name=Zoe
        alice: hi
        t1 end
        t1 end
        ",
        expect![[r#"
            * opened t1
            * offered t1 alice
            > alice (t1): Zoe (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * accepted t1 alice
            < t1 is open Alice
            * line t1 1
            < t1 -: Alice has joined.
            * line t1 2
            < t1 Alice: hi
            * closed t1 Shopper
            > alice (t1): Zoe has ended the conversation.
            < t1 is closed
        "#]],
    );
}

#[test]
fn a_shopper_leaves_the_queue() {
    check(
        "
        records
        alice busy
        ask t1 cameras
        t1 end
        show t1
        ",
        expect![[r#"
            * opened t1
            = t1 queued at 1, 250 s (26 to 576)
            * closed t1 Abandoned
            < t1 is abandoned
            t1 is abandoned
        "#]],
    );
}

#[test]
fn a_line_in_an_unknown_conversation_is_refused() {
    check(
        "
        t1: hello
        ",
        expect![[r#"
            = not said: there is no such conversation
        "#]],
    );
}

#[test]
fn only_an_ended_conversation_is_rated_from_one_to_five() {
    check(
        "
        records
        alice available
        ask t1 cameras
        alice: hi
        t1 rate 5
        t1 end
        t1 rate 0
        t1 rate 6
        t1 rate 4
        t1 rate 4
        t1 rate 3
        ",
        expect![[r#"
            * opened t1
            * offered t1 alice
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * accepted t1 alice
            < t1 is open Alice
            * line t1 1
            < t1 -: Alice has joined.
            * line t1 2
            < t1 Alice: hi
            * closed t1 Shopper
            > alice (t1): A shopper has ended the conversation.
            < t1 is closed
            * rated t1 4
            * rated t1 3
        "#]],
    );
}

#[test]
fn an_ended_ticket_is_readable_for_half_an_hour() {
    check(
        "
        alice available
        ask t1 cameras
        alice: hi
        t1 end
        1799s
        show t1
        1s
        show t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hi
            > alice (t1): A shopper has ended the conversation.
            < t1 is closed
            t1 is closed
            t1 is unknown
        "#]],
    );
}

#[test]
fn control_characters_of_a_rep_do_not_reach_the_shopper() {
    check(
        "
        alice available
        ask t1 cameras
        alice: a\u{7}b\\nc
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: ab | c
        "#]],
    );
}

#[test]
fn a_shopper_is_told_which_lines_are_on_the_reps_phone() {
    check(
        "
        alice available
        ask t1 cameras : first
        alice reached
        alice: Hello
        t1: second
        alice reached
        t1: third
        alice unreachable
        ",
        expect![[r#"
            < t1 shopper: first
            > alice (t1): A shopper (standard) asks for help with Cameras: "first" | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is offered Alice, delivered to 1
            < t1 is open Alice, delivered to 1
            < t1 -: Alice has joined.
            < t1 Alice: Hello
            < t1 shopper: second
            > alice (t1): second
            = said 4
            < t1 is open Alice, delivered to 4
            < t1 shopper: third
            > alice (t1): third
            = said 5
            < t1 -: Alice cannot be reached right now.
        "#]],
    );
}

#[test]
fn a_conversation_that_is_forgotten_leaves_nothing() {
    check(
        "
        alice available
        ask t1 cameras
        alice: Hello
        t1 forget
        t1 end
        t1 forget
        show t1
        lines t1
        ",
        expect![[r#"
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: Hello
            > alice (t1): A shopper has ended the conversation.
            < t1 is closed
            t1 is unknown
        "#]],
    );
}
