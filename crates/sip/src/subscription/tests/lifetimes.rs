//! How long subscriptions last: granting, refreshing, fetching, ending.

use expect_test::expect;

use super::script::{OK, Phone, check};

/// RFC 6665 §4.2.1.2: the answer comes first, and the full state at once.
#[test]
fn a_subscription_is_answered_and_then_told_the_state() {
    check(
        |script| script.subscribe(&Phone::new("bob")),
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
        "#]],
    );
}

/// RFC 6665 §3.1.1 and RFC 3856 §6.4.
#[test]
fn the_answer_shortens_and_never_lengthens() {
    check(
        |script| {
            for (call, expires) in [
                ("a", "Expires: 7200\r\n"),
                ("b", ""),
                ("c", "Expires: 1\r\n"),
            ] {
                let mut phone = Phone::new("bob").with("Expires: 600\r\n", expires);
                phone.call_id = call.to_owned();
                script.subscribe(&phone);
            }
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 3600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=3600
            at 0: answer #2: 200 OK expires 3600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=3600
            at 0: answer #3: 200 OK expires 1
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=1
        "#]],
    );
}

#[test]
fn a_refresh_brings_the_state_at_once_and_the_new_way() {
    check(
        |script| {
            let phone = Phone::new("bob");
            script.subscribe(&phone);
            script.outcome(0, OK);
            script.wait(1);
            let mut again = phone
                .again("ours-1")
                .with("192.0.2.1:5091", "192.0.2.1:6000");
            again.flow_id = 8;
            script.subscribe(&again);
            script.outcome(0, OK);
            script.wait(601);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 1: answer #2: 200 OK expires 600
            at 1: notify sip:bob@192.0.2.1:6000 of alice as sip:alice@shop.example:5060 over 8 cseq 2: active;expires=600
            at 601: notify sip:bob@192.0.2.1:6000 of alice as sip:alice@shop.example:5060 over 8 cseq 3: terminated;reason=timeout
        "#]],
    );
}

/// RFC 6665 §4.4.3.
#[test]
fn a_fetch_is_told_the_state_once_and_leaves_nothing() {
    check(
        |script| {
            script.subscribe(&Phone::new("bob").with("Expires: 600", "Expires: 0"));
            assert!(script.notifier.is_empty());
            assert_eq!(script.notifier.next_timeout(), None);
            script.change("alice");
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 0
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: terminated;reason=timeout
        "#]],
    );
}

/// RFC 6665 §4.2.1.4. Linphone answers 481 to the last NOTIFY, which changes nothing.
#[test]
fn an_unsubscription_is_told_the_state_for_the_last_time() {
    check(
        |script| {
            let phone = Phone::new("bob");
            script.subscribe(&phone);
            script.outcome(0, OK);
            script.subscribe(&phone.again("ours-1").with("Expires: 600", "Expires: 0"));
            assert!(script.notifier.is_empty());
            script.outcome(
                0,
                super::script::answered(crate::StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
            );
            script.change("alice");
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #2: 200 OK expires 0
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: terminated;reason=timeout
        "#]],
    );
}

/// RFC 6665 §4.2.2.
#[test]
fn time_ends_a_subscription_with_a_word() {
    check(
        |script| {
            script.subscribe(&Phone::new("bob"));
            script.outcome(0, OK);
            script.wait(600);
            assert!(script.notifier.is_empty());
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 600: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: terminated;reason=timeout
        "#]],
    );
}

#[test]
fn the_last_word_waits_for_the_answer_to_the_one_before() {
    check(
        |script| {
            script.subscribe(&Phone::new("bob").with("Expires: 600", "Expires: 10"));
            script.wait(20);
            script.outcome(0, OK);
            assert!(script.notifier.is_empty());
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 10
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=10
            at 20: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: terminated;reason=timeout
        "#]],
    );
}

#[test]
fn two_ids_of_one_watcher_are_two_subscriptions() {
    check(
        |script| {
            let one = Phone::new("bob").with("presence\r\n", "presence;id=1\r\n");
            script.subscribe(&one);
            let mut other = one.clone().with("id=1", "id=2");
            other.call_id = "other".to_owned();
            script.subscribe(&other);
            // An id that this dialog does not have.
            script.subscribe(&one.again("ours-1").with("id=1", "id=2"));
            let events: Vec<_> = script
                .notifies
                .iter()
                .map(|notify| notify.header(crate::HeaderName::Event).unwrap().to_vec())
                .collect();
            assert_eq!(
                events,
                [b"presence;id=1".to_vec(), b"presence;id=2".to_vec()]
            );
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #2: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #3: 481 Subscription Does Not Exist
        "#]],
    );
}
