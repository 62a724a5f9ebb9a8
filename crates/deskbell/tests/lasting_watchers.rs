//! Subscriptions that outlive the server: after a crash or a restart its watchers are told in the dialogs they have.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::thread;
use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::peer;
use examples::peer::baresip::Baresip;
use examples::phone::TestPhone;
use examples::phone::watcher::{Notify, Watcher};
use examples::rsip::headers::{self, UntypedHeader};
use examples::rsip::{Header, Response};
use examples::server::{Server, Setup};
use examples::wire::Protocol;

/// How soon a watcher must be told what is due, on a busy machine; after a restart that is spread over some seconds.
const LIMIT: Duration = Duration::from_secs(15);

/// What was answered is in the journal after this time, which is longer than the keeper's.
const WRITTEN: Duration = Duration::from_millis(700);

fn serve() -> Server {
    let setup = Setup::tables("[presence.watchers]\ninterval = \"200ms\"\n").lasting();
    Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap()
}

fn aor(user: &str) -> String {
    format!("sip:{user}@shop.example")
}

fn code(response: &Response) -> u16 {
    response.status_code.code()
}

fn told(watcher: &mut Watcher) -> Notify {
    watcher.next_notify(LIMIT).unwrap().unwrap()
}

/// What comes until everything is written: a change from before the subscription may be told a second time.
fn settled(watcher: &mut Watcher, mut last: Notify) -> Notify {
    while let Some(next) = watcher.next_notify(WRITTEN).unwrap() {
        last = next;
    }
    last
}

fn rep(server: &Server, user: &str) -> TestPhone {
    let mut phone = server.phone(Protocol::Udp, user).unwrap();
    assert_eq!(code(&phone.register(600).unwrap()), 200);
    phone
}

fn publish(phone: &mut TestPhone, activity: Activity) {
    let answer = phone.publish(Basic::Open, activity, 600).unwrap();
    assert_eq!(code(&answer), 200);
}

fn watch(server: &Server, protocol: Protocol, user: &str, extra: Vec<Header>) -> Watcher {
    let mut watcher = server.watcher(protocol, user).unwrap();
    let answer = watcher.subscribe(&aor("alice"), Some(600), extra).unwrap();
    assert_eq!(code(&answer), 200);
    watcher
}

/// After two crashes in a row, too: no number is used twice.
#[test]
fn a_watcher_is_told_in_its_dialog_after_a_crash() {
    let mut server = serve();
    let mut alice = rep(&server, "alice");
    publish(&mut alice, Activity::Busy);
    let mut watcher = watch(&server, Protocol::Udp, "bob", Vec::new());
    let first = told(&mut watcher);
    assert!(first.body.contains("<rpid:busy/>"), "{first:?}");
    let mut last = settled(&mut watcher, first);
    for _ in 0..2 {
        server.crash_and_restart().unwrap();
        let next = told(&mut watcher);
        assert_eq!(next.dialog, last.dialog);
        assert!(next.cseq > last.cseq, "{next:?} after {last:?}");
        // The state outlived it as well.
        assert!(next.body.contains("<rpid:busy/>"), "{next:?}");
        assert!(next.state.starts_with("active;expires=5"), "{next:?}");
        last = next;
    }
    let last = settled(&mut watcher, last);
    publish(&mut alice, Activity::None);
    let next = told(&mut watcher);
    assert_eq!((next.cseq, &next.dialog), (last.cseq + 1, &last.dialog));
    assert_eq!(code(&watcher.refresh(600).unwrap()), 200);
    assert_eq!(told(&mut watcher).dialog, last.dialog);
    // What has ended does not come back.
    assert_eq!(code(&watcher.refresh(0).unwrap()), 200);
    let ended = watcher
        .wait_notify("terminated;reason=timeout", LIMIT)
        .unwrap();
    settled(&mut watcher, ended);
    server.crash_and_restart().unwrap();
    assert_eq!(code(&watcher.refresh(600).unwrap()), 481);
    server.check_alive().unwrap();
}

/// Its connection ended with the server, and nobody can connect to it: it comes back by itself, to the dialog it had.
#[test]
fn a_watcher_that_connects_anew_goes_on_where_it_was() {
    let mut server = serve();
    let mut watcher = watch(&server, Protocol::Tcp, "bob", Vec::new());
    let first = told(&mut watcher);
    let first = settled(&mut watcher, first);
    server.crash_and_restart().unwrap();
    watcher.reconnect(server.sip()).unwrap();
    assert_eq!(code(&watcher.refresh(600).unwrap()), 200);
    let next = told(&mut watcher);
    assert!(next.cseq > first.cseq && next.dialog == first.dialog);
}

