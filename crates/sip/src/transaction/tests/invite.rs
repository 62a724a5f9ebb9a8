//! INVITE server transactions, and CANCEL.

use expect_test::expect;

use super::script::{answer, check, request_text};
use crate::flow::Protocol::{Tcp, Udp};
use crate::transaction::Input;

const VIA: &str = "branch=z9hG4bKcall;rport";

#[test]
fn a_refusal_is_repeated_by_timer_g_until_timer_h() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("INVITE", VIA));
            script.answer(405);
            script.until(60_000);
            script.note_held();
        },
        expect![[r#"
            0 request INVITE
            0 send 405 to 40000
            500 send 405 to 40000
            1500 send 405 to 40000
            3500 send 405 to 40000
            7500 send 405 to 40000
            11500 send 405 to 40000
            15500 send 405 to 40000
            19500 send 405 to 40000
            23500 send 405 to 40000
            27500 send 405 to 40000
            31500 send 405 to 40000
            60000 0 held
        "#]],
    );
}

#[test]
fn an_ack_stops_the_refusal_and_repeated_acks_are_absorbed_until_timer_i() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("INVITE", VIA));
            script.answer(486);
            script.receive(&request_text("INVITE", VIA));
            script.until(600);
            script.receive(&request_text("ACK", VIA));
            script.receive(&request_text("ACK", VIA));
            script.until(5_599);
            script.receive(&request_text("INVITE", VIA));
            script.note_held();
            script.until(5_600);
            script.note_held();
        },
        expect![[r#"
            0 request INVITE
            0 send 486 to 40000
            0 send 486 to 40000
            500 send 486 to 40000
            5599 1 held
            5600 0 held
        "#]],
    );
}

#[test]
fn a_stream_forgets_an_acknowledged_refusal_at_once() {
    check(
        Tcp,
        |script| {
            script.receive(&request_text("INVITE", VIA));
            script.answer(486);
            script.until(10_000);
            script.receive(&request_text("ACK", VIA));
            script.note_held();
        },
        expect![[r#"
            0 request INVITE
            0 send 486 to 40000
            10000 0 held
        "#]],
    );
}

#[test]
fn an_old_peers_ack_with_our_tag_finds_its_invite() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("INVITE", "rport"));
            script.answer(486);
            let ack = request_text("ACK", "rport");
            script.receive(&ack.replace("example>\r\nCall", "example>;tag=desk\r\nCall"));
            script.until(60_000);
        },
        expect![[r#"
                 0 request INVITE
                 0 send 486 to 40000
        "#]],
    );
}

#[test]
fn a_silent_user_is_covered_by_trying_and_at_last_by_a_refusal() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("INVITE", VIA));
            script.until(1_000);
            script.receive(&request_text("INVITE", VIA));
            script.until(180_100);
            script.receive(&request_text("ACK", VIA));
            script.until(200_000);
            script.note_held();
        },
        expect![[r#"
            0 request INVITE
            200 send 100 to 40000
            1000 send 100 to 40000
            180000 send 408 to 40000
            200000 0 held
        "#]],
    );
}

#[test]
fn a_stateless_refusal_is_never_repeated_by_a_timer() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("INVITE", VIA));
            let (transaction, request) = script.requests.pop().unwrap();
            script.handle(Input::AnswerStateless {
                transaction,
                response: answer(&request, 405),
            });
            script.note_held();
            script.receive(&request_text("ACK", VIA));
            script.until(60_000);
            script.receive(&request_text("INVITE", VIA));
        },
        expect![[r#"
            0 request INVITE
            0 send 405 to 40000
            0 0 held
            0 acknowledged 5
            60000 request INVITE
        "#]],
    );
}

#[test]
fn a_success_is_sent_once_and_repeated_invites_are_absorbed() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("INVITE", VIA));
            script.answer(180);
            script.receive(&request_text("INVITE", VIA));
            script.answer(200);
            script.receive(&request_text("INVITE", VIA));
            script.until(60_000);
            script.note_held();
        },
        expect![[r#"
            0 request INVITE
            0 send 180 to 40000
            0 send 180 to 40000
            0 send 200 to 40000
            60000 0 held
        "#]],
    );
}

#[test]
fn a_cancel_ends_an_unanswered_invite() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("INVITE", VIA));
            script.receive(&request_text("CANCEL", VIA));
            script.receive(&request_text("CANCEL", VIA));
            script.answer(200);
            script.receive(&request_text("ACK", VIA));
            script.until(60_000);
            script.note_held();
        },
        expect![[r#"
            0 request INVITE
            0 send 200 to 40000
            0 send 487 to 40000
            0 cancelled
            0 send 200 to 40000
            60000 0 held
        "#]],
    );
}

#[test]
fn a_cancel_of_nothing_is_answered_481() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("CANCEL", VIA));
            script.note_held();
        },
        expect![[r#"
                 0 send 481 to 40000
                 0 0 held
        "#]],
    );
}

#[test]
fn an_ack_of_a_success_or_of_nothing_is_the_users() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("ACK", "branch=z9hG4bKstray"));
            script.receive(&request_text("INVITE", VIA));
            script.answer(200);
            script.receive(&request_text("ACK", VIA));
            script.receive(&request_text("ACK", "branch=z9hG4bKown"));
            script.note_held();
        },
        expect![[r#"
                 0 acknowledged 5
                 0 request INVITE
                 0 send 200 to 40000
                 0 acknowledged 5
                 0 acknowledged 5
                 0 1 held
        "#]],
    );
}

#[test]
fn the_call_repeats_its_success_until_timer_l() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("INVITE", VIA));
            script.answer(200);
            script.until(500);
            script.answer(200);
            script.answer(486);
            script.until(32_000);
            script.answer(200);
            assert_eq!(script.endpoint.take_counts().answers_dropped, 2);
            script.note_held();
        },
        expect![[r#"
                 0 request INVITE
                 0 send 200 to 40000
                 500 send 200 to 40000
                 32000 0 held
        "#]],
    );
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("INVITE", VIA));
            script.answer(200);
            script.receive(&request_text("CANCEL", VIA));
        },
        expect![[r#"
                 0 request INVITE
                 0 send 200 to 40000
                 0 send 200 to 40000
        "#]],
    );
}

#[test]
fn an_old_peers_cancel_finds_its_invite() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("INVITE", "rport"));
            script.receive(&request_text("CANCEL", "rport"));
        },
        expect![[r#"
                 0 request INVITE
                 0 send 200 to 40000
                 0 send 487 to 40000
                 0 cancelled
        "#]],
    );
}
