//! What one source, one phone and one connection can take from all others. Loopback is counted here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::net::SocketAddr;
use std::time::Duration;

use sip::Protocol;
use sip_transport::{Config, Limits, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};

use desk::{Desk, LIMIT, TcpPeer, UdpPeer, first_line, request};

const ENDLESS: Rate = Rate {
    per_second: 1_000_000,
    at_once: 1_000_000,
};

/// As an operator would set them for strangers alone.
fn limits() -> Limits {
    Limits {
        uncounted_sources: Vec::new(),
        messages_per_source: ENDLESS,
        messages_per_sender: ENDLESS,
        requests_per_source: ENDLESS,
        options_per_stranger: ENDLESS,
        ..Limits::default()
    }
}

async fn open(limits: Limits) -> Desk {
    let config = Config {
        limits,
        ..Config::default()
    };
    Desk::open_with(config, "127.0.0.1:0").await
}

fn rate(per_second: u32, at_once: u32) -> Rate {
    Rate {
        per_second,
        at_once,
    }
}

/// A REGISTER of this user, with these lines more.
fn register(user: &str, branch: &str, lines: &str) -> String {
    request("REGISTER", branch).replace("alice", user).replace(
        "Max-Forwards: 70\r\n",
        &format!("Max-Forwards: 70\r\n{lines}"),
    )
}

/// Sends REGISTERs and says how many were answered; the last one is told by a PUBLISH, which is never ignored here.
async fn answered(peer: &UdpPeer, requests: impl Iterator<Item = String>) -> usize {
    let mut answered = 0;
    for request in requests {
        peer.send(&request).await;
        let answer = tokio::time::timeout(Duration::from_millis(100), peer.receive()).await;
        answered += usize::from(answer.is_ok());
    }
    answered
}

async fn udp_from(address: &str, desk: SocketAddr) -> UdpPeer {
    let socket = UdpSocket::bind(address).await.unwrap();
    socket.connect(desk).await.unwrap();
    UdpPeer { socket }
}

async fn tcp_from(address: &str, desk: SocketAddr) -> TcpPeer {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(address.parse().unwrap()).unwrap();
    TcpPeer::over(socket.connect(desk).await.unwrap())
}

#[tokio::test]
async fn a_phone_that_floods_takes_nothing_from_its_neighbours() {
    let desk = open(Limits {
        messages_per_source: rate(1, 200),
        messages_per_sender: rate(1, 20),
        ..limits()
    })
    .await;
    let flooding = UdpPeer::towards(desk.udp).await;
    for n in 0..1000 {
        flooding.send(&request("PUBLISH", &format!("f{n}"))).await;
    }
    desk::until(|| desk.count("received") + desk.count("over_budget") == 1000).await;
    assert!(desk.count("received") <= 25, "{}", desk.count("received"));
    let neighbour = UdpPeer::towards(desk.udp).await;
    for n in 0..10 {
        let answer = neighbour.ask(&request("PUBLISH", &format!("n{n}"))).await;
        assert_eq!(answer, "SIP/2.0 200 OK");
    }
}

#[tokio::test]
async fn a_source_that_begins_too_much_is_told_when_to_come_again() {
    let desk = open(Limits {
        requests_per_source: rate(1, 5),
        ..limits()
    })
    .await;
    let peer = UdpPeer::towards(desk.udp).await;
    for n in 0..5 {
        let answer = peer.ask(&request("PUBLISH", &format!("n{n}"))).await;
        assert_eq!(answer, "SIP/2.0 200 OK");
    }
    peer.send(&request("PUBLISH", "more")).await;
    let refusal = peer.receive().await;
    assert_eq!(first_line(&refusal), "SIP/2.0 503 Service Unavailable");
    assert!(refusal.contains("\r\nRetry-After: "), "{refusal}");
    assert_eq!(desk.count("requests_over_budget"), 1);
    // The others have theirs.
    let other = udp_from("127.0.0.2:0", desk.udp).await;
    assert_eq!(
        other.ask(&request("PUBLISH", "other")).await,
        "SIP/2.0 200 OK"
    );
}

