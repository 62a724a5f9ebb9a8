//! Watchers with special wishes and special rights: lists, conditions, rates, differences, permission.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use examples::document::{Activity, Basic};
use examples::phone::watcher::{Notify, Watcher, granted};
use examples::phone::{Account, TestPhone};
use examples::rsip::headers::{self, UntypedHeader};
use examples::rsip::{Header, Response};
use examples::server::{Server, Setup};
use examples::wire::Protocol;

/// How soon a watcher must be told what is due, on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);

/// Nothing more is to come in this time, which is longer than the server's interval.
const QUIET: Duration = Duration::from_millis(700);

fn serve(more: &str) -> Server {
    let tables = format!("[presence.watchers]\ninterval = \"200ms\"\n{more}");
    Server::serve(env!("CARGO_BIN_EXE_deskbell"), &Setup::tables(&tables)).unwrap()
}

fn aor(user: &str) -> String {
    format!("sip:{user}@shop.example")
}

fn code(response: &Response) -> u16 {
    response.status_code.code()
}

fn rep(server: &Server, user: &str) -> TestPhone {
    let mut phone = server.phone(Protocol::Udp, user).unwrap();
    assert_eq!(code(&phone.register(60).unwrap()), 200);
    phone
}

fn other(name: &str, value: &str) -> Header {
    Header::Other(name.to_owned(), value.to_owned())
}

fn told(watcher: &mut Watcher) -> Notify {
    watcher.next_notify(LIMIT).unwrap().unwrap()
}

#[track_caller]
fn quiet(watcher: &mut Watcher) {
    assert_eq!(watcher.next_notify(QUIET).unwrap(), None);
}

/// As Linphone asks for the states of its friends.
fn list_headers() -> Vec<Header> {
    vec![
        other("Supported", "eventlist"),
        headers::Require::new("recipient-list-subscribe").into(),
        headers::Accept::new("multipart/related").into(),
        headers::Accept::new("application/pidf+xml").into(),
        headers::Accept::new("application/rlmi+xml").into(),
        other("Content-Disposition", "recipient-list"),
        headers::ContentType::new("application/resource-lists+xml").into(),
    ]
}

fn list(entries: &[&str]) -> String {
    let entries: String = entries
        .iter()
        .map(|uri| format!("<entry uri=\"{uri}\"/>"))
        .collect();
    format!(
        "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{entries}</list></resource-lists>"
    )
}

/// The rlmi part and the presence documents.
#[track_caller]
fn parts(notify: &Notify) -> (String, Vec<String>) {
    assert!(
        notify
            .content_type
            .starts_with("multipart/related;type=\"application/rlmi+xml\""),
        "{notify:?}"
    );
    assert_eq!(notify.require, "eventlist");
    let boundary = notify
        .content_type
        .split("boundary=")
        .nth(1)
        .unwrap()
        .trim();
    let delimiter = format!("--{boundary}");
    let mut parts = notify.body.split(&delimiter).skip(1).map(str::to_owned);
    let rlmi = parts.next().unwrap();
    assert!(
        rlmi.contains("<list xmlns=\"urn:ietf:params:xml:ns:rlmi\""),
        "{rlmi}"
    );
    let documents: Vec<_> = parts.filter(|part| part.contains("<presence")).collect();
    for document in &documents {
        let id = document
            .split("Content-Id: <")
            .nth(1)
            .unwrap()
            .split('>')
            .next()
            .unwrap();
        assert!(rlmi.contains(&format!("cid=\"{id}\"")), "{id} in {rlmi}");
    }
    (rlmi, documents)
}

/// RFC 5367, RFC 4662.
#[test]
fn a_watchers_own_list_is_told_whole_and_then_in_parts() {
    let mut server = serve("");
    let mut alice = rep(&server, "alice");
    alice.publish(Basic::Open, Activity::Busy, 60).unwrap();
    let mut watcher = server.watcher(Protocol::Tcp, "bob").unwrap();
    let body = list(&[
        &aor("alice"),
        &aor("carol"),
        &aor("lenses.gold"),
        &aor("nobody"),
    ]);
    let answer = watcher
        .subscribe_with_body(&aor("rls"), 600, list_headers(), body.as_bytes())
        .unwrap();
    assert_eq!((code(&answer), granted(&answer)), (200, Some(600)));
    assert!(
        answer.to_string().contains("Require: eventlist"),
        "{answer}"
    );
    let (rlmi, documents) = parts(&told(&mut watcher));
    assert!(rlmi.contains("version=\"0\" fullState=\"true\""), "{rlmi}");
    assert!(
        rlmi.contains(&format!(
            "uri=\"{}\"><instance id=\"i3\" state=\"terminated\" reason=\"noresource\"",
            aor("nobody")
        )),
        "{rlmi}"
    );
    assert_eq!(documents.len(), 3);
    assert!(documents[0].contains("<rpid:busy/>"), "{documents:?}");
    // Alice's group follows from her state, and may be told of after it.
    if !documents[2].contains("1 busy") {
        watcher.wait_notify("lenses.gold@", LIMIT).unwrap();
    }
    quiet(&mut watcher);

    // Only who changed is told of.
    let mut carol = rep(&server, "carol");
    carol.publish(Basic::Open, Activity::None, 60).unwrap();
    let changed = watcher.wait_notify("carol@", LIMIT).unwrap();
    let (rlmi, documents) = parts(&changed);
    assert!(
        rlmi.contains(&format!(
            "version=\"{}\" fullState=\"false\"",
            changed.cseq - 1
        )),
        "{rlmi}"
    );
    assert!(
        !rlmi.contains("alice@") && documents.len() <= 2,
        "{documents:?}"
    );
    // Her group follows from her state: it is told of with her, or after her.
    if !rlmi.contains("lenses.gold@") {
        watcher.wait_notify("lenses.gold@", LIMIT).unwrap();
    }

    // A refresh, and the end, tell all.
    assert_eq!(code(&watcher.refresh(600).unwrap()), 200);
    let (rlmi, documents) = parts(&watcher.wait_notify("fullState=\"true\"", LIMIT).unwrap());
    assert!(rlmi.contains("alice@") && documents.len() == 3, "{rlmi}");
    assert_eq!(code(&watcher.refresh(0).unwrap()), 200);
    assert_eq!(
        watcher.wait_notify("terminated", LIMIT).unwrap().state,
        "terminated;reason=timeout"
    );
    carol.publish(Basic::Open, Activity::Busy, 60).unwrap();
    quiet(&mut watcher);
    server.check_alive().unwrap();
}

