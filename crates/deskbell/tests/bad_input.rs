//! What nobody should send: each gets the answer that says whose fault it is, and nobody else notices.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::http::Http;
use examples::phone::{Account, TestPhone, extension};
use examples::rsip::headers::{self, UntypedHeader, WwwAuthenticate};
use examples::rsip::message::HeadersExt;
use examples::rsip::{Header, Method, Response};
use examples::server::Server;
use examples::wire::{self, Link, Protocol};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How long the absence of an answer is watched.
const A_WHILE: Duration = Duration::from_millis(300);

fn start() -> Server {
    Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap()
}

/// A well-formed request in which `from` is replaced by `to`; the branch is new each time.
fn request(from: &str, to: &str) -> String {
    let branch = examples::unique::token();
    let good = format!(
        "OPTIONS sip:shop.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:alice@shop.example>;tag=a\r\n\
         To: <sip:shop.example>\r\n\
         Call-ID: {branch}\r\n\
         CSeq: 7 OPTIONS\r\n\
         User-Agent: a phone that is no shorter of words than others\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert!(good.contains(from), "{from:?} is not part of the request");
    good.replacen(from, to, 1)
}

/// Sends bytes and returns the status line that comes back.
fn status_line(
    server: &Server,
    protocol: Protocol,
    bytes: &[u8],
    patience: Duration,
) -> Option<String> {
    let answer = wire::exchange(protocol, server.sip(), bytes, patience).unwrap()?;
    Some(answer.lines().next().unwrap_or_default().to_owned())
}

#[track_caller]
fn assert_serves(server: &mut Server) {
    server.check_alive().unwrap();
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let line = status_line(server, protocol, request("", "").as_bytes(), LIMIT).unwrap();
        assert!(line.starts_with("SIP/2.0 200"), "{line}");
    }
    assert_eq!(server.http().get("/healthz").unwrap().status, 200);
}

fn code(response: &Response) -> u16 {
    response.status_code.code()
}

fn registered(server: &Server, rep: &str) -> TestPhone {
    let mut phone = server.phone(Protocol::Udp, rep).unwrap();
    assert_eq!(code(&phone.register(60).unwrap()), 200);
    phone
}

fn stranger(server: &Server, user: &str, password: &str) -> TestPhone {
    let account = Account {
        user: user.to_owned(),
        password: password.to_owned(),
        domain: server.demo().domain.clone(),
    };
    TestPhone::connect(Protocol::Udp, server.sip(), account).unwrap()
}

#[test]
fn a_malformed_request_is_answered_400_with_the_header_at_fault() {
    let mut server = start();
    let cases = [
        ("From: <sip:alice@shop.example>;tag=a\r\n", "", "From"),
        ("From: <sip:alice@shop.example>", "From: <sip:alice", "From"),
        ("To: <sip:shop.example>\r\n", "", "To"),
        ("CSeq: 7 OPTIONS\r\n", "", "CSeq"),
        ("CSeq: 7 OPTIONS", "CSeq: seven OPTIONS", "CSeq"),
        ("CSeq: 7 OPTIONS", "CSeq: 7 REGISTER", "CSeq"),
        ("CSeq: 7 OPTIONS", "CSeq: 99999999999 OPTIONS", "CSeq"),
        ("Max-Forwards: 70", "Max-Forwards: many", "Max-Forwards"),
        ("Max-Forwards: 70", "Max-Forwards: -1", "Max-Forwards"),
    ];
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        for (from, to, header) in cases {
            let line = status_line(&server, protocol, request(from, to).as_bytes(), LIMIT)
                .unwrap_or_else(|| panic!("no answer to {to:?} for {from:?} over {protocol:?}"));
            assert!(
                line.starts_with("SIP/2.0 400 ") && line.contains(header),
                "{to:?} for {from:?} over {protocol:?} was answered {line}"
            );
        }
    }
    assert_serves(&mut server);
}

#[test]
fn a_body_shorter_than_announced_is_answered_400() {
    let mut server = start();
    let short = request("Content-Length: 0", "Content-Length: 999");
    let line = status_line(&server, Protocol::Udp, short.as_bytes(), LIMIT).unwrap();
    assert!(
        line.starts_with("SIP/2.0 400 ") && line.contains("Content-Length"),
        "{line}"
    );
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let unreadable = request("Content-Length: 0", "Content-Length: none");
        let line = status_line(&server, protocol, unreadable.as_bytes(), LIMIT).unwrap();
        assert!(
            line.starts_with("SIP/2.0 400 ") && line.contains("Content-Length"),
            "{line}"
        );
    }
    assert_serves(&mut server);
}

