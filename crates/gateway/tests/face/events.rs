//! Presence as an event stream: at once, only real changes, the newest wins, nothing twice.

use std::time::Instant;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::client::header;
use crate::world::{World, soon};

#[tokio::test]
async fn the_first_event_comes_at_once() {
    let world = World::new().await;
    let mut events = world.get("/v1/sites/shop/presence/events").open().await;
    assert_eq!(events.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(header(&events.headers, name), value);
    }
    // The connection has left HTTP: it ends with the stream, and says what any other answer does.
    assert_eq!(header(&events.headers, "connection"), "close");
    assert_eq!(header(&events.headers, "x-content-type-options"), "nosniff");
    assert!(!header(&events.headers, "date").is_empty());
    let greeting = events.next_block().await.unwrap();
    assert!(greeting.retry.is_some() && greeting.comment.is_some());
    let event = events.next_block().await.unwrap();
    assert_eq!(event.event.as_deref(), Some("presence"));
    assert_eq!(event.id.as_deref(), Some("1"));
    assert_eq!(event.json()["groups"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn only_changes_of_the_groups_asked_for_are_events() {
    let world = World::new().await;
    let mut lenses = world
        .get("/v1/sites/shop/presence/events?skill=lenses")
        .open()
        .await;
    let mut cameras = world
        .get("/v1/sites/shop/presence/events?skill=cameras&tier=standard")
        .open()
        .await;
    assert_eq!(lenses.next().await.json()["version"], 1);
    assert_eq!(cameras.next().await.json()["version"], 1);
    world.desk.show(2, 0);
    let event = cameras.next().await.json();
    assert_eq!(event["version"], 2);
    assert_eq!(event["groups"][0]["available"], 0);
    world.stop.cancel();
    let mut extra = Vec::new();
    while let Some(block) = lenses.next_block().await {
        extra.push(block);
    }
    assert_eq!(extra, Vec::default(), "lenses never changed");
}

#[tokio::test]
async fn a_burst_of_changes_is_few_events_and_the_last_wins() {
    let world = World::new().await;
    let mut events = world
        .get("/v1/sites/shop/presence/events?skill=cameras")
        .open()
        .await;
    events.next().await;
    let started = Instant::now();
    for version in 2..=60 {
        world.desk.show(version, version as u32);
        // Time enough for the stream to send each version, if it would.
        world.get("/healthz").send().await;
    }
    let mut count = 0;
    loop {
        count += 1;
        if events.next().await.json()["version"] == 60 {
            break;
        }
    }
    let most = started.elapsed().as_millis() / 100 + 1;
    assert!(count <= most, "{count} events where {most} are enough");
}

#[tokio::test]
async fn a_version_that_the_watcher_has_is_not_repeated() {
    let world = World::new().await;
    let open = async |id: &str| {
        world
            .get("/v1/sites/shop/presence/events")
            .header("last-event-id", id)
            .open()
            .await
    };
    let mut known = open("1").await;
    let mut older = open("0").await;
    let mut odd = open("x").await;
    assert_eq!(older.next().await.json()["version"], 1);
    assert_eq!(odd.next().await.json()["version"], 1);
    assert!(known.next_block().await.unwrap().comment.is_some());
    world.desk.show(2, 7);
    assert_eq!(known.next().await.json()["version"], 2);
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let presence = world.get("/v1/sites/shop/presence/events").open().await;
    let conversation = world
        .get(&format!("/v1/tickets/{ticket}/events"))
        .bearer(&token)
        .open()
        .await;
    world.stop.cancel();
    presence.end().await;
    conversation.end().await;
    soon(world.running).await.unwrap();
}

#[tokio::test]
async fn a_watcher_that_leaves_is_forgotten() {
    let world = World::new().await;
    let mut events = world.get("/v1/sites/shop/presence/events").open().await;
    events.next().await;
    let counted = async |name: &str| {
        let reply = world.get("/metrics").send().await;
        let mut lines = reply.text().lines();
        let line = lines.find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse::<u32>().unwrap()
    };
    assert_eq!(counted("deskbell_presence_watchers ").await, 1);
    drop(events);
    soon(async { while counted("deskbell_presence_watchers ").await > 0 {} }).await;
    // Nothing but the one that asks.
    soon(async { while counted("deskbell_http_connections ").await > 1 {} }).await;
}

/// The other half of a connection is closed: nobody listens any more, whatever could still be written.
#[tokio::test]
async fn a_watcher_that_says_goodbye_is_let_go_and_what_else_it_says_is_not_heard() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let ask = "GET /v1/sites/shop/presence/events HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut text = String::new();
    let mut buffer = vec![0; 65_536];
    while !text.contains("\"version\":1") {
        let length = soon(stream.read(&mut buffer)).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    soon(stream.write_all(&[b'x'; 100_000])).await.unwrap();
    world.desk.show(2, 7);
    text.clear();
    while !text.contains("\"version\":2") {
        let length = soon(stream.read(&mut buffer)).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    stream.shutdown().await.unwrap();
    assert_eq!(soon(stream.read(&mut buffer)).await.unwrap(), 0);
}

/// It stops reading with its socket's buffers full, and has what is newest once it goes on.
#[tokio::test]
async fn a_watcher_that_stops_reading_gets_the_newest_later_and_keeps_nobody_up() {
    let world = World::new().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = socket.connect(world.address).await.unwrap();
    let ask = "GET /v1/sites/shop/presence/events HTTP/1.1\r\nhost: x\r\n\r\n";
    slow.write_all(ask.as_bytes()).await.unwrap();
    let mut other = world.get("/v1/sites/shop/presence/events").open().await;
    assert_eq!(other.next().await.json()["version"], 1);
    for version in 2..=20 {
        world.desk.show(version, 100 + version as u32);
        while other.next().await.json()["version"] != version {}
    }
    let mut text = String::new();
    let mut buffer = vec![0; 65_536];
    while !text.contains("\"version\":20") {
        let length = soon(slow.read(&mut buffer)).await.unwrap();
        assert!(length > 0, "the stream ended");
        text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
}

#[tokio::test]
async fn over_http_2_the_same_events_come() {
    let world = World::new().await;
    let stream = TcpStream::connect(world.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let path = "/v1/sites/shop/presence/events";
    let request = http::Request::get(format!("http://{}{path}", world.address))
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .unwrap();
    let response = soon(sender.send_request(request)).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut text = String::new();
    while !text.contains("\"version\":2") {
        let frame = soon(body.frame()).await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
        world.desk.show(2, 5);
    }
    assert!(text.starts_with(": deskbell\nretry: 2000\n\nevent: presence\nid: 1\ndata: {"));
    drop((body, sender));
    soon(connection).await.unwrap().unwrap();
}

/// Who asks for the head alone goes on with HTTP on the same connection.
#[tokio::test]
async fn the_head_of_a_stream_leaves_its_connection_to_http() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let ask = "HEAD /v1/sites/shop/presence/events HTTP/1.1\r\nhost: x\r\n\r\n\
               GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut text = String::new();
    soon(stream.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 ").count(), 2, "{text}");
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    assert!(!text.contains("deskbell\nretry"), "{text}");
}

#[tokio::test]
async fn over_http_1_0_the_same_events_come() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let ask = "GET /v1/sites/shop/presence/events HTTP/1.0\r\nhost: x\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut text = String::new();
    let mut buffer = vec![0; 65_536];
    for version in 1..=2 {
        while !text.contains(&format!("\"version\":{version}")) {
            let length = soon(stream.read(&mut buffer)).await.unwrap();
            assert!(length > 0, "the stream ended: {text}");
            text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        world.desk.show(2, 7);
    }
    assert!(text.starts_with("HTTP/1.0 200 OK\r\n"), "{text}");
}
