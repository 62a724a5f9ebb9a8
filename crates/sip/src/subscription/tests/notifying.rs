//! When NOTIFYs go out, and what their outcomes mean.

use std::time::Duration;

use expect_test::expect;

use super::script::{OK, Phone, Script, answered, check};
use crate::status::StatusCode;
use crate::subscription::{Config, Outcome};

/// RFC 3856 §6.10.
#[test]
fn a_storm_of_changes_costs_one_notify_per_interval() {
    check(
        |script| {
            script.subscribe(&Phone::new("bob"));
            script.outcome(0, OK);
            script.wait(60);
            for _ in 0..20 {
                script.change("alice");
                script.outcome(0, OK);
                script.wait(1);
            }
            script.wait(60);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 60: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: active;expires=540
            at 65: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 3: active;expires=535
            at 70: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 4: active;expires=530
            at 75: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 5: active;expires=525
            at 80: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 6: active;expires=520
        "#]],
    );
}

/// RFC 6665 §4.2.2 wants order; a second NOTIFY could overtake the first.
#[test]
fn no_notify_is_sent_while_one_is_unanswered() {
    check(
        |script| {
            let phone = Phone::new("bob");
            script.subscribe(&phone);
            script.change("alice");
            script.subscribe(&phone.again("ours-1"));
            script.wait(20);
            script.change("alice");
            script.outcome(0, OK);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #2: 200 OK expires 600
            at 20: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: active;expires=580
        "#]],
    );
}

#[test]
fn a_watcher_that_does_not_answer_delays_no_other() {
    check(
        |script| {
            script.subscribe(&Phone::new("dead"));
            script.subscribe(&Phone::new("bob"));
            script.outcome(1, OK);
            script.wait(10);
            script.change("alice");
            script.outcome(1, OK);
            script.wait(22);
            script.outcome(0, Outcome::TimedOut);
            assert_eq!(script.notifier.len(), 1);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:dead@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #2: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 10: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: active;expires=590
        "#]],
    );
}

#[test]
fn only_watchers_of_what_changed_are_told() {
    check(
        |script| {
            script.subscribe_to("alice", &Phone::new("bob"));
            script.subscribe_to("cameras", &Phone::new("carol"));
            script.outcome(0, OK);
            script.outcome(1, OK);
            script.wait(9);
            script.change("cameras");
            script.change("nobody");
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #2: 200 OK expires 600
            at 0: notify sip:carol@192.0.2.1:5091 of cameras as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 9: notify sip:carol@192.0.2.1:5091 of cameras as sip:alice@shop.example:5060 over 7 cseq 2: active;expires=591
        "#]],
    );
}

/// RFC 6665 §4.2.2: these answers end the subscription, others do not.
#[test]
fn some_refusals_end_a_subscription() {
    for code in [
        404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604,
    ] {
        assert_eq!(left_after(code), 0, "after {code}");
    }
    for code in [
        200, 202, 400, 401, 403, 408, 486, 488, 491, 500, 503, 600, 603,
    ] {
        assert_eq!(left_after(code), 1, "after {code}");
    }
}

fn left_after(code: u16) -> usize {
    let mut script = Script::new(Config::default());
    script.subscribe(&Phone::new("bob"));
    script.outcome(0, answered(StatusCode::new(code).unwrap()));
    script.notifier.len()
}

#[test]
fn a_state_that_was_refused_for_the_moment_is_sent_again() {
    check(
        |script| {
            script.subscribe(&Phone::new("bob"));
            script.outcome(
                0,
                Outcome::Answered {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    retry_after: Some(Duration::from_secs(90)),
                },
            );
            script.wait(10);
            script.change("alice");
            script.wait(100);
            script.outcome(0, Outcome::NotSent);
            script.wait(30);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 90: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: active;expires=510
            at 111: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 3: active;expires=489
        "#]],
    );
}

/// The phone may come back over another connection before its subscription is over.
#[test]
fn a_lost_connection_silences_a_subscription_until_it_is_refreshed() {
    check(
        |script| {
            let phone = Phone::new("bob");
            script.subscribe(&phone);
            script.outcome(0, Outcome::FlowClosed);
            script.change("alice");
            script.wait(100);
            let mut again = phone.again("ours-1");
            again.flow_id = 9;
            script.subscribe(&again);
            script.outcome(0, Outcome::FlowClosed);
            script.wait(1000);
            assert!(script.notifier.is_empty());
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 100: answer #2: 200 OK expires 600
            at 100: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 9 cseq 2: active;expires=600
        "#]],
    );
}
