//! The dialog of a subscription: whose requests belong to it, and where ours go (RFC 3261 §12).

use expect_test::{Expect, expect};

use super::script::{Phone, Script, check};
use crate::header_name::HeaderName;
use crate::subscription::Config;

/// What a NOTIFY to a phone whose SUBSCRIBE has these lines more looks like.
fn check_notify(more: &str, expected: Expect) {
    let mut script = Script::new(Config::default());
    let mut phone = Phone::new("bob");
    phone.lines.push_str(more);
    script.subscribe(&phone);
    let text = String::from_utf8(script.notifies[0].bytes().to_vec()).unwrap();
    expected.assert_eq(&text.replace("\r\n", "\n"));
    let copied: Vec<_> = script.responses[0]
        .values(HeaderName::RecordRoute)
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
        .collect();
    let sent: Vec<_> = more
        .lines()
        .flat_map(|line| line.trim_start_matches("Record-Route: ").split(", "))
        .collect();
    assert_eq!(copied, sent);
}

#[test]
fn a_notify_goes_from_the_presentity_to_the_watchers_contact() {
    check_notify(
        "",
        expect![[r#"
            NOTIFY sip:bob@192.0.2.1:5091 SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours;rport
            Max-Forwards: 70
            From: <sip:alice@shop.example:5060>;tag=ours-1.1
            To: <sip:bob@shop.example>;tag=theirs
            Call-ID: call-of-bob
            CSeq: 1 NOTIFY
            Event: presence
            Subscription-State: active;expires=600
            Contact: <sip:192.0.2.9:5060>
            Content-Length: 0

        "#]],
    );
}

#[test]
fn a_notify_takes_the_route_its_subscribe_recorded() {
    check_notify(
        "Record-Route: <sip:p2.example;lr;x=1>, <sip:p1.example;lr>\r\n",
        expect![[r#"
            NOTIFY sip:bob@192.0.2.1:5091 SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours;rport
            Max-Forwards: 70
            From: <sip:alice@shop.example:5060>;tag=ours-1.1
            To: <sip:bob@shop.example>;tag=theirs
            Call-ID: call-of-bob
            CSeq: 1 NOTIFY
            Route: <sip:p2.example;lr;x=1>
            Route: <sip:p1.example;lr>
            Event: presence
            Subscription-State: active;expires=600
            Contact: <sip:192.0.2.9:5060>
            Content-Length: 0

        "#]],
    );
}

#[test]
fn a_strict_router_is_the_request_uri() {
    check_notify(
        "Record-Route: <sip:p2.example>\r\nRecord-Route: <sip:p1.example;lr>\r\n",
        expect![[r#"
            NOTIFY sip:p2.example SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours;rport
            Max-Forwards: 70
            From: <sip:alice@shop.example:5060>;tag=ours-1.1
            To: <sip:bob@shop.example>;tag=theirs
            Call-ID: call-of-bob
            CSeq: 1 NOTIFY
            Route: <sip:p1.example;lr>
            Route: <sip:bob@192.0.2.1:5091>
            Event: presence
            Subscription-State: active;expires=600
            Contact: <sip:192.0.2.9:5060>
            Content-Length: 0

        "#]],
    );
}

#[test]
fn a_subscribe_in_no_known_dialog_is_answered_481() {
    check(
        |script| {
            let phone = Phone::new("bob");
            script.subscribe(&phone.again("never-given-out"));
            script.subscribe(&phone);
            let mut other_call = phone.again("ours-2");
            other_call.call_id = "other".to_owned();
            script.subscribe(&other_call);
        },
        expect![[r#"
            at 0: answer #1: 481 Subscription Does Not Exist
            at 0: answer #2: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #3: 481 Subscription Does Not Exist
        "#]],
    );
}

#[test]
fn nobody_refreshes_the_subscription_of_somebody_else() {
    check(
        |script| {
            let phone = Phone::new("bob");
            script.subscribe(&phone);
            let mut thief = phone.again("ours-1");
            thief.watcher = "mallory";
            script.subscribe(&thief);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #2: 403 Not Your Subscription
        "#]],
    );
}

/// RFC 3261 §12.2.2.
#[test]
fn an_older_subscribe_of_the_dialog_is_out_of_order() {
    check(
        |script| {
            let phone = Phone::new("bob");
            script.subscribe(&phone);
            let mut old = phone.again("ours-1").with("Expires: 600", "Expires: 0");
            old.cseq = 1;
            script.subscribe(&old);
            assert_eq!(script.notifier.len(), 1);
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
            at 0: answer #2: 500 Out Of Order
        "#]],
    );
}

/// RFC 6665 §4.1.2.1 and §8.2.1.
#[test]
fn a_subscribe_without_what_a_dialog_needs_is_refused() {
    check(
        |script| {
            let phone = Phone::new("bob");
            script.subscribe(
                &phone
                    .clone()
                    .with("Contact: <sip:bob@192.0.2.1:5091>\r\n", ""),
            );
            script.subscribe(&phone.clone().with("<sip:bob@192.0.2.1:5091>", "*"));
            script.subscribe(&phone.clone().with("<sip:bob@192.0.2.1:5091>", "<tel:1>"));
            script.subscribe(&phone.clone().with("Event: presence\r\n", ""));
            script.subscribe(&phone.clone().with("Expires: 600", "Expires: soon"));
            let long = format!(
                "Record-Route: <sip:{}.example;lr>\r\nEvent",
                "p".repeat(5000)
            );
            script.subscribe(&phone.with("Event", &long));
            assert!(script.notifier.is_empty());
        },
        expect![[r#"
            at 0: answer #1: 400 Missing Contact
            at 0: answer #2: 400 Bad Contact
            at 0: answer #3: 400 Bad Contact
            at 0: answer #4: 489 Missing Event
            at 0: answer #5: 400 Bad Expires
            at 0: answer #6: 413 Dialog Too Long
        "#]],
    );
}

/// What a dialog keeps stays as small as when it began.
#[test]
fn a_refresh_that_brings_too_long_a_contact_is_refused() {
    let mut script = Script::new(Config::default());
    let phone = Phone::new("bob");
    script.subscribe(&phone);
    let long = format!("sip:{}@192.0.2.1", "b".repeat(4090));
    let again = phone.again("ours-1");
    script.subscribe(&again.clone().with("sip:bob@192.0.2.1:5091", &long));
    assert_eq!(script.responses.last().unwrap().status().code(), 413);
    script.subscribe(&again);
    assert_eq!(script.responses.last().unwrap().status().code(), 200);
}
