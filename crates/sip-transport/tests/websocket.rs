//! Requests over WebSocket, plain, inside TLS and handed over, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::time::Duration;

use desk::certificates::Authority;
use desk::{Desk, LIMIT, TcpPeer, first_line, long_body, ok, request};
use futures_util::{SinkExt, StreamExt};
use sip::{Method, Protocol, RequestDraft};
use sip_transport::{Config, Limits, NotTaken, RequestError, Target};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

async fn open_with(config: Config) -> Desk {
    Desk::open_on(config, &[Protocol::Ws], "127.0.0.1:0").await
}

fn opening(headers: &[(&'static str, &str)]) -> Request {
    let mut request = "ws://sip.example/".into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

async fn connect(desk: &Desk) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(desk.address(Protocol::Ws))
        .await
        .unwrap();
    let request = opening(&[("sec-websocket-protocol", "sip")]);
    client_async(request, stream).await.unwrap().0
}

async fn next<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> Message {
    timeout(LIMIT, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    text: &str,
) -> String {
    socket.send(Message::text(text)).await.unwrap();
    first_line(next(socket).await.to_text().unwrap()).to_owned()
}

/// The code the socket is closed with; none if it just ends.
async fn closing_code(socket: &mut WebSocketStream<TcpStream>) -> Option<CloseCode> {
    loop {
        match timeout(LIMIT, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

fn message() -> RequestDraft {
    RequestDraft::new(Method::Message, "sip:alice@peer.invalid")
        .from("<sip:desk@shop.example>", "ours")
        .to("<sip:alice@shop.example>")
        .call_id("one")
        .cseq(1)
        .body("text/plain", b"hello".to_vec())
}

#[tokio::test]
async fn requests_go_both_ways_one_in_each_message() {
    let desk = open_with(Config::default()).await;
    let mut socket = connect(&desk).await;
    assert_eq!(
        ask(&mut socket, &request("PUBLISH", "a")).await,
        "SIP/2.0 200 OK"
    );
    let binary = request("PUBLISH", "b").into_bytes();
    socket.send(Message::binary(binary)).await.unwrap();
    let answer = next(&mut socket).await;
    assert_eq!(first_line(answer.to_text().unwrap()), "SIP/2.0 200 OK");

    let flow = desk.flow();
    assert_eq!(flow.transport, Protocol::Ws);
    let sender = desk.sender.clone();
    let sent =
        tokio::spawn(async move { sender.request(message(), Target::Flow(flow)).await.unwrap() });
    let ours = next(&mut socket).await.into_text().unwrap();
    assert!(ours.contains("Via: SIP/2.0/WS 127.0.0.1:"), "{ours}");
    socket.send(Message::text(ok(&ours))).await.unwrap();
    assert_eq!(sent.await.unwrap().status().code(), 200);
    socket.close(None).await.unwrap();
    desk.ended().await;
}

#[tokio::test]
async fn a_message_without_a_length_ends_with_its_frame() {
    let desk = open_with(Config::default()).await;
    let mut socket = connect(&desk).await;
    let text = request("PUBLISH", "a").replace("Content-Length: 4\r\n", "");
    assert_eq!(ask(&mut socket, &text).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn openings_without_the_subprotocol_or_from_foreign_pages_are_refused() {
    let desk = open_with(Config {
        websocket_origins: vec!["https://phone.example".to_owned()],
        ..Config::default()
    })
    .await;
    let check = async |headers: &[(&'static str, &str)], expected: u16| {
        let stream = TcpStream::connect(desk.address(Protocol::Ws))
            .await
            .unwrap();
        let answer = timeout(LIMIT, client_async(opening(headers), stream));
        let status = match answer.await.unwrap() {
            Ok((_, response)) => response.status(),
            Err(Error::Http(response)) => response.status(),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(status.as_u16(), expected, "{headers:?}");
    };
    let sip = ("sec-websocket-protocol", "sip");
    check(&[], 400).await;
    check(&[("sec-websocket-protocol", "xmpp")], 400).await;
    check(&[sip], 101).await;
    check(&[sip, ("origin", "https://phone.example")], 101).await;
    check(&[sip, ("origin", "http://sip.example")], 101).await;
    check(&[sip, ("origin", "https://evil.example")], 403).await;
    desk::until(|| desk.count("handshakes_failed") == 3).await;
}

#[tokio::test]
async fn compression_is_declined() {
    let desk = open_with(Config::default()).await;
    let stream = TcpStream::connect(desk.address(Protocol::Ws))
        .await
        .unwrap();
    let request = opening(&[
        ("sec-websocket-protocol", "sip"),
        ("sec-websocket-extensions", "permessage-deflate"),
    ]);
    let (_, response) = client_async(request, stream).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
    assert!(!response.headers().contains_key("sec-websocket-extensions"));
}

#[tokio::test]
async fn keepalives_are_answered() {
    let desk = open_with(Config::default()).await;
    let mut socket = connect(&desk).await;
    socket.send(Message::text("\r\n\r\n")).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::text("\r\n"));
    socket.send(Message::text("\r\n")).await.unwrap();
    socket.send(Message::text("")).await.unwrap();
    let ping = Message::Ping(bytes::Bytes::from_static(b"there?"));
    socket.send(ping).await.unwrap();
    let pong = Message::Pong(bytes::Bytes::from_static(b"there?"));
    assert_eq!(next(&mut socket).await, pong);
    assert_eq!(
        ask(&mut socket, &request("PUBLISH", "a")).await,
        "SIP/2.0 200 OK"
    );
}

#[tokio::test]
async fn messages_and_frames_beyond_the_limit_close_with_1009() {
    let desk = open_with(Config::default()).await;
    let whole = request("PUBLISH", "a");
    let grown = |length: usize| {
        let body = "x".repeat(length);
        whole
            .replace("Content-Length: 4", &format!("Content-Length: {length}"))
            .replace("\r\n\r\nring", &format!("\r\n\r\n{body}"))
    };
    let head = grown(10_000).len() - 10_000;
    let longest = grown(sip::MAX_MESSAGE_LENGTH - head);
    assert_eq!(longest.len(), sip::MAX_MESSAGE_LENGTH);
    let mut socket = connect(&desk).await;
    assert_eq!(ask(&mut socket, &longest).await, "SIP/2.0 200 OK");
    let beyond = format!("{longest}x");
    socket.send(Message::text(beyond)).await.unwrap();
    assert_eq!(closing_code(&mut socket).await, Some(CloseCode::Size));

    // The announced length alone is enough, and nothing is kept for it.
    for length in [1_u64 << 31, (1 << 63) - 1, 65_537] {
        let mut socket = connect(&desk).await;
        let mut frame = vec![0x82, 0xff];
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&[1, 2, 3, 4]);
        socket.get_mut().write_all(&frame).await.unwrap();
        assert_eq!(
            closing_code(&mut socket).await,
            Some(CloseCode::Size),
            "{length}"
        );
    }
    assert_eq!(desk.count("framing_lost"), 4);
}

#[tokio::test]
async fn frames_against_the_protocol_close_with_1002() {
    let desk = open_with(Config::default()).await;
    for frame in [
        &b"\x81\x04ring"[..],
        b"\xc1\x84aaaa\0\0\0\0",
        b"\x83\x80aaaa",
        b"\x80\x80aaaa",
        b"\x09\x80aaaa",
        &[b"\x89\xfe\0\x80aaaa", &[0; 128][..]].concat(),
    ] {
        let mut socket = connect(&desk).await;
        socket.get_mut().write_all(frame).await.unwrap();
        let code = closing_code(&mut socket).await;
        assert_eq!(code, Some(CloseCode::Protocol), "{frame:?}");
    }
    let mut socket = connect(&desk).await;
    let not_text = b"\x81\x81\0\0\0\0\xff";
    socket.get_mut().write_all(not_text).await.unwrap();
    assert_eq!(closing_code(&mut socket).await, Some(CloseCode::Invalid));
}

#[tokio::test]
async fn slow_openings_and_slow_messages_are_not_waited_for() {
    let desk = open_with(Config {
        limits: Limits {
            handshake_time: Duration::from_millis(100),
            message_time: Duration::from_millis(100),
            ..Limits::default()
        },
        ..Config::default()
    })
    .await;
    let mut slow = TcpPeer::towards(desk.address(Protocol::Ws)).await;
    slow.send("GET / HTTP/1.1\r\nHost: sip.example\r\n").await;
    assert_eq!(slow.receive_some().await, "");
    assert_eq!(desk.count("handshakes_failed"), 1);

    let mut socket = connect(&desk).await;
    let text = request("PUBLISH", "a");
    assert_eq!(ask(&mut socket, &text).await, "SIP/2.0 200 OK");
    socket
        .get_mut()
        .write_all(b"\x82\xfe\x01\x00aaaahalf")
        .await
        .unwrap();
    assert_eq!(closing_code(&mut socket).await, None);
    assert_eq!(desk.count("connections_timed_out"), 1);
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let desk = open_with(Config {
        limits: Limits {
            first_request_time: Duration::from_millis(100),
            ..Limits::default()
        },
        ..Config::default()
    })
    .await;
    let mut socket = connect(&desk).await;
    socket.send(Message::text("\r\n\r\n")).await.unwrap();
    assert_eq!(closing_code(&mut socket).await, None);
    assert_eq!(desk.count("connections_timed_out"), 1);
}

#[tokio::test]
async fn a_silent_socket_is_probed_and_a_dead_one_ends() {
    let mut desk = open_with(Config {
        limits: Limits {
            probe_time: Duration::from_millis(100),
            ..Limits::default()
        },
        ..Config::default()
    })
    .await;
    let mut living = connect(&desk).await;
    assert_eq!(
        ask(&mut living, &request("PUBLISH", "a")).await,
        "SIP/2.0 200 OK"
    );
    let living_flow = desk.flow();
    let mut dead = connect(&desk).await;
    assert_eq!(
        ask(&mut dead, &request("PUBLISH", "b")).await,
        "SIP/2.0 200 OK"
    );
    let dead_flow = desk.flow();
    // Reading answers pings; the dead socket is not read.
    let reading = tokio::spawn(async move { while let Some(Ok(_)) = living.next().await {} });
    assert_eq!(
        timeout(LIMIT, desk.closed.recv()).await.unwrap(),
        Some(dead_flow)
    );
    let sent = desk.sender.request(message(), Target::Flow(dead_flow));
    assert!(matches!(sent.await, Err(RequestError::FlowClosed)));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(desk.closed.try_recv().is_err(), "{living_flow} has ended");
    reading.abort();
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_dropped() {
    let mut desk = open_with(Config {
        limits: Limits {
            bytes_waiting: 128 * 1024,
            write_time: Duration::from_secs(60),
            ..Limits::default()
        },
        ..Config::default()
    })
    .await;
    let mut socket = connect(&desk).await;
    for n in 0..2000 {
        let text = Message::text(request("SUBSCRIBE", &format!("n{n}")));
        if socket.send(text).await.is_err() {
            break;
        }
    }
    assert!(timeout(LIMIT, desk.closed.recv()).await.unwrap().is_some());
    assert_eq!(desk.count("connections_timed_out"), 1);
}

#[tokio::test]
async fn long_answers_arrive_whole_also_inside_tls() {
    let authority = Authority::new();
    let config = Config {
        tls: Some(authority.identity()),
        ..Config::default()
    };
    let desk = Desk::open_on(config, &[Protocol::Wss], "127.0.0.1:0").await;
    let stream = authority
        .connect(desk.address(Protocol::Wss))
        .await
        .unwrap();
    let opening = opening(&[("sec-websocket-protocol", "sip")]);
    let (mut socket, _) = client_async(opening, stream).await.unwrap();
    for n in 0..20 {
        let text = request("SUBSCRIBE", &format!("n{n}"));
        socket.send(Message::text(text)).await.unwrap();
    }
    for _ in 0..20 {
        let answer = next(&mut socket).await.into_text().unwrap();
        assert!(answer.ends_with(&long_body()));
    }
    assert_eq!(desk.flow().transport, Protocol::Wss);
}

#[tokio::test]
async fn a_socket_accepted_elsewhere_is_served_alike() {
    let mut desk = open_with(Config::default()).await;
    let (ours, theirs) = duplex(4096);
    let (local, remote) = (
        "127.0.0.1:8080".parse().unwrap(),
        "192.0.2.1:40000".parse().unwrap(),
    );
    desk::until(|| desk.upgraded.serve(duplex(1).0, local, remote) == Ok(())).await;
    assert!(desk.closed.recv().await.is_some());
    desk.upgraded.serve(ours, local, remote).unwrap();
    let mut socket = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    assert_eq!(
        ask(&mut socket, &request("PUBLISH", "a")).await,
        "SIP/2.0 200 OK"
    );
    let flow = desk.flow();
    assert_eq!((flow.local, flow.remote), (local, remote));
    drop(socket);
    assert_eq!(
        timeout(LIMIT, desk.closed.recv()).await.unwrap(),
        Some(flow)
    );
    desk.shut_down();
    desk::until(|| desk.upgraded.serve(duplex(1).0, local, remote) == Err(NotTaken)).await;
}
