//! Requests over TLS, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::time::{Duration, Instant};

use desk::certificates::Authority;
use desk::{Desk, LIMIT, Peer, TcpPeer, first_line, long_body, ok, request};
use sip::{Method, Protocol, RequestDraft};
use sip_transport::{
    BindError, Config, Limits, Listen, RequestError, Target, TlsIdentity, Transport,
};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

async fn open(authority: &Authority, config: Config) -> Desk {
    let config = Config {
        tls: Some(authority.identity()),
        ..config
    };
    Desk::open_on(config, &[Protocol::Tls], "127.0.0.1:0").await
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
async fn requests_go_both_ways_over_one_connection() {
    let authority = Authority::new();
    let desk = open(&authority, Config::default()).await;
    let mut peer = Peer::over(
        authority
            .connect(desk.address(Protocol::Tls))
            .await
            .unwrap(),
    );
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let flow = desk.flow();
    assert_eq!(flow.transport, Protocol::Tls);
    let sender = desk.sender.clone();
    let sent =
        tokio::spawn(async move { sender.request(message(), Target::Flow(flow)).await.unwrap() });
    let ours = peer.receive_some().await;
    assert!(ours.contains("Via: SIP/2.0/TLS 127.0.0.1:"), "{ours}");
    peer.send(&ok(&ours)).await;
    assert_eq!(sent.await.unwrap().status().code(), 200);
    desk.ended().await;
}

#[tokio::test]
async fn long_answers_arrive_whole() {
    let authority = Authority::new();
    let desk = open(&authority, Config::default()).await;
    let mut peer = Peer::over(
        authority
            .connect(desk.address(Protocol::Tls))
            .await
            .unwrap(),
    );
    for n in 0..3 {
        peer.send(&request("SUBSCRIBE", &format!("n{n}"))).await;
    }
    let mut text = String::new();
    while text.matches(&long_body()).count() < 3 {
        let more = peer.receive_some().await;
        assert!(!more.is_empty());
        text.push_str(&more);
    }
}

#[tokio::test]
async fn whoever_does_not_shake_hands_is_closed() {
    let authority = Authority::new();
    let desk = open(
        &authority,
        Config {
            limits: Limits {
                handshake_time: Duration::from_millis(100),
                ..Limits::default()
            },
            ..Config::default()
        },
    )
    .await;
    let started = Instant::now();
    let mut silent = TcpPeer::towards(desk.address(Protocol::Tls)).await;
    assert_eq!(silent.receive_some().await, "");
    assert!(started.elapsed() >= Duration::from_millis(90));
    let mut plain = TcpPeer::towards(desk.address(Protocol::Tls)).await;
    plain.send(&request("PUBLISH", "a")).await;
    let mut rest = Vec::new();
    let _reset = timeout(LIMIT, plain.stream.read_to_end(&mut rest))
        .await
        .unwrap();
    assert!(!rest.starts_with(b"SIP"));
    assert_eq!(desk.seen(), []);
    desk::until(|| desk.count("handshakes_failed") == 2).await;
}

#[tokio::test]
async fn connections_half_open_take_places_and_give_them_back() {
    let authority = Authority::new();
    let desk = open(
        &authority,
        Config {
            limits: Limits {
                handshake_time: Duration::from_millis(300),
                connections_per_source: 8,
                ..Limits::default()
            },
            ..Config::default()
        },
    )
    .await;
    let address = desk.address(Protocol::Tls);
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpPeer::towards(address).await);
    }
    assert!(authority.connect(address).await.is_err());
    for peer in &mut silent {
        assert_eq!(peer.receive_some().await, "");
    }
    let mut peer = Peer::over(authority.connect(address).await.unwrap());
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
    let (before, after) = (Authority::new(), Authority::new());
    let desk = open(&before, Config::default()).await;
    let address = desk.address(Protocol::Tls);
    let mut old = Peer::over(before.connect(address).await.unwrap());
    assert_eq!(old.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    desk.tls.replace(after.identity());
    assert!(before.connect(address).await.is_err());
    let mut new = Peer::over(after.connect(address).await.unwrap());
    assert_eq!(new.ask(&request("PUBLISH", "b")).await, "SIP/2.0 200 OK");
    assert_eq!(old.ask(&request("PUBLISH", "c")).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn with_authorities_phones_have_to_show_a_certificate_of_theirs() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (certificate, key) = authority.issue();
    let identity = TlsIdentity::from_pem_with_authorities(
        certificate.as_bytes(),
        key.as_bytes(),
        authority.pem().as_bytes(),
    );
    let config = Config {
        tls: Some(identity.unwrap()),
        ..Config::default()
    };
    let desk = Desk::open_on(config, &[Protocol::Tls], "127.0.0.1:0").await;
    let address = desk.address(Protocol::Tls);
    let shown = Some(authority.issue());
    let mut known = Peer::over(authority.connect_as(address, shown).await.unwrap());
    assert_eq!(known.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    for shown in [None, Some(stranger.issue())] {
        // With TLS 1.3 the client learns of it at its first read.
        let refused = async {
            let mut stream = authority.connect_as(address, shown).await?;
            stream.read_u8().await
        };
        assert!(timeout(LIMIT, refused).await.unwrap().is_err());
    }
    assert_eq!(desk.seen().len(), 1);
}

#[tokio::test]
async fn the_end_of_a_connection_is_told() {
    let authority = Authority::new();
    let mut desk = open(&authority, Config::default()).await;
    let stream = authority
        .connect(desk.address(Protocol::Tls))
        .await
        .unwrap();
    let mut peer = Peer::over(stream);
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let flow = desk.flow();
    drop(peer);
    assert_eq!(
        timeout(LIMIT, desk.closed.recv()).await.unwrap(),
        Some(flow)
    );
    let sent = desk.sender.request(message(), Target::Flow(flow)).await;
    assert!(matches!(sent, Err(RequestError::FlowClosed)));
}

#[tokio::test]
async fn garbage_inside_tls_ends_the_connection() {
    let authority = Authority::new();
    let desk = open(&authority, Config::default()).await;
    let stream = authority
        .connect(desk.address(Protocol::Tls))
        .await
        .unwrap();
    let mut peer = Peer::over(stream);
    peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(first_line(&peer.receive_some().await), "");
    assert_eq!(desk.count("framing_lost"), 1);
}

#[tokio::test]
async fn tls_without_a_certificate_is_not_listened_for() {
    let listen = Listen {
        protocol: Protocol::Tls,
        address: "127.0.0.1:0".parse().unwrap(),
    };
    let config = Config {
        listen: vec![listen],
        ..Config::default()
    };
    let refused = Transport::bind(config).await;
    assert!(matches!(
        refused.err(),
        Some(BindError::NoIdentity(Protocol::Tls, _))
    ));
}
