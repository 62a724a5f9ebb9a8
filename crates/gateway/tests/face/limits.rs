//! What one peer can take up: connections, headers, bytes; and what the counters say of it.

use gateway::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
