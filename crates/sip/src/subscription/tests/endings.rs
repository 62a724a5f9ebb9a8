//! Subscriptions that we end, and watchers who wait for permission (RFC 6665 §4.1.3, §4.2.2).

use std::time::Duration;

use expect_test::expect;

use super::script::{OK, Phone, Script, check};
use crate::header_name::HeaderName;
use crate::subscription::{Config, Content, EndReason, Standing};

#[test]
fn each_reason_is_told_in_the_words_of_the_rfc() {
    let in_a_minute = EndReason::Probation {
        retry_after: Duration::from_secs(60),
    };
    for (reason, told, content) in [
        (EndReason::Deactivated, "deactivated", Content::Full),
        (in_a_minute, "probation;retry-after=60", Content::Full),
        (EndReason::Rejected, "rejected", Content::Nothing),
        (EndReason::NoResource, "noresource", Content::Nothing),
        (EndReason::GiveUp, "giveup", Content::Nothing),
    ] {
        let mut script = Script::new(Config::default());
        script.subscribe(&Phone::new("bob"));
        script.outcome(0, OK);
        script.end(0, reason);
        let state = script.notifies[1].header(HeaderName::SubscriptionState);
        let expected = format!("terminated;reason={told}");
        assert_eq!(state, Some(expected.as_bytes()));
        assert_eq!(script.contents[1], content);
        assert_eq!(script.ended, script.notified);
        assert!(script.notifier.is_empty());
        // Once is enough.
        script.end(0, reason);
        assert_eq!(script.notifies.len(), 2);
    }
}

/// The last NOTIFY waits for the answer to the one before it, and takes no refresh after it was decided.
#[test]
fn an_end_waits_for_its_turn() {
    check(
        |script| {
            let phone = Phone::new("bob");
            script.subscribe(&phone);
            script.end(0, EndReason::Rejected);
            script.subscribe(&phone.again("ours-1"));
            script.outcome(0, OK);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #2: 481 Subscription Does Not Exist
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: terminated;reason=rejected without a body
        "#]],
    );
}

#[test]
fn whoever_waits_for_permission_is_told_only_that() {
    check(
        |script| {
            script.standing = Standing::Pending;
            script.subscribe(&Phone::new("bob"));
            script.outcome(0, OK);
            script.wait(10);
            script.change("alice");
            script.wait(10);
            script.admit(0);
            script.outcome(0, OK);
            script.wait(10);
            script.change("alice");
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: pending;expires=600 without a body
            at 20: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: active;expires=580
            at 30: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 3: active;expires=570
        "#]],
    );
}

/// Not even whether the state has changed meanwhile.
#[test]
fn whoever_waits_for_permission_learns_nothing_by_conditions() {
    let mut script = Script::new(Config::default());
    script.standing = Standing::Pending;
    script.entity_tag = Some("e1");
    let mut phone = Phone::new("bob");
    script.subscribe(&phone);
    script.outcome(0, OK);
    phone.lines.push_str("Suppress-If-Match: e1\r\n");
    script.subscribe(&phone.again("ours-1"));
    assert_eq!(script.responses[1].status().code(), 200);
    assert_eq!(script.contents, [Content::Nothing, Content::Nothing]);
}

#[test]
fn whoever_waits_in_vain_is_told_so() {
    check(
        |script| {
            script.standing = Standing::Pending;
            script.subscribe(&Phone::new("bob"));
            script.outcome(0, OK);
            script.wait(600);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: pending;expires=600 without a body
            at 600: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: terminated;reason=giveup without a body
        "#]],
    );
}
