//! What happens when there is no room for another transaction.

use crate::flow::Protocol::Udp;
use crate::method::Method;
use crate::transaction::tests::script::{Script, request_text};
use crate::transaction::{Config, Counts};

fn small() -> Script {
    let config = Config {
        server_transactions: 2,
        client_transactions: 1,
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

#[test]
fn one_request_of_ours_too_many_fails_at_once() {
    use crate::transaction::{Failure, Input, Output, RequestToken};

    let mut script = small();
    script.send(1, Method::Message);
    script.endpoint.handle(
        Input::Send {
            token: RequestToken(2),
            flow: script.flow,
            draft: super::script::draft(Method::Message),
            branch: "z9hG4bKsecond".to_owned(),
        },
        super::script::start(),
    );
    let Some(Output::Failed { token, cause }) = script.endpoint.poll_output() else {
        panic!("the request finds no room")
    };
    assert_eq!((token, cause), (RequestToken(2), Failure::Overload));
}