/// RFC 5263 §4.4, RFC 4662 §5.2, RFC 3858 §3: after a gap in the numbers the whole is told.
#[test]
fn versions_go_on_after_a_crash() {
    let mut server = serve();
    let accept = |types: &[&str]| -> Vec<Header> {
        let accept = |name: &&str| headers::Accept::new(*name).into();
        types.iter().map(accept).collect()
    };
    let diff = accept(&["application/pidf-diff+xml"]);
    let mut differences = watch(&server, Protocol::Udp, "bob", diff);
    let mut lists = server.watcher(Protocol::Udp, "carol").unwrap();
    let mut extra = accept(&[
        "multipart/related",
        "application/pidf+xml",
        "application/rlmi+xml",
    ]);
    extra.push(Header::Other(
        "Supported".to_owned(),
        "eventlist".to_owned(),
    ));
    let answer = lists.subscribe(&aor("cameras"), Some(600), extra).unwrap();
    assert_eq!(code(&answer), 200);
    let mut watchers = server.watcher(Protocol::Udp, "alice").unwrap();
    let answer = watchers.subscribe_to_watchers(&aor("alice"), 600).unwrap();
    assert_eq!(code(&answer), 200);
    assert!(told(&mut differences).body.contains("version=\"1\""));
    assert!(told(&mut lists).body.contains("version=\"0\""));
    let first = told(&mut watchers);
    assert!(first.body.contains("version=\"0\""), "{first:?}");
    settled(&mut watchers, first);
    server.crash_and_restart().unwrap();

    let next = told(&mut differences);
    assert!(next.body.contains("<p:pidf-full"), "{next:?}");
    assert!(next.body.contains(&format!("version=\"{}\"", next.cseq)));
    let next = told(&mut lists);
    let version = format!("version=\"{}\" fullState=\"true\"", next.cseq - 1);
    assert!(next.body.contains(&version), "{next:?}");
    assert_eq!(next.body.matches("<presence").count(), 4, "{next:?}");
    let next = watchers.wait_notify("sip:bob@", LIMIT).unwrap();
    let version = format!("version=\"{}\" state=\"full\"", next.cseq - 1);
    assert!(next.body.contains(&version), "{next:?}");
    // And differences are told again, of a change.
    let mut alice = rep(&server, "alice");
    publish(&mut alice, Activity::Busy);
    let next = differences.wait_notify("busy", LIMIT).unwrap();
    assert!(next.body.contains(&format!("version=\"{}\"", next.cseq)));
}

/// A restart on purpose tells those whose connection it ends, and lets the others keep what they have.
#[test]
fn a_restart_says_goodbye_only_to_whom_it_cannot_find_again() {
    let mut server = serve();
    let mut udp = watch(&server, Protocol::Udp, "bob", Vec::new());
    let mut tcp = watch(&server, Protocol::Tcp, "carol", Vec::new());
    let (first, _) = (told(&mut udp), told(&mut tcp));
    thread::scope(|scope| {
        let restarting = scope.spawn(|| server.stop_and_restart());
        assert_eq!(told(&mut tcp).state, "terminated;reason=deactivated");
        restarting.join().unwrap().unwrap();
    });
    let next = told(&mut udp);
    assert!(next.cseq > first.cseq && next.dialog == first.dialog);
    assert!(next.state.starts_with("active"), "{next:?}");
    tcp.reconnect(server.sip()).unwrap();
    assert_eq!(code(&tcp.refresh(600).unwrap()), 481);
}

/// A configuration that changes while the server is down counts as one that changes while it runs.
#[test]
fn nobody_goes_on_watching_whom_the_new_configuration_keeps_from_it() {
    let mut server = serve();
    let mut watcher = watch(&server, Protocol::Udp, "bob", Vec::new());
    let first = told(&mut watcher);
    settled(&mut watcher, first);
    let mut setup = Setup::tables("[presence.watchers]\nrefusal = \"forbid\"\n").lasting();
    setup.rep_lines = vec![("alice", "watchers = []".to_owned())];
    server.crash_and_restart_with(&setup).unwrap();
    assert_eq!(told(&mut watcher).state, "terminated;reason=rejected");
}

/// baresip knows nothing of the crash: it refreshes after five minutes, and shows meanwhile what it is told.
#[test]
fn baresip_goes_on_watching_after_a_crash() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let mut server = serve();
    let mut alice = rep(&server, "alice");
    let password = server.rep("bob").unwrap().password.clone();
    let watched = format!("sip:alice@{}", server.sip());
    let mut baresip =
        Baresip::start_watching(&program, server.sip(), "bob", &password, &watched).unwrap();
    baresip.wait_registered().unwrap();
    publish(&mut alice, Activity::None);
    baresip.wait_contact("Online", LIMIT).unwrap();
    // Whoever subscribes later is written down later.
    let mut later = watch(&server, Protocol::Udp, "carol", Vec::new());
    let first = told(&mut later);
    settled(&mut later, first);
    server.crash_and_restart().unwrap();
    publish(&mut alice, Activity::Busy);
    baresip.wait_contact("Busy", LIMIT).unwrap();
    baresip.quit().unwrap();
}