/// Both ways, as Linphone does.
#[test]
fn a_list_comes_and_goes_packed() {
    let server = serve("");
    let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
    let mut extra = list_headers();
    extra.push(other("Content-Encoding", "deflate"));
    extra.push(other("Accept-Encoding", "deflate"));
    let mut packing = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    let entries = [aor("alice"), aor("carol"), aor("dave"), aor("erin")];
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    packing.write_all(list(&entries).as_bytes()).unwrap();
    let body = packing.finish().unwrap();
    let answer = watcher
        .subscribe_with_body(&aor("rls"), 600, extra, &body)
        .unwrap();
    assert_eq!(code(&answer), 200);
    let first = told(&mut watcher);
    assert_eq!(first.encoding, "deflate");
    assert!(
        first.bytes.len() < 1300,
        "it fits a datagram: {}",
        first.bytes.len()
    );
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(first.bytes.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.matches("<presence").count(), 4, "{text}");
}

#[test]
fn a_list_that_cannot_be_read_is_refused_by_the_book() {
    let mut server = serve("");
    let ask = |without: &str, body: &[u8]| {
        let extra = list_headers();
        let extra = extra
            .into_iter()
            .filter(|header| !header.to_string().contains(without));
        let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
        watcher
            .subscribe_with_body(&aor("rls"), 60, extra.collect(), body)
            .unwrap()
    };
    let good = list(&[&aor("alice")]);
    assert_eq!(code(&ask("nothing", good.as_bytes())), 200);
    let answer = ask("Supported", good.as_bytes());
    assert_eq!(code(&answer), 421);
    assert!(
        answer.to_string().contains("Require: eventlist"),
        "{answer}"
    );
    assert_eq!(code(&ask("rlmi", good.as_bytes())), 421);
    let answer = ask("resource-lists", good.as_bytes());
    assert_eq!(code(&answer), 415);
    assert!(
        answer
            .to_string()
            .contains("application/resource-lists+xml"),
        "{answer}"
    );
    assert_eq!(code(&ask("nothing", b"<list/>")), 415);
    assert_eq!(code(&ask("nothing", b"")), 415);
    assert_eq!(
        code(&ask("nothing", &good.as_bytes()[..good.len() - 9])),
        400
    );
    let many: Vec<String> = (0..201)
        .map(|place| format!("sip:r{place}@shop.example"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(code(&ask("nothing", list(&many).as_bytes())), 400);
    server.check_alive().unwrap();
}

/// RFC 4662 §4.1: the same address is one presentity for some and a list for others.
#[test]
fn a_group_is_the_list_of_its_reps_for_whoever_knows_lists() {
    let server = serve("");
    let mut watcher = server.watcher(Protocol::Tcp, "bob").unwrap();
    let extra = list_headers().into_iter().filter(|header| {
        let header = header.to_string();
        !header.contains("recipient-list") && !header.contains("resource-lists")
    });
    let answer = watcher
        .subscribe(&aor("lenses.standard"), Some(600), extra.collect())
        .unwrap();
    assert_eq!(code(&answer), 200);
    let (rlmi, documents) = parts(&told(&mut watcher));
    assert!(
        rlmi.contains(&format!("uri=\"{}\"", aor("lenses.standard"))),
        "{rlmi}"
    );
    // carol serves gold and platinum only.
    for (user, listed) in [
        ("alice", true),
        ("bob", false),
        ("carol", false),
        ("erin", true),
    ] {
        assert_eq!(rlmi.contains(&aor(user)), listed, "{user} in {rlmi}");
    }
    assert_eq!(documents.len(), 2);
    let mut erin = rep(&server, "erin");
    erin.publish(Basic::Open, Activity::Away, 60).unwrap();
    let (_, documents) = parts(&watcher.wait_notify("<rpid:away/>", LIMIT).unwrap());
    assert_eq!(documents.len(), 1);
}

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

/// RFC 6665 §4.1.3: the phones come back at once, to the same server or to another.
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
