//! Offers in a call, from either side, and both at once.

use expect_test::expect;

use super::script::{body, check, status};
use crate::call::Input;
use crate::method::Method;
use crate::transaction::Failure;

fn modify(offer: Option<&str>) -> Input {
    Input::Modify {
        offer: offer.map(body),
    }
}

#[test]
fn our_re_invite_is_taken_and_its_ack_repeated() {
    check(
        |call| {
            call.taken();
            call.handle(modify(Some("new offer")));
            call.handle(modify(Some("another")));
            call.respond(Method::Invite, 180, "");
            call.respond(Method::Invite, 200, "new answer");
            call.respond(Method::Invite, 200, "new answer");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 send INVITE 2 [new offer]
            0 tell modify failed None
            0 send ACK 2
            0 tell modified [new answer]
            0 send ACK 2
        "#]],
    );
}

#[test]
fn a_re_invite_without_an_offer_asks_for_one() {
    check(
        |call| {
            call.taken();
            call.handle(modify(None));
            call.respond(Method::Invite, 200, "their offer");
            call.ask(Method::Invite, "at the wrong time");
            call.until(1_000);
            call.handle(Input::Acknowledge {
                answer: body("our answer"),
            });
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 send INVITE 2
            0 tell modify offered [their offer]
            0 answer #0 491
            1000 send ACK 2 [our answer]
        "#]],
    );
}

#[test]
fn a_refused_re_invite_leaves_the_call_as_it_is() {
    check(
        |call| {
            call.taken();
            call.handle(modify(Some("new offer")));
            call.respond(Method::Invite, 488, "");
            call.handle(Input::HangUp);
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 send INVITE 2 [new offer]
            0 tell modify failed Some(488 Not Acceptable Here)
            0 send BYE 3
            0 tell ended HungUp
        "#]],
    );
}

#[test]
fn a_peer_that_does_not_know_the_call_any_more_has_lost_it() {
    for code in [408, 481] {
        let mut call = super::script::Script::new(crate::call::Config::default(), None);
        call.taken();
        call.handle(modify(Some("new offer")));
        call.respond(Method::Invite, code, "");
        assert_eq!(call.leg.outcome(), Some(crate::call::Outcome::Lost));
        let (_, last) = call.sent.last().unwrap();
        assert_eq!(last.method(), Method::Bye);
    }
    check(
        |call| {
            call.taken();
            call.handle(modify(Some("new offer")));
            call.fail(Method::Invite, Failure::Timeout);
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 send INVITE 2 [new offer]
            0 send BYE 3
            0 tell ended Lost
        "#]],
    );
}

#[test]
fn two_re_invites_that_meet_are_sent_again_by_turns() {
    check(
        |call| {
            call.taken();
            call.handle(modify(Some("new offer")));
            call.ask(Method::Invite, "at the wrong time");
            call.respond(Method::Invite, 491, "");
            // The peer made no Call-ID, so it is first.
            call.until(1_000);
            let id = call.ask(Method::Invite, "their offer");
            call.until(5_000);
            call.handle(Input::Accept {
                id,
                body: body("our answer"),
            });
            call.acknowledge("");
            call.until(9_000);
            call.respond(Method::Invite, 200, "their answer");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 send INVITE 2 [new offer]
            0 answer #0 491
            1000 tell peer offer #1 [their offer]
            5000 answer #1 200 [our answer]
            5130 send INVITE 3 [new offer]
            9000 send ACK 3
            9000 tell modified [their answer]
        "#]],
    );
}

#[test]
fn a_re_invite_that_always_meets_another_is_given_up() {
    check(
        |call| {
            call.taken();
            call.handle(modify(Some("new offer")));
            for end in [5_000, 10_000, 15_000, 20_000] {
                if call.sent.len() < 5 {
                    call.respond(Method::Invite, 491, "");
                }
                call.until(end);
            }
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 send INVITE 2 [new offer]
            3130 send INVITE 3 [new offer]
            7580 send INVITE 4 [new offer]
            10000 tell modify failed Some(491 Request Pending)
        "#]],
    );
}

#[test]
fn the_peers_offer_is_taken_and_the_2xx_repeated_until_the_ack() {
    check(
        |call| {
            call.taken();
            let id = call.ask(Method::Invite, "their offer");
            call.handle(Input::Accept {
                id,
                body: body("our answer"),
            });
            call.until(2_000);
            call.acknowledge("");
            call.until(60_000);
            call.handle(modify(Some("new offer")));
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 tell peer offer #0 [their offer]
            0 answer #0 200 [our answer]
            500 answer #0 200 [our answer]
            1500 answer #0 200 [our answer]
            60000 send INVITE 2 [new offer]
        "#]],
    );
}

#[test]
fn the_peers_re_invites_come_one_after_the_other() {
    check(
        |call| {
            call.taken();
            let id = call.ask(Method::Invite, "their offer");
            call.ask(Method::Invite, "too soon");
            call.handle(modify(Some("too soon, too")));
            call.handle(Input::Accept {
                id,
                body: body("our answer"),
            });
            // Not acknowledged yet.
            call.ask(Method::Invite, "too soon again");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 tell peer offer #0 [their offer]
            0 answer #1 500
            0 tell modify failed None
            0 answer #0 200 [our answer]
            0 answer #2 500
        "#]],
    );
}

#[test]
fn a_2xx_that_is_never_acknowledged_ends_the_call() {
    check(
        |call| {
            call.taken();
            let id = call.ask(Method::Invite, "their offer");
            call.handle(Input::Accept {
                id,
                body: body("our answer"),
            });
            call.until(100_000);
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 tell peer offer #0 [their offer]
            0 answer #0 200 [our answer]
            500 answer #0 200 [our answer]
            1500 answer #0 200 [our answer]
            3500 answer #0 200 [our answer]
            7500 answer #0 200 [our answer]
            11500 answer #0 200 [our answer]
            15500 answer #0 200 [our answer]
            19500 answer #0 200 [our answer]
            23500 answer #0 200 [our answer]
            27500 answer #0 200 [our answer]
            31500 answer #0 200 [our answer]
            32000 send BYE 2
            32000 tell ended Lost
        "#]],
    );
}

#[test]
fn a_peer_that_asks_for_an_offer_answers_it_in_the_ack() {
    check(
        |call| {
            call.taken();
            let id = call.ask(Method::Invite, "");
            call.handle(Input::Accept {
                id,
                body: body("our offer"),
            });
            call.acknowledge("their answer");
            call.acknowledge("their answer");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 tell peer offer #0
            0 answer #0 200 [our offer]
            0 tell peer answer [their answer]
        "#]],
    );
}

#[test]
fn the_peers_offer_is_refused_by_us_or_by_time_or_withdrawn() {
    check(
        |call| {
            call.taken();
            let id = call.ask(Method::Invite, "one");
            call.handle(Input::Refuse {
                id,
                status: status(603),
            });
            call.ask(Method::Invite, "two");
            call.until(60_000);
            let id = call.ask(Method::Invite, "three");
            call.handle(Input::Cancelled { id });
            call.handle(Input::Accept {
                id,
                body: body("too late"),
            });
            let id = call.ask(Method::Invite, "four");
            call.handle(Input::Refuse {
                id,
                status: status(200),
            });
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 tell peer offer #0 [one]
            0 answer #0 603
            0 tell peer offer #1 [two]
            25000 answer #1 488
            25000 tell peer offer #1 withdrawn
            60000 tell peer offer #2 [three]
            60000 tell peer offer #2 withdrawn
            60000 tell peer offer #3 [four]
            60000 answer #3 488
        "#]],
    );
}

#[test]
fn an_offer_in_an_update_is_refused_and_a_refresh_taken() {
    check(
        |call| {
            call.taken();
            call.ask(Method::Update, "offer");
            call.ask(Method::Update, "");
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send ACK 1
            0 tell answered [answer]
            0 answer #0 488
            0 answer #1 200
        "#]],
    );
}
