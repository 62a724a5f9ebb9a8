//! What a watcher may wish: not to hear what it knows, to hear seldom or often, and only what differs.

use std::time::{Duration, Instant};

use examples::document::{Activity, Basic};
use examples::phone::watcher::granted;
use examples::rsip::headers::{self, UntypedHeader};
use examples::wire::Protocol;

use crate::shop::{LIMIT, aor, code, other, quiet, rep, serve, told};

/// RFC 5839.
#[test]
fn whoever_knows_the_state_is_not_told_again() {
    let server = serve("");
    let mut alice = rep(&server, "alice");
    let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
    watcher
        .subscribe(&aor("alice"), Some(600), Vec::new())
        .unwrap();
    let first = told(&mut watcher);
    assert!(!first.entity_tag.is_empty());
    let knowing = |tag: &str| vec![other("Suppress-If-Match", tag)];
    let answer = watcher
        .refresh_with(500, knowing(&first.entity_tag))
        .unwrap();
    assert_eq!((code(&answer), granted(&answer)), (204, Some(500)));
    quiet(&mut watcher);

    alice.publish(Basic::Open, Activity::Busy, 60).unwrap();
    let busy = watcher.wait_notify("<rpid:busy/>", LIMIT).unwrap();
    assert_ne!(busy.entity_tag, first.entity_tag);
    assert_eq!(
        code(
            &watcher
                .refresh_with(600, knowing(&first.entity_tag))
                .unwrap()
        ),
        200
    );
    let again = told(&mut watcher);
    assert_eq!(
        (again.entity_tag, again.body),
        (busy.entity_tag.clone(), busy.body)
    );

    // Another phone of the same person: there is a NOTIFY, and no body.
    let mut fetching = server.watcher(Protocol::Tcp, "bob").unwrap();
    fetching
        .subscribe(&aor("alice"), Some(0), knowing(&busy.entity_tag))
        .unwrap();
    let fetched = told(&mut fetching);
    assert_eq!(
        (&*fetched.body, &*fetched.state),
        ("", "terminated;reason=timeout")
    );
    assert_eq!(fetched.entity_tag, busy.entity_tag);

    assert_eq!(code(&watcher.refresh_with(0, knowing("*")).unwrap()), 204);
    quiet(&mut watcher);
    assert_eq!(code(&watcher.refresh(600).unwrap()), 481);
}

/// RFC 6446.
#[test]
fn a_watcher_says_how_often_it_is_told() {
    let server = serve("");
    let mut alice = rep(&server, "alice");
    let mut seldom = server.watcher(Protocol::Udp, "bob").unwrap();
    seldom
        .subscribe_event(&aor("alice"), "presence;max-rate=0.5", 600)
        .unwrap();
    let first = told(&mut seldom);
    assert_eq!(first.state, "active;expires=600;max-rate=0.5");
    alice.publish(Basic::Open, Activity::Busy, 60).unwrap();
    let busy = seldom.wait_notify("<rpid:busy/>", LIMIT).unwrap();
    let between = busy.at.duration_since(first.at);
    assert!(between > Duration::from_millis(1900), "{between:?}");

    let mut often = server.watcher(Protocol::Udp, "carol").unwrap();
    often
        .subscribe_event(&aor("alice"), "presence;min-rate=4", 600)
        .unwrap();
    let started = Instant::now();
    for cseq in 1..=4 {
        assert_eq!(told(&mut often).cseq, cseq);
    }
    assert!(
        started.elapsed() > Duration::from_millis(700),
        "{:?}",
        started.elapsed()
    );
}

/// RFC 5263.
#[test]
fn a_watcher_of_differences_is_told_the_whole_first() {
    let server = serve("");
    let mut alice = rep(&server, "alice");
    alice.publish(Basic::Open, Activity::None, 60).unwrap();
    let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
    let accept = vec![
        headers::Accept::new("application/pidf+xml;q=0.3, application/pidf-diff+xml;q=1").into(),
    ];
    watcher
        .subscribe(&aor("alice"), Some(600), accept.clone())
        .unwrap();
    let first = told(&mut watcher);
    assert_eq!(first.content_type, "application/pidf-diff+xml");
    assert!(
        first.body.contains("<p:pidf-full") && first.body.contains("version=\"1\""),
        "{first:?}"
    );
    alice
        .publish(Basic::Open, Activity::OnThePhone, 60)
        .unwrap();
    let second = told(&mut watcher);
    assert!(
        second.body.contains("<p:pidf-diff") && second.body.contains("version=\"2\""),
        "{second:?}"
    );
    assert!(
        second
            .body
            .contains("<p:replace sel=\"*/dm:person[@id='p1']\"><dm:person id=\"p1\">"),
        "{second:?}"
    );
    assert!(!second.body.contains("<tuple"), "{second:?}");
    assert_eq!(code(&watcher.refresh_with(600, accept).unwrap()), 200);
    let third = told(&mut watcher);
    assert!(
        third.body.contains("<p:pidf-full") && third.body.contains("version=\"3\""),
        "{third:?}"
    );
    // Whoever does not ask for them any more is not told them.
    assert_eq!(code(&watcher.refresh(600).unwrap()), 200);
    assert_eq!(told(&mut watcher).content_type, "application/pidf+xml");
}
