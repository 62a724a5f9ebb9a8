//! From the INVITE to its end.

use expect_test::expect;

use super::script::{body, check, check_with};
use crate::call::{Config, Input};
use crate::header_name::HeaderName;
use crate::method::Method;
use crate::transaction::Failure;

#[test]
fn a_call_with_our_offer_is_taken() {
    check(
        |call| {
            call.place(Some("offer"));
            call.respond(Method::Invite, 100, "");
            call.respond(Method::Invite, 180, "");
            call.until(5_000);
            call.respond(Method::Invite, 200, "answer");
            call.until(60_000);
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 tell ringing 180
            5000 send ACK 1
            5000 tell answered [answer]
        "#]],
    );
}

#[test]
fn the_invite_says_who_calls_and_what_we_can() {
    let mut call = super::script::Script::new(Config::default(), None);
    call.place(Some("offer"));
    let (_, invite) = call.sent.first().unwrap();
    let text = String::from_utf8_lossy(invite.bytes()).replace("\r\n", "\n");
    expect![[r#"
        INVITE sip:zoe@peer.example SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb;rport
        Max-Forwards: 70
        From: "Help \"desk\"" <sip:desk@shop.example>;tag=ours
        To: <sip:zoe@peer.example>
        Call-ID: call-1
        CSeq: 1 INVITE
        Contact: <sip:desk@192.0.2.1>
        Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE
        Supported: timer, 100rel
        Session-Expires: 1800
        Min-SE: 90
        Content-Type: application/sdp
        Content-Length: 5

        offer"#]]
    .assert_eq(&text);
}

#[test]
fn the_answer_to_an_offer_of_the_peer_leaves_in_the_ack() {
    check(
        |call| {
            call.place(None);
            call.respond(Method::Invite, 200, "offer");
            // The ACK is not there yet.
            call.respond(Method::Invite, 200, "offer");
            call.until(3_000);
            call.handle(Input::Acknowledge {
                answer: body("answer"),
            });
            call.respond(Method::Invite, 200, "offer");
            call.handle(Input::Acknowledge {
                answer: body("another"),
            });
        },
        expect![[r#"
            0 send INVITE 1
            0 tell offered [offer]
            3000 send ACK 1 [answer]
            3000 send ACK 1 [answer]
        "#]],
    );
}

#[test]
fn an_offer_that_nobody_answers_ends_the_call() {
    check(
        |call| {
            call.place(None);
            call.respond(Method::Invite, 200, "offer");
            call.until(60_000);
            call.note_over();
            call.respond(Method::Bye, 200, "");
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1
            0 tell offered [offer]
            25000 send ACK 1
            25000 send BYE 2
            25000 tell ended AnsweredTooLate
            60000 not over
            60000 over
        "#]],
    );
}

#[test]
fn a_call_taken_without_a_session_is_unusable() {
    check(
        |call| {
            call.place(None);
            call.respond(Method::Invite, 200, "");
        },
        expect![[r#"
            0 send INVITE 1
            0 send ACK 1
            0 send BYE 2
            0 tell ended Unusable
        "#]],
    );
}

#[test]
fn refusals_end_the_leg_and_no_redirection_is_followed() {
    for (code, outcome) in [
        (486, "Refused(486 Busy Here)"),
        (603, "Refused(603 Decline)"),
        (302, "Redirected(302 Moved Temporarily)"),
        (407, "NotAuthorised"),
    ] {
        let mut call = super::script::Script::new(Config::default(), None);
        call.place(Some("offer"));
        call.with(HeaderName::Contact, "<sip:elsewhere@evil.example>");
        call.respond(Method::Invite, code, "");
        let told = call.leg.outcome().unwrap();
        assert_eq!(format!("{told:?}"), outcome);
        assert!(call.leg.is_over());
        assert_eq!(call.sent.len(), 1);
        assert_eq!(call.leg.next_timeout(), None);
    }
}

#[test]
fn nobody_there_is_unreachable() {
    check(
        |call| {
            call.place(Some("offer"));
            call.until(32_000);
            call.fail(Method::Invite, Failure::Timeout);
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            32000 tell ended Unreachable(Timeout)
            32000 over
        "#]],
    );
}

#[test]
fn a_reliable_provisional_answer_is_acknowledged_once_and_in_order() {
    check(
        |call| {
            call.place(Some("offer"));
            let mut ring = |number: &str, code: u16, text: &str| {
                call.with(HeaderName::Require, "100rel");
                call.with(HeaderName::RSeq, number);
                call.respond(Method::Invite, code, text);
            };
            ring("7", 183, "early");
            // Again, and one that has overtaken another.
            ring("7", 183, "early");
            ring("9", 180, "");
            ring("8", 180, "");
            call.respond(Method::Prack, 200, "");
            call.respond(Method::Invite, 200, "");
            call.handle(Input::HangUp);
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send PRACK 2
            0 tell ringing 183 [early]
            0 send PRACK 3
            0 tell ringing 180
            0 send ACK 1
            0 tell answered [early]
            0 send BYE 4
            0 tell ended HungUp
        "#]],
    );
}

#[test]
fn every_other_peer_that_takes_the_call_is_hung_up() {
    check(
        |call| {
            call.place(Some("offer"));
            call.from("one").respond(Method::Invite, 200, "answer");
            call.from("two").respond(Method::Invite, 200, "other");
            call.from("two").respond(Method::Invite, 200, "other");
            call.from("one").respond(Method::Invite, 200, "answer");
            call.from("two").respond(Method::Bye, 200, "");
            call.from("one").ask(Method::Options, "");
            call.from("two").ask(Method::Bye, "");
            call.from("three").ask(Method::Bye, "");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 send ACK 1
            0 send BYE 2
            0 send ACK 1
            0 send ACK 1
            0 answer #0 200
            0 answer #1 200
            0 answer #2 481
        "#]],
    );
}

#[test]
fn no_more_peers_than_the_limit_are_hung_up() {
    let config = Config {
        most_forks: 2,
        ..Config::default()
    };
    check_with(
        config,
        None,
        |call| {
            call.taken();
            for tag in ["a", "b", "c", "d"] {
                call.from(tag).respond(Method::Invite, 200, "");
            }
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 send ACK 1
            0 send BYE 2
            0 send ACK 1
            0 send BYE 2
        "#]],
    );
}

#[test]
fn a_longer_session_is_taken_where_a_proxy_wants_it() {
    check(
        |call| {
            call.place(Some("offer"));
            call.with(HeaderName::MinSe, "3600");
            call.respond(Method::Invite, 422, "");
            let (_, invite) = call.sent.last().unwrap();
            let interval = invite.session_expires().unwrap().unwrap().interval;
            assert_eq!(interval.as_secs(), 3600);
            // The same once more is no reason to try again.
            call.with(HeaderName::MinSe, "3600");
            call.respond(Method::Invite, 422, "");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send INVITE 2 [offer]
            0 tell ended Refused(422 Session Interval Too Small)
        "#]],
    );
}