#[tokio::test]
async fn other_limits_count_from_the_next_message_and_forget_no_source() {
    let before = Limits {
        requests_per_source: rate(1, 2),
        connections_per_source: 1,
        ..limits()
    };
    let desk = open(before.clone()).await;
    let peer = UdpPeer::towards(desk.udp).await;
    let refused = "SIP/2.0 503 Service Unavailable";
    let mut branch = 0;
    let mut next = || {
        branch += 1;
        request("PUBLISH", &format!("n{branch}"))
    };
    for expected in ["SIP/2.0 200 OK", "SIP/2.0 200 OK", refused] {
        assert_eq!(peer.ask(&next()).await, expected);
    }
    let mut held = tcp_from("127.0.0.3:0", desk.tcp).await;
    assert_eq!(held.ask(&next()).await, "SIP/2.0 200 OK");
    // What has not changed stays used up.
    let same_rate = Limits {
        connections_per_source: 2,
        ..before.clone()
    };
    desk.limits.replace(same_rate);
    assert_eq!(peer.ask(&next()).await, refused);
    let mut second = tcp_from("127.0.0.3:0", desk.tcp).await;
    assert_eq!(second.ask(&next()).await, "SIP/2.0 200 OK");
    desk.limits.replace(Limits {
        requests_per_source: rate(1, 5),
        ..before.clone()
    });
    assert_eq!(peer.ask(&next()).await, "SIP/2.0 200 OK");
    desk.limits.replace(Limits {
        messages_per_source: rate(1, 1),
        ..before
    });
    for _ in 0..20 {
        peer.send(&next()).await;
    }
    desk::until(|| desk.count("over_budget") >= 10).await;
}

/// New SUBSCRIBE and REGISTER go first, then refreshes; un-PUBLISH is served to the last.
#[tokio::test]
async fn under_load_beginnings_are_shed_before_refreshes_and_refreshes_before_ends() {
    let desk = open(Limits {
        requests_in_all: rate(1, 40),
        ..limits()
    })
    .await;
    let peer = UdpPeer::towards(desk.udp).await;
    let with = |method: &str, branch: String, lines: &str| {
        request(method, &branch).replace(
            "Max-Forwards: 70\r\n",
            &format!("Max-Forwards: 70\r\n{lines}"),
        )
    };
    let mut served = [0, 0, 0];
    let kinds = [
        ("PUBLISH", ""),
        ("PUBLISH", "SIP-If-Match: a\r\n"),
        ("PUBLISH", "SIP-If-Match: a\r\nExpires: 0\r\n"),
    ];
    for (kind, (method, lines)) in kinds.iter().enumerate() {
        for n in 0..50 {
            let answer = peer.ask(&with(method, format!("{kind}-{n}"), lines)).await;
            if answer != "SIP/2.0 200 OK" {
                assert_eq!(answer, "SIP/2.0 503 Service Unavailable");
                break;
            }
            served[kind] += 1;
        }
    }
    // Half for beginnings, a quarter more for refreshes; time gives one back now and then.
    assert!((20..25).contains(&served[0]), "{served:?}");
    assert!((10..15).contains(&served[1]), "{served:?}");
    assert!((10..15).contains(&served[2]), "{served:?}");
    for method in ["REGISTER", "SUBSCRIBE"] {
        let answer = peer.ask(&request(method, method)).await;
        assert_eq!(answer, "SIP/2.0 503 Service Unavailable");
    }
    assert!(desk.count("requests_shed") >= 5);
}

#[tokio::test]
async fn a_source_that_names_many_users_is_slowed_and_others_are_not() {
    let desk = open(Limits {
        users_per_stranger: 5,
        ..limits()
    })
    .await;
    let scanner = UdpPeer::towards(desk.udp).await;
    let names = |from: usize| {
        (from..from + 20).map(move |n| register(&format!("user{n}"), &format!("n{n}"), ""))
    };
    let first = answered(&scanner, names(0)).await;
    assert!((6..20).contains(&first), "{first}");
    // One a second, whatever the speed of this machine.
    assert!(desk.count("strangers_ignored") > 0);
    // Others are served.
    let phone = udp_from("127.0.0.2:0", desk.udp).await;
    assert_eq!(
        phone.ask(&register("alice", "p", "")).await,
        "SIP/2.0 401 Unauthorized"
    );
}

