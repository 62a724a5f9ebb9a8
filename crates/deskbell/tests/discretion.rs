//! What shoppers, reps and strangers write goes where it is meant to go and nowhere else: not into the log, not onto the
//! wall, not into the language of the database. Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use examples::document::{Activity, Basic, pidf};
use examples::server::{Server, Setup};
use examples::site::Site;
use examples::wire::Protocol;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(10);

/// Words that stand nowhere else.
const NAME: &str = "Canaryname Quux";
const PHONE: &str = "+33612349876";
const WORDS: &str = "canary words of the shopper";
const ANSWER: &str = "canary words of the rep";
const PAGE: &str = "https://shop.example/canary-page";
const NOTE: &str = "canary note of a phone";

fn serve(level: &'static str) -> Server {
    let setup = Setup {
        tables: "[routing]\noffer_timeout = \"60s\"\n".to_owned(),
        site_lines: "secret = \"the-canary-secret-of-the-site-0123456789\"".to_owned(),
        environment: vec![("DESKBELL_LOG", level), ("DESKBELL_LOG_FORMAT", "json")],
        ..Setup::default()
    };
    Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap()
}

/// A whole conversation between a shopper and Alice's phone; the ticket's id and token.
fn converse(server: &Server) -> (String, String) {
    let mut alice = server.phone(Protocol::Udp, "alice").unwrap();
    assert_eq!(alice.register(300).unwrap().status_code.code(), 200);
    let note = format!("</tuple><note>{NOTE}</note>");
    let document = pidf(&alice.aor(), Basic::Open, Activity::None).replace("</tuple>", &note);
    let (aor, kind) = (alice.aor(), "application/pidf+xml");
    let published = alice.publish_document(&aor, kind, document.as_bytes(), 300);
    assert_eq!(published.unwrap().status_code.code(), 200);
    let site = Site::new(server.http(), "shop");
    site.wait_state("cameras", "available", LIMIT).unwrap();
    let asked = json!({"skills": ["cameras"], "name": NAME, "phone": PHONE, "message": WORDS, "page": PAGE, "lang": "en"});
    let answer = server.http().post("/v1/sites/shop/tickets", &asked);
    let answer = answer.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let ticket = answer.json().unwrap();
    let text = |key: &str| ticket.get(key).and_then(Value::as_str).unwrap().to_owned();
    let (id, token) = (text("id"), text("token"));
    alice.next_text(LIMIT).unwrap().unwrap();
    let sent = alice.send_text(&format!("sip:{id}@shop.example"), ANSWER);
    assert_eq!(sent.unwrap().status_code.code(), 200);
    (id, token)
}

/// Requests whose headers are nothing but odd bytes, over both protocols.
fn shout(server: &Server) {
    let mut dice = 0x2545_f491_u32;
    for _ in 0..200 {
        let mut odd: Vec<u8> = Vec::new();
        while odd.len() < 60 {
            dice ^= dice << 13;
            dice ^= dice >> 17;
            dice ^= dice << 5;
            odd.extend(dice.to_le_bytes().into_iter().filter(|byte| *byte != b'\n'));
        }
        for (address, first) in [
            (
                server.demo().http,
                "GET /v1/admin/reps HTTP/1.1\r\nHost: x\r\nUser-Agent: ",
            ),
            (
                server.demo().sip,
                "OPTIONS sip:shop.example SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bKx\r\nUser-Agent: \u{1b}[31mred\u{85}",
            ),
        ] {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            let request = [first.as_bytes(), &odd, b"\r\n\r\n"].concat();
            stream.write_all(&request).unwrap();
            // Whatever comes, or nothing: the connection may be closed at once.
            let _ = stream.read(&mut [0; 64]);
        }
    }
}

