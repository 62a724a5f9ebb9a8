//! Bounded numbers.

use expect_test::expect;
use proptest::prelude::{Strategy, prop};

use super::script::{OK, Phone, Script};
use crate::subscription::{Config, Outcome};

fn limited() -> Script {
    Script::new(Config {
        most: 3,
        most_per_watcher: 2,
        ..Config::default()
    })
}

fn phone(watcher: &'static str, call: u32) -> Phone {
    let mut phone = Phone::new(watcher);
    phone.call_id = format!("call-{call}");
    phone
}

#[test]
fn too_many_subscriptions_are_answered_503() {
    let mut script = limited();
    for call in 0..3 {
        script.subscribe(&phone("bob", call));
    }
    script.subscribe(&phone("carol", 0));
    script.subscribe(&phone("dave", 0));
    // What is there can still be refreshed, and a fetch takes no room.
    script.subscribe(&phone("bob", 0).again("ours-1"));
    script.subscribe(&phone("dave", 1).with("Expires: 600", "Expires: 0"));
    expect![[r#"
        at 0: answer #1: 200 OK expires 600
        at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
        at 0: answer #2: 200 OK expires 600
        at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
        at 0: answer #3: 503 Too Many Subscriptions retry after 60
        at 0: answer #4: 200 OK expires 600
        at 0: notify sip:carol@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
        at 0: answer #5: 503 Too Many Subscriptions retry after 60
        at 0: answer #6: 200 OK expires 600
        at 0: answer #7: 200 OK expires 0
        at 0: notify sip:dave@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: terminated;reason=timeout
    "#]].assert_eq(script.log());
}

#[test]
fn a_lost_subscription_makes_room_for_its_watcher() {
    let mut script = limited();
    script.subscribe(&phone("bob", 0));
    script.subscribe(&phone("bob", 1));
    script.outcome(1, Outcome::FlowClosed);
    script.subscribe(&phone("bob", 2));
    script.subscribe(&phone("bob", 3));
    expect![[r#"
        at 0: answer #1: 200 OK expires 600
        at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
        at 0: answer #2: 200 OK expires 600
        at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
        at 0: answer #3: 200 OK expires 600
        at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 7 cseq 1: active;expires=600
        at 0: answer #4: 503 Too Many Subscriptions retry after 60
    "#]].assert_eq(script.log());
    assert_eq!(script.notifier.len(), 2);
}

#[derive(Debug, Clone)]
enum Step {
    Subscribe(u32),
    Refresh(u32, u32),
    Change,
    Outcome(prop::sample::Index, Outcome),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop::sample::select(vec![
        OK,
        Outcome::TimedOut,
        Outcome::FlowClosed,
        Outcome::NotSent,
    ]);
    let step = proptest::prop_oneof![
        (0..6u32).prop_map(Step::Subscribe),
        (1..9u32, prop::sample::select(vec![0u32, 5, 600]))
            .prop_map(|(tag, expires)| Step::Refresh(tag, expires)),
        proptest::prelude::Just(Step::Change),
        (proptest::prelude::any::<prop::sample::Index>(), outcome)
            .prop_map(|(index, outcome)| Step::Outcome(index, outcome)),
        (0..400u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..40)
}

proptest::proptest! {
    /// Whatever happens, limits hold, numbers of one dialog rise by one, and in the end everything is forgotten.
    #[test]
    fn every_history_ends_empty(steps in steps()) {
        let mut script = limited();
        let mut cseq = 1;
        for step in steps {
            match step {
                Step::Subscribe(call) => script.subscribe(&phone("bob", call)),
                Step::Refresh(tag, expires) => {
                    cseq += 1;
                    let mut again = phone("bob", tag).again(&format!("ours-{tag}"));
                    again.cseq = cseq;
                    script.subscribe(&again.with("Expires: 600", &format!("Expires: {expires}")));
                }
                Step::Change => script.change("alice"),
                Step::Outcome(index, outcome) => {
                    if !script.notified.is_empty() {
                        let index = index.index(script.notified.len());
                        script.outcome(index, outcome);
                    }
                }
                Step::Wait(seconds) => script.wait(seconds),
            }
            proptest::prop_assert!(script.notifier.len() <= 2);
        }
        let mut last_by_call = std::collections::HashMap::new();
        for notify in &script.notifies {
            let to = String::from_utf8_lossy(notify.header(crate::HeaderName::From).unwrap()).into_owned();
            let last = last_by_call.entry(to).or_insert(0);
            proptest::prop_assert_eq!(notify.cseq().unwrap().number, *last + 1);
            *last += 1;
        }
        for index in 0..script.notified.len() {
            script.outcome(index, OK);
        }
        script.wait(3600);
        for index in 0..script.notified.len() {
            script.outcome(index, OK);
        }
        proptest::prop_assert!(script.notifier.is_empty());
        proptest::prop_assert_eq!(script.notifier.next_timeout(), None);
    }
}
