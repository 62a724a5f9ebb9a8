//! Watchers who know the state already (RFC 5839).

use expect_test::expect;

use super::script::{OK, Phone, Script, answered, check};
use crate::status::StatusCode;
use crate::subscription::{Config, Content};

fn knowing(phone: &Phone, tag: &str) -> Phone {
    let mut phone = phone.clone();
    phone
        .lines
        .push_str(&format!("Suppress-If-Match: {tag}\r\n"));
    phone
}

/// RFC 5839 §6.3.
#[test]
fn a_refresh_of_what_is_known_is_answered_204_and_nothing_follows() {
    check(
        |script| {
            script.entity_tag = Some("e1");
            let phone = Phone::new("bob");
            script.subscribe(&phone);
            script.outcome(0, OK);
            script.wait(300);
            script.subscribe(&knowing(&phone, "e1").again("ours-1"));
            script.wait(599);
            assert_eq!(script.notifier.len(), 1);
            script.wait(1);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 300: answer #2: 204 No Notification expires 600
            at 900: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: terminated;reason=timeout
        "#]],
    );
}

#[test]
fn a_refresh_of_what_is_not_the_newest_is_told_it() {
    for (known, newest) in [
        ("e1", Some("e2")),
        ("e1", None),
        ("*", None),
        ("", Some("e2")),
    ] {
        let mut script = Script::new(Config::default());
        let phone = Phone::new("bob");
        script.subscribe(&phone);
        script.outcome(0, OK);
        script.entity_tag = newest;
        script.subscribe(&knowing(&phone, known).again("ours-1"));
        assert_eq!(script.notifies.len(), 2, "{known} {newest:?}");
        assert_eq!(script.contents[1], Content::Full);
    }
}

/// RFC 5839 §5.7: with a star, whoever leaves is told nothing more.
#[test]
fn an_end_with_a_star_is_the_end_without_a_notify() {
    check(
        |script| {
            script.entity_tag = Some("e1");
            let phone = Phone::new("bob");
            script.subscribe(&phone);
            script.outcome(0, OK);
            let leaving = knowing(&phone, "*").with("Expires: 600", "Expires: 0");
            script.subscribe(&leaving.again("ours-1"));
            assert_eq!(script.notifier.len(), 0);
            assert_eq!(script.ended.len(), 1);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #2: 204 No Notification expires 0
        "#]],
    );
}

/// RFC 5839 §6.2: outside a dialog the NOTIFY stays and its body goes.
#[test]
fn a_new_subscription_to_what_is_known_is_told_without_a_body() {
    check(
        |script| {
            script.entity_tag = Some("e1");
            script.subscribe(&knowing(&Phone::new("bob"), "e1"));
            script.outcome(0, OK);
            let fetch = knowing(&Phone::new("carol"), "e1").with("Expires: 600", "Expires: 0");
            script.subscribe(&fetch);
            script.wait(10);
            script.change("alice");
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600 without a body
            at 0: answer #2: 200 OK expires 0
            at 0: notify sip:carol@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: terminated;reason=timeout without a body
            at 10: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: active;expires=590
        "#]],
    );
}

/// A change that waits for its time is part of the state the watcher has proven to know.
#[test]
fn what_is_owed_to_whoever_knows_it_is_owed_no_more() {
    let mut script = Script::new(Config::default());
    let phone = Phone::new("bob");
    script.subscribe(&phone);
    script.outcome(0, OK);
    script.change("alice");
    script.entity_tag = Some("e2");
    script.subscribe(&knowing(&phone, "e2").again("ours-1"));
    script.wait(60);
    assert_eq!(script.notifies.len(), 1);
    script.change("alice");
    assert_eq!(script.notifies.len(), 2);
}

/// Only what has arrived can be built upon.
#[test]
fn after_a_refusal_the_whole_state_is_told() {
    let mut script = Script::new(Config::default());
    script.subscribe(&Phone::new("bob"));
    script.outcome(0, OK);
    script.wait(10);
    script.change("alice");
    script.outcome(0, answered(StatusCode::SERVICE_UNAVAILABLE));
    script.wait(60);
    script.outcome(0, OK);
    script.change("alice");
    script.wait(60);
    let told = [
        Content::Full,
        Content::Changes,
        Content::Full,
        Content::Changes,
    ];
    assert_eq!(script.contents, told);
}
