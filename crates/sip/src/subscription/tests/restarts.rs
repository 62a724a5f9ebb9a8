//! Subscriptions that outlive a restart: what is written down of them, and how they go on.

use std::time::Duration;

use expect_test::expect;

use super::script::{OK, Phone, Script};
use crate::subscription::{Config, Standing, SubscriptionId};

/// Everything that was last written down, as another process finds it.
fn restarted(before: &Script) -> Script {
    let mut after = Script::new(Config::default());
    after.follow(before);
    for saved in before.saved() {
        after.restore(saved, Duration::from_secs(2));
    }
    after
}

#[test]
fn a_watcher_is_told_in_its_dialog_by_a_higher_number() {
    let mut before = Script::new(Config::default());
    before.subscribe(&Phone::new("bob"));
    before.outcome(0, OK);
    before.wait(10);
    before.change("alice");
    let mut after = restarted(&before);
    after.wait(2);
    expect![[r#"
        at 2: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 192.0.2.1:5091 cseq 65537: active;expires=588
    "#]]
    .assert_eq(after.log());
    let (first, second) = (&before.notifies[1], &after.notifies[0]);
    assert_eq!(first.call_id().unwrap(), second.call_id().unwrap());
    for tag in [
        [first.from().unwrap().tag(), second.from().unwrap().tag()],
        [first.to().unwrap().tag(), second.to().unwrap().tag()],
    ] {
        assert_eq!(tag[0], tag[1]);
    }
    assert!(second.cseq().unwrap().number > first.cseq().unwrap().number);
}

#[test]
fn a_refresh_after_a_restart_is_one_of_the_same_dialog() {
    let mut before = Script::new(Config::default());
    let phone = Phone::new("bob");
    before.subscribe(&phone);
    before.outcome(0, OK);
    let mut after = restarted(&before);
    // As if no restart had been; also before it is told anything by itself.
    let mut again = phone.again("ours-1");
    again.flow_id = 9;
    after.subscribe(&again);
    expect![[r#"
        at 0: answer #1: 200 OK expires 600
        at 0: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 9 cseq 65537: active;expires=600
    "#]]
    .assert_eq(after.log());
    // An old one is out of order after a restart too.
    let mut old = phone.again("ours-1");
    old.cseq = 1;
    after.subscribe(&old);
    assert_eq!(after.responses.last().unwrap().status().code(), 500);
}

#[test]
fn numbers_are_never_used_twice_however_often_it_restarts() {
    let mut script = Script::new(Config::default());
    script.subscribe(&Phone::new("bob"));
    script.outcome(0, OK);
    let mut last = script.notifies[0].cseq().unwrap().number;
    for restart in 0..5 {
        let mut next = restarted(&script);
        next.wait(2);
        for _ in 0..restart * 10 {
            let index = next.notified.len() - 1;
            next.outcome(index, OK);
            next.change("alice");
            next.wait(6);
        }
        for notify in &next.notifies {
            let number = notify.cseq().unwrap().number;
            assert!(number > last, "{number} after {last}");
            last = number;
        }
        // The NOTIFY that is under way is answered by nobody.
        script = next;
    }
}

/// What is written down tells of numbers ahead, so that most NOTIFYs need no writing.
#[test]
fn one_notify_of_many_has_something_written_down() {
    let mut script = Script::new(Config {
        numbers_ahead: 32,
        ..Config::default()
    });
    script.subscribe(&Phone::new("bob").with("Expires: 600", "Expires: 3600"));
    script.outcome(0, OK);
    script.to_keep.clear();
    let mut written = 0;
    for _ in 0..160 {
        script.wait(6);
        script.change("alice");
        script.outcome(0, OK);
        written += usize::from(!script.to_keep.is_empty());
        script.to_keep.clear();
        let [saved] = &script.saved()[..] else {
            panic!("one subscription");
        };
        let sent = script.notifies.last().unwrap().cseq().unwrap().number;
        assert!(
            saved.dialog.local_cseq >= sent + 16,
            "room for what is under way"
        );
    }
    assert_eq!((script.notifies.len(), written), (161, 9));
}

/// Nothing of what is to be written down is, for as long as a subscription lasts without a refresh.
#[test]
fn numbers_are_not_used_twice_where_nothing_could_be_written_for_an_hour() {
    let mut before = Script::new(Config::default());
    before.subscribe(&Phone::new("bob").with("Expires: 600", "Expires: 3600"));
    before.outcome(0, OK);
    let [written] = &before.saved()[..] else {
        panic!("one subscription");
    };
    let written = written.clone();
    for _ in 0..700 {
        before.wait(5);
        before.change("alice");
        before.outcome(0, OK);
    }
    let last = before.notifies.last().unwrap().cseq().unwrap().number;
    assert_eq!(last, 701);
    let mut after = Script::new(Config::default());
    after.follow(&before);
    after.restore(written, Duration::from_secs(2));
    after.wait(2);
    assert!(after.notifies[0].cseq().unwrap().number > last);
}

#[test]
fn what_is_over_or_was_for_once_is_not_written_down() {
    let mut script = Script::new(Config::default());
    script.subscribe(&Phone::new("ann").with("Expires: 600", "Expires: 0"));
    assert!(script.to_keep.is_empty() && script.saved().is_empty());
    let bob = Phone::new("bob");
    script.subscribe(&bob);
    let id = *script.to_keep.first().unwrap();
    assert_eq!(script.saved().len(), 1);
    script.outcome(1, OK);
    script.to_keep.clear();
    script.subscribe(&bob.again("ours-2").with("Expires: 600", "Expires: 0"));
    assert_eq!(script.saved(), []);
    assert!(script.to_keep.contains(&id));
    assert_eq!(script.notifier.saved(id), None);
    assert_eq!(script.notifier.saved(SubscriptionId(77)), None);
}

#[test]
fn terms_and_standing_come_back() {
    let mut before = Script::new(Config::default());
    before.standing = Standing::Pending;
    let lines = "Event: presence;id=4;max-rate=0.05";
    before.subscribe(&Phone::new("bob").with("Event: presence", lines));
    before.outcome(0, OK);
    let mut after = restarted(&before);
    assert_eq!(after.saved().len(), 1);
    for (old, new) in before.saved().into_iter().zip(after.saved()) {
        assert_eq!((old.rates, old.event), (new.rates, new.event));
        assert_eq!((old.watcher, old.until), (new.watcher, new.until));
        assert_eq!((old.since, old.standing), (new.since, new.standing));
    }
    after.wait(2);
    expect![[r#"
        at 2: notify sip:bob@192.0.2.1:5091 of alice as sip:alice@shop.example:5060 over 192.0.2.1:5091 cseq 65537: pending;expires=598;max-rate=0.05 without a body
    "#]]
    .assert_eq(after.log());
}

#[test]
fn what_has_lapsed_or_is_damaged_is_not_brought_back() {
    let mut before = Script::new(Config::default());
    before.subscribe(&Phone::new("bob"));
    let [saved] = &before.saved()[..] else {
        panic!("one subscription");
    };
    let mut damaged = saved.clone();
    damaged.dialog.local_tag = "ours-1".to_owned();
    let mut after = Script::new(Config::default());
    after.follow(&before);
    assert!(!after.restore(damaged, Duration::ZERO));
    assert!(after.restore(saved.clone(), Duration::ZERO));
    assert!(!after.restore(saved.clone(), Duration::ZERO), "twice");
    let mut late = Script::new(Config::default());
    late.follow(&before);
    late.wait(600);
    assert!(!late.restore(saved.clone(), Duration::ZERO));
    assert!(late.notifier.is_empty() && late.notifier.next_timeout().is_none());
}

#[test]
fn new_subscriptions_have_names_of_their_own_after_a_restart() {
    let mut before = Script::new(Config::default());
    before.subscribe(&Phone::new("bob"));
    before.outcome(0, OK);
    let mut after = restarted(&before);
    after.subscribe(&Phone::new("cat"));
    let mut names: Vec<_> = after
        .saved()
        .iter()
        .map(|saved| saved.subscription.0)
        .collect();
    names.sort_unstable();
    assert_eq!(names, [1, 2]);
}
