//! Attacks on the HTTP face that others have fallen to, by the rows of docs/security-tests.md.
//! Must not know the desk.

use std::net::SocketAddr;
use std::time::Duration;

use gateway::Gateway;
use helpdesk::{TicketId, TicketState};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::admin::store;
use crate::world::World;

/// Every answer on one connection to these bytes, until it is closed or silent.
async fn raw(address: SocketAddr, bytes: &[u8]) -> (String, bool) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has closed already is no failure.
    let _ = stream.write_all(bytes).await;
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match timeout(Duration::from_millis(150), stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return (String::from_utf8_lossy(&said).into_owned(), true),
            Ok(Ok(read)) => said.extend_from_slice(buffer.get(..read).unwrap()),
            Err(_) => return (String::from_utf8_lossy(&said).into_owned(), false),
        }
    }
}

/// H1: a request whose length is in doubt is one answer and the end of the connection, never two requests.
#[tokio::test]
async fn lengths_in_doubt_never_make_two_requests_of_one() {
    let world = World::new().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let chunked = format!("0\r\n\r\n{smuggled}");
    let mut doubts: Vec<String> = Vec::new();
    for length in [
        "-1",
        "+5",
        "0x5",
        "5,5",
        "5, 6",
        "5 5",
        " ",
        "5;x",
        "18446744073709551616",
        "99999999999999999999",
        "5\t6",
        "a",
    ] {
        doubts.push(format!("content-length: {length}\r\n"));
    }
    for (first, second) in [("5", "6"), ("0", "5"), ("5", "0"), ("5", "a"), ("a", "5")] {
        doubts.push(format!(
            "content-length: {first}\r\ncontent-length: {second}\r\n"
        ));
    }
    for coding in [
        "chunked, identity",
        "identity, chunked, identity",
        "xchunked",
        "chunkedx",
        "gzip",
        "\"chunked\"",
        "chunked;q=1",
        "identity",
        "chunked\x0b",
        "\x0bchunked",
        "chunk ed",
        "cow",
        "chunked, cow",
    ] {
        doubts.push(format!("transfer-encoding: {coding}\r\n"));
        doubts.push(format!(
            "content-length: 5\r\ntransfer-encoding: {coding}\r\n"
        ));
    }
    for odd in [
        "transfer-encoding : chunked\r\n",
        " transfer-encoding: chunked\r\n",
        "transfer-encoding\t: chunked\r\n",
        "content-length : 5\r\n",
        "transfer-encoding: chunked\r\n transfer-encoding: x\r\n",
        "content-length: 5\r\n x\r\n",
        "transfer\0-encoding: chunked\r\n",
        "x: y\nx-smuggle: z\r\ncontent length: 5\r\n",
    ] {
        doubts.push(odd.to_owned());
    }
    assert!(doubts.len() >= 50, "{}", doubts.len());
    for doubt in &doubts {
        let request = format!(
            "POST /v1/sites/shop/tickets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{doubt}\r\n{chunked}"
        );
        let (said, is_closed) = raw(world.address, request.as_bytes()).await;
        let answers = said.matches("HTTP/1.1 ").count();
        assert!(
            answers <= 1 && is_closed,
            "{doubt:?}: {answers} answers, closed: {is_closed}\n{said}"
        );
        assert!(!said.starts_with("HTTP/1.1 2"), "{doubt:?}: {said}");
    }
    // RFC 9112 §6.3: both at once is the oldest of them all; the answer, if any, ends the connection.
    let both = format!(
        "POST /v1/sites/shop/tickets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n{chunked}",
        chunked.len()
    );
    let (said, _) = raw(world.address, both.as_bytes()).await;
    assert!(said.matches("HTTP/1.1 ").count() <= 1, "{said}");
    assert!(world.desk.asks().is_empty());
}