#[tokio::test]
async fn a_scanner_that_names_itself_hears_nothing_after_some_requests() {
    let desk = open(limits()).await;
    let scanner = UdpPeer::towards(desk.udp).await;
    let agent = "User-Agent: Friendly-Scanner/1.2\r\n";
    let requests = (0..20).map(|n| register("alice", &format!("n{n}"), agent));
    let answered = answered(&scanner, requests).await;
    assert!((1..10).contains(&answered), "{answered}");
    desk::until(|| desk.count("silenced") > 0).await;
    // Whatever it calls itself from here on, and over TCP too.
    assert_eq!(scanner_is_answered(&scanner).await, 0);
    let mut stream = TcpPeer::towards(desk.tcp).await;
    assert_eq!(stream.receive_some().await, "");
}

async fn scanner_is_answered(scanner: &UdpPeer) -> usize {
    let requests = (0..3).map(|n| register("alice", &format!("m{n}"), ""));
    answered(scanner, requests).await
}

/// Security row S11: 200 phones behind one router, all at once, each challenged before any has logged in.
#[tokio::test]
async fn a_shop_behind_one_address_logs_in() {
    let desk = open(Limits {
        uncounted_sources: Vec::new(),
        ..Limits::default()
    })
    .await;
    let mut phones = Vec::new();
    for n in 0..200 {
        let phone = UdpPeer::towards(desk.udp).await;
        phone
            .send(&register(&format!("rep{n}"), &format!("a{n}"), ""))
            .await;
        phones.push(phone);
    }
    let proof = "Authorization: Digest username=\"rep\"\r\n";
    let mut waiting: Vec<usize> = (0..200).collect();
    let started = std::time::Instant::now();
    while !waiting.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "{waiting:?}");
        let mut still = Vec::new();
        for n in waiting {
            let phone = &phones[n];
            let soon = Duration::from_millis(5);
            match tokio::time::timeout(soon, phone.receive()).await {
                Ok(challenge) => {
                    assert_eq!(first_line(&challenge), "SIP/2.0 401 Unauthorized");
                    let login = register(&format!("rep{n}"), &format!("b{n}"), proof);
                    phone.send(&login).await;
                    // Challenges that crossed a retransmission come first.
                    while !phone.receive().await.starts_with("SIP/2.0 200 ") {}
                }
                Err(_) => {
                    // As phones do: RFC 3261 §17.1.2.2.
                    phone
                        .send(&register(&format!("rep{n}"), &format!("a{n}"), ""))
                        .await;
                    still.push(n);
                }
            }
        }
        waiting = still;
    }
    assert_eq!(desk.count("silenced"), 0);
}

