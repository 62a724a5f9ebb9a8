//! Who watches, and when that changes.

use super::script::{OK, Phone, Script};
use crate::subscription::{Config, Outcome};

#[test]
fn watchers_come_with_a_subscription_and_go_with_its_end() {
    let mut script = Script::new(Config::default());
    let bob = Phone::new("bob");
    script.subscribe(&bob);
    script.subscribe(&Phone::new("carol"));
    script.outcome(0, OK);
    assert_eq!(script.watchers_changed, ["alice", "alice"]);
    script.wait(100);
    let watchers = |left| {
        ["sip:bob@shop.example", "sip:carol@shop.example"].map(|watcher| (watcher.to_owned(), left))
    };
    assert_eq!(script.watchers(), watchers(500));
    // A refresh makes nobody a watcher who was none.
    script.subscribe(&bob.again("ours-1"));
    script.outcome(0, OK);
    assert_eq!(script.watchers_changed.len(), 2);
    script.subscribe(&bob.again("ours-1").with("Expires: 600", "Expires: 0"));
    assert_eq!(script.watchers_changed.len(), 2, "out of order");
    let mut last = bob.again("ours-1").with("Expires: 600", "Expires: 0");
    last.cseq = 9;
    script.subscribe(&last);
    assert_eq!(script.watchers_changed.len(), 3);
    script.outcome(1, Outcome::TimedOut);
    assert_eq!(script.watchers_changed.len(), 4);
    assert!(script.watchers().is_empty());
}

/// RFC 6665 §4.4.3.
#[test]
fn a_fetch_makes_nobody_a_watcher() {
    let mut script = Script::new(Config::default());
    script.subscribe(&Phone::new("bob").with("Expires: 600", "Expires: 0"));
    assert!(script.watchers_changed.is_empty());
    assert!(script.watchers().is_empty());
}
