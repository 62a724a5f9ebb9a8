//! What one peer can take up: connections, headers, bytes; and what the counters say of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gateway::{ClickRates, Config, Figure, FigureKind, Figures, Options, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::world::{World, config, soon};

#[tokio::test]
async fn one_source_gets_so_many_connections_and_no_more() {
    let options = Options {
        connections_per_source: 2,
        proxies: Vec::new(),
        ..Options::default()
    };
    let world = World::with(config(), options).await;
    let first = world.get("/v1/sites/shop/presence/events").open().await;
    let _second = world.get("/v1/sites/shop/presence/events").open().await;
    let mut third = TcpStream::connect(world.address).await.unwrap();
    // Closed at once, before anything is asked.
    let mut byte = [0];
    assert_eq!(soon(third.read(&mut byte)).await.unwrap_or(0), 0);
    drop(first);
    let reply = soon(async {
        loop {
            let text = raw(&world, b"GET /healthz HTTP/1.0\r\n\r\n").await;
            if !text.is_empty() {
                break text;
            }
        }
    });
    assert!(reply.await.starts_with("HTTP/1.0 200"));
}

#[tokio::test]
async fn one_source_asks_so_often_at_a_site_and_is_told_when_again() {
    let world = asked_at_most(2, 100).await;
    let click = |site: &str, source: &str| {
        let path = format!("/v1/sites/{site}/tickets");
        let call = world.post(&path, r#"{"skills":["lenses"]}"#);
        call.header("x-forwarded-for", source).send()
    };
    for _ in 0..2 {
        assert_ne!(click("shop", "198.51.100.9").await.status, 429);
    }
    let refused = click("shop", "198.51.100.9").await;
    refused.problem(429);
    let problem = refused.json(429);
    assert_eq!(problem["type"], "urn:deskbell:problem:too-fast");
    let wait: u32 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(problem["retry_after"], wait);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains(&format!("{wait} seconds"))
    );
    // Nobody else has to wait, and the same source is free at another site.
    assert_ne!(click("shop", "198.51.100.10").await.status, 429);
    assert_ne!(click("library", "198.51.100.9").await.status, 429);
}

#[tokio::test]
async fn a_site_is_asked_so_often_by_all_together() {
    let world = asked_at_most(100, 3).await;
    let mut answers = Vec::new();
    for source in 0..4 {
        let call = world.post("/v1/sites/shop/tickets", r#"{"skills":["cameras"]}"#);
        let source = format!("198.51.100.{source}");
        answers.push(call.header("x-forwarded-for", &source).send().await.status);
    }
    assert_eq!(answers, [201, 201, 201, 429]);
}

async fn asked_at_most(by_source: u32, at_site: u32) -> World {
    let a_minute_each = |burst| Rate {
        burst,
        interval: Duration::from_secs(60),
    };
    let options = Options {
        clicks: ClickRates {
            per_source: a_minute_each(by_source),
            per_visitor: a_minute_each(100),
            per_site: a_minute_each(at_site),
        },
        ..Options::default()
    };
    World::with(config(), options).await
}

#[tokio::test]
async fn headers_beyond_the_limit_are_refused() {
    let world = World::new().await;
    let big = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    let text = raw(&world, big.as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 431"), "{text}");
    let many = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "x: y\r\n".repeat(200)
    );
    let text = raw(&world, many.as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 431"), "{text}");
}

/// H3: a WebSocket handshake whose header does not end, a few bytes at a time, ends at the limit; others are answered.
#[tokio::test]
async fn a_handshake_that_grows_without_end_is_refused_and_nobody_waits_for_it() {
    let world = World::new().await;
    let (ticket, _) = world.ticket().await;
    let head = format!(
        "GET /v1/tickets/{ticket}/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nx: "
    );
    let mut growing = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        growing.push(stream);
    }
    for piece in 0..400 {
        for stream in &mut growing {
            // One that is refused already takes no more.
            let _ = stream.write_all(&[b'x'; 61]).await;
        }
        if piece % 100 == 0 {
            assert_eq!(world.get("/healthz").send().await.status, 200);
        }
    }
    for mut stream in growing {
        let mut said = Vec::new();
        // The connection may end with a reset, for what was sent and not read.
        let ended = timeout(Duration::from_secs(3), stream.read_to_end(&mut said)).await;
        assert!(
            ended.is_ok(),
            "it is not the deadline of the headers that ends it"
        );
        let said = String::from_utf8_lossy(&said);
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 431"),
            "{said}"
        );
    }
}

