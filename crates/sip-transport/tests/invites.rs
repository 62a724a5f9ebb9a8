//! INVITEs both ways, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use desk::{Desk, LIMIT, TcpPeer, UdpPeer, answer, first_line, ok, request, until};
use sip::{Method, Protocol, RequestDraft};
use sip_transport::{Invitation, InviteEvent, RequestError, Target};
use tokio::time::timeout;

fn draft(method: Method) -> RequestDraft {
    RequestDraft::new(method, "sip:zoe@shop.example")
        .from("<sip:desk@shop.example>", "ours")
        .to("<sip:zoe@shop.example>")
        .call_id("call")
}

async fn next(invitation: &mut Invitation) -> String {
    match timeout(LIMIT, invitation.next()).await.unwrap() {
        None => "nothing".to_owned(),
        Some(InviteEvent::Provisional(response)) => format!("provisional {}", response.status()),
        Some(InviteEvent::Final(response)) => format!("final {}", response.status()),
        Some(InviteEvent::FurtherSuccess(response)) => format!("further {}", response.status()),
        Some(InviteEvent::Failed(error)) => error.to_string(),
    }
}

/// An INVITE of ours to a UDP peer, and what the peer received.
async fn invite(desk: &Desk, phone: &UdpPeer) -> (Invitation, String) {
    let target = Target::Address {
        protocol: Protocol::Udp,
        address: phone.socket.local_addr().unwrap(),
    };
    let invitation = desk.sender.invite(draft(Method::Invite), target).await;
    (invitation.unwrap(), phone.receive().await)
}

fn with_status(invite: &str, status: &str) -> String {
    ok(invite).replace("200 OK", status)
}

#[tokio::test]
async fn an_invite_of_ours_rings_and_is_accepted_and_acknowledged() {
    let desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    let (mut invitation, received) = invite(&desk, &phone).await;
    phone.send(&with_status(&received, "180 Ringing")).await;
    assert_eq!(next(&mut invitation).await, "provisional 180");
    phone.send(&ok(&received)).await;
    assert_eq!(next(&mut invitation).await, "final 200");
    let target = Target::Flow(invitation.flow());
    let branch = "z9hG4bKack".to_owned();
    let acknowledged = desk.sender.acknowledge(draft(Method::Ack), branch, target);
    acknowledged.await.unwrap();
    let ack = phone.receive().await;
    assert_eq!(first_line(&ack), "ACK sip:zoe@shop.example SIP/2.0");
    assert!(ack.contains(";branch=z9hG4bKack;rport"), "{ack}");
    phone.send(&ok(&received)).await;
    assert_eq!(next(&mut invitation).await, "further 200");
}

#[tokio::test]
async fn an_invite_of_ours_is_cancelled() {
    let desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    let (mut invitation, received) = invite(&desk, &phone).await;
    phone.send(&with_status(&received, "180 Ringing")).await;
    assert_eq!(next(&mut invitation).await, "provisional 180");
    invitation.cancel().unwrap();
    let cancel = phone.receive().await;
    assert_eq!(first_line(&cancel), "CANCEL sip:zoe@shop.example SIP/2.0");
    phone.send(&ok(&cancel)).await;
    phone.send(&with_status(&received, "487 Terminated")).await;
    assert_eq!(next(&mut invitation).await, "final 487");
    let ack = phone.receive().await;
    assert_eq!(first_line(&ack), "ACK sip:zoe@shop.example SIP/2.0");
    assert_eq!(next(&mut invitation).await, "nothing");
}

#[tokio::test]
async fn an_invite_over_a_connection_that_closes_fails() {
    let desk = Desk::open().await;
    let mut phone = TcpPeer::towards(desk.tcp).await;
    assert_eq!(phone.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let target = Target::Flow(desk.flow());
    let invitation = desk.sender.invite(draft(Method::Invite), target).await;
    let mut invitation = invitation.unwrap();
    phone.receive().await;
    drop(phone);
    let failed = RequestError::FlowClosed.to_string();
    assert_eq!(next(&mut invitation).await, failed);
    assert_eq!(next(&mut invitation).await, "nothing");
}

#[tokio::test]
async fn a_peers_invite_is_answered_and_its_ack_is_shown() {
    let mut desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    phone.send(&request("INVITE", "a")).await;
    let (invite, mut pending) = desk.invited().await;
    pending.provisional(answer(&invite, 180)).unwrap();
    assert_eq!(first_line(&phone.receive().await), "SIP/2.0 180 Ringing");
    for _ in 0..2 {
        pending.answer(answer(&invite, 200)).unwrap();
        assert_eq!(first_line(&phone.receive().await), "SIP/2.0 200 OK");
    }
    phone.send(&request("ACK", "b")).await;
    until(|| *desk.service.acks.lock().unwrap() == [1]).await;
}

#[tokio::test]
async fn a_peers_cancel_is_answered_and_shown() {
    let mut desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    phone.send(&request("INVITE", "a")).await;
    let (_, pending) = desk.invited().await;
    phone.send(&request("CANCEL", "a")).await;
    let mut answers = Vec::new();
    while answers.len() < 2 {
        let message = phone.receive().await;
        // Where the machine is slow, a 100 comes first.
        if !message.starts_with("SIP/2.0 100") {
            answers.push(first_line(&message).to_owned());
        }
    }
    assert_eq!(
        answers,
        ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]
    );
    let cancelled = [pending.transaction()];
    until(|| *desk.service.cancelled.lock().unwrap() == cancelled).await;
}

#[tokio::test]
async fn an_invite_nobody_answers_is_answered_500() {
    let mut desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    phone.send(&request("INVITE", "a")).await;
    drop(desk.invited().await);
    let status = first_line(&phone.receive().await).to_owned();
    assert_eq!(status, "SIP/2.0 500 Server Internal Error");
}

#[tokio::test]
async fn an_invite_is_not_sent_as_a_plain_request() {
    let desk = Desk::open().await;
    let target = Target::Address {
        protocol: Protocol::Udp,
        address: desk.udp,
    };
    let result = desk.sender.request(draft(Method::Invite), target).await;
    assert!(matches!(result, Err(RequestError::Unsupported)));
}
