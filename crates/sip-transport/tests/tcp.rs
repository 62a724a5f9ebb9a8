//! Requests over TCP, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::time::{Duration, Instant};

use desk::{Desk, LIMIT, TcpPeer, answer, first_line, long_body, request};
use sip::Method;
use sip_transport::{Config, Limits};
use tokio::net::TcpSocket;
use tokio::time::timeout;

fn config() -> Config {
    Config::default()
}

async fn open_with(config: Config) -> Desk {
    Desk::open_with(config, "127.0.0.1:0").await
}

#[tokio::test]
async fn a_message_may_come_byte_by_byte() {
    let desk = Desk::open().await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    for byte in request("PUBLISH", "a").chars() {
        peer.send(&byte.to_string()).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(first_line(&peer.receive().await), "SIP/2.0 200 OK");
    assert_eq!(desk.seen(), [Method::Publish]);
    desk.ended().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let desk = Desk::open().await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    let all: String = (0..50)
        .map(|n| request("PUBLISH", &format!("n{n}")))
        .collect();
    let (head, tail) = all.split_at(all.len() - 100);
    peer.send(head).await;
    peer.send(tail).await;
    for n in 0..50 {
        let response = peer.receive().await;
        assert!(
            response.contains(&format!("z9hG4bKn{n};")),
            "{n}: {response}"
        );
    }
}

#[tokio::test]
async fn a_keepalive_is_answered() {
    let desk = Desk::open().await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    peer.send("\r\n\r\n").await;
    assert_eq!(peer.receive_some().await, "\r\n");
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn a_bad_request_leaves_the_connection_open() {
    let desk = Desk::open().await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    let bad = request("PUBLISH", "a").replace("Call-ID: a", "Call-ID: ");
    assert_eq!(peer.ask(&bad).await, "SIP/2.0 400 Bad Call-ID");
    assert_eq!(peer.ask(&request("PUBLISH", "b")).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn garbage_ends_the_connection() {
    let mut desk = Desk::open().await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    peer.send("GET / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert_eq!(peer.receive_some().await, "");
    assert!(timeout(LIMIT, desk.closed.recv()).await.unwrap().is_some());
}

#[tokio::test]
async fn lost_framing_is_answered_then_the_connection_ends() {
    let desk = Desk::open().await;
    for length in ["+4", "4294967300", "four", "4\r\nContent-Length: 5"] {
        let mut peer = TcpPeer::towards(desk.tcp).await;
        let text = request("PUBLISH", "a");
        let bad = text.replace("Content-Length: 4", &format!("Content-Length: {length}"));
        peer.send(&bad).await;
        let response = peer.receive().await;
        assert!(response.starts_with("SIP/2.0 4"), "{length}: {response}");
        assert_eq!(peer.receive_some().await, "", "{length}");
    }
    assert_eq!(desk.seen(), []);
    assert_eq!(desk.count("framing_lost"), 4);
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let desk = open_with(Config {
        limits: Limits {
            first_request_time: Duration::from_millis(50),
            ..Limits::default()
        },
        ..config()
    })
    .await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    peer.send("\r\n\r\n").await;
    assert_eq!(peer.receive_some().await, "\r\n");
    assert_eq!(peer.receive_some().await, "");
    assert_eq!(desk.count("connections_timed_out"), 1);
}

#[tokio::test]
async fn half_a_message_is_not_waited_for() {
    let desk = open_with(Config {
        limits: Limits {
            message_time: Duration::from_millis(50),
            ..Limits::default()
        },
        ..config()
    })
    .await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    let text = request("PUBLISH", "b");
    let (half, _) = text.split_at(100);
    let both = request("PUBLISH", "a") + half;
    assert_eq!(peer.ask(&both).await, "SIP/2.0 200 OK");
    assert_eq!(peer.receive_some().await, "");
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let desk = open_with(Config {
        limits: Limits {
            idle_time: Duration::from_millis(100),
            ..Limits::default()
        },
        ..config()
    })
    .await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    assert_eq!(peer.receive_some().await, "");
}

#[tokio::test]
async fn after_a_good_request_only_silence_ends_a_connection() {
    let idle_time = Duration::from_millis(500);
    let desk = open_with(Config {
        limits: Limits {
            first_request_time: Duration::from_millis(50),
            message_time: Duration::from_millis(50),
            idle_time,
            ..Limits::default()
        },
        ..config()
    })
    .await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let before = Instant::now();
    // A single line end is a keepalive of some phones, not half a message.
    peer.send("\r\n").await;
    assert_eq!(peer.receive_some().await, "");
    assert!(before.elapsed() >= idle_time, "{:?}", before.elapsed());
}

#[tokio::test]
async fn answers_arrive_whole_at_a_peer_that_reads_late() {
    const COUNT: usize = 100;
    let desk = open_with(Config {
        limits: Limits {
            bytes_waiting: usize::MAX,
            ..Limits::default()
        },
        ..config()
    })
    .await;
    // A small window, so that the kernel takes long answers in part.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut peer = TcpPeer::over(socket.connect(desk.tcp).await.unwrap());
    let all: String = (0..COUNT)
        .map(|n| request("SUBSCRIBE", &format!("n{n}")))
        .collect();
    peer.send(&all).await;
    let mut text = String::new();
    for n in 0..COUNT {
        let body = long_body();
        let message = loop {
            if let Some((head, rest)) = text.split_once("\r\n\r\n")
                && rest.len() >= body.len()
            {
                let rest = text.split_off(head.len() + 4 + body.len());
                break std::mem::replace(&mut text, rest);
            }
            text += &peer.receive_some().await;
        };
        assert!(message.starts_with("SIP/2.0 200 OK\r\n"), "{n}");
        assert!(message.contains(&format!("z9hG4bKn{n};")), "{n}");
        assert!(message.ends_with(&body), "{n}");
    }
}

#[tokio::test]
async fn a_burst_that_ends_in_resets_leaves_nothing_behind() {
    const COUNT: u64 = 60;
    let mut desk = Desk::open().await;
    for n in 0..COUNT {
        let mut peer = TcpPeer::towards(desk.tcp).await;
        let text = request("PUBLISH", "a") + &request("MESSAGE", "b") + &request("PUBLISH", "c");
        let cut = usize::try_from(n * 23).unwrap() % text.len();
        peer.send(text.split_at(cut).0).await;
        // Closing so resets the connection.
        peer.stream.set_zero_linger().unwrap();
    }
    for _ in 0..COUNT {
        assert!(timeout(LIMIT, desk.closed.recv()).await.unwrap().is_some());
    }
    assert_eq!(desk.count("connections_opened"), COUNT);
    assert_eq!(desk.count("connections_closed"), COUNT);
    while let Ok((message, pending)) = desk.deferred.try_recv() {
        pending.answer(answer(&message, 200));
    }
    let mut peer = TcpPeer::towards(desk.tcp).await;
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    drop(peer);
    desk.ended().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_dropped() {
    let mut desk = open_with(Config {
        limits: Limits {
            bytes_waiting: 10_000,
            ..Limits::default()
        },
        ..config()
    })
    .await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    let many: String = (0..100)
        .map(|n| request("PUBLISH", &format!("n{n}")))
        .collect();
    let flood = async {
        loop {
            use tokio::io::AsyncWriteExt;
            if peer.stream.write_all(many.as_bytes()).await.is_err() {
                return;
            }
        }
    };
    timeout(LIMIT, flood).await.unwrap();
    assert!(timeout(LIMIT, desk.closed.recv()).await.unwrap().is_some());
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let desk = open_with(Config {
        limits: Limits {
            connections_per_source: 1,
            ..Limits::default()
        },
        ..config()
    })
    .await;
    let mut first = TcpPeer::towards(desk.tcp).await;
    assert_eq!(first.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let mut second = TcpPeer::towards(desk.tcp).await;
    assert_eq!(second.receive_some().await, "");
    assert_eq!(desk.count("connections_refused"), 1);
    assert_eq!(first.ask(&request("PUBLISH", "b")).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn a_deferred_answer_goes_over_its_connection() {
    let mut desk = Desk::open().await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    peer.send(&request("MESSAGE", "a")).await;
    let (message, pending) = desk.deferred().await;
    pending.answer(answer(&message, 200));
    assert_eq!(first_line(&peer.receive().await), "SIP/2.0 200 OK");
}

#[tokio::test]
async fn an_answer_for_a_closed_connection_harms_nobody() {
    let mut desk = Desk::open().await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    peer.send(&request("MESSAGE", "a")).await;
    let (message, pending) = desk.deferred().await;
    drop(peer);
    assert_eq!(
        timeout(LIMIT, desk.closed.recv()).await.unwrap(),
        Some(desk.flow())
    );
    pending.answer(answer(&message, 200));
    desk.ended().await;
}

#[tokio::test]
async fn what_was_asked_before_the_peer_stopped_writing_is_answered() {
    use tokio::io::AsyncWriteExt;

    let desk = Desk::open().await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    peer.send(&request("PUBLISH", "a")).await;
    peer.stream.shutdown().await.unwrap();
    assert_eq!(first_line(&peer.receive().await), "SIP/2.0 200 OK");
    assert_eq!(peer.receive_some().await, "");
    drop(desk);
}

#[tokio::test]
async fn shutting_down_closes_idle_connections() {
    let desk = Desk::open().await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    desk.ended().await;
    assert_eq!(peer.receive_some().await, "");
}