/// H2: streams opened and reset as fast as one can; others are served meanwhile.
#[tokio::test]
async fn streams_that_are_reset_at_once_hold_nobody_up() {
    let world = World::new().await;
    // The server's own tasks have begun once it answers.
    world.get("/healthz").send().await;
    let before = world.desk.watchers();
    let stream = TcpStream::connect(world.address).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);
    let flood = tokio::spawn(async move {
        for _ in 0..5_000 {
            let mut sender = sender.clone();
            if sender.ready().await.is_err() {
                return;
            }
            let request = http::Request::get("http://x/v1/sites/shop/presence/events");
            let request = request.body(Full::new(bytes::Bytes::new())).unwrap();
            // Dropped before its answer: the stream is reset.
            let answer = sender.send_request(request);
            drop(timeout(Duration::from_micros(50), answer).await);
        }
    });
    for _ in 0..20 {
        let reply = timeout(Duration::from_secs(5), world.get("/healthz").send())
            .await
            .unwrap();
        assert_eq!(reply.status, 200);
    }
    timeout(Duration::from_secs(60), flood)
        .await
        .unwrap()
        .unwrap();
    connection.abort();
    for _ in 0..100 {
        if world.desk.watchers() <= before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} streams are left over", world.desk.watchers());
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags, 0, 0, 0, stream]);
    bytes.extend(payload);
    bytes
}

/// H2: headers that go on without end, and a body of empty frames: each costs its sender next to nothing, and ends the
/// connection; others are served meanwhile.
#[tokio::test]
async fn frames_without_end_end_the_connection() {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const CONTINUATION: u8 = 9;
    const END_HEADERS: u8 = 4;
    let world = World::new().await;
    let path = b"/v1/sites/shop/tickets";
    let mut post = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    post.extend(path);
    post.extend(b"\x01\x01x\x0f\x10\x10application/json");
    let more = b"\0\x01x\x01y".repeat(200);
    for (begins, goes_on) in [
        (
            frame(HEADERS, 0, 1, &[0x82]),
            frame(CONTINUATION, 0, 1, &more),
        ),
        (
            frame(HEADERS, END_HEADERS, 1, &post),
            frame(DATA, 0, 1, &[]),
        ),
    ] {
        let stream = TcpStream::connect(world.address).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let flood = tokio::spawn(async move {
            let settings = frame(4, 0, 0, &[]);
            let opening = [
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(),
                &settings,
                &begins,
            ];
            writer.write_all(&opening.concat()).await?;
            for _ in 0..1_000 {
                writer.write_all(&goes_on.repeat(100)).await?;
            }
            // What is not ended by then is not going to be.
            tokio::time::sleep(Duration::from_secs(20)).await;
            std::io::Result::Ok(())
        });
        let reply = timeout(Duration::from_secs(5), world.get("/healthz").send());
        assert_eq!(reply.await.unwrap().status, 200);
        let mut said = Vec::new();
        // It may end with a reset, for what was sent and not read.
        let ended = timeout(Duration::from_secs(15), reader.read_to_end(&mut said)).await;
        assert!(ended.is_ok(), "the connection goes on");
        flood.abort();
    }
}

/// H16: whatever takes a body takes a bounded one.
#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_refused_everywhere() {
    let world = World::new().await;
    let (id, token) = world.ticket().await;
    let text = format!("{{\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
    let mut tried = 0;
    for address in Gateway::addresses()
        .into_iter()
        .filter(|address| address.method == "POST" || address.method == "PUT")
    {
        let guarded = ["admin:", "rep", "supervisor"];
        if guarded.iter().any(|who| address.who.starts_with(who)) {
            // Nobody without a key or a session gets as far.
            continue;
        }
        let path = address.path.replace("{id}", &id).replace("{site}", "shop");
        let call = world.client().call(&address.method, &path).bearer(&token);
        let call = if address.path == "/soap" {
            call.header("content-type", "text/xml")
                .body(text.as_bytes())
        } else {
            call.json(&text)
        };
        assert_eq!(call.send().await.status, 413, "{} {path}", address.method);
        tried += 1;
    }
    assert!(tried >= 4, "{tried}");
}

/// H15: text in any field is a value, whatever language it is written in.
#[tokio::test]
async fn words_of_sql_are_words() {
    let world = World::new().await;
    for words in [
        "' OR '1'='1",
        "'; DROP TABLE tickets; --",
        "\" OR \"\"=\"",
        "1; SELECT pg_sleep(10)",
        "'||(SELECT 1)||'",
        "%27",
        "\\'",
        "') UNION SELECT * FROM records --",
        "$$; COPY x TO PROGRAM 'id'; $$",
        "admin'--",
        "{\"$gt\":\"\"}",
        "${7*7}",
        "{{7*7}}",
    ] {
        let body = serde_json::json!({"skills": ["cameras"], "name": words, "message": words, "page": words});
        let reply = world
            .post("/v1/sites/shop/tickets", &body.to_string())
            .send()
            .await;
        assert_eq!(reply.status, 201, "{words}: {}", reply.text());
        let asks = world.desk.asks();
        let ask = asks.last().unwrap();
        assert_eq!(ask.name.as_deref(), Some(words));
        assert_eq!(ask.message.as_deref(), Some(words));
        let skill = serde_json::json!({"skills": [words]});
        let reply = world
            .post("/v1/sites/shop/tickets", &skill.to_string())
            .send()
            .await;
        assert_eq!(reply.status, 422, "{words}");
    }
}