/// Security row O4. Scale: 400 requests with headers of odd bytes instead of a million bytes of them.
#[test]
fn no_secret_is_logged_at_any_level_and_each_event_is_one_line() {
    let server = serve("trace");
    let (_, token) = converse(&server);
    let key = server.demo().admin_key.clone();
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", bearer.as_str())];
    let reps = server.http().request("GET", "/v1/admin/reps", &headers, "");
    assert_eq!(reps.unwrap().status, 200);
    let wrong = [("Authorization", "Bearer a-canary-of-a-wrong-key")];
    let refused = server.http().request("GET", "/v1/admin/reps", &wrong, "");
    assert_eq!(refused.unwrap().status, 401);
    let session = server.http().post(
        "/console/session",
        &json!({"user": "bob", "password": "password-of-bob"}),
    );
    let session = session.unwrap();
    assert_eq!(session.status, 200, "{}", session.body);
    let cookie = session.header("Set-Cookie").unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap();
    let sealed = cookie.split_once('=').unwrap().1;
    let shown = server
        .http()
        .request("GET", "/console/session", &[("Cookie", cookie)], "");
    assert_eq!(shown.unwrap().status, 200);
    shout(&server);
    let log = server.log();
    assert!(log.lines().count() > 300, "the log is silent");
    for line in log.lines() {
        let event: Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("a line that is no event ({error}): {line:?}"));
        assert!(event.get("level").is_some(), "{line}");
        assert!(
            !line.contains(|letter: char| letter.is_control()),
            "{line:?}"
        );
    }
    let metrics = server.http().get("/metrics").unwrap().body;
    for (what, secret) in [
        ("the admin key", key.as_str()),
        ("a wrong key", "a-canary-of-a-wrong-key"),
        ("a ticket's token", &token),
        ("a session", sealed),
        ("a rep's password", "password-of-"),
        ("the site's secret", "canary-secret"),
    ] {
        assert!(!log.contains(secret), "the log tells {what}");
        assert!(!metrics.contains(secret), "the metrics tell {what}");
    }
    for known in ["request answered", "ticket opened", "bad request"] {
        assert!(log.contains(known), "the log was looked at in vain");
    }
}

/// The other half of O4: what people said is nobody's business who reads the log of a server at work.
#[test]
fn the_log_of_a_server_at_work_names_no_shopper() {
    let server = serve("info");
    let (id, _) = converse(&server);
    let log = server.log();
    assert!(log.contains("ticket"), "the log is silent: {log}");
    for words in [
        NAME,
        "Canaryname",
        PHONE,
        "612349876",
        WORDS,
        ANSWER,
        PAGE,
        NOTE,
    ] {
        assert!(!log.contains(words), "the log tells {words:?}");
    }
    let metrics = server.http().get("/metrics").unwrap().body;
    for words in ["canary", "Canary", "612349876", &id] {
        assert!(!metrics.contains(words), "the metrics tell {words:?}");
    }
}

/// Security row C10.
#[test]
fn the_wall_knows_nothing_of_who_the_shoppers_are() {
    let server = serve("info");
    let key = json!({"key": server.demo().admin_key});
    let session = server.http().post("/wall/session", &key).unwrap();
    assert_eq!(session.status, 200, "{}", session.body);
    let cookie = session.header("Set-Cookie").unwrap().to_owned();
    let cookie = [("Cookie", cookie.split(';').next().unwrap())];
    let wall = server.http().events("/wall/events", &cookie).unwrap();
    let (id, _) = converse(&server);
    let mut told = String::new();
    // Open at last: then the wall has shown the ticket from its beginning on.
    while !told.contains("\"state\":\"open\"") {
        let event = wall.next(LIMIT).unwrap().unwrap();
        told = event.data.clone();
        check_silence(&event.data);
    }
    assert!(told.contains(&id), "{told}");
    for path in [
        format!("/wall/decisions/{id}"),
        "/wall/history".to_owned(),
        "/wall/presentities/alice".to_owned(),
    ] {
        let answer = server.http().request("GET", &path, &cookie, "").unwrap();
        assert_eq!(answer.status, 200, "{path}");
        check_silence(&answer.body);
    }
}

