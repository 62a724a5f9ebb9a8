//! The threads of several sockets at one UDP address, and how they end. Alone in its program, whose threads it counts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::fs;
use std::num::NonZero;

use desk::{Desk, UdpPeer, answer, first_line, request, until};
use sip::Protocol;
use sip_transport::{Config, Listen, Transport};

/// The names of the threads of sockets, in order.
fn threads() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir("/proc/self/task")
        .unwrap()
        // A thread may end in between.
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| name.starts_with("udp-"))
        .collect();
    names.sort();
    names
}

fn of(sockets: u8) -> Config {
    Config {
        udp_sockets: NonZero::new(sockets).unwrap(),
        ..Config::default()
    }
}

#[tokio::test]
async fn threads_end_with_their_transport_however_it_ends() {
    // One socket has no thread.
    let desk = Desk::open_with(of(1), "127.0.0.1:0").await;
    let peer = UdpPeer::towards(desk.udp).await;
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    assert_eq!(threads(), [""; 0]);
    desk.ended().await;

    // After the last answer.
    let mut desk = Desk::open_with(of(3), "127.0.0.1:0").await;
    assert_eq!(threads(), ["udp-0", "udp-1", "udp-2"]);
    let peer = UdpPeer::towards(desk.udp).await;
    peer.send(&request("MESSAGE", "a")).await;
    let (message, pending) = desk.deferred().await;
    desk.shut_down();
    assert_eq!(threads().len(), 3);
    pending.answer(answer(&message, 200));
    assert_eq!(first_line(&peer.receive().await), "SIP/2.0 200 OK");
    desk.ended().await;
    until(|| threads().is_empty()).await;

    // Though an answer never comes.
    let config = Config {
        drain_time: std::time::Duration::from_millis(50),
        ..of(3)
    };
    let mut desk = Desk::open_with(config, "127.0.0.1:0").await;
    let peer = UdpPeer::towards(desk.udp).await;
    peer.send(&request("MESSAGE", "a")).await;
    let promise = desk.deferred().await;
    desk.ended().await;
    drop(promise);
    until(|| threads().is_empty()).await;

    // Though it never runs.
    let listen = |address: &str| Listen {
        protocol: Protocol::Udp,
        address: address.parse().unwrap(),
    };
    let config = Config {
        listen: vec![listen("127.0.0.1:0"), listen("[::1]:0")],
        ..of(2)
    };
    let transport = Transport::bind(config).await.unwrap();
    assert_eq!(threads(), ["udp-0", "udp-1", "udp-2", "udp-3"]);
    assert_eq!(transport.local_addresses().len(), 2);
    drop(transport);
    until(|| threads().is_empty()).await;
}