/// C5: to know a ticket's name is not to open it: every ticket with the token of every other.
#[tokio::test]
async fn no_shopper_opens_the_ticket_of_another() {
    let world = World::new().await;
    let mut tickets = Vec::new();
    for place in 0..12 {
        let (id, token) = world.ticket().await;
        world
            .desk
            .rep_says(&id, &format!("canary-{place}-of-another"));
        tickets.push((id, token));
    }
    let mut tried = 0;
    for (id, own) in &tickets {
        for (_, token) in tickets.iter().filter(|(_, token)| token != own) {
            for (method, end, body) in [
                ("GET", "", ""),
                ("DELETE", "", ""),
                ("GET", "/messages", ""),
                ("POST", "/messages", r#"{"type":"end"}"#),
                ("POST", "/messages", r#"{"type":"say","id":"1","text":"x"}"#),
                ("POST", "/rating", r#"{"stars":1}"#),
                ("GET", "/events", ""),
            ] {
                let path = format!("/v1/tickets/{id}{end}");
                let call = world.client().call(method, &path).bearer(token);
                let call = if body.is_empty() {
                    call
                } else {
                    call.json(body)
                };
                let reply = call.send().await;
                assert_eq!(reply.status, 404, "{method} {path}");
                assert!(!reply.text().contains("canary"), "{}", reply.text());
                tried += 1;
            }
        }
        assert_eq!(world.desk.state_of(&TicketId::new(id)), TicketState::Queued);
    }
    assert_eq!(tried, 12 * 11 * 7);
    assert!(world.desk.ratings().is_empty());
}

/// C7: a name is that name and no other.
#[tokio::test]
async fn near_names_are_other_names() {
    let world = World::new().await;
    for site in [
        "Shop",
        "SHOP",
        "sh",
        "shop%20",
        "%20shop",
        "shop%00",
        "ѕhop",
        "shop.",
        "shop-",
        "shopp",
        "hop",
        "shop%2F",
        "ｓhop",
        "sho%CC%81p",
    ] {
        let reply = world
            .get(&format!("/v1/sites/{}/presence", percent(site)))
            .send()
            .await;
        assert!(
            matches!(reply.status, 400 | 404),
            "{site}: {}",
            reply.status
        );
    }
    for skill in [
        "Cameras",
        "camera",
        "cameras ",
        " cameras",
        "cameras\u{0}",
        "cаmeras",
        "CAMERAS",
        "cameras'",
        "cam%eras",
        "cameras\u{200b}",
    ] {
        let body = serde_json::json!({ "skills": [skill] });
        let reply = world
            .post("/v1/sites/shop/tickets", &body.to_string())
            .send()
            .await;
        assert_eq!(reply.status, 422, "{skill:?}");
    }
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// O2, O3: without a key of the configuration nobody is let in, whatever is guessed.
#[tokio::test]
async fn no_default_opens_the_admin_addresses() {
    let (bare, configured) = (World::new().await, crate::admin::world(&store()).await);
    for guess in [
        "admin",
        "password",
        "deskbell",
        "demo",
        "changeme",
        "",
        "root",
        "secret",
        "test",
        "0",
        "null",
        "undefined",
        "Bearer",
    ] {
        for address in Gateway::addresses()
            .iter()
            .filter(|address| address.who.starts_with("admin:"))
        {
            let path = address.path.replace(['{', '}'], "");
            // Where a key is configured, too, it is the only one.
            for (world, status) in [(&bare, 404), (&configured, 401)] {
                let call = world.client().call(&address.method, &path);
                let call = if address.method == "GET" {
                    call
                } else {
                    call.json("{}")
                };
                let call = call.header("authorization", &format!("Bearer {guess}"));
                call.send().await.problem(status);
            }
        }
    }
}