fn check_silence(told: &str) {
    for words in ["Canaryname", "612349876", WORDS, ANSWER, "canary-page"] {
        assert!(!told.contains(words), "the wall tells {words:?}: {told}");
    }
}

/// Security row H15. Scale: 48 texts, each in every field that takes any, instead of 2,000.
#[test]
fn nothing_that_is_written_is_read_as_sql() {
    let setup = Setup::default().lasting();
    let mut server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap();
    let bearer = format!("Bearer {}", server.demo().admin_key);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let mut kept = Vec::new();
    for (number, text) in injections().into_iter().enumerate() {
        let coded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [
            format!("reps?skill={coded}&tier={coded}"),
            format!("queue?site={coded}&rep={coded}&after={coded}"),
            format!("decisions/{coded}"),
            format!("decisions?rep={coded}"),
            format!("presentities/{coded}"),
            format!("tickets?since={coded}"),
            format!("tickets?after=1.{coded}"),
            format!("webhooks/{coded}/deliveries?ticket={coded}"),
        ] {
            let answer = server
                .http()
                .request("GET", &format!("/v1/admin/{path}"), &headers, "");
            let answer = answer.unwrap();
            assert!(
                [200, 404, 422].contains(&answer.status),
                "{path}: {}",
                answer.body
            );
        }
        let customer = json!({"name": text, "phone": text, "tickets": [text]}).to_string();
        let found =
            server
                .http()
                .request("POST", "/v1/admin/customers/export", &headers, &customer);
        let found = found.unwrap();
        assert_eq!(found.status, 200, "{}", found.body);
        let found = found.json().unwrap();
        assert_eq!(found.get("tickets"), Some(&json!([])), "{text}: {found}");
        // A few are left for somebody to answer, through the journal and back.
        if number % 6 == 0 {
            let left = json!({"skills": ["cameras"], "name": text, "message": text, "email": "zoe@mail.example"});
            let answer = server.http().post("/v1/sites/shop/cases", &left).unwrap();
            assert_eq!(answer.status, 201, "{}", answer.body);
            kept.push(text);
        }
    }
    server.crash_and_restart().unwrap();
    for text in &kept {
        let customer = json!({"name": text}).to_string();
        let found =
            server
                .http()
                .request("POST", "/v1/admin/customers/export", &headers, &customer);
        let found = found.unwrap().json().unwrap();
        let cases = found.get("cases").and_then(Value::as_array).unwrap();
        assert_eq!(cases.len(), 1, "{text}: {found}");
        let words = cases.first().unwrap().get("words").and_then(Value::as_str);
        assert_eq!(words.unwrap(), format!("{text}\nEmail: zoe@mail.example"));
    }
    let log = server.log().to_lowercase();
    for word in ["sqlite", "syntax error", "no such column", "database"] {
        let lines = log.lines().filter(|line| line.contains(word));
        let complaints: Vec<&str> = lines
            .filter(|line| line.contains("warn") || line.contains("error"))
            .collect();
        assert_eq!(complaints, [""; 0]);
    }
}

/// Beginnings and middles of what sqlmap sends, each with each, and its ends in turn.
fn injections() -> Vec<String> {
    let opens = ["'", "\"", "')", "'))", "1", "`", "\\'", "%' "];
    let middles = [
        " OR 1=1",
        " AND SLEEP(5)",
        " UNION ALL SELECT NULL,body FROM records",
        "; DROP TABLE records",
        "; COPY records TO PROGRAM 'id'",
        " AND 1=randomblob(500000000)",
    ];
    let mut ends = ["-- ", "#", "/*", ";", " AND 'a'='a"].into_iter().cycle();
    let mut all = Vec::new();
    for open in opens {
        for middle in middles {
            let end = ends.next().unwrap();
            all.push(format!("{open}{middle}{end}").trim().to_owned());
        }
    }
    all
}
