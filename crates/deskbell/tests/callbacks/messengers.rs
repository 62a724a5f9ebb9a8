//! The shopper's own messenger, a real one: lines go to it where the page is out of reach, and its answers come back
//! into the same conversation. Must not know how messages travel.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use examples::document::{Activity, Basic};
use examples::http::Http;
use examples::peer;
use examples::peer::baresip::{Answering, Baresip};
use examples::peer::linphone::Linphone;
use examples::phone::TestPhone;
use examples::server::{Server, Setup};
use examples::site::Site;
use examples::wait;
use examples::wire::Protocol;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::desk::{LIMIT, reasons, start, wait_stage};
use crate::trunk::Trunk;

pub(crate) const SECRET: &str = "what the shop signs its tokens with";

/// A shop that reaches shoppers in this order once their page was not seen for a second.
pub(crate) fn shop(reach: &str, more: &str) -> Setup {
    Setup {
        sip_lines: more.to_owned(),
        site_lines: format!(
            "secret = \"{SECRET}\"\ncallback = {{ allow = [\"+33\"], country = \"FR\", grace = \"1s\", reach = {reach} }}"
        ),
        ..Setup::default()
    }
}

/// A token of the shop, signed with this secret.
pub(crate) fn token(claims: &Value, secret: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut claims = claims.clone();
    let exp = (now + Duration::from_secs(600)).as_secs();
    claims
        .as_object_mut()
        .unwrap()
        .insert("exp".to_owned(), json!(exp));
    jsonwebtoken::encode(
        &Header::default(),
        &claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )
    .unwrap()
}

/// Asks by this token; gives the ticket's path and what opens it.
fn ask(http: &Http, token: &str) -> (String, String) {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let body = r#"{"skills":["cameras"],"message":"My lens is stuck"}"#;
    let answer = http.request("POST", "/v1/sites/shop/tickets", &headers, body);
    let answer = answer.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let ticket = answer.json().unwrap();
    let text = |key: &str| ticket.get(key).and_then(Value::as_str).unwrap().to_owned();
    (format!("/v1/tickets/{}", text("id")), text("token"))
}

/// Two reps' phones. Bob is on duty and away, so that tickets wait until Alice comes.
pub(crate) fn reps(server: &Server) -> (TestPhone, TestPhone) {
    let mut alice = server.phone(Protocol::Udp, "alice").unwrap();
    alice.register(600).unwrap();
    let mut bob = server.phone(Protocol::Udp, "bob").unwrap();
    bob.register(600).unwrap();
    bob.publish(Basic::Open, Activity::Away, 600).unwrap();
    Site::new(server.http(), "shop")
        .wait_state("cameras", "wait", LIMIT)
        .unwrap();
    (alice, bob)
}

/// Lets more than the second pass for which a page may be away.
fn outlast_the_grace() {
    let since = Instant::now();
    wait::until("the end of the grace", LIMIT, || {
        Ok((since.elapsed() > Duration::from_millis(1_200)).then_some(()))
    })
    .unwrap();
}

/// The ticket waits for longer than its page may be away; then Alice comes.
pub(crate) fn come_late(alice: &mut TestPhone) {
    outlast_the_grace();
    alice.publish(Basic::Open, Activity::None, 600).unwrap();
}

/// The phone shows a text with these words; gives who sent it.
#[track_caller]
pub(crate) fn assert_reads(phone: &TestPhone, wanted: &str) -> String {
    let mut read = Vec::new();
    loop {
        let text = phone.next_text(LIMIT).unwrap();
        assert!(text.is_some(), "{wanted:?} is not in {read:?}");
        let text = text.unwrap();
        if text.text.contains(wanted) {
            return text.from;
        }
        read.push(text.text);
    }
}

/// The texts that the page is shown when it comes back.
fn shown(http: &Http, (path, token): &(String, String)) -> String {
    let bearer = format!("Bearer {token}");
    let path = format!("{path}/messages?after=0");
    let answer = http.request("GET", &path, &[("Authorization", &bearer)], "");
    answer.unwrap().body
}

