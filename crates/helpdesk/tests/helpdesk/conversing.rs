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
