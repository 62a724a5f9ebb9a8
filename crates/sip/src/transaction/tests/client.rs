//! Non-INVITE client transactions.

use expect_test::expect;

use super::script::{BRANCH, check, response_text};
use crate::flow::Protocol::{Tcp, Udp};
use crate::method::Method;
use crate::transaction::Input;

#[test]
fn an_unanswered_request_is_repeated_by_timer_e_and_ends_by_timer_f() {
    check(
        Udp,
        |script| {
            script.send(1, Method::Message);
            script.until(60_000);
            script.note_held();
        },
        expect![[r#"
            0 send MESSAGE to 40000
            500 send MESSAGE to 40000
            1500 send MESSAGE to 40000
            3500 send MESSAGE to 40000
            7500 send MESSAGE to 40000
            11500 send MESSAGE to 40000
            15500 send MESSAGE to 40000
            19500 send MESSAGE to 40000
            23500 send MESSAGE to 40000
            27500 send MESSAGE to 40000
            31500 send MESSAGE to 40000
            32000 failed Timeout for 1
            60000 0 held
        "#]],
    );
}

#[test]
fn a_stream_repeats_nothing() {
    check(
        Tcp,
        |script| {
            script.send(1, Method::Message);
            script.until(60_000);
            script.note_held();
        },
        expect![[r#"
            0 send MESSAGE to 40000
            32000 failed Timeout for 1
            60000 0 held
        "#]],
    );
}

#[test]
fn a_provisional_answer_slows_the_repetition() {
    check(
        Udp,
        |script| {
            script.send(1, Method::Message);
            script.until(100);
            script.receive(&response_text("100 Trying", BRANCH));
            script.until(9_000);
            script.receive(&response_text("200 OK", BRANCH));
            script.until(60_000);
        },
        expect![[r#"
            0 send MESSAGE to 40000
            100 provisional 100 for 1
            500 send MESSAGE to 40000
            4500 send MESSAGE to 40000
            8500 send MESSAGE to 40000
            9000 final 200 for 1
        "#]],
    );
}

#[test]
fn a_repeated_final_answer_is_told_once_and_absorbed_until_timer_k() {
    check(
        Udp,
        |script| {
            script.send(1, Method::Message);
            script.receive(&response_text("200 OK", BRANCH));
            script.until(4_999);
            script.receive(&response_text("200 OK", BRANCH));
            script.receive(&response_text("100 Trying", BRANCH));
            script.note_held();
            script.until(5_000);
            script.note_held();
            script.receive(&response_text("200 OK", BRANCH));
        },
        expect![[r#"
            0 send MESSAGE to 40000
            0 final 200 for 1
            4999 1 held
            5000 0 held
            5000 stray 200
        "#]],
    );
}

#[test]
fn a_response_with_another_branch_or_method_is_nobodys() {
    check(
        Udp,
        |script| {
            script.send(1, Method::Message);
            script.receive(&response_text("200 OK", "z9hG4bKother"));
            let other = response_text("200 OK", BRANCH).replace("1 MESSAGE", "1 NOTIFY");
            script.receive(&other);
            script.receive(&response_text("200 OK", BRANCH));
        },
        expect![[r#"
            0 send MESSAGE to 40000
            0 stray 200
            0 stray 200
            0 final 200 for 1
        "#]],
    );
}

#[test]
fn a_closed_flow_fails_what_is_open_and_forgets_everything() {
    check(
        Tcp,
        |script| {
            script.receive(&super::script::request_text("MESSAGE", "branch=z9hG4bKin"));
            script.send(1, Method::Message);
            script.handle(Input::FlowClosed);
            script.note_held();
            script.answer(200);
            script.until(60_000);
        },
        expect![[r#"
                 0 request MESSAGE
                 0 send MESSAGE to 40000
                 0 failed FlowClosed for 1
                 0 0 held
        "#]],
    );
}

#[test]
fn what_this_machine_does_not_send_is_refused() {
    check(
        Udp,
        |script| {
            script.send(1, Method::Ack);
            script.send(4, Method::Cancel);
            script.send(2, Method::Message);
            script.send(3, Method::Message);
        },
        expect![[r#"
                 0 failed Misuse for 1
                 0 failed Misuse for 4
                 0 send MESSAGE to 40000
                 0 failed Misuse for 3
        "#]],
    );
}