#[test]
fn a_conversation_goes_on_in_the_shoppers_own_messenger_and_on_the_page() {
    let Some(program) = peer::find("linphonec") else {
        return;
    };
    let server = start(&shop("[\"messenger\"]", ""));
    let (mut zoe, address) =
        Linphone::start_telephone(&program, "zoe", Some(server.sip())).unwrap();
    let (mut alice, _bob) = reps(&server);
    let http = server.http();
    let im = format!("sip:zoe@{address}");
    let ticket = ask(
        &http,
        &token(&json!({"sub": "z1", "name": "Zoe", "im": im}), SECRET),
    );
    come_late(&mut alice);
    assert_reads(&alice, "My lens is stuck");
    zoe.wait_text("Your page cannot be reached", LIMIT).unwrap();

    let id = ticket.0.rsplit('/').next().unwrap();
    let conversation = format!("sip:{id}@{}", server.demo().domain);
    alice
        .send_text(&conversation, "Does it turn at all?")
        .unwrap();
    zoe.wait_text("Does it turn at all?", LIMIT).unwrap();
    // It answers at the address that the lines come from.
    zoe.say(&format!("sip:{id}@{}", server.sip()), "Half a turn")
        .unwrap();
    assert_reads(&alice, "Half a turn");

    // The page is back: it shows both, and both go on.
    let page = shown(&http, &ticket);
    for line in ["My lens is stuck", "Does it turn at all?", "Half a turn"] {
        assert!(page.contains(line), "{line} in {page}");
    }
    let bearer = format!("Bearer {}", ticket.1);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let said = http.request(
        "POST",
        &format!("{}/messages", ticket.0),
        &headers,
        r#"{"type":"say","id":"1","text":"Said on the page"}"#,
    );
    assert_eq!(said.unwrap().status, 200);
    assert_reads(&alice, "Said on the page");
    alice.send_text(&conversation, "Bring it in").unwrap();
    zoe.wait_text("Bring it in", LIMIT).unwrap();
    wait::until("the line on the page", LIMIT, || {
        Ok(shown(&http, &ticket).contains("Bring it in").then_some(()))
    })
    .unwrap();

    let told = reasons(&server, &ticket.0);
    for step in [
        "The page has been out of reach for",
        "The shopper's own messenger takes the conversation.",
    ] {
        assert!(told.contains(step), "{step} in {told}");
    }
}

#[test]
fn baresip_as_the_messenger_shows_what_is_said() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let mut zoe = Baresip::start_telephone(&program, "zoe", Answering::ByHand, None).unwrap();
    let server = start(&shop("[\"messenger\"]", ""));
    let (mut alice, _bob) = reps(&server);
    let im = format!("sip:zoe@{}", zoe.address());
    let ticket = ask(
        &server.http(),
        &token(&json!({"sub": "z1", "im": im}), SECRET),
    );
    come_late(&mut alice);
    zoe.wait_text("Your page cannot be reached", LIMIT).unwrap();
    let id = ticket.0.rsplit('/').next().unwrap();
    let conversation = format!("sip:{id}@{}", server.demo().domain);
    alice
        .send_text(&conversation, "Does it turn at all?")
        .unwrap();
    zoe.wait_text("Does it turn at all?", LIMIT).unwrap();
}

/// Messages go over the outbound proxy; nobody but the messenger that the shop has named may answer.
#[test]
fn messages_go_over_the_outbound_proxy_and_only_the_named_messenger_answers() {
    let proxy = Trunk::open();
    let more = format!("outbound_proxy = \"sip:{}\"\n", proxy.address());
    let server = start(&shop("[\"messenger\"]", &more));
    let (mut alice, _bob) = reps(&server);
    let claims = json!({"sub": "z1", "im": "sip:zoe@messenger.invalid"});
    let ticket = ask(&server.http(), &token(&claims, SECRET));
    come_late(&mut alice);
    let (message, peer) = proxy.receive("MESSAGE ");
    assert!(
        message.starts_with("MESSAGE sip:zoe@messenger.invalid SIP/2.0"),
        "{message}"
    );
    assert!(
        message.contains(&format!("Route: <sip:{};lr>", proxy.address())),
        "{message}"
    );
    proxy.answer(&message, peer, "200 OK", "", "");

    let id = ticket.0.rsplit('/').next().unwrap();
    let write = |from: &str, text: &str| {
        let domain = &server.demo().domain;
        let request = format!(
            "MESSAGE sip:{id}@{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{text};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{from}>;tag=m\r\nTo: <sip:{id}@{domain}>\r\nCall-ID: {text}\r\n\
             CSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}",
            proxy.address(),
            text.len()
        );
        proxy.sip.send_to(request.as_bytes(), server.sip()).unwrap();
        proxy.receive("SIP/2.0 ").0
    };
    let refused = write("sip:eve@messenger.invalid", "forged");
    assert!(!refused.starts_with("SIP/2.0 2"), "{refused}");
    let heard = write("sip:zoe@messenger.invalid", "mine");
    assert!(heard.starts_with("SIP/2.0 200"), "{heard}");
    assert_reads(&alice, "mine");
    let page = shown(&server.http(), &ticket);
    assert!(page.contains("mine") && !page.contains("forged"), "{page}");
}

