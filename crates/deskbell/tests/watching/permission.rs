//! Who may watch whom, under every configuration and after its changes.

use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::phone::Account;
use examples::phone::watcher::Watcher;
use examples::server::{Server, Setup};
use examples::wire::Protocol;

use crate::lists::{list, list_headers};
use crate::shop::{LIMIT, aor, code, quiet, rep, serve, told};

/// FreeSWITCH CVE-2021-41157 let strangers watch where an old configuration was kept: here no configuration does.
#[test]
fn no_configuration_lets_a_stranger_watch() {
    for tables in [
        "",
        "[presence.watchers]\nreps = \"reps\"\n",
        "[presence.watchers]\nrefusal = \"hold\"\n",
    ] {
        let server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &Setup::tables(tables)).unwrap();
        for (uri, extra, body) in [
            ("alice", Vec::new(), String::new()),
            ("cameras", Vec::new(), String::new()),
            ("nobody", Vec::new(), String::new()),
            ("rls", list_headers(), list(&[&aor("alice")])),
        ] {
            for expires in [0, 600] {
                let account = Account {
                    user: "bob".to_owned(),
                    password: "guess".to_owned(),
                    domain: "shop.example".to_owned(),
                };
                let mut stranger = Watcher::connect(Protocol::Udp, server.sip(), account).unwrap();
                let extra = extra.clone();
                let answer =
                    stranger.subscribe_with_body(&aor(uri), expires, extra, body.as_bytes());
                let status = code(&answer.unwrap());
                assert!([401, 403].contains(&status), "{uri}: {status}");
                assert_eq!(
                    stranger.next_notify(Duration::from_millis(50)).unwrap(),
                    None
                );
            }
        }
    }
}

#[test]
fn supervisors_watch_everybody_and_see_every_watcher() {
    let server =
        serve("reps = \"supervisors\"\ngroups = \"supervisors\"\nsupervisors = [\"dave\"]\n");
    let subscribe = |user: &str, to: &str| {
        let mut watcher = server.watcher(Protocol::Udp, user).unwrap();
        let answer = watcher.subscribe(&aor(to), Some(600), Vec::new()).unwrap();
        (code(&answer), watcher)
    };
    assert_eq!(subscribe("bob", "alice").0, 403);
    assert_eq!(subscribe("bob", "cameras").0, 403);
    assert_eq!(subscribe("bob", "bob").0, 200);
    let (ours, _watching) = subscribe("dave", "alice");
    assert_eq!(ours, 200);
    assert_eq!(subscribe("dave", "cameras").0, 200);
    let mut winfo = server.watcher(Protocol::Udp, "dave").unwrap();
    assert_eq!(
        code(&winfo.subscribe_to_watchers(&aor("alice"), 600).unwrap()),
        200
    );
    let listed = told(&mut winfo);
    assert!(listed.body.contains(&aor("dave")), "{listed:?}");
    let mut winfo = server.watcher(Protocol::Udp, "bob").unwrap();
    assert_eq!(
        code(&winfo.subscribe_to_watchers(&aor("alice"), 600).unwrap()),
        403
    );
}

/// Whoever is refused politely cannot tell it from the truth; the rep can.
#[test]
fn a_hidden_rep_is_always_offline() {
    let tables = "[presence.watchers]\ninterval = \"200ms\"\nrefusal = \"hide\"\n";
    let setup = Setup {
        tables: tables.to_owned(),
        rep_lines: vec![("alice", "watchers = [\"bob\"]".to_owned())],
        ..Setup::default()
    };
    let server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap();
    let mut alice = rep(&server, "alice");
    let mut fooled = server.watcher(Protocol::Udp, "carol").unwrap();
    assert_eq!(
        code(
            &fooled
                .subscribe(&aor("alice"), Some(600), Vec::new())
                .unwrap()
        ),
        200
    );
    let first = told(&mut fooled);
    assert!(first.body.contains("<basic>closed</basic>"), "{first:?}");
    let mut friend = server.watcher(Protocol::Udp, "bob").unwrap();
    friend
        .subscribe(&aor("alice"), Some(600), Vec::new())
        .unwrap();
    alice.publish(Basic::Open, Activity::None, 60).unwrap();
    friend.wait_notify("<basic>open</basic>", LIMIT).unwrap();
    quiet(&mut fooled);
    let again = fooled.refresh(600).unwrap();
    assert_eq!(code(&again), 200);
    assert_eq!(told(&mut fooled).body, first.body);
    let mut own = server.watcher(Protocol::Udp, "alice").unwrap();
    own.subscribe_to_watchers(&aor("alice"), 600).unwrap();
    let listed = told(&mut own).body;
    assert!(
        listed.contains(&aor("bob")) && listed.contains(&aor("carol")),
        "{listed}"
    );
}

/// Watchers wait, are let in, and are put out, each as the configuration changes.
#[test]
fn a_reload_judges_every_watcher_anew() {
    let with = |line: &str, refusal: &str| Setup {
        tables: format!("[presence.watchers]\ninterval = \"200ms\"\nrefusal = \"{refusal}\"\n"),
        rep_lines: vec![("alice", line.to_owned())],
        ..Setup::default()
    };
    let setup = with("watchers = []", "hold");
    let server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap();
    let mut alice = rep(&server, "alice");
    alice.publish(Basic::Open, Activity::Busy, 60).unwrap();
    let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
    assert_eq!(
        code(
            &watcher
                .subscribe(&aor("alice"), Some(600), Vec::new())
                .unwrap()
        ),
        200
    );
    let waiting = told(&mut watcher);
    assert_eq!(
        (&*waiting.state, &*waiting.body),
        ("pending;expires=600", "")
    );
    assert_eq!(waiting.entity_tag, "");
    let mut own = server.watcher(Protocol::Udp, "alice").unwrap();
    own.subscribe_to_watchers(&aor("alice"), 600).unwrap();
    assert!(told(&mut own).body.contains("status=\"pending\""));
    alice.publish(Basic::Open, Activity::Away, 60).unwrap();
    quiet(&mut watcher);

    server
        .reconfigure(&with("watchers = [\"bob\"]", "hold"))
        .unwrap();
    let admitted = watcher.wait_notify("active;", LIMIT).unwrap();
    assert!(admitted.body.contains("<rpid:away/>"), "{admitted:?}");
    own.wait_notify("status=\"active\"", LIMIT).unwrap();

    server
        .reconfigure(&with("watchers = []", "forbid"))
        .unwrap();
    let rejected = watcher.wait_notify("terminated", LIMIT).unwrap();
    assert_eq!(
        (&*rejected.state, &*rejected.body),
        ("terminated;reason=rejected", "")
    );
    assert_eq!(code(&watcher.refresh(600).unwrap()), 481);
}
