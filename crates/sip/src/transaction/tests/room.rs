//! What happens when there is no room for another transaction.

use crate::flow::Protocol::Udp;
use crate::method::Method;
use crate::transaction::tests::script::{Script, draft, request_text, response_text};
use crate::transaction::{Config, Counts, Failure, Input, RequestToken};

fn small() -> Script {
    let config = Config {
        server_transactions: 2,
        client_transactions: 1,
        answered_requests: 2,
        ..Config::default()
    };
    Script::new(Udp, config)
}

fn publish(script: &mut Script, branch: &str) {
    script.receive(&request_text(
        "PUBLISH",
        &format!("branch=z9hG4bK{branch};rport"),
    ));
}

#[test]
fn the_oldest_answered_transaction_makes_room() {
    let mut script = small();
    for branch in ["a", "b", "c"] {
        publish(&mut script, branch);
        script.answer(200);
    }
    assert_eq!(script.endpoint.transactions(), 2);
    publish(&mut script, "b");
    publish(&mut script, "c");
    publish(&mut script, "a");
    let counts = script.endpoint.take_counts();
    assert_eq!(
        counts,
        Counts {
            requests: 4,
            retransmissions_absorbed: 2,
            evicted: 2,
            ..Counts::default()
        }
    );
    script.until(60_000);
    assert_eq!(script.endpoint.transactions(), 0);
}

#[test]
fn requests_beyond_the_unanswered_ones_are_refused_without_state() {
    let mut script = small();
    for branch in ["a", "b", "c", "c"] {
        publish(&mut script, branch);
    }
    assert_eq!(script.requests.len(), 2);
    assert_eq!(script.endpoint.transactions(), 2);
    assert_eq!(script.endpoint.take_counts().refused, 2);
    script.answer(200);
    publish(&mut script, "c");
    assert_eq!(script.requests.len(), 3);
}

fn send(script: &mut Script, token: u64) {
    let flow = script.flow;
    script.handle(Input::Send {
        token: RequestToken(token),
        flow,
        draft: Box::new(draft(Method::Message)),
        branch: format!("z9hG4bK{token}"),
    });
}

fn accept(script: &mut Script, token: u64) {
    script.receive(&response_text("200 OK", &format!("z9hG4bK{token}")));
}

#[test]
fn one_request_of_ours_too_many_fails_at_once() {
    let mut script = small();
    send(&mut script, 1);
    send(&mut script, 2);
    let failed = format!("0 failed {:?} for 2\n", Failure::Overload);
    assert!(script.log.ends_with(&failed), "{}", script.log);
    accept(&mut script, 1);
    send(&mut script, 3);
    assert_eq!(script.endpoint.transactions(), 2);
}

#[test]
fn answered_requests_of_ours_never_keep_a_new_one_out() {
    let mut script = small();
    for token in 1..=5 {
        send(&mut script, token);
        accept(&mut script, token);
    }
    assert_eq!(script.endpoint.transactions(), 2);
    for token in 1..=5 {
        accept(&mut script, token);
    }
    assert_eq!(script.log.matches("stray").count(), 3, "{}", script.log);
    script.until(5_000);
    assert_eq!(script.endpoint.transactions(), 0);
    send(&mut script, 6);
    accept(&mut script, 6);
    assert_eq!(script.endpoint.transactions(), 1);
}
