//! What a telephone system tells of the reps' lines, and NOTIFYs that nobody asked for.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::pbx::{Mood, Pbx};
use examples::phone::TestPhone;
use examples::phone::watcher::Watcher;
use examples::server::{Server, Setup};
use examples::wait;
use examples::wire::Protocol;
use serde_json::Value;

/// How long anything may take, on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

const TALKING: &str = "<dialog id=\"1\" direction=\"recipient\"><state>confirmed</state></dialog>";

fn serve(pbx: &Pbx, more: &str) -> Server {
    serve_at(&pbx.address().to_string(), more)
}

fn serve_at(place: &str, more: &str) -> Server {
    let tables = format!(
        "[presence.watchers]\ninterval = \"100ms\"\n[pbx]\nuri = \"sip:{place}\"\nuser = \"deskbell\"\npassword = \"the password of ours\"\n{more}",
    );
    let setup = Setup {
        tables,
        rep_lines: vec![
            ("alice", "extension = \"101\"".to_owned()),
            ("bob", "extension = \"102\"".to_owned()),
        ],
        ..Setup::default()
    };
    Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap()
}

/// Alice has a softphone that says she is there; carol watches her.
fn alice_and_a_watcher(server: &Server) -> (TestPhone, Watcher) {
    let mut alice = server.phone(Protocol::Udp, "alice").unwrap();
    alice.register(60).unwrap();
    alice.publish(Basic::Open, Activity::None, 60).unwrap();
    let mut watcher = server.watcher(Protocol::Udp, "carol").unwrap();
    watcher
        .subscribe("sip:alice@shop.example", Some(600), Vec::new())
        .unwrap();
    watcher.wait_notify("<basic>open</basic>", LIMIT).unwrap();
    (alice, watcher)
}

/// What the admin view says of a rep's line.
fn line(server: &Server, rep: &str) -> Value {
    let bearer = format!("Bearer {}", server.demo().admin_key);
    let headers = [("Authorization", bearer.as_str())];
    let answer = server
        .http()
        .request("GET", "/v1/admin/lines", &headers, "")
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let lines = answer.json().unwrap();
    let items = lines
        .get("items")
        .and_then(Value::as_array)
        .unwrap()
        .clone();
    let of_rep = |line: &&Value| line.get("rep").and_then(Value::as_str) == Some(rep);
    items.iter().find(of_rep).unwrap().clone()
}

fn wait_line(server: &Server, rep: &str, key: &str, value: &str) -> Value {
    wait::until(
        &format!("the line of {rep} with {key} {value}"),
        LIMIT,
        || {
            let line = line(server, rep);
            let found = line.get(key).and_then(Value::as_str) == Some(value);
            Ok(found.then_some(line))
        },
    )
    .unwrap()
}

#[test]
fn the_telephone_system_is_found_by_its_name() {
    let pbx = Pbx::start(600).unwrap();
    let place = format!("localhost:{};transport=udp", pbx.address().port());
    let server = serve_at(&place, "");
    pbx.wait_subscribed("101", "", LIMIT).unwrap();
    pbx.tell("101", TALKING).unwrap();
    wait_line(&server, "alice", "line", "talking");
}

#[test]
fn a_rep_is_busy_while_the_telephone_system_says_so() {
    let pbx = Pbx::start(600).unwrap();
    let mut server = serve(&pbx, "");
    let (_alice, mut watcher) = alice_and_a_watcher(&server);
    pbx.wait_subscribed("101", "", LIMIT).unwrap();
    wait_line(&server, "alice", "line", "idle");
    pbx.tell("101", TALKING).unwrap();
    watcher.wait_notify("<rpid:on-the-phone/>", LIMIT).unwrap();
    wait_line(&server, "alice", "line", "talking");
    // Only what has changed.
    pbx.tell_part(
        "101",
        "<dialog id=\"1\"><state>terminated</state></dialog>",
        0,
    )
    .unwrap();
    let free = watcher.wait_notify("<rpid:activities/>", LIMIT).unwrap();
    assert!(free.body.contains("<basic>open</basic>"), "{free:?}");
    // Somebody calls: nobody talks yet.
    pbx.tell(
        "101",
        "<dialog id=\"2\" direction=\"recipient\"><state>early</state></dialog>",
    )
    .unwrap();
    wait_line(&server, "alice", "line", "ringing");
    assert!(
        pbx.answers().iter().all(|status| *status == 200),
        "{:?}",
        pbx.answers()
    );
    // A line makes nobody appear who is not there.
    pbx.tell("102", "").unwrap();
    wait_line(&server, "bob", "line", "idle");
    let mut other = server.watcher(Protocol::Udp, "carol").unwrap();
    other
        .subscribe("sip:bob@shop.example", Some(60), Vec::new())
        .unwrap();
    other.wait_notify("<basic>closed</basic>", LIMIT).unwrap();
    server.check_alive().unwrap();
}

/// RFC 4235 §4.3: after a gap only the whole state will do, and a refresh brings it.
#[test]
fn a_document_that_was_missed_is_asked_for() {
    let pbx = Pbx::start(600).unwrap();
    let server = serve(&pbx, "");
    let (_alice, mut watcher) = alice_and_a_watcher(&server);
    pbx.wait_subscribed("101", "", LIMIT).unwrap();
    wait_line(&server, "alice", "line", "idle");
    let before = pbx.proven();
    pbx.set("101", TALKING);
    pbx.tell_part(
        "101",
        "<dialog id=\"7\"><state>terminated</state></dialog>",
        3,
    )
    .unwrap();
    watcher.wait_notify("<rpid:on-the-phone/>", LIMIT).unwrap();
    assert!(pbx.proven() > before);
}