#[test]
fn what_cannot_be_answered_is_dropped() {
    let mut server = start();
    let via = request("", "");
    let via = via.lines().nth(1).unwrap();
    let cases: [Vec<u8>; 7] = [
        b"\0\0\0\0".to_vec(),
        b"\r\n\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
        vec![0xff; 2_000],
        request("Via: SIP/2.0/UDP 127.0.0.1:5999", "Subject: x").into_bytes(),
        format!("OPTIONS\r\n{via}\r\n\r\n").into_bytes(),
    ];
    for bytes in &cases {
        let line = status_line(&server, Protocol::Udp, bytes, A_WHILE);
        assert_eq!(line, None, "to {:?}", String::from_utf8_lossy(bytes));
    }
    assert_serves(&mut server);
}

#[test]
fn an_endless_header_block_on_a_stream_ends_the_connection() {
    let mut server = start();
    let link = Link::open(Protocol::Tcp, server.sip()).unwrap();
    let line = format!("X-Filler: {}\r\n", "x".repeat(1_000));
    let mut refused = link.send(b"OPTIONS sip:shop.example SIP/2.0\r\n").is_err();
    for _ in 0..2_000 {
        refused = refused || link.send(line.as_bytes()).is_err();
    }
    // Either the socket refused more, or an answer or the end of the connection is there to read.
    assert!(refused || !matches!(link.receive(LIMIT), Ok(None)));
    assert_serves(&mut server);
}

#[test]
fn an_unknown_method_is_refused_with_those_that_are_known() {
    let mut server = start();
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let request = request("OPTIONS", "DANCE").replace("7 OPTIONS", "7 DANCE");
        let answer = wire::exchange(protocol, server.sip(), request.as_bytes(), LIMIT)
            .unwrap()
            .unwrap();
        let refused = answer.starts_with("SIP/2.0 501 ")
            || (answer.starts_with("SIP/2.0 405 ") && answer.contains("\r\nAllow: "));
        assert!(refused, "{answer}");
    }
    assert_serves(&mut server);
}

#[test]
fn a_target_that_does_not_exist_is_404_for_those_who_are_known() {
    let mut server = start();
    let domain = server.demo().domain.clone();
    let nobody = format!("sip:nobody@{domain}");
    let mut alice = registered(&server, "alice");
    assert_eq!(code(&alice.send_text(&nobody, "hello").unwrap()), 404);
    assert_eq!(code(&alice.options(&nobody).unwrap()), 404);
    for known in ["bob", "cameras", "cameras.gold", "desk"] {
        let answer = alice.options(&format!("sip:{known}@{domain}")).unwrap();
        assert_eq!(code(&answer), 200, "{known}");
    }
    // The server itself may be asked by anybody.
    let mut stranger = stranger(&server, "nobody", "guess");
    let answer = stranger.options(&format!("sip:{domain}")).unwrap();
    assert_eq!(code(&answer), 200);
    assert_serves(&mut server);
}

/// Security row S9: what a guesser is told does not depend on whether the user exists.
#[test]
fn an_unknown_user_is_answered_as_a_known_one() {
    let server = start();
    let nobody_is_told = |user: &str| {
        let mut guesser = stranger(&server, user, "guess");
        let mut told = vec![
            code(&guesser.register(60).unwrap()),
            code(&guesser.publish(Basic::Open, Activity::None, 60).unwrap()),
        ];
        let domain = &server.demo().domain;
        for target in ["alice", "nobody"] {
            let uri = format!("sip:{target}@{domain}");
            told.push(code(&guesser.send_text(&uri, "hello").unwrap()));
            told.push(code(&guesser.options(&uri).unwrap()));
        }
        told
    };
    let of_nobody = nobody_is_told("nobody");
    assert_eq!(of_nobody, nobody_is_told("alice"));
    assert_eq!(of_nobody, [401, 401, 401, 401, 401, 403]);
}

#[test]
fn a_wrong_password_is_challenged_afresh_and_then_refused() {
    let mut server = start();
    let mut guesser = stranger(&server, "alice", "guess");
    let mut nonces = Vec::new();
    let refused = (0..20).find_map(|_| {
        let answer = guesser.register(60).unwrap();
        match code(&answer) {
            401 => {
                let challenge: &WwwAuthenticate = answer.www_authenticate_header().unwrap();
                nonces.push(challenge.value().to_owned());
                None
            }
            other => Some(other),
        }
    });
    assert_eq!(refused, Some(403));
    assert!(!nonces.is_empty(), "refused at the first try");
    let tries = nonces.len();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), tries, "a nonce was given out twice");
    registered(&server, "bob");
    assert_serves(&mut server);
}

