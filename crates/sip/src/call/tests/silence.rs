//! Servers from which nothing comes back, and what they say when it is late.

use std::time::Duration;

use expect_test::expect;

use super::script::check_with;
use crate::call::{Config, Input, Trunk};
use crate::digest::{Algorithm, Challenge};
use crate::header_name::HeaderName;
use crate::method::Method;
use crate::transaction::Failure;

fn impatient() -> Config {
    Config {
        response_time: Duration::from_secs(4),
        ..Config::default()
    }
}

#[test]
fn a_peer_from_which_nothing_comes_back_is_given_up_and_cancelled_when_it_wakes() {
    check_with(
        impatient(),
        None,
        |call| {
            call.place(Some("offer"));
            call.until(4_000);
            call.find_nobody_else();
            call.respond(Method::Invite, 180, "");
            call.respond(Method::Invite, 487, "");
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            4000 try elsewhere
            4000 cancel
            4000 tell ended Silent
            4000 over
        "#]],
    );
    // It was taken up all the same.
    check_with(
        impatient(),
        None,
        |call| {
            call.place(Some("offer"));
            call.until(4_000);
            call.find_nobody_else();
            call.respond(Method::Invite, 200, "answer");
            call.respond(Method::Bye, 200, "");
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            4000 try elsewhere
            4000 cancel
            4000 tell ended Silent
            4000 send ACK 1
            4000 send BYE 2
            4000 over
        "#]],
    );
}

#[test]
fn a_peer_that_says_100_is_waited_for_as_long_as_it_may_ring() {
    check_with(
        impatient(),
        None,
        |call| {
            call.place(Some("offer"));
            call.respond(Method::Invite, 100, "");
            call.until(59_000);
            call.respond(Method::Invite, 408, "");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            59000 tell ended Refused(408 Request Timeout)
        "#]],
    );
    // Somebody on the way got no answer at all.
    check_with(
        impatient(),
        None,
        |call| {
            call.place(Some("offer"));
            call.respond(Method::Invite, 408, "");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 tell ended Silent
        "#]],
    );
}

#[test]
fn each_server_has_its_time_and_so_many_are_asked() {
    check_with(
        impatient(),
        None,
        |call| {
            call.place(Some("offer"));
            call.until(4_000);
            call.go_elsewhere();
            call.until(8_000);
            // This one refuses at once.
            call.go_elsewhere();
            call.until(9_000);
            call.go_elsewhere();
            call.until(60_000);
            call.fail(Method::Invite, Failure::Timeout);
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            4000 try elsewhere
            8000 try elsewhere
            13000 cancel
            13000 tell ended Silent
            60000 over
        "#]],
    );
}

#[test]
fn a_server_that_says_100_and_then_503_leaves_the_next_its_time() {
    check_with(
        impatient(),
        None,
        |call| {
            call.place(Some("offer"));
            call.respond(Method::Invite, 100, "");
            call.until(10_000);
            call.go_elsewhere();
            call.until(14_000);
            call.find_nobody_else();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            14000 try elsewhere
            14000 cancel
            14000 tell ended Silent
        "#]],
    );
}

#[test]
fn what_comes_back_in_the_last_moment_is_not_given_up() {
    check_with(
        impatient(),
        None,
        |call| {
            call.place(Some("offer"));
            call.until(4_000);
            call.respond(Method::Invite, 180, "");
            call.find_nobody_else();
            call.respond(Method::Invite, 200, "answer");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            4000 try elsewhere
            4000 tell ringing 180
            4000 send ACK 1
            4000 tell answered [answer]
        "#]],
    );
}

#[test]
fn a_call_that_is_cancelled_is_sent_nowhere_else_and_not_given_up_again() {
    check_with(
        impatient(),
        None,
        |call| {
            call.place(Some("offer"));
            call.until(3_000);
            call.handle(Input::HangUp);
            call.go_elsewhere();
            call.until(50_000);
            call.respond(Method::Invite, 487, "");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            3000 cancel
            50000 tell ended Cancelled
        "#]],
    );
}

/// A server that was given up may have somebody who takes the call, before or after the next one has an end to tell.
#[test]
fn one_call_at_most_stays_up_whoever_takes_it_late() {
    // The late one is the first that takes it.
    check_with(
        impatient(),
        None,
        |call| {
            call.place(Some("offer"));
            call.until(4_000);
            call.go_elsewhere();
            call.from("late").respond(Method::Invite, 200, "answer");
            call.from("next").respond(Method::Invite, 180, "");
            call.from("next").respond(Method::Invite, 200, "answer");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            4000 try elsewhere
            4000 send ACK 1
            4000 tell answered [answer]
            4000 send ACK 1
            4000 send BYE 2
        "#]],
    );
    // The next one has refused it.
    check_with(
        impatient(),
        None,
        |call| {
            call.place(Some("offer"));
            call.until(4_000);
            call.go_elsewhere();
            call.from("next").respond(Method::Invite, 486, "");
            call.from("late").respond(Method::Invite, 200, "answer");
            call.respond(Method::Bye, 200, "");
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            4000 try elsewhere
            4000 tell ended Refused(486 Busy Here)
            4000 send ACK 1
            4000 send BYE 2
            4000 over
        "#]],
    );
}

#[test]
fn who_takes_an_invite_that_was_sent_again_with_credentials_is_hung_up() {
    let trunk = Trunk::with_password("trunk.example", "desk", "wonder");
    check_with(
        impatient(),
        Some(trunk),
        |call| {
            call.place(Some("offer"));
            let (first, invite) = call.sent.last().unwrap().clone();
            call.until(4_000);
            call.go_elsewhere();
            let challenge = Challenge {
                realm: "trunk.example".to_owned(),
                nonce: "n1".to_owned(),
                suite: Algorithm::Md5.into(),
                is_stale: false,
                qualities: Vec::new(),
                opaque: None,
            };
            call.with(HeaderName::ProxyAuthenticate, &challenge.to_string());
            call.respond(Method::Invite, 407, "");
            call.from("late").respond_to(first, &invite, 200, "answer");
            call.from("next").respond(Method::Invite, 200, "answer");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            4000 try elsewhere
            4000 send INVITE 2 [offer]
            4000 send ACK 1
            4000 send BYE 2
            4000 send ACK 2
            4000 tell answered [answer]
        "#]],
    );
}
