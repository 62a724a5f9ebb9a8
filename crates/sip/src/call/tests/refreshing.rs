//! Session timers, refreshed by either side.

use expect_test::expect;

use super::script::{Script, check};
use crate::call::{Config, Outcome};
use crate::header_name::HeaderName;
use crate::method::Method;

fn taken(call: &mut Script, session: &str) {
    call.place(Some("offer"));
    call.with(HeaderName::SessionExpires, session);
    call.respond(Method::Invite, 200, "answer");
}

#[test]
fn we_refresh_by_the_same_offer_where_the_peer_has_no_update() {
    check(
        |call| {
            taken(call, "600;refresher=uac");
            call.until(300_000);
            call.with(HeaderName::SessionExpires, "600;refresher=uac");
            call.respond(Method::Invite, 200, "answer");
            call.until(600_000);
            // The peer has moved meanwhile.
            call.with(HeaderName::SessionExpires, "600;refresher=uac");
            call.respond(Method::Invite, 200, "other answer");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            300000 send INVITE 2 [offer]
            300000 send ACK 2
            600000 send INVITE 3 [offer]
            600000 send ACK 3
            600000 tell modified [other answer]
        "#]],
    );
}

#[test]
fn we_refresh_by_update_where_the_peer_has_it() {
    check(
        |call| {
            call.with(HeaderName::Allow, "INVITE, UPDATE");
            taken(call, "600");
            call.until(300_000);
            call.with(HeaderName::SessionExpires, "600;refresher=uac");
            call.respond(Method::Update, 200, "");
            call.until(600_000);
            call.respond(Method::Update, 481, "");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            300000 send UPDATE 2
            600000 send UPDATE 3
            600000 send BYE 4
            600000 tell ended Lost
        "#]],
    );
}

#[test]
fn a_refused_refresh_is_tried_again_until_the_session_is_over() {
    check(
        |call| {
            taken(call, "90;refresher=uac");
            for end in [45_000, 55_000, 65_000] {
                call.until(end);
                call.respond(Method::Invite, 503, "");
            }
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            45000 send INVITE 2 [offer]
            55000 send INVITE 3 [offer]
            60000 send BYE 4
            60000 tell ended Lost
        "#]],
    );
}

#[test]
fn a_session_that_the_peer_does_not_refresh_is_over() {
    check(
        |call| {
            taken(call, "600;refresher=uas");
            call.until(1_000_000);
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            568000 send BYE 2
            568000 tell ended Lost
        "#]],
    );
}

#[test]
fn each_refresh_of_the_peer_keeps_the_session() {
    check(
        |call| {
            taken(call, "600;refresher=uas");
            call.until(500_000);
            call.with(HeaderName::SessionExpires, "600;refresher=uac");
            call.ask(Method::Update, "");
            call.until(1_000_000);
            call.with(HeaderName::SessionExpires, "600;refresher=uac");
            call.ask(Method::Update, "");
            call.until(1_500_000);
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            500000 answer #0 200
            1000000 answer #1 200
        "#]],
    );
}

#[test]
fn without_a_session_timer_the_call_lasts() {
    let mut call = Script::new(Config::default(), None);
    call.taken();
    call.until(3_599_000);
    assert_eq!(call.leg.outcome(), None);
    call.until(3_600_000);
    assert_eq!(call.leg.outcome(), Some(Outcome::TooLong));
}

#[test]
fn refreshes_that_come_too_often_are_refused() {
    check(
        |call| {
            call.taken();
            for method in [Method::Invite, Method::Update] {
                call.with(HeaderName::SessionExpires, "30");
                call.ask(method, "");
            }
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 answer #0 422
            0 answer #1 422
        "#]],
    );
}

#[test]
fn the_2xx_tells_the_peer_that_it_refreshes() {
    use crate::call::{Input, Output, PeerRequestId};
    use crate::write::request::RequestDraft;

    let mut call = Script::new(Config::default(), None);
    call.taken();
    for (asked, answered, required) in [
        ("600;refresher=uac", "600;refresher=uac", true),
        ("600;refresher=uas", "600;refresher=uas", false),
    ] {
        let number = if required { 1 } else { 2 };
        let draft = RequestDraft::new(Method::Update, "sip:desk@192.0.2.1")
            .from("<sip:zoe@peer.example>", "theirs")
            .to("<sip:desk@shop.example>;tag=ours")
            .call_id("call-1")
            .cseq(number)
            .header(HeaderName::Supported, "timer")
            .header(HeaderName::SessionExpires, asked);
        call.leg.handle(
            Input::Request {
                id: PeerRequestId(9),
                request: super::script::request(&draft),
                source: "198.51.100.7:5060".parse().unwrap(),
            },
            call.now,
        );
        let Some(Output::Answer { response, .. }) = call.leg.poll_output() else {
            panic!("the refresh is answered")
        };
        let response = super::script::response(response);
        let session = response.header(HeaderName::SessionExpires).unwrap();
        assert_eq!(String::from_utf8_lossy(session), answered);
        assert_eq!(response.header(HeaderName::Require).is_some(), required);
    }
}
