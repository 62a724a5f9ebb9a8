//! How a server that stops takes leave of its watchers.

use std::time::Duration;

use examples::wire::Protocol;

use crate::shop::{aor, serve, told};

/// RFC 6665 §4.1.3: the phones come back at once, to the same server or to another.
#[test]
fn a_server_that_stops_says_goodbye_to_its_watchers() {
    let server = serve("");
    let mut udp = server.watcher(Protocol::Udp, "bob").unwrap();
    let mut tcp = server.watcher(Protocol::Tcp, "carol").unwrap();
    for watcher in [&mut udp, &mut tcp] {
        watcher
            .subscribe(&aor("alice"), Some(600), Vec::new())
            .unwrap();
        told(watcher);
    }
    let stopping = std::thread::spawn(move || server.stop());
    for watcher in [&mut udp, &mut tcp] {
        assert_eq!(told(watcher).state, "terminated;reason=deactivated");
    }
    assert!(stopping.join().unwrap().unwrap().success());
}

/// The last NOTIFY may not go out before the one on its way is answered.
#[test]
fn goodbye_waits_for_a_watcher_that_has_not_answered_yet() {
    let server = serve("");
    let mut tcp = server.watcher(Protocol::Tcp, "carol").unwrap();
    tcp.subscribe(&aor("alice"), Some(600), Vec::new()).unwrap();
    let stopping = std::thread::spawn(move || server.stop());
    // It has begun to stop by then, which is what this is about; where it has not, nothing is tested.
    std::thread::park_timeout(Duration::from_millis(200));
    assert!(told(&mut tcp).state.starts_with("active"));
    assert_eq!(told(&mut tcp).state, "terminated;reason=deactivated");
    assert!(stopping.join().unwrap().unwrap().success());
}
