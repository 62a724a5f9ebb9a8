//! Watchers who say how often they want to be told (RFC 6446).

use expect_test::expect;

use super::script::{OK, Phone, Script, check};
use crate::header_name::HeaderName;
use crate::subscription::{Config, Content};

fn asking(rates: &str) -> Phone {
    Phone::new("bob").with("Event: presence", &format!("Event: presence;{rates}"))
}

/// Subscription-State of the first NOTIFY.
#[track_caller]
fn check_granted(rates: &str, expected: &str) {
    let mut script = Script::new(Config::default());
    script.subscribe(&asking(rates));
    let state = script.notifies[0].header(HeaderName::SubscriptionState);
    let state = String::from_utf8_lossy(state.unwrap()).into_owned();
    assert_eq!(state, format!("active;expires=600{expected}"), "{rates}");
}

/// RFC 6446 §5.2: the pace of RFC 3856 §6.10 is the highest rate there is, and what is granted is told.
#[test]
fn what_is_granted_is_told() {
    check_granted("max-rate=0.05", ";max-rate=0.05");
    check_granted("max-rate=2", ";max-rate=0.2");
    check_granted("min-rate=3", ";min-rate=0.2");
    check_granted("max-rate=0.1;min-rate=0.2", ";max-rate=0.1;min-rate=0.1");
    check_granted("adaptive-min-rate=0.01", ";adaptive-min-rate=0.01");
    for nothing in [
        "max-rate=0",
        "max-rate=0.0",
        "max-rate=fast",
        "min-rate=-1",
        "min-rate",
    ] {
        check_granted(nothing, "");
    }
}

#[test]
fn no_more_is_told_than_was_asked_for() {
    check(
        |script| {
            script.subscribe(&asking("max-rate=0.02"));
            for _ in 0..120 {
                script.outcome(0, OK);
                script.change("alice");
                script.wait(1);
            }
        },
        expect![[r#"
            at 0: answer #1: 200 OK expires 600
            at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600;max-rate=0.02
            at 50: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 2: active;expires=550;max-rate=0.02
            at 100: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 3: active;expires=500;max-rate=0.02
        "#]],
    );
}

/// RFC 6446 §6.2: the state is told again even if nothing changes.
#[test]
fn no_less_is_told_than_was_asked_for() {
    let mut script = Script::new(Config::default());
    script.subscribe(&asking("min-rate=0.1"));
    for _ in 0..60 {
        script.outcome(0, OK);
        script.wait(1);
    }
    assert_eq!(script.notifies.len(), 7);
    script.outcome(0, OK);
    // A change comes in its own time and moves the next one.
    script.wait(6);
    script.change("alice");
    assert_eq!(
        (script.notifies.len(), script.contents[7]),
        (8, Content::Changes)
    );
    script.outcome(0, OK);
    script.wait(9);
    assert_eq!(script.notifies.len(), 8);
    script.wait(1);
    assert_eq!(script.notifies.len(), 9);
}

/// RFC 6446 §6.3: who was told much lately is told less, so that the average comes near what was asked for.
#[test]
fn an_average_is_kept_after_a_storm() {
    let mut script = Script::new(Config::default());
    script.subscribe(&asking("adaptive-min-rate=0.05").with("Expires: 600", "Expires: 3600"));
    let second = |script: &mut Script| {
        script.outcome(0, OK);
        script.wait(1);
    };
    // Four times as many as were asked for.
    for _ in 0..100 {
        script.change("alice");
        second(&mut script);
    }
    let storm = script.notifies.len();
    assert!((15..=21).contains(&storm), "{storm}");
    // The last one was told at 95 s; the average alone would want one more after 20 s.
    for _ in 0..20 {
        second(&mut script);
    }
    assert_eq!(script.notifies.len(), storm, "quiet after the storm");
    let before = script.notifies.len();
    for _ in 0..2_000 {
        second(&mut script);
    }
    let steady = script.notifies.len() - before;
    assert!((80..=120).contains(&steady), "{steady} in 2000 s");
}

/// A refresh says anew how often, or that it does not matter.
#[test]
fn a_refresh_without_rates_ends_them() {
    let mut script = Script::new(Config::default());
    let phone = asking("min-rate=0.1");
    script.subscribe(&phone);
    script.outcome(0, OK);
    script.subscribe(&Phone::new("bob").again("ours-1"));
    script.outcome(0, OK);
    script.wait(100);
    assert_eq!(script.notifies.len(), 2);
}