/// What the telephone system said holds no longer than its subscription, and the admin view says why.
#[test]
fn a_telephone_system_that_is_lost_is_told_and_found_again() {
    let pbx = Pbx::start(5).unwrap();
    let server = serve(&pbx, "");
    let (_alice, mut watcher) = alice_and_a_watcher(&server);
    let first = pbx.wait_subscribed("101", "", LIMIT).unwrap();
    pbx.tell("101", TALKING).unwrap();
    watcher.wait_notify("<rpid:on-the-phone/>", LIMIT).unwrap();

    // It restarts: the refresh is answered 481, and a new subscription begins at once.
    pbx.forget("101");
    let second = pbx.wait_subscribed("101", &first, LIMIT).unwrap();
    wait_line(&server, "alice", "standing", "known");

    // It ends the subscription and then refuses.
    pbx.set_mood(Mood::Refusing(503));
    pbx.end("101", "deactivated").unwrap();
    let lost = wait_line(&server, "alice", "why", "the answer is 503 No");
    assert!(
        lost.get("again_in_s").and_then(Value::as_f64).is_some(),
        "{lost}"
    );
    let free = watcher.wait_notify("<rpid:activities/>", LIMIT).unwrap();
    assert!(free.body.contains("<basic>open</basic>"), "{free:?}");

    pbx.set_mood(Mood::Serving);
    pbx.wait_subscribed("101", &second, LIMIT).unwrap();
    watcher.wait_notify("<rpid:on-the-phone/>", LIMIT).unwrap();
}

#[test]
fn a_wrong_realm_is_told_no_password() {
    let pbx = Pbx::start(600).unwrap();
    let server = serve(&pbx, "realm = \"elsewhere\"\n");
    wait_line(&server, "alice", "why", "the user or the password is wrong");
    assert_eq!(pbx.proven(), 0);
}

/// Whoever hears nothing is told of no line, and says so.
#[test]
fn a_dead_telephone_system_is_shown() {
    let pbx = Pbx::start(600).unwrap();
    pbx.set_mood(Mood::Dead);
    let server = serve(&pbx, "");
    let line = line(&server, "alice");
    assert_eq!(
        line.get("standing").and_then(Value::as_str),
        Some("asked"),
        "{line}"
    );
    let address = line.get("address").and_then(Value::as_str).unwrap();
    assert_eq!(address, format!("sip:101@{}", pbx.address()));
}

/// Kamailio CVE-2026-106803 and Asterisk CVE-2026-57191 read the bodies of such NOTIFYs.
#[test]
fn ten_thousand_stray_notifies_are_answered_481_and_change_nothing() {
    let pbx = Pbx::start(600).unwrap();
    let mut server = serve(&pbx, "");
    let (_alice, mut watcher) = alice_and_a_watcher(&server);
    let call_id = pbx.wait_subscribed("101", "", LIMIT).unwrap();
    let mut stream = TcpStream::connect(server.sip()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut reading = stream.try_clone().unwrap();
    let counting = std::thread::spawn(move || {
        let (mut text, mut buffer) = (Vec::new(), [0; 65_536]);
        let mut seen = 0;
        while seen < 10_000 {
            let length = reading.read(&mut buffer).unwrap();
            assert!(length > 0, "the connection was closed after {seen}");
            text.extend_from_slice(&buffer[..length]);
            let whole = text
                .windows(4)
                .rposition(|end| end == b"\r\n\r\n")
                .map_or(0, |at| at + 4);
            let whole: Vec<u8> = text.drain(..whole).collect();
            let whole = String::from_utf8(whole).unwrap();
            let refused = whole.matches("SIP/2.0 481 ").count();
            assert!(refused > 0 || whole.is_empty(), "{whole}");
            seen += refused;
        }
        seen
    });
    let body = format!(
        "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"9\" state=\"full\" entity=\"sip:101@pbx\">{TALKING}</dialog-info>"
    );
    for number in 0..10_000 {
        // Every other one guesses the Call-ID right, and none the tag.
        let dialog = if number % 2 == 0 {
            call_id.clone()
        } else {
            format!("guess-{number}")
        };
        let notify = format!(
            "NOTIFY sip:deskbell@{server} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKs{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:101@pbx>;tag=pbx101\r\nTo: <sip:deskbell@pbx>;tag=guess{number}\r\nCall-ID: {dialog}\r\nCSeq: {number} NOTIFY\r\n\
             Event: dialog\r\nSubscription-State: active\r\nContact: <sip:evil@127.0.0.1:9>\r\nContent-Type: application/dialog-info+xml\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
            server = server.sip(),
        );
        stream.write_all(notify.as_bytes()).unwrap();
    }
    assert_eq!(counting.join().unwrap(), 10_000);
    // One may still be on its way that tells how the line was found at first.
    while let Some(told) = watcher.next_notify(Duration::from_millis(500)).unwrap() {
        assert!(!told.body.contains("on-the-phone"), "{}", told.body);
    }
    assert_eq!(
        line(&server, "alice").get("line").and_then(Value::as_str),
        Some("idle")
    );
    server.check_alive().unwrap();
}