#[tokio::test]
async fn the_oldest_connection_of_a_stranger_gives_up_its_place() {
    let desk = open(Limits {
        connections: 3,
        ..limits()
    })
    .await;
    let proof = "Authorization: Digest username=\"rep\"\r\n";
    let mut phone = TcpPeer::towards(desk.tcp).await;
    assert_eq!(
        phone.ask(&register("rep", "a", proof)).await,
        "SIP/2.0 200 OK"
    );
    let mut oldest = TcpPeer::towards(desk.tcp).await;
    assert_eq!(oldest.ask(&request("PUBLISH", "b")).await, "SIP/2.0 200 OK");
    let mut newer = TcpPeer::towards(desk.tcp).await;
    assert_eq!(newer.ask(&request("PUBLISH", "c")).await, "SIP/2.0 200 OK");
    let mut newest = TcpPeer::towards(desk.tcp).await;
    assert_eq!(newest.ask(&request("PUBLISH", "d")).await, "SIP/2.0 200 OK");
    assert_eq!(oldest.receive_some().await, "");
    assert_eq!(desk.count("connections_evicted"), 1);
    assert_eq!(phone.ask(&request("PUBLISH", "e")).await, "SIP/2.0 200 OK");
    assert_eq!(newer.ask(&request("PUBLISH", "f")).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn handshakes_under_way_give_up_their_places_too() {
    let authority = desk::certificates::Authority::new();
    let config = Config {
        tls: Some(authority.identity()),
        limits: Limits {
            connections: 2,
            ..limits()
        },
        ..Config::default()
    };
    let desk = Desk::open_on(config, &[Protocol::Tls, Protocol::Ws], "127.0.0.1:0").await;
    let mut idle = Vec::new();
    for protocol in [Protocol::Tls, Protocol::Ws] {
        idle.push(TcpPeer::towards(desk.address(protocol)).await);
        desk::until(|| desk.count("received") == 0).await;
    }
    // Both are accepted before the phone is: each listener takes its own.
    let mut phone = None;
    while desk.count("connections_evicted") == 0 {
        phone = Some(TcpPeer::towards(desk.tcp).await);
    }
    let mut phone = phone.unwrap();
    assert_eq!(phone.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn one_source_has_only_so_many_messages_half_sent() {
    let desk = open(Limits {
        half_messages_per_source: 3,
        ..limits()
    })
    .await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut peer = tcp_from("127.0.0.2:0", desk.tcp).await;
        peer.send("PUBLISH sip:").await;
        slow.push(peer);
    }
    let mut fourth = tcp_from("127.0.0.2:0", desk.tcp).await;
    fourth.send("PUBLISH sip:").await;
    // Which of the four comes last is the kernel's choice; one of them goes.
    desk::until(|| desk.count("half_read_too_much") == 1).await;
    let mut other = TcpPeer::towards(desk.tcp).await;
    let text = request("PUBLISH", "a");
    let (begun, rest) = text.split_at(40);
    other.send(begun).await;
    other.send(rest).await;
    assert_eq!(first_line(&other.receive().await), "SIP/2.0 200 OK");
}

#[tokio::test]
async fn half_sent_bytes_are_limited_for_all_together() {
    let desk = open(Limits {
        half_bytes: 100_000,
        ..limits()
    })
    .await;
    let head = request("PUBLISH", "a").replace("Content-Length: 4", "Content-Length: 60000");
    let begun = head + &"x".repeat(39_000);
    let mut peers = Vec::new();
    for host in 2..5 {
        let mut peer = tcp_from(&format!("127.0.0.{host}:0"), desk.tcp).await;
        peer.stream.write_all(begun.as_bytes()).await.unwrap();
        peers.push(peer);
    }
    desk::until(|| desk.count("half_read_too_much") == 1).await;
    drop(peers);
    desk::until(|| desk.count("connections_closed") == 3).await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    peer.stream.write_all(begun.as_bytes()).await.unwrap();
    peer.send(&"y".repeat(21_000 - 4)).await;
    assert_eq!(first_line(&peer.receive().await), "SIP/2.0 200 OK");
}

/// What a stranger is sent over UDP is no lever: an answer much longer than the request stays here.
#[tokio::test]
async fn tiny_requests_are_not_answered_over_udp() {
    let desk = open(limits()).await;
    let peer = UdpPeer::towards(desk.udp).await;
    let tiny = "A sip:a SIP/2.0\r\nv:SIP/2.0/UDP h\r\n\r\n";
    peer.send(tiny).await;
    desk::until(|| desk.count("answers_withheld") == 1).await;
    // A connection cannot be forged.
    let mut stream = TcpPeer::towards(desk.tcp).await;
    stream
        .send(
            &tiny
                .replace("UDP", "TCP")
                .replace("\r\n\r\n", "\r\nl:0\r\n\r\n"),
        )
        .await;
    assert!(stream.receive().await.starts_with("SIP/2.0 400 "));
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
}

#[tokio::test]
async fn options_of_strangers_are_answered_now_and_then() {
    let desk = open(Limits {
        options_per_stranger: rate(1, 2),
        ..limits()
    })
    .await;
    let peer = UdpPeer::towards(desk.udp).await;
    for n in 0..50 {
        peer.send(&request("OPTIONS", &format!("n{n}"))).await;
    }
    desk::until(|| desk.count("received") == 50).await;
    assert!(
        (2..10).contains(&desk.seen().len()),
        "{:?}",
        desk.seen().len()
    );
    let proof = "Authorization: Digest username=\"rep\"\r\n";
    let phone = udp_from("127.0.0.2:0", desk.udp).await;
    assert_eq!(
        phone.ask(&register("rep", "a", proof)).await,
        "SIP/2.0 200 OK"
    );
    for n in 0..20 {
        let answer = phone.ask(&request("OPTIONS", &format!("p{n}"))).await;
        assert_eq!(answer, "SIP/2.0 503 Service Unavailable");
    }
}

/// A dead peer acknowledges nothing: the kernel is told when to give up.
#[tokio::test]
async fn a_closed_connection_is_told_to_the_service() {
    let mut desk = open(limits()).await;
    let mut peer = TcpPeer::towards(desk.tcp).await;
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let flow = desk.flow();
    peer.stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    peer.stream.read_to_end(&mut rest).await.unwrap();
    let closed = tokio::time::timeout(LIMIT, desk.closed.recv()).await;
    assert_eq!(closed.unwrap(), Some(flow));
}
