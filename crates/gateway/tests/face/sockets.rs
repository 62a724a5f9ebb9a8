//! The conversation over WebSocket: who is let in, what frames do, how it ends.

use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::world::{World, soon};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::test]
async fn a_token_in_the_header_the_cookie_or_the_first_frame_opens() {
    let world = World::new().await;
    let own = format!("http://{}", world.address);
    for way in ["header", "cookie", "frame"] {
        let (ticket, token) = world.ticket().await;
        let bearer = format!("Bearer {token}");
        let cookie = format!("deskbell-ticket={token}");
        let headers: &[(&str, &str)] = match way {
            "header" => &[("authorization", &bearer)],
            "cookie" => &[("cookie", &cookie), ("origin", &own)],
            _ => &[],
        };
        let mut socket = connect(&world, &ticket, "", headers).await.unwrap();
        // A page does not know whether its cookie has opened the ticket, and sends its token anyhow.
        let open = format!(r#"{{"type":"open","token":"{token}"}}"#);
        send(&mut socket, &open).await;
        assert_eq!(next(&mut socket).await["state"], "queued", "{way}");
        send(&mut socket, r#"{"type":"say","id":"1","text":"x"}"#).await;
        assert_eq!(next(&mut socket).await["type"], "line", "{way}");
    }
}

#[tokio::test]
async fn the_two_talk_in_order_and_exactly_once() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut socket = connect(&world, &ticket, "", &headers).await.unwrap();
    next(&mut socket).await;
    send(&mut socket, r#"{"type":"say","id":"1","text":"Hello"}"#).await;
    let line = next(&mut socket).await;
    assert_eq!(
        (&line["type"], &line["seq"], &line["id"]),
        (&"line".into(), &1.into(), &"1".into())
    );
    send(&mut socket, r#"{"type":"say","id":"1","text":"Hello"}"#).await;
    world.desk.rep_says(&ticket, "Hi");
    let line = next(&mut socket).await;
    assert_eq!((&line["seq"], &line["from"]), (&2.into(), &"rep".into()));
    send(&mut socket, r#"{"type":"typing"}"#).await;
    send(&mut socket, r#"{"type":"ack","seq":2}"#).await;
    send(&mut socket, r#"{"type":"end"}"#).await;
    assert_eq!(next(&mut socket).await["state"], "closed");
    assert_eq!(world.desk.signs(), ["typing", "seen 2"]);
    drop(socket);

    let mut resumed = connect(&world, &ticket, "?after=1", &headers)
        .await
        .unwrap();
    assert_eq!(next(&mut resumed).await["seq"], 2);
    assert_eq!(next(&mut resumed).await["state"], "closed");
}

#[tokio::test]
async fn a_wrong_token_opens_nothing() {
    let world = World::new().await;
    let (ticket, _) = world.ticket().await;
    let (_, other_token) = world.ticket().await;
    let bearer = format!("Bearer {other_token}");
    let refused = connect(&world, &ticket, "", &[("authorization", &bearer)]).await;
    assert_eq!(status(refused), 404);

    let mut socket = connect(&world, &ticket, "", &[]).await.unwrap();
    let open = format!(r#"{{"type":"open","token":"{other_token}"}}"#);
    send(&mut socket, &open).await;
    let error = next(&mut socket).await;
    assert_eq!(
        (&error["type"], &error["status"], &error["about"]),
        (&"error".into(), &404.into(), &"open".into())
    );
    assert_eq!(
        closed(&mut socket).await,
        (1008, "no such ticket".to_owned())
    );

    let mut eager = connect(&world, &ticket, "", &[]).await.unwrap();
    send(&mut eager, r#"{"type":"say","id":"1","text":"first"}"#).await;
    assert_eq!(closed(&mut eager).await.0, 1008);
}

#[tokio::test]
async fn a_token_that_does_not_come_in_time_is_not_waited_for() {
    let world = World::new().await;
    let (ticket, _) = world.ticket().await;
    let mut socket = connect(&world, &ticket, "", &[]).await.unwrap();
    let started = Instant::now();
    assert_eq!(
        closed(&mut socket).await,
        (1008, "no token within 5 seconds".to_owned())
    );
    let waited = started.elapsed().as_secs_f32();
    assert!((4.0..9.0).contains(&waited), "{waited} s");
}

#[tokio::test]
async fn foreign_pages_do_not_get_in() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let bearer = format!("Bearer {token}");
    let cookie = format!("deskbell-ticket={token}");
    let own = format!("http://{}", world.address);
    let check = async |headers: &[(&str, &str)], expected: u16| {
        assert_eq!(
            status(connect(&world, &ticket, "", headers).await),
            expected,
            "{headers:?}"
        );
    };
    for foreign in [
        "null",
        "https://evil.example",
        "https://shop.example.evil.example",
    ] {
        check(&[("origin", foreign)], 403).await;
        check(&[("origin", foreign), ("cookie", &cookie)], 403).await;
        check(&[("origin", foreign), ("authorization", &bearer)], 403).await;
    }
    check(&[("cookie", &cookie)], 403).await;
    check(&[("sec-fetch-site", "cross-site")], 403).await;
    check(&[("origin", "https://shop.example")], 101).await;
    check(&[("origin", &own), ("cookie", &cookie)], 101).await;
    check(&[("authorization", &bearer)], 101).await;
}

#[tokio::test]
async fn a_frame_that_cannot_be_taken_is_an_error_and_the_socket_stays() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut socket = connect(&world, &ticket, "", &headers).await.unwrap();
    next(&mut socket).await;
    for (frame, status, id) in [
        ("{", 400, None),
        (r#"["say","1","x"]"#, 422, None),
        (r#"{"type":"shout"}"#, 422, None),
        (r#"{"type":"say","id":"9","text":""}"#, 422, Some("9")),
        (r#"{"type":"open","token":"x"}"#, 404, None),
    ] {
        send(&mut socket, frame).await;
        let error = next(&mut socket).await;
        assert_eq!(error["type"], "error", "{frame}");
        assert_eq!(error["status"], status, "{frame}");
        assert_eq!(error["id"].as_str(), id, "{frame}");
        assert!(!error["detail"].as_str().unwrap().is_empty());
    }
    socket
        .send(Message::Binary(vec![0_u8].into()))
        .await
        .unwrap();
    assert_eq!(next(&mut socket).await["type"], "error");
    send(
        &mut socket,
        r#"{"type":"say","id":"1","text":"still here"}"#,
    )
    .await;
    assert_eq!(next(&mut socket).await["text"], "still here");
}

#[tokio::test]
async fn who_sends_only_rubbish_is_put_out() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut socket = connect(&world, &ticket, "", &headers).await.unwrap();
    for _ in 0..60 {
        if socket.send(Message::text("rubbish")).await.is_err() {
            break;
        }
    }
    assert_eq!(closed(&mut socket).await.0, 1008);
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_the_socket() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut socket = connect(&world, &ticket, "", &headers).await.unwrap();
    next(&mut socket).await;
    let big = Message::text("x".repeat(64 * 1024 + 1));
    // The server may close before it has read all.
    let _ = socket.send(big).await;
    let ended = soon(async { while let Some(Ok(_)) = socket.next().await {} });
    ended.await;
    assert!(world.desk.signs().is_empty());
}

#[tokio::test]
async fn who_writes_too_fast_is_told_which_line_was_not_taken() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut socket = connect(&world, &ticket, "", &headers).await.unwrap();
    next(&mut socket).await;
    for number in 0..40 {
        let frame = format!(r#"{{"type":"say","id":"{number}","text":"x"}}"#);
        send(&mut socket, &frame).await;
    }
    let error = loop {
        let frame = next(&mut socket).await;
        if frame["type"] == "error" {
            break frame;
        }
    };
    assert_eq!(error["status"], 429);
    assert_eq!(error["about"], "say");
    assert_eq!(error["retry_after"], 1);
    assert!(error["id"].as_str().unwrap().parse::<u32>().unwrap() >= 20);
}

#[tokio::test]
async fn a_follower_that_is_let_go_is_told_to_resume() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut socket = connect(&world, &ticket, "", &headers).await.unwrap();
    next(&mut socket).await;
    world.desk.drop_followers(&ticket);
    assert_eq!(closed(&mut socket).await.0, 1013);

    let mut socket = connect(&world, &ticket, "", &headers).await.unwrap();
    send(&mut socket, r#"{"type":"end"}"#).await;
    while next(&mut socket).await["state"] != "closed" {}
    world.desk.drop_followers(&ticket);
    assert_eq!(closed(&mut socket).await.0, 1000);
}

#[tokio::test]
async fn sockets_end_when_the_server_stops() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut open = connect(&world, &ticket, "", &headers).await.unwrap();
    let mut waiting = connect(&world, &ticket, "", &[]).await.unwrap();
    world.stop.cancel();
    assert_eq!(closed(&mut open).await.0, 1012);
    assert_eq!(closed(&mut waiting).await.0, 1012);
    soon(world.running).await.unwrap();
}

#[tokio::test]
async fn a_plain_get_is_asked_to_upgrade() {
    let world = World::new().await;
    let (ticket, token) = world.ticket().await;
    let call = world
        .get(&format!("/v1/tickets/{ticket}/ws"))
        .bearer(&token);
    let reply = call.send().await;
    assert_eq!(reply.problem(426), "This address speaks WebSocket only.");
    assert_eq!(reply.header("upgrade"), "websocket");
}

pub(crate) async fn connect(
    world: &World,
    ticket: &str,
    query: &str,
    headers: &[(&str, &str)],
) -> Result<Socket, Error> {
    connect_to(world, &format!("/v1/tickets/{ticket}/ws{query}"), headers).await
}

pub(crate) async fn connect_to(
    world: &World,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Socket, Error> {
    let address = world.address;
    let mut request = format!("ws://{address}{path}").into_client_request()?;
    for (name, value) in headers {
        let name = http::HeaderName::try_from(*name).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

fn status(connected: Result<Socket, Error>) -> u16 {
    match connected {
        Ok(_) => 101,
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) async fn send(socket: &mut Socket, frame: &str) {
    socket.send(Message::text(frame)).await.unwrap();
}

pub(crate) async fn next(socket: &mut Socket) -> serde_json::Value {
    match soon(socket.next()).await.unwrap().unwrap() {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?} is no frame"),
    }
}

pub(crate) async fn closed(socket: &mut Socket) -> (u16, String) {
    loop {
        match soon(socket.next()).await.unwrap().unwrap() {
            Message::Close(Some(CloseFrame { code, reason })) => {
                return (code.into(), reason.to_string());
            }
            Message::Text(_) | Message::Ping(_) => {}
            other => panic!("{other:?} is no close"),
        }
    }
}
