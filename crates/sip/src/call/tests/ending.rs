//! The end of a leg, from either side and in every state.

use expect_test::expect;

use super::script::{body, check, check_with};
use crate::call::{Config, Input};
use crate::method::Method;
use crate::transaction::Failure;

#[test]
fn our_bye_ends_the_call() {
    check(
        |call| {
            call.taken();
            call.until(9_000);
            call.handle(Input::HangUp);
            call.handle(Input::HangUp);
            call.note_over();
            // It crosses ours.
            call.ask(Method::Bye, "");
            call.respond(Method::Bye, 481, "");
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            9000 send BYE 2
            9000 tell ended HungUp
            9000 not over
            9000 answer #0 200
            9000 over
        "#]],
    );
}

#[test]
fn the_peers_bye_ends_the_call() {
    check(
        |call| {
            call.taken();
            call.ask(Method::Bye, "");
            call.note_over();
            call.handle(Input::HangUp);
            call.ask(Method::Invite, "offer");
            call.until(9_000_000);
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 answer #0 200
            0 tell ended PeerHungUp
            0 over
            0 answer #1 481
        "#]],
    );
}

#[test]
fn a_bye_without_an_answer_ends_the_call_all_the_same() {
    check(
        |call| {
            call.taken();
            call.handle(Input::HangUp);
            call.fail(Method::Bye, Failure::Timeout);
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 send BYE 2
            0 tell ended HungUp
            0 over
        "#]],
    );
}

#[test]
fn a_call_is_cancelled_before_it_is_placed_and_while_it_rings() {
    check(
        |call| {
            call.handle(Input::HangUp);
            call.place(Some("offer"));
            call.note_over();
        },
        expect![[r#"
            0 tell ended Cancelled
            0 over
        "#]],
    );
    check(
        |call| {
            call.place(Some("offer"));
            call.respond(Method::Invite, 180, "");
            call.handle(Input::HangUp);
            call.handle(Input::HangUp);
            call.respond(Method::Invite, 487, "");
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 tell ringing 180
            0 cancel
            0 tell ended Cancelled
            0 over
        "#]],
    );
}

#[test]
fn a_success_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    check(
        |call| {
            call.place(None);
            call.respond(Method::Invite, 180, "");
            call.handle(Input::HangUp);
            call.respond(Method::Invite, 200, "offer");
            call.respond(Method::Invite, 200, "offer");
            call.respond(Method::Bye, 200, "");
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1
            0 tell ringing 180
            0 cancel
            0 send ACK 1
            0 send BYE 2
            0 tell ended Cancelled
            0 send ACK 1
            0 over
        "#]],
    );
}

#[test]
fn a_call_that_nobody_takes_is_cancelled_in_time() {
    check(
        |call| {
            call.place(Some("offer"));
            call.respond(Method::Invite, 180, "");
            call.until(100_000);
            call.respond(Method::Invite, 486, "");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 tell ringing 180
            60000 cancel
            100000 tell ended NoAnswer
        "#]],
    );
}

#[test]
fn a_cancelled_call_without_an_end_is_given_up() {
    check(
        |call| {
            call.place(Some("offer"));
            call.handle(Input::HangUp);
            call.fail(Method::Invite, Failure::Timeout);
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 cancel
            0 tell ended Cancelled
            0 over
        "#]],
    );
}

#[test]
fn a_call_that_lasts_too_long_is_ended() {
    check(
        |call| {
            call.taken();
            call.until(4_000_000);
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            3600000 send BYE 2
            3600000 tell ended TooLong
        "#]],
    );
}

#[test]
fn a_bye_ends_what_is_under_way() {
    check(
        |call| {
            call.taken();
            call.ask(Method::Invite, "new offer");
            call.ask(Method::Bye, "");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 tell peer offer #0 [new offer]
            0 answer #1 200
            0 answer #0 487
            0 tell ended PeerHungUp
        "#]],
    );
    // A re-INVITE of ours that is taken all the same.
    check(
        |call| {
            call.taken();
            call.handle(Input::Modify {
                offer: Some(body("new offer")),
            });
            call.handle(Input::HangUp);
            call.respond(Method::Invite, 200, "new answer");
            call.respond(Method::Bye, 200, "");
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 send INVITE 2 [new offer]
            0 send BYE 3
            0 tell ended HungUp
            0 send ACK 2
            0 over
        "#]],
    );
}

#[test]
fn a_request_outside_the_call_is_answered_481() {
    let config = Config::default();
    check_with(
        config,
        None,
        |call| {
            call.place(Some("offer"));
            call.ask(Method::Bye, "");
            call.respond(Method::Invite, 200, "answer");
            call.from("stranger").ask(Method::Bye, "");
            call.from("stranger").ask(Method::Invite, "offer");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 answer #0 481
            0 send ACK 1
            0 tell answered [answer]
            0 answer #1 481
            0 answer #2 481
        "#]],
    );
}

#[test]
fn what_a_phone_has_no_business_with_is_refused() {
    check(
        |call| {
            call.taken();
            for method in [Method::Refer, Method::Info, Method::Message, Method::Prack] {
                call.ask(method, "");
            }
            call.ask(Method::Options, "");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 answer #0 405
            0 answer #1 405
            0 answer #2 405
            0 answer #3 481
            0 answer #4 200
        "#]],
    );
}