/// A challenge is not remembered, so that a flood costs no memory; a phone that asks again because the first
/// answer was late must see the same one (RFC 3261 §8.2.7). SIPp fails a call on a second, different 401.
#[test]
fn a_retransmission_is_challenged_in_the_same_words() {
    let server = start();
    let register = request("", "").replace("OPTIONS", "REGISTER");
    let link = Link::open(Protocol::Udp, server.sip()).unwrap();
    let challenge = || {
        link.send(register.as_bytes()).unwrap();
        let answer = link.receive(LIMIT).unwrap().unwrap();
        assert!(answer.starts_with(b"SIP/2.0 401"));
        answer
    };
    let answers = [challenge(), challenge(), challenge()];
    // Nonces change every few seconds: at most one such moment lies between the three.
    let [first, second, third] = &answers;
    assert!(first == second || second == third, "{answers:?}");
    let other = request("", "").replace("OPTIONS", "REGISTER");
    link.send(other.as_bytes()).unwrap();
    let other = link.receive(LIMIT).unwrap().unwrap();
    let nonce = |answer: &[u8]| {
        let text = String::from_utf8_lossy(answer).into_owned();
        let (_, nonce) = text.split_once("nonce=\"").unwrap();
        nonce.split('"').next().unwrap().to_owned()
    };
    assert_ne!(
        nonce(third),
        nonce(&other),
        "each request has its own nonce"
    );
}

#[test]
fn nobody_publishes_for_somebody_else() {
    let mut server = start();
    let mut alice = registered(&server, "alice");
    let bob = format!("sip:bob@{}", server.demo().domain);
    let document = examples::document::pidf(&bob, Basic::Open, Activity::None);
    let answer = alice
        .publish_document(&bob, "application/pidf+xml", document.as_bytes(), 60)
        .unwrap();
    assert_eq!(code(&answer), 403);
    let site = examples::site::Site::new(server.http(), "shop");
    assert_eq!(site.group("printing", "standard").unwrap().state, "closed");
    assert_serves(&mut server);
}

#[test]
fn a_body_that_is_no_presence_document_is_answered_415_with_what_is() {
    let mut server = start();
    let mut alice = registered(&server, "alice");
    let aor = alice.aor();
    let answer = alice
        .publish_document(&aor, "text/plain", b"I am here", 60)
        .unwrap();
    assert_eq!(code(&answer), 415);
    let accept = answer.headers.iter().find_map(|header| match header {
        Header::Accept(accept) => Some(accept.value().to_owned()),
        _ => None,
    });
    assert!(
        accept
            .as_deref()
            .is_some_and(|accept| accept.contains("application/pidf+xml")),
        "{accept:?}"
    );
    assert_serves(&mut server);
}

#[test]
fn a_document_that_cannot_be_read_is_answered_400() {
    let mut server = start();
    let mut alice = registered(&server, "alice");
    let aor = alice.aor();
    let pidf = examples::document::pidf(&aor, Basic::Open, Activity::None);
    let bomb = pidf.replace(
        "?>\n",
        "?>\n<!DOCTYPE presence [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>\n",
    );
    let external = pidf.replace(
        "?>\n",
        "?>\n<!DOCTYPE presence SYSTEM \"file:///etc/passwd\">\n",
    );
    let entity = pidf.replace("open</basic>", "&open;</basic>");
    let cut = pidf.split_at(pidf.len() / 2).0;
    let deep = pidf.replace(
        "</presence>",
        &format!("{}{}</presence>", "<a>".repeat(1_000), "</a>".repeat(1_000)),
    );
    for document in [&bomb, &external, &entity, &deep, cut] {
        let answer = alice
            .publish_document(&aor, "application/pidf+xml", document.as_bytes(), 60)
            .unwrap();
        assert_eq!(code(&answer), 400, "{document:.200}");
    }
    for document in ["not xml at all", "<html/>"] {
        let answer = alice
            .publish_document(&aor, "application/pidf+xml", document.as_bytes(), 60)
            .unwrap();
        assert!([400, 415].contains(&code(&answer)), "{document}: {answer}");
    }
    assert_eq!(alice.entity_tag(), None);
    assert_serves(&mut server);
}

