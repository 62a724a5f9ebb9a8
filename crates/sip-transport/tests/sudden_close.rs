//! Bursts of requests whose connections are reset at a random byte: nothing outlives its connection.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::time::Duration;

use desk::{Desk, answer, request, until};
use sip_transport::{Config, Limits};
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CONNECTIONS: u64 = 400;
const REQUESTS: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_that_is_reset_leaves_no_transaction_and_no_connection() {
    let mut desk = Desk::open_with(
        Config {
            limits: Limits {
                connections_per_source: 10_000,
                ..Limits::default()
            },
            ..Config::default()
        },
        "127.0.0.1:0",
    )
    .await;
    let mut bursts = JoinSet::new();
    for number in 0..CONNECTIONS {
        bursts.spawn(burst(desk.tcp, number));
        if bursts.len() >= 50 {
            bursts.join_next().await.unwrap().unwrap();
        }
    }
    bursts.join_all().await;
    until(|| desk.count("connections_opened") == CONNECTIONS).await;
    until(|| desk.count("connections_closed") == CONNECTIONS).await;
    // Answers to those who are gone go nowhere, and harm nobody.
    while let Ok((message, pending)) = desk.deferred.try_recv() {
        pending.answer(answer(&message, 200));
    }
    while let Ok((invite, mut pending)) = desk.invited.try_recv() {
        let gone = pending.provisional(answer(&invite, 180));
        assert!(gone.is_err());
        pending.answer(answer(&invite, 200)).unwrap();
    }
    let mut closed = 0;
    while desk.closed.try_recv().is_ok() {
        closed += 1;
    }
    assert_eq!(closed, CONNECTIONS);
    assert_eq!(desk.count("service_panics"), 0);
    // Nothing under way keeps the transport from ending at once.
    tokio::time::timeout(Duration::from_secs(2), desk.ended())
        .await
        .unwrap();
}

async fn burst(desk: std::net::SocketAddr, number: u64) {
    let mut stream = TcpStream::connect(desk).await.unwrap();
    let methods = ["PUBLISH", "MESSAGE", "INVITE"].into_iter().cycle();
    let bytes: String = methods
        .zip(0..REQUESTS)
        .map(|(method, which)| request(method, &format!("{number}x{which}")))
        .collect();
    // A byte that differs from connection to connection, and is the same in every run.
    let cut = (number * 7_919 % u64::try_from(bytes.len()).unwrap()).max(1);
    let bytes = bytes.as_bytes();
    let bytes = bytes.get(..usize::try_from(cut).unwrap()).unwrap();
    if stream.write_all(bytes).await.is_ok() && number.is_multiple_of(2) {
        tokio::time::sleep(Duration::from_millis(number % 10)).await;
    }
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}
