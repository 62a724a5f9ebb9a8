//! Requests over UDP, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use desk::{Desk, UdpPeer, answer, first_line, request};
use sip::Method;
use sip_transport::{Config, Limits, Rate};

#[tokio::test]
async fn a_request_is_answered_to_its_source() {
    let desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    peer.send(&request("PUBLISH", "a")).await;
    let response = peer.receive().await;
    assert_eq!(first_line(&response), "SIP/2.0 200 OK");
    assert!(response.contains("branch=z9hG4bKa"), "{response}");
    assert_eq!(desk.flow().remote, peer.socket.local_addr().unwrap());
    assert_eq!(desk.flow().local, desk.udp);
    desk.ended().await;
}

#[tokio::test]
async fn ipv6_works_as_ipv4_does() {
    let desk = Desk::open_with(Config::default(), "[::1]:0").await;
    let peer = UdpPeer::towards(desk.udp).await;
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn a_retransmission_is_answered_without_the_service() {
    let desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    peer.send(&request("PUBLISH", "a")).await;
    let first = peer.receive().await;
    peer.send(&request("PUBLISH", "a")).await;
    assert_eq!(peer.receive().await, first);
    assert_eq!(desk.seen(), [Method::Publish]);
    assert_eq!(desk.count("retransmissions_absorbed"), 1);
}

#[tokio::test]
async fn a_stateless_answer_is_made_anew() {
    let desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    for _ in 0..2 {
        let answer = peer.ask(&request("REGISTER", "a")).await;
        assert_eq!(answer, "SIP/2.0 401 Unauthorized");
    }
    assert_eq!(desk.seen(), [Method::Register, Method::Register]);
}

#[tokio::test]
async fn many_peers_in_one_batch_get_each_their_own_answer() {
    let desk = Desk::open().await;
    let mut peers = Vec::new();
    for _ in 0..100 {
        peers.push(UdpPeer::towards(desk.udp).await);
    }
    for (number, peer) in peers.iter().enumerate() {
        peer.send(&request("PUBLISH", &format!("n{number}"))).await;
    }
    for (number, peer) in peers.iter().enumerate() {
        let response = peer.receive().await;
        assert!(
            response.contains(&format!("z9hG4bKn{number};")),
            "{response}"
        );
    }
}

/// RFC 5626 §3.5.2: the keepalive of phones that ask where they are.
#[tokio::test]
async fn a_stun_request_is_answered_with_its_source_between_sip_messages() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let desk = Desk::open_with(Config::default(), address).await;
        let peer = UdpPeer::towards(desk.udp).await;
        let keepalive = b"\x00\x01\x00\x00\x21\x12\xa4\x42a transactio";
        peer.socket.send(keepalive).await.unwrap();
        let answer = peer.receive_bytes().await;
        assert!(answer.starts_with(b"\x01\x01"), "{answer:?}");
        assert_eq!(answer.get(8..20), Some(&b"a transactio"[..]));
        peer.send(&request("PUBLISH", "a")).await;
        assert!(peer.receive().await.starts_with("SIP/2.0 200 "));
        assert_eq!(desk.count("stun"), 1);
    }
}

#[tokio::test]
async fn garbage_is_dropped_and_counted() {
    let desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    for garbage in ["\0\u{1}\u{2}", "GET / HTTP/1.1\r\n\r\n", "\r\n\r\n", ""] {
        peer.send(garbage).await;
    }
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    assert_eq!(desk.count("unparseable"), 2);
    assert_eq!(desk.count("keepalives"), 2);
}

#[tokio::test]
async fn a_bad_request_is_told_what_is_bad() {
    let desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    let bad = request("PUBLISH", "a").replace("CSeq: 1 PUBLISH", "CSeq: one PUBLISH");
    assert_eq!(peer.ask(&bad).await, "SIP/2.0 400 Bad CSeq");
    let cut = request("PUBLISH", "a").replace("Content-Length: 4", "Content-Length: 5");
    assert_eq!(peer.ask(&cut).await, "SIP/2.0 400 Bad Content-Length");
    assert_eq!(desk.seen(), []);
}

#[tokio::test]
async fn a_datagram_too_long_is_answered_513() {
    let desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    let long = request("PUBLISH", "a") + &"x".repeat(20_000);
    let answer = peer.ask(&long).await;
    assert_eq!(answer, "SIP/2.0 513 Message Too Large");
    assert_eq!(desk.seen(), []);
}

#[tokio::test]
async fn a_deferred_answer_arrives_when_it_is_given() {
    let mut desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    peer.send(&request("MESSAGE", "a")).await;
    let (request, pending) = desk.deferred().await;
    pending.answer(answer(&request, 202));
    assert_eq!(first_line(&peer.receive().await), "SIP/2.0 202 Accepted");
}