/// H17: headers that come a byte at a time have to be there in time all together.
#[tokio::test]
async fn headers_that_trickle_in_end_the_connection() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nx: ")
        .await
        .unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut said = Vec::new();
    // It may end with a reset, for what was sent and not read.
    let ended = timeout(Duration::from_secs(30), reader.read_to_end(&mut said)).await;
    assert!(ended.is_ok(), "the connection goes on");
    trickle.abort();
}

#[tokio::test]
async fn requests_that_could_be_smuggled_are_refused() {
    let world = World::new().await;
    for head in [
        "content-length: 2\r\ncontent-length: 3\r\n",
        "content-length: +2\r\n",
        "content-length: 2, 3\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "x : y\r\n",
    ] {
        let request = format!(
            "POST /v1/sites/shop/tickets HTTP/1.1\r\nhost: x\r\n\
             content-type: application/json\r\n{head}\r\n{{}}GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
        );
        let text = raw(&world, request.as_bytes()).await;
        assert!(text.starts_with("HTTP/1.1 400"), "{head}: {text}");
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{head}: {text}");
    }
}

#[tokio::test]
async fn figures_of_other_parts_are_shown_as_they_stand() {
    let world = World::new().await;
    let asked = Arc::new(AtomicU64::new(40));
    let figure = |name: &str, kind, value| Figure {
        name: name.to_owned(),
        help: "Something counted elsewhere",
        kind,
        value,
    };
    let figures = Figures::new(move || {
        let value = asked.fetch_add(1, Ordering::Relaxed);
        vec![
            figure("elsewhere_counted", FigureKind::Counter, value),
            figure("elsewhere_open", FigureKind::Gauge, 7),
        ]
    });
    world.config.replace(Config {
        figures,
        ..config()
    });
    for counted in [40, 41] {
        let reply = world.get("/metrics").send().await;
        let text = reply.text();
        let line = format!("\ndeskbell_elsewhere_counted_total {counted}\n");
        assert!(text.contains(&line), "no {line} in\n{text}");
        assert!(text.contains("# TYPE deskbell_elsewhere_open gauge\n"));
        assert!(text.contains("\ndeskbell_elsewhere_open 7\n"));
    }
}

#[tokio::test]
async fn the_counters_count() {
    let world = World::new().await;
    let _watcher = world.get("/v1/sites/shop/presence/events").open().await;
    let (ticket, token) = world.ticket().await;
    let path = format!("/v1/tickets/{ticket}");
    world.get(&path).bearer(&token).send().await.json(200);
    world.get(&path).send().await.problem(404);
    let reply = world.get("/metrics").send().await;
    assert!(
        reply
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    let text = reply.text();
    for line in [
        "deskbell_presence_watchers 1",
        "deskbell_conversation_websockets 0",
        r#"deskbell_http_requests_total{method="POST",route="/v1/sites/{site}/tickets",class="2xx"} 1"#,
        r#"deskbell_http_requests_total{method="GET",route="/v1/tickets/{id}",class="4xx"} 1"#,
        r#"deskbell_group_reps{site="shop",skill="cameras",tier="standard",state="available"} 2"#,
        r#"deskbell_group_open{site="shop",skill="lenses",tier="gold"} 0"#,
        "deskbell_snapshot_version 1",
        "# EOF",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no {line} in\n{text}"
        );
    }
    assert!(!text.contains(&ticket) && !text.contains(&token));
}

#[tokio::test]
async fn the_server_says_whether_it_lives_and_is_ready() {
    let world = World::new().await;
    assert_eq!(world.get("/healthz").send().await.text(), "ok\n");
    assert_eq!(world.get("/readyz").send().await.text(), "ready\n");
    let World {
        address,
        desk,
        stop: _stop,
        ..
    } = world;
    desk.close().await;
    let client = crate::client::Client(address);
    client.call("GET", "/readyz").send().await.problem(503);
    let ask = client.call("POST", "/v1/sites/shop/tickets");
    let reply = ask.json(r#"{"skills":["cameras"]}"#).send().await;
    assert!(reply.problem(503).contains("restarting"));
    assert_eq!(reply.header("retry-after"), "5");
}

#[tokio::test]
async fn http_2_is_spoken_too() {
    let world = World::new().await;
    let stream = TcpStream::connect(world.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get(format!("http://{}/healthz", world.address))
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .unwrap();
    let response = soon(sender.send_request(request)).await.unwrap();
    assert_eq!(response.status(), 200);
    drop(sender);
    soon(connection).await.unwrap().unwrap();
}

/// Everything that comes back before the server closes.
async fn raw(world: &World, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let mut reply = Vec::new();
    // The server may answer and close before it has taken all.
    let _ = stream.write_all(request).await;
    let _ = soon(stream.read_to_end(&mut reply)).await;
    String::from_utf8(reply).unwrap()
}
