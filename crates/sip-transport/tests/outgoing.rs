//! Requests of ours, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::net::SocketAddr;

use desk::{Desk, LIMIT, TcpPeer, UdpPeer, first_line, ok, request};
use sip::{Method, Protocol, RequestDraft, Response, StatusCode};
use sip_transport::{Config, RequestError, Sender, Target};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;

fn draft() -> RequestDraft {
    RequestDraft::new(Method::Message, "sip:alice@shop.example")
        .from("<sip:desk@shop.example>", "ours")
        .to("<sip:alice@shop.example>")
        .call_id("call")
        .body("text/plain", "ring")
}

fn send(sender: &Sender, target: Target) -> JoinHandle<Result<Response, RequestError>> {
    let sender = sender.clone();
    tokio::spawn(async move {
        timeout(LIMIT * 4, sender.request(draft(), target))
            .await
            .unwrap()
    })
}

fn to(protocol: Protocol, address: SocketAddr) -> Target {
    Target::Address { protocol, address }
}

fn check_ok(result: Result<Response, RequestError>) {
    assert_eq!(result.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_goes_back_over_the_connection_of_a_phone() {
    let desk = Desk::open().await;
    let mut phone = TcpPeer::towards(desk.tcp).await;
    assert_eq!(phone.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let sent = send(&desk.sender, Target::Flow(desk.flow()));
    let message = phone.receive().await;
    assert_eq!(
        first_line(&message),
        "MESSAGE sip:alice@shop.example SIP/2.0"
    );
    let via = format!("Via: SIP/2.0/TCP {};branch=z9hG4bK", desk.tcp);
    assert!(message.contains(&via), "{message}");
    assert!(message.contains(";rport\r\n"), "{message}");
    phone.send(&ok(&message)).await;
    check_ok(sent.await.unwrap());
}

#[tokio::test]
async fn a_request_goes_back_to_the_source_of_a_datagram() {
    let desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    assert_eq!(phone.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let sent = send(&desk.sender, Target::Flow(desk.flow()));
    let message = phone.receive().await;
    phone.send(&ok(&message)).await;
    check_ok(sent.await.unwrap());
}

#[tokio::test]
async fn a_lost_request_is_sent_again() {
    let desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    let address = phone.socket.local_addr().unwrap();
    let sent = send(&desk.sender, to(Protocol::Udp, address));
    let lost = phone.receive().await;
    let again = phone.receive().await;
    assert_eq!(lost, again);
    phone.send(&ok(&again)).await;
    check_ok(sent.await.unwrap());
    assert_eq!(desk.count("retransmissions_sent"), 1);
}

#[tokio::test]
async fn a_socket_bound_to_every_address_names_the_one_on_the_route() {
    let desk = Desk::open_with(Config::default(), "0.0.0.0:0").await;
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = to(Protocol::Udp, phone.local_addr().unwrap());
    let sent = send(&desk.sender, target);
    let mut buffer = [0; 2000];
    let (length, source) = timeout(LIMIT, phone.recv_from(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    let message = String::from_utf8_lossy(buffer.get(..length).unwrap());
    let via = format!("Via: SIP/2.0/UDP 127.0.0.1:{};", desk.udp.port());
    assert!(message.contains(&via), "{message}");
    phone
        .send_to(ok(&message).as_bytes(), source)
        .await
        .unwrap();
    check_ok(sent.await.unwrap());
}

#[tokio::test]
async fn ipv6_works_as_ipv4_does() {
    let desk = Desk::open_with(Config::default(), "[::1]:0").await;
    let mut phone = TcpPeer::towards(desk.tcp).await;
    assert_eq!(phone.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let sent = send(&desk.sender, Target::Flow(desk.flow()));
    let message = phone.receive().await;
    let via = format!("Via: SIP/2.0/TCP [::1]:{};", desk.tcp.port());
    assert!(message.contains(&via), "{message}");
    phone.send(&ok(&message)).await;
    check_ok(sent.await.unwrap());
}

#[tokio::test]
async fn one_connection_is_opened_and_used_by_all() {
    let desk = Desk::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = to(Protocol::Tcp, listener.local_addr().unwrap());
    let first = send(&desk.sender, target.clone());
    let second = send(&desk.sender, target);
    let (stream, _) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
    let mut peer = TcpPeer::over(stream);
    for _ in 0..2 {
        let message = peer.receive().await;
        peer.send(&ok(&message)).await;
    }
    check_ok(first.await.unwrap());
    check_ok(second.await.unwrap());
    // A peer may ask us over the connection we opened.
    assert_eq!(peer.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    assert_eq!(desk.count("connections_opened"), 1);
}

#[tokio::test]
async fn a_connection_nobody_accepts_is_an_error() {
    let desk = Desk::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = send(&desk.sender, to(Protocol::Tcp, address))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.to_string(), format!("connect to {address}"));
}

#[tokio::test]
async fn a_closed_flow_fails_at_once_and_for_ever() {
    let mut desk = Desk::open().await;
    let mut phone = TcpPeer::towards(desk.tcp).await;
    assert_eq!(phone.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let flow = desk.flow();
    let waiting = send(&desk.sender, Target::Flow(flow));
    phone.receive().await;
    drop(phone);
    assert!(matches!(
        waiting.await.unwrap(),
        Err(RequestError::FlowClosed)
    ));
    assert_eq!(
        timeout(LIMIT, desk.closed.recv()).await.unwrap(),
        Some(flow)
    );
    let later = send(&desk.sender, Target::Flow(flow)).await.unwrap();
    assert!(matches!(later, Err(RequestError::FlowClosed)));
}

#[tokio::test]
async fn a_family_without_a_socket_is_an_error() {
    let desk = Desk::open().await;
    let target = to(Protocol::Udp, "[::1]:5060".parse().unwrap());
    let result = send(&desk.sender, target).await.unwrap();
    assert!(matches!(result, Err(RequestError::NoSocket { .. })));
}

#[tokio::test]
async fn a_stopped_transport_sends_nothing() {
    let desk = Desk::open().await;
    let (sender, address) = (desk.sender.clone(), desk.udp);
    desk.ended().await;
    let result = send(&sender, to(Protocol::Udp, address)).await.unwrap();
    assert!(matches!(result, Err(RequestError::FlowClosed)));
}
