//! INVITE client transactions and their CANCEL.

use expect_test::expect;

use super::script::{BRANCH, Script, check, response_text};
use crate::flow::Protocol::{Tcp, Udp};
use crate::method::Method;
use crate::transaction::{Input, RequestToken};

fn response(status: &str) -> String {
    response_text(status, BRANCH).replace("1 MESSAGE", "1 INVITE")
}

fn cancel(script: &mut Script) {
    script.handle(Input::Cancel {
        token: RequestToken(1),
    });
}

#[test]
fn an_unanswered_invite_is_repeated_by_timer_a_and_ends_by_timer_b() {
    check(
        Udp,
        |script| {
            script.send(1, Method::Invite);
            script.until(60_000);
            script.note_held();
        },
        expect![[r#"
            0 send INVITE to 40000
            500 send INVITE to 40000
            1500 send INVITE to 40000
            3500 send INVITE to 40000
            7500 send INVITE to 40000
            15500 send INVITE to 40000
            31500 send INVITE to 40000
            32000 failed Timeout for 1
            60000 0 held
        "#]],
    );
}

#[test]
fn a_stream_repeats_no_invite() {
    check(
        Tcp,
        |script| {
            script.send(1, Method::Invite);
            script.until(60_000);
        },
        expect![[r#"
            0 send INVITE to 40000
            32000 failed Timeout for 1
        "#]],
    );
}

#[test]
fn a_refusal_is_acknowledged_each_time_until_timer_d() {
    check(
        Udp,
        |script| {
            script.send(1, Method::Invite);
            script.receive(&response("180 Ringing"));
            script.until(10_000);
            script.receive(&response("486 Busy Here"));
            script.receive(&response("486 Busy Here"));
            script.receive(&response("200 OK"));
            script.until(41_999);
            script.note_held();
            script.until(42_000);
            script.note_held();
        },
        expect![[r#"
            0 send INVITE to 40000
            0 provisional 180 for 1
            10000 final 486 for 1
            10000 send ACK to 40000
            10000 send ACK to 40000
            41999 1 held
            42000 0 held
        "#]],
    );
}

#[test]
fn a_stream_forgets_a_refused_invite_at_once() {
    check(
        Tcp,
        |script| {
            script.send(1, Method::Invite);
            script.receive(&response("486 Busy Here"));
            script.note_held();
        },
        expect![[r#"
            0 send INVITE to 40000
            0 final 486 for 1
            0 send ACK to 40000
            0 0 held
        "#]],
    );
}

#[test]
fn every_success_is_told_until_timer_m_and_nothing_is_acknowledged_here() {
    // RFC 6026 §8.4: on streams too.
    check(
        Tcp,
        |script| {
            script.send(1, Method::Invite);
            script.receive(&response("100 Trying"));
            script.receive(&response("200 OK"));
            script.receive(&response("200 OK").replace("tag=theirs", "tag=fork"));
            script.receive(&response("486 Busy Here"));
            script.receive(&response("180 Ringing"));
            script.until(31_999);
            script.note_held();
            script.until(32_000);
            script.note_held();
        },
        expect![[r#"
            0 send INVITE to 40000
            0 provisional 100 for 1
            0 final 200 for 1
            0 further 200 for 1
            31999 1 held
            32000 over 1
            32000 0 held
        "#]],
    );
}

#[test]
fn a_cancel_waits_for_a_provisional_answer() {
    check(
        Udp,
        |script| {
            script.send(1, Method::Invite);
            cancel(script);
            script.until(400);
            script.receive(&response("100 Trying"));
            cancel(script);
            script.until(450);
            script.receive(&response("200 OK").replace("INVITE", "CANCEL"));
            script.receive(&response("487 Request Terminated"));
            script.until(60_000);
            script.note_held();
        },
        expect![[r#"
            0 send INVITE to 40000
            400 provisional 100 for 1
            400 send CANCEL to 40000
            450 final 487 for 1
            450 send ACK to 40000
            60000 0 held
        "#]],
    );
}

#[test]
fn a_success_that_crosses_the_cancel_is_told() {
    check(
        Udp,
        |script| {
            script.send(1, Method::Invite);
            script.receive(&response("180 Ringing"));
            cancel(script);
            script.receive(&response("200 OK"));
            script.until(500);
            script.receive(&response("481 None").replace("INVITE", "CANCEL"));
            script.until(60_000);
            script.note_held();
        },
        expect![[r#"
            0 send INVITE to 40000
            0 provisional 180 for 1
            0 send CANCEL to 40000
            0 final 200 for 1
            500 send CANCEL to 40000
            32000 over 1
            60000 0 held
        "#]],
    );
}

#[test]
fn a_cancelled_invite_without_an_end_is_given_up() {
    check(
        Tcp,
        |script| {
            script.send(1, Method::Invite);
            script.receive(&response("180 Ringing"));
            script.until(1_000);
            cancel(script);
            script.until(100_000);
            script.note_held();
        },
        expect![[r#"
            0 send INVITE to 40000
            0 provisional 180 for 1
            1000 send CANCEL to 40000
            33000 failed Timeout for 1
            100000 0 held
        "#]],
    );
}

#[test]
fn an_invite_that_rings_too_long_is_cancelled_by_timer_c() {
    check(
        Tcp,
        |script| {
            script.send(1, Method::Invite);
            script.receive(&response("180 Ringing"));
            script.until(181_000);
            script.receive(&response("487 Request Terminated"));
            script.until(300_000);
            script.note_held();
        },
        expect![[r#"
            0 send INVITE to 40000
            0 provisional 180 for 1
            181000 send CANCEL to 40000
            181000 final 487 for 1
            181000 send ACK to 40000
            300000 0 held
        "#]],
    );
}

#[test]
fn a_closed_flow_ends_an_invite_for_good() {
    check(
        Tcp,
        |script| {
            script.send(1, Method::Invite);
            script.receive(&response("180 Ringing"));
            cancel(script);
            script.handle(Input::FlowClosed);
            script.receive(&response("200 OK"));
            script.send(2, Method::Invite);
            cancel(script);
            assert!(script.endpoint.is_empty());
        },
        expect![[r#"
            0 send INVITE to 40000
            0 provisional 180 for 1
            0 send CANCEL to 40000
            0 failed FlowClosed for 1
            0 failed FlowClosed for 2
        "#]],
    );
}