/// The proxies to messengers and to a trunk follow a reload.
#[test]
fn another_outbound_proxy_is_used_after_a_reload() {
    let (before, after) = (Trunk::open(), Trunk::open());
    let over = |proxy: &Trunk| {
        let line = format!("outbound_proxy = \"sip:{}\"\n", proxy.address());
        Setup {
            tables: format!("[[trunk]]\nuri = \"sip:trunk.invalid\"\nping = \"1s\"\n{line}"),
            ..shop("[\"messenger\"]", &line)
        }
    };
    let route = |proxy: &Trunk| format!("Route: <sip:{};lr>", proxy.address());
    let server = start(&over(&before));
    let (mut alice, _bob) = reps(&server);
    let claims = json!({"sub": "z1", "im": "sip:zoe@messenger.invalid"});
    let ticket = ask(&server.http(), &token(&claims, SECRET));
    come_late(&mut alice);
    assert_reads(&alice, "My lens is stuck");
    let (message, peer) = before.receive("MESSAGE ");
    assert!(message.contains(&route(&before)), "{message}");
    before.answer(&message, peer, "200 OK", "", "");

    server.reconfigure(&over(&after)).unwrap();
    let (options, _) = after.receive("OPTIONS sip:trunk.invalid ");
    assert!(options.contains(&route(&after)), "{options}");
    let id = ticket.0.rsplit('/').next().unwrap();
    let conversation = format!("sip:{id}@{}", server.demo().domain);
    alice
        .send_text(&conversation, "Does it turn at all?")
        .unwrap();
    loop {
        let (message, peer) = after.receive("MESSAGE ");
        assert!(message.contains(&route(&after)), "{message}");
        after.answer(&message, peer, "200 OK", "", "");
        if message.ends_with("Does it turn at all?") {
            return;
        }
    }
}

/// Only what the shop has signed names a messenger.
#[test]
fn a_messenger_that_is_not_signed_is_written_nothing() {
    let stranger = Trunk::open();
    let server = start(&shop("[\"messenger\"]", ""));
    let (mut alice, _bob) = reps(&server);
    let http = server.http();
    let im = format!("sip:eve@{}", stranger.address());
    let forged = ask(
        &http,
        &token(&json!({"sub": "z1", "im": im}), "another secret"),
    );
    let body = json!({"skills": ["cameras"], "message": "unsigned", "im": im});
    let unsigned = http.post("/v1/sites/shop/tickets", &body).unwrap();
    assert!(
        [201, 400, 422].contains(&unsigned.status),
        "{}",
        unsigned.body
    );
    come_late(&mut alice);
    assert_reads(&alice, "there is no other way to the shopper");
    let told = reasons(&server, &forged.0);
    assert!(
        told.contains("Not by messenger: the shop's token names none."),
        "{told}"
    );
    stranger.expect_nothing();
}

/// The site chooses the order.
#[test]
fn a_site_that_prefers_the_telephone_has_it_rung_before_the_messenger() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let (trunk, messenger) = (Trunk::open(), Trunk::open());
    let setup = Setup {
        tables: format!("[[trunk]]\nuri = \"sip:{}\"\n", trunk.address()),
        ..shop("[\"telephone\", \"messenger\"]", "")
    };
    let server = start(&setup);
    let mut bob = server.phone(Protocol::Udp, "bob").unwrap();
    bob.register(600).unwrap();
    bob.publish(Basic::Open, Activity::Away, 600).unwrap();
    let http = server.http();
    Site::new(server.http(), "shop")
        .wait_state("cameras", "wait", LIMIT)
        .unwrap();
    let im = format!("sip:zoe@{}", messenger.address());
    let claims = json!({"sub": "z1", "im": im, "phone": "+33612345678"});
    let ticket = ask(&http, &token(&claims, SECRET));
    outlast_the_grace();
    let secret = server.rep("alice").unwrap().password.clone();
    let _alice = Baresip::start(&program, server.sip(), "alice", &secret).unwrap();
    let (invite, peer) = trunk.receive("INVITE ");
    assert!(invite.starts_with("INVITE sip:+33612345678@"), "{invite}");
    trunk.take(&invite, peer);
    wait_stage(&http, &ticket, "talking");
    messenger.expect_nothing();
}
