//! What real phones do now and then and most servers get wrong: extensions that are required, packed bodies,
//! two phones on one desk. Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::phone::TestPhone;
use examples::rsip::headers::{self, UntypedHeader};
use examples::rsip::{Method, Response};
use examples::server::Server;
use examples::site::Site;
use examples::wire::{self, Protocol};

/// How long anything may take that happens at once.
const LIMIT: Duration = Duration::from_secs(5);

/// How long the absence of something is watched.
const A_WHILE: Duration = Duration::from_millis(300);

fn start() -> Server {
    Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap()
}

fn registered(server: &Server, protocol: Protocol, rep: &str) -> TestPhone {
    let mut phone = server.phone(protocol, rep).unwrap();
    assert_eq!(code(&phone.register(60).unwrap()), 200);
    phone
}

fn code(response: &Response) -> u16 {
    response.status_code.code()
}

/// The value of the first header line that is called so.
fn header(response: &Response, name: &str) -> Option<String> {
    let prefix = format!("{name}: ");
    response.headers.iter().find_map(|header| {
        let line = header.to_string();
        line.strip_prefix(&prefix).map(str::to_owned)
    })
}

#[test]
fn an_extension_that_is_required_and_not_there_is_named() {
    let server = start();
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut alice = server.phone(protocol, "alice").unwrap();
        let aor = alice.aor();
        for method in [
            Method::Options,
            Method::Register,
            Method::Publish,
            Method::Message,
        ] {
            let required = vec![headers::Require::new("path, teleport").into()];
            let answer = alice.request(method, &aor, required, b"").unwrap();
            assert_eq!(code(&answer), 420, "{method}");
            // RFC 3327: a registrar knows what a path is.
            let expected = match method {
                Method::Register => "teleport",
                _ => "path, teleport",
            };
            let unsupported = header(&answer, "Unsupported");
            assert_eq!(unsupported.as_deref(), Some(expected), "{method}");
        }
    }
}

#[test]
fn a_packed_text_is_refused_with_what_is_read() {
    let server = start();
    let mut alice = registered(&server, Protocol::Udp, "alice");
    let packed = vec![
        headers::ContentType::new("text/plain").into(),
        headers::ContentEncoding::new("gzip").into(),
    ];
    let desk = format!("sip:desk@{}", server.demo().domain);
    let answer = alice
        .request(Method::Message, &desk, packed, b"\x1f\x8b\x08")
        .unwrap();
    assert_eq!(code(&answer), 415);
    assert_eq!(
        header(&answer, "Accept-Encoding").as_deref(),
        Some("identity")
    );
}

#[test]
fn a_registrar_of_another_domain_is_not_found_here() {
    let server = start();
    let domain = &server.demo().domain;
    let call_id = examples::unique::token();
    let request = format!(
        "REGISTER sip:elsewhere.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK{call_id};rport\r\n\
         From: <sip:alice@{domain}>;tag=a\r\n\
         To: <sip:alice@{domain}>\r\n\
         Call-ID: {call_id}\r\n\
         CSeq: 1 REGISTER\r\n\
         Contact: <sip:alice@127.0.0.1:9>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let answer = wire::exchange(Protocol::Udp, server.sip(), request.as_bytes(), LIMIT)
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("SIP/2.0 404 "), "{answer}");
}

#[test]
fn the_conversation_stays_on_the_phone_that_took_it() {
    let server = start();
    let site = Site::new(server.http(), "shop");
    let mut desk_phone = registered(&server, Protocol::Udp, "alice");
    let mut mobile = registered(&server, Protocol::Tcp, "alice");
    let published = desk_phone.publish(Basic::Open, Activity::None, 60).unwrap();
    assert_eq!(code(&published), 200);
    site.wait_state("cameras", "available", LIMIT).unwrap();
    let ticket = site.ask("cameras", "Sam", "which camera?").unwrap();
    let offer = mobile.next_text(LIMIT).unwrap().unwrap();
    assert!(offer.text.contains("which camera?"), "{offer:?}");

    let desk = format!("sip:desk@{}", server.demo().domain);
    assert_eq!(
        code(&desk_phone.send_text(&desk, "for birds?").unwrap()),
        200
    );
    ticket.wait_state("open", LIMIT).unwrap();
    // The other phone's refresh does not take the conversation away.
    assert_eq!(code(&mobile.register(60).unwrap()), 200);
    ticket.say("a", "yes, for birds").unwrap();
    let line = desk_phone.next_text(LIMIT).unwrap().unwrap();
    assert_eq!(line.text, "yes, for birds");
    assert_eq!(mobile.next_text(A_WHILE).unwrap(), None);
}

#[test]
fn a_phone_that_has_gone_without_a_word_does_not_keep_the_offer() {
    let server = start();
    let site = Site::new(server.http(), "shop");
    let mut desk_phone = registered(&server, Protocol::Udp, "alice");
    let published = desk_phone.publish(Basic::Open, Activity::None, 60).unwrap();
    assert_eq!(code(&published), 200);
    drop(registered(&server, Protocol::Udp, "alice"));
    site.wait_state("cameras", "available", LIMIT).unwrap();
    site.ask("cameras", "Sam", "which camera?").unwrap();
    let offer = desk_phone.next_text(2 * LIMIT).unwrap().unwrap();
    assert!(offer.text.contains("which camera?"), "{offer:?}");
}