#[test]
fn an_unknown_event_is_answered_489_with_those_that_are_known() {
    let mut server = start();
    let mut alice = registered(&server, "alice");
    let aor = alice.aor();
    for (method, event) in [
        (Method::Publish, "weather"),
        (Method::Subscribe, "weather"),
        (Method::Publish, "presence.winfo"),
        (Method::Subscribe, "dialog"),
    ] {
        let headers = vec![
            headers::Event::new(event).into(),
            headers::Expires::new("60").into(),
        ];
        let answer = alice.request(method, &aor, headers, b"").unwrap();
        assert_eq!(code(&answer), 489, "{method} {event}");
        let allowed = extension(&answer, "Allow-Events");
        assert!(
            allowed
                .as_deref()
                .is_some_and(|allowed| allowed.contains("presence")),
            "{allowed:?}"
        );
    }
    assert_serves(&mut server);
}

#[test]
fn a_stale_entity_tag_is_answered_412_and_a_fresh_start_works() {
    let server = start();
    let mut alice = registered(&server, "alice");
    let aor = alice.aor();
    let headers = vec![
        headers::Event::new("presence").into(),
        Header::Other("SIP-If-Match".to_owned(), "never-given-out".to_owned()),
    ];
    let answer = alice.request(Method::Publish, &aor, headers, b"").unwrap();
    assert_eq!(code(&answer), 412);
    let published = alice.publish(Basic::Open, Activity::None, 60).unwrap();
    assert_eq!(code(&published), 200);
}

/// Makes a request that is refused with one of `statuses` and a problem document (RFC 9457).
#[track_caller]
fn check_problem(
    http: Http,
    method: &str,
    path: &str,
    content_type: &str,
    body: &str,
    statuses: &[u16],
) {
    let all = [("Content-Type", content_type)];
    let headers = if content_type.is_empty() {
        &all[..0]
    } else {
        &all
    };
    let answer = http.request(method, path, headers, body).unwrap();
    let what = format!("{method} {path} {body:.40} was answered {answer:?}");
    assert!(statuses.contains(&answer.status), "{what}");
    let kind = answer.header("Content-Type").unwrap_or_default();
    assert!(kind.starts_with("application/problem+json"), "{what}");
    let problem = answer.json().unwrap();
    assert_eq!(problem.get("status"), Some(&answer.status.into()), "{what}");
    assert!(
        problem.get("title").is_some_and(|title| title.is_string()),
        "{what}"
    );
}

#[test]
fn http_mistakes_are_answered_with_problem_documents() {
    let mut server = start();
    let http = server.http();
    let tickets = "/v1/sites/shop/tickets";
    let elsewhere = "/v1/sites/nowhere/tickets";
    let json = "application/json";
    let large = format!("{{\"message\":\"{}\"}}", "x".repeat(2_000_000));
    check_problem(http, "GET", "/v1/nowhere", "", "", &[404]);
    check_problem(http, "GET", "/v1/sites/nowhere/presence", "", "", &[404]);
    check_problem(
        http,
        "GET",
        "/v1/sites/nowhere/presence/events",
        "",
        "",
        &[404],
    );
    check_problem(
        http,
        "GET",
        "/v1/sites/shop/presence?skill=juggling",
        "",
        "",
        &[400, 404],
    );
    check_problem(http, "GET", "/v1/tickets/none", "", "", &[401, 403, 404]);
    check_problem(http, "DELETE", "/v1/sites/shop/presence", "", "", &[405]);
    check_problem(
        http,
        "POST",
        elsewhere,
        json,
        r#"{"skills":["cameras"]}"#,
        &[404],
    );
    check_problem(http, "POST", tickets, json, "{", &[400]);
    check_problem(
        http,
        "POST",
        tickets,
        json,
        r#"{"skills":"cameras"}"#,
        &[400, 422],
    );
    check_problem(
        http,
        "POST",
        tickets,
        json,
        r#"{"skills":["juggling"]}"#,
        &[400, 404, 422],
    );
    check_problem(http, "POST", tickets, "text/plain", "help", &[415]);
    check_problem(http, "POST", tickets, json, &large, &[413]);
    assert_serves(&mut server);
}

#[test]
fn half_a_request_disturbs_nobody() {
    let mut server = start();
    let half = Link::open(Protocol::Tcp, server.sip()).unwrap();
    half.send(b"OPTIONS sip:shop.example SIP/2.0\r\nVia: SIP")
        .unwrap();
    let stuck = std::net::TcpStream::connect(server.demo().http).unwrap();
    std::io::Write::write_all(&mut &stuck, b"POST /v1/sites/shop/tickets HTTP/1.1\r\nHo").unwrap();
    assert_serves(&mut server);
}