#[tokio::test]
async fn a_promise_not_kept_is_a_500() {
    let mut desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    peer.send(&request("MESSAGE", "a")).await;
    drop(desk.deferred().await);
    let answer = peer.receive().await;
    assert_eq!(first_line(&answer), "SIP/2.0 500 Server Internal Error");
}

#[tokio::test]
async fn too_many_promises_are_a_503_with_retry_after() {
    let config = Config {
        queue_per_socket: 1,
        ..Config::default()
    };
    let mut desk = Desk::open_with(config, "127.0.0.1:0").await;
    let peer = UdpPeer::towards(desk.udp).await;
    peer.send(&request("MESSAGE", "a")).await;
    let (first, pending) = desk.deferred().await;
    peer.send(&request("MESSAGE", "b")).await;
    let refusal = peer.receive().await;
    assert_eq!(first_line(&refusal), "SIP/2.0 503 Service Unavailable");
    assert!(refusal.contains("Retry-After: "), "{refusal}");
    pending.answer(answer(&first, 200));
    assert_eq!(first_line(&peer.receive().await), "SIP/2.0 200 OK");
}

#[tokio::test]
async fn a_panic_of_the_service_is_a_500_and_the_socket_lives_on() {
    let desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    let answer = peer.ask(&request("NOTIFY", "a")).await;
    assert_eq!(answer, "SIP/2.0 500 Server Internal Error");
    assert_eq!(peer.ask(&request("PUBLISH", "b")).await, "SIP/2.0 200 OK");
    assert_eq!(desk.count("service_panics"), 1);
}

#[tokio::test]
async fn an_ignored_request_gets_no_answer() {
    let desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    peer.send(&request("INFO", "a")).await;
    assert_eq!(peer.ask(&request("PUBLISH", "b")).await, "SIP/2.0 200 OK");
    assert_eq!(desk.seen(), [Method::Info, Method::Publish]);
}

#[tokio::test]
async fn shutting_down_waits_for_what_is_promised_and_refuses_the_rest() {
    let mut desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    peer.send(&request("MESSAGE", "a")).await;
    let (message, pending) = desk.deferred().await;
    desk.shut_down();
    // The signal races with the first datagrams.
    for number in 0.. {
        let answer = peer.ask(&request("PUBLISH", &format!("n{number}"))).await;
        if answer == "SIP/2.0 503 Service Unavailable" {
            break;
        }
        assert_eq!(answer, "SIP/2.0 200 OK");
    }
    pending.answer(answer(&message, 200));
    assert_eq!(first_line(&peer.receive().await), "SIP/2.0 200 OK");
    desk.ended().await;
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let desk = Desk::open().await;
    let listen = sip_transport::Listen {
        protocol: sip::Protocol::Udp,
        address: desk.udp,
    };
    let config = Config {
        listen: vec![listen],
        ..Config::default()
    };
    let Err(error) = sip_transport::Transport::bind(config).await else {
        unreachable!("two sockets on one port");
    };
    let expected = format!("listen on udp://{}: it is in use", desk.udp);
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_source_that_sends_too_much_is_not_answered_any_more() {
    let config = Config {
        limits: Limits {
            messages_per_source: Rate {
                per_second: 1,
                at_once: 20,
            },
            uncounted_sources: Vec::new(),
            ..Limits::default()
        },
        ..Config::default()
    };
    let desk = Desk::open_with(config, "127.0.0.1:0").await;
    let peer = UdpPeer::towards(desk.udp).await;
    for n in 0..500 {
        peer.send(&request("REGISTER", &format!("n{n}"))).await;
    }
    desk::until(|| desk.count("received") + desk.count("over_budget") == 500).await;
    assert!(
        (20..25).contains(&desk.seen().len()),
        "{}",
        desk.seen().len()
    );

    // The same source has no better luck over TCP, and is told nothing.
    let mut stream = desk::TcpPeer::towards(desk.tcp).await;
    stream.send(&request("PUBLISH", "a")).await;
    assert_eq!(stream.receive_some().await, "");
}

/// What is sent before anybody has proven anything is at most as many packets as came, and hardly longer than they.
#[tokio::test]
async fn refusals_amplify_nothing() {
    let desk = Desk::open().await;
    let peer = UdpPeer::towards(desk.udp).await;
    let (mut bytes_in, mut bytes_out) = (0, 0);
    for n in 0..200 {
        let request = request("REGISTER", &format!("n{n}"));
        bytes_in += request.len();
        peer.send(&request).await;
        bytes_out += peer.receive().await.len();
    }
    assert!(
        bytes_out * 2 <= bytes_in * 3,
        "{bytes_in} in, {bytes_out} out"
    );
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(desk.count("sent"), 200, "a refusal is never sent again");
}
