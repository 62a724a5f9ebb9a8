//! Non-INVITE server transactions.

use expect_test::expect;

use super::script::{Script, address, check, parse, request_text};
use crate::error::BadRequest;
use crate::flow::Flow;
use crate::flow::Protocol::{Tcp, Udp};
use crate::message::Message;
use crate::status::StatusCode;
use crate::transaction::{Config, Endpoint, Input};

const VIA: &str = "branch=z9hG4bKone;rport";

#[test]
fn a_retransmission_gets_the_stored_answer_until_timer_j() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("PUBLISH", VIA));
            script.answer(200);
            script.until(500);
            script.receive(&request_text("PUBLISH", VIA));
            script.until(31_999);
            script.receive(&request_text("PUBLISH", VIA));
            script.note_held();
            script.until(32_000);
            script.note_held();
            script.receive(&request_text("PUBLISH", VIA));
        },
        expect![[r#"
            0 request PUBLISH
            0 send 200 to 40000
            500 send 200 to 40000
            31999 send 200 to 40000
            31999 1 held
            32000 0 held
            32000 request PUBLISH
        "#]],
    );
}

#[test]
fn a_retransmission_before_the_answer_is_absorbed() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("MESSAGE", VIA));
            script.until(500);
            script.receive(&request_text("MESSAGE", VIA));
            script.until(1_000);
            script.answer(200);
        },
        expect![[r#"
            0 request MESSAGE
            1000 send 200 to 40000
        "#]],
    );
}

/// RFC 3261 §8.2.7: what is made of it is the same for a copy that comes when the first is forgotten.
#[test]
fn a_request_that_was_forgotten_has_the_same_fingerprint_when_it_comes_again() {
    let mut script = Script::new(Udp, Config::default());
    let two = VIA.replace("one", "two");
    for via in [VIA, VIA, &two] {
        script.receive(&request_text("PUBLISH", via));
        script.refuse_stateless(401);
    }
    // Another source, and another server.
    let elsewhere = Flow {
        remote: address("127.0.0.2:40000"),
        ..script.flow
    };
    script.receive_over(elsewhere, &request_text("PUBLISH", VIA));
    script.endpoint = Endpoint::new(Config::default(), [3, 4]);
    script.receive(&request_text("PUBLISH", VIA));
    let [first, again, others @ ..] = &script.fingerprints[..] else {
        panic!("{}", script.log);
    };
    assert_eq!(first, again);
    assert_eq!(others.len(), 3);
    assert!(!others.contains(first), "{first} {others:?}");
}

#[test]
fn a_slow_answer_is_announced_and_a_late_one_dropped() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("MESSAGE", VIA));
            script.until(7_500);
            script.receive(&request_text("MESSAGE", VIA));
            script.until(32_000);
            script.note_held();
            script.answer(200);
            assert_eq!(script.endpoint.take_counts().answers_dropped, 1);
        },
        expect![[r#"
            0 request MESSAGE
            3500 send 100 to 40000
            7500 send 100 to 40000
            32000 0 held
        "#]],
    );
}

#[test]
fn a_stream_keeps_nothing_after_the_answer() {
    check(
        Tcp,
        |script| {
            script.receive(&request_text("PUBLISH", VIA));
            script.note_held();
            script.answer(412);
            script.note_held();
        },
        expect![[r#"
                 0 request PUBLISH
                 0 1 held
                 0 send 412 to 40000
                 0 0 held
        "#]],
    );
}

#[test]
fn answers_forbidden_by_rfc_4320_are_not_sent() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("MESSAGE", VIA));
            script.answer(408);
            script.answer(180);
            script.answer(200);
        },
        expect![[r#"
                 0 request MESSAGE
                 0 send 200 to 40000
        "#]],
    );
}

#[test]
fn only_the_first_final_answer_is_sent() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("MESSAGE", VIA));
            script.answer(200);
            script.answer(500);
            script.receive(&request_text("MESSAGE", VIA));
        },
        expect![[r#"
                 0 request MESSAGE
                 0 send 200 to 40000
                 0 send 200 to 40000
        "#]],
    );
}

#[test]
fn branch_sent_by_and_method_tell_transactions_apart() {
    check(
        Udp,
        |script| {
            let publish = request_text("PUBLISH", VIA);
            script.receive(&publish);
            script.receive(&request_text("MESSAGE", VIA));
            script.receive(&request_text("PUBLISH", "branch=z9hG4bKtwo;rport"));
            script.receive(&publish.replace("127.0.0.1:5090", "127.0.0.1:5091"));
            script.note_held();
        },
        expect![[r#"
                 0 request PUBLISH
                 0 request MESSAGE
                 0 request PUBLISH
                 0 request PUBLISH
                 0 4 held
        "#]],
    );
}

#[test]
fn the_same_branch_from_another_source_is_another_request() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("MESSAGE", VIA));
            script.answer(200);
            let elsewhere = Flow {
                remote: address("127.0.0.1:666"),
                ..script.flow
            };
            script.receive_over(elsewhere, &request_text("MESSAGE", VIA));
        },
        expect![[r#"
                 0 request MESSAGE
                 0 send 200 to 40000
                 0 request MESSAGE
        "#]],
    );
}

