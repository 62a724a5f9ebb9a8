//! Softphones' WebSockets: who is let in, and that they are handed over as they come.

use futures_util::{SinkExt, StreamExt};
use gateway::{Options, SoftphoneDoor, SoftphoneSocket};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::world::{World, config, soon};

const SIP: (&str, &str) = ("sec-websocket-protocol", "sip");

/// A gateway whose door takes one socket at a time, and the other side of the door.
async fn world() -> (World, mpsc::Receiver<SoftphoneSocket>) {
    let (sockets, taken) = mpsc::channel(1);
    let mut config = config();
    config.softphones = Some(SoftphoneDoor {
        origins: vec!["https://phone.example".to_owned()],
        sockets,
    });
    (World::with(config, Options::default()).await, taken)
}

async fn connect(
    world: &World,
    headers: &[(&'static str, &str)],
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, u16> {
    let mut request = format!("ws://{}/sip", world.address)
        .into_client_request()
        .unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    match soon(connect_async(request)).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
            assert!(!response.headers().contains_key("sec-websocket-extensions"));
            Ok(socket)
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_socket_is_handed_over_with_its_ends() {
    let (world, mut taken) = world().await;
    let deflate = ("sec-websocket-extensions", "permessage-deflate");
    let mut theirs = connect(&world, &[SIP, deflate]).await.unwrap();
    let handed = soon(taken.recv()).await.unwrap();
    assert_eq!(handed.local, world.address);
    let MaybeTlsStream::Plain(stream) = theirs.get_ref() else {
        panic!("there is no TLS here");
    };
    assert_eq!(handed.remote, stream.local_addr().unwrap());
    let mut ours = WebSocketStream::from_raw_socket(handed.stream, Role::Server, None).await;
    theirs.send(Message::text("one")).await.unwrap();
    let got = soon(ours.next()).await.unwrap().unwrap();
    assert_eq!(got, Message::text("one"));
    ours.send(Message::text("two")).await.unwrap();
    let got = soon(theirs.next()).await.unwrap().unwrap();
    assert_eq!(got, Message::text("two"));
}

#[tokio::test]
async fn only_sip_from_known_pages_is_let_in() {
    let (world, mut taken) = world().await;
    let own = format!("http://{}", world.address);
    assert_eq!(connect(&world, &[]).await.unwrap_err(), 400);
    let other = ("sec-websocket-protocol", "xmpp");
    assert_eq!(connect(&world, &[other]).await.unwrap_err(), 400);
    for foreign in ["https://evil.example", "https://shop.example", "null"] {
        let refused = connect(&world, &[SIP, ("origin", foreign)]).await;
        assert_eq!(refused.unwrap_err(), 403, "{foreign}");
    }
    for known in ["https://phone.example", &own] {
        connect(&world, &[SIP, ("origin", known)]).await.unwrap();
        soon(taken.recv()).await.unwrap();
    }
    assert_eq!(world.get("/sip").send().await.status, 426);
}

#[tokio::test]
async fn whom_nobody_takes_is_told_to_come_back() {
    let (world, mut taken) = world().await;
    let _first = connect(&world, &[SIP]).await.unwrap();
    assert_eq!(connect(&world, &[SIP]).await.unwrap_err(), 503);
    soon(taken.recv()).await.unwrap();
    connect(&world, &[SIP]).await.unwrap();
}

#[tokio::test]
async fn without_a_door_there_is_no_such_address() {
    let world = World::new().await;
    assert_eq!(connect(&world, &[SIP]).await.unwrap_err(), 404);
}