#[test]
fn peers_without_the_magic_cookie_are_matched_by_the_old_rules() {
    check(
        Udp,
        |script| {
            let first = request_text("REGISTER", "branch=1;rport");
            script.receive(&first);
            script.answer(200);
            script.receive(&first);
            // Old peers may use one branch for all, or none.
            script.receive(&first.replace("CSeq: 5", "CSeq: 6"));
            script.receive(&first.replace("call-", "another-"));
            let without = first.replace(";branch=1", "");
            script.receive(&without.replace("call-", "third-"));
            script.note_held();
        },
        expect![[r#"
                 0 request REGISTER
                 0 send 200 to 40000
                 0 send 200 to 40000
                 0 request REGISTER
                 0 request REGISTER
                 0 request REGISTER
                 0 4 held
        "#]],
    );
}

#[test]
fn answers_go_to_the_source_if_asked_else_to_the_port_of_the_via() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("OPTIONS", "branch=z9hG4bKa;rport"));
            script.answer(200);
            script.receive(&request_text("OPTIONS", "branch=z9hG4bKb"));
            script.answer(200);
            let portless = request_text("OPTIONS", "branch=z9hG4bKc").replace(":5090", "");
            script.receive(&portless);
            script.answer(200);
            script.receive(&request_text(
                "OPTIONS",
                "branch=z9hG4bKd;maddr=192.0.2.1;rport",
            ));
            script.answer(200);
        },
        expect![[r#"
                 0 request OPTIONS
                 0 send 200 to 40000
                 0 request OPTIONS
                 0 send 200 to 5090
                 0 request OPTIONS
                 0 send 200 to 5060
                 0 request OPTIONS
                 0 send 200 to 40000
        "#]],
    );
}

#[test]
fn a_stateless_answer_is_forgotten() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("PUBLISH", VIA));
            let (transaction, request) = script.requests.pop().unwrap();
            script.handle(Input::AnswerStateless {
                transaction,
                response: super::script::answer(&request, 401),
            });
            script.note_held();
            script.receive(&request_text("PUBLISH", VIA));
        },
        expect![[r#"
                 0 request PUBLISH
                 0 send 401 to 40000
                 0 0 held
                 0 request PUBLISH
        "#]],
    );
}

#[test]
fn a_failed_a_refused_and_a_forgotten_request() {
    check(
        Udp,
        |script| {
            script.receive(&request_text("PUBLISH", VIA));
            let (transaction, _) = script.requests.pop().unwrap();
            script.handle(Input::Fail { transaction });
            script.receive(&request_text("PUBLISH", VIA));
            script.receive(&request_text("MESSAGE", VIA));
            let (transaction, _) = script.requests.pop().unwrap();
            script.handle(Input::Refuse { transaction });
            script.receive(&request_text("SUBSCRIBE", VIA));
            let (transaction, _) = script.requests.pop().unwrap();
            script.handle(Input::Forget { transaction });
            script.note_held();
        },
        expect![[r#"
                 0 request PUBLISH
                 0 send 500 to 40000
                 0 send 500 to 40000
                 0 request MESSAGE
                 0 send 503 to 40000
                 0 request SUBSCRIBE
                 0 1 held
        "#]],
    );
}

#[test]
fn a_bad_request_is_answered_with_its_reason_unless_no_answer_finds_its_way() {
    check(
        Udp,
        |script| {
            let good = request_text("PUBLISH", VIA);
            let ack = request_text("ACK", VIA).replace("CSeq: 5 ACK", "CSeq: 5");
            for text in [
                good.replace("CSeq: 5 PUBLISH", "CSeq: 5 REGISTER"),
                good.replace("Via: ", "X-Via: "),
                ack,
            ] {
                let Message::Request(mut request) = parse(&text) else {
                    panic!("a request was written")
                };
                let error: BadRequest = request.check().unwrap_err();
                assert_eq!(error.status, StatusCode::BAD_REQUEST);
                let flow = script.flow;
                script.handle(Input::Malformed {
                    flow,
                    request,
                    error,
                });
            }
            script.note_held();
        },
        expect![[r#"
                 0 send 400 to 40000
                 0 0 held
        "#]],
    );
}
