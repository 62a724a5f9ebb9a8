//! Calls that we place, with peers made of plain sockets and with SIPp.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use desk::{Desk, LIMIT, UdpPeer, ok, until};
use sip::call::{Body, Config, Event, Input, Outcome, Setup};
use sip_transport::{Placed, Way};
use tokio::net::{TcpListener, UdpSocket};
use tokio::process::Command;
use tokio::time::timeout;

fn body(text: &str) -> Body {
    Body {
        content_type: "application/sdp".into(),
        bytes: bytes::Bytes::copy_from_slice(text.as_bytes()),
    }
}

fn setup(desk: &Desk, call: &str, peer: SocketAddr) -> Setup {
    let remote: Box<str> = format!("sip:zoe@{peer}").into();
    Setup {
        call_id: call.into(),
        local_tag: "ours".into(),
        local_name: None,
        local_uri: "sip:desk@shop.example".into(),
        remote_uri: remote.clone(),
        request_uri: remote,
        contact: format!("<sip:desk@{}>", desk.udp).into(),
        routes: Vec::new(),
        headers: Vec::new(),
        trunk: None,
        seed: [1, 2],
    }
}

fn place(desk: &Desk, peer: SocketAddr, offer: Option<&str>) -> Placed {
    let (setup, offer) = (setup(desk, "call", peer), offer.map(body));
    let config = Config::default();
    let calls = &desk.service.calls;
    calls.place(&desk.sender, Way::NextHop, config, setup, offer)
}

async fn next(placed: &mut Placed) -> Event {
    timeout(LIMIT, placed.events.recv()).await.unwrap().unwrap()
}

/// What a peer answers to an INVITE or re-INVITE, with its own tag and body.
fn answer(request: &str, status: &str, peer: SocketAddr, text: &str) -> String {
    let to_with_tag = |line: &str| {
        if line.starts_with("To:") && !line.contains(";tag=") {
            format!("{line};tag=theirs")
        } else {
            line.to_owned()
        }
    };
    let copied = ok(request).replace("200 OK", status);
    let head = copied.split("Content-Length").next().unwrap();
    let lines: Vec<_> = head.lines().map(to_with_tag).collect();
    format!(
        "{}\r\nContact: <sip:zoe@{peer}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{text}",
        lines.join("\r\n"),
        text.len()
    )
}

/// A request of the peer in the call.
fn inside(method: &str, number: u32, branch: &str, text: &str) -> String {
    format!(
        "{method} sip:desk@shop.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP peer.invalid;branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:zoe@peer.example>;tag=theirs\r\n\
         To: <sip:desk@shop.example>;tag=ours\r\n\
         Call-ID: call\r\n\
         CSeq: {number} {method}\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len()
    )
}

#[tokio::test]
async fn a_call_rings_is_taken_changed_by_the_peer_and_hung_up_by_us() {
    let desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    let peer = phone.socket.local_addr().unwrap();
    let mut call = place(&desk, peer, Some("offer"));
    let invite = phone.receive().await;
    assert!(invite.ends_with("\r\n\r\noffer"), "{invite}");
    phone.send(&answer(&invite, "180 Ringing", peer, "")).await;
    assert!(matches!(next(&mut call).await, Event::Ringing { .. }));
    phone.send(&answer(&invite, "200 OK", peer, "answer")).await;
    let answered = Event::Answered {
        answer: Some(body("answer")),
    };
    assert_eq!(next(&mut call).await, answered);
    let ack = phone.receive().await;
    assert!(
        ack.starts_with(&format!("ACK sip:zoe@{peer} SIP/2.0")),
        "{ack}"
    );
    // The ACK was lost.
    phone.send(&answer(&invite, "200 OK", peer, "answer")).await;
    assert_eq!(phone.receive().await, ack);

    phone.send(&inside("INVITE", 1, "re", "hold")).await;
    let Event::PeerOffer { id, offer } = next(&mut call).await else {
        panic!("the phone's re-INVITE is shown as an offer")
    };
    assert_eq!(offer, Some(body("hold")));
    let accept = Input::Accept {
        id,
        body: body("held"),
    };
    call.orders.give(accept).unwrap();
    let mut taken = phone.receive().await;
    while taken.starts_with("SIP/2.0 100") {
        taken = phone.receive().await;
    }
    assert!(taken.ends_with("\r\n\r\nheld"), "{taken}");
    // It is repeated until the ACK comes.
    assert_eq!(phone.receive().await, taken);
    phone.send(&inside("ACK", 1, "ack", "")).await;

    call.orders.give(Input::HangUp).unwrap();
    let bye = async {
        loop {
            let message = phone.receive().await;
            if message.starts_with("BYE") {
                return message;
            }
        }
    };
    let bye = timeout(LIMIT, bye).await.unwrap();
    phone.send(&ok(&bye)).await;
    assert_eq!(next(&mut call).await, Event::Ended(Outcome::HungUp));
}

#[tokio::test]
async fn a_ringing_call_is_cancelled_when_nobody_holds_it_any_more() {
    let desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    let peer = phone.socket.local_addr().unwrap();
    let mut call = place(&desk, peer, None);
    let invite = phone.receive().await;
    phone.send(&answer(&invite, "180 Ringing", peer, "")).await;
    assert!(matches!(next(&mut call).await, Event::Ringing { .. }));
    drop(call);
    let cancel = phone.receive().await;
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    phone.send(&ok(&cancel)).await;
    phone
        .send(&answer(&invite, "487 Request Terminated", peer, ""))
        .await;
    assert!(phone.receive().await.starts_with("ACK "));
    until(|| desk.service.calls.is_empty()).await;
}

#[tokio::test]
async fn the_peers_cancel_withdraws_its_offer() {
    let desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    let peer = phone.socket.local_addr().unwrap();
    let mut call = place(&desk, peer, Some("offer"));
    let invite = phone.receive().await;
    phone.send(&answer(&invite, "200 OK", peer, "answer")).await;
    assert!(matches!(next(&mut call).await, Event::Answered { .. }));
    assert!(phone.receive().await.starts_with("ACK "));
    phone.send(&inside("INVITE", 1, "re", "hold")).await;
    let Event::PeerOffer { id, .. } = next(&mut call).await else {
        panic!("the phone's re-INVITE is shown as an offer")
    };
    phone.send(&inside("CANCEL", 1, "re", "")).await;
    assert_eq!(next(&mut call).await, Event::PeerOfferWithdrawn { id });
    phone.send(&inside("BYE", 2, "bye", "")).await;
    assert_eq!(next(&mut call).await, Event::Ended(Outcome::PeerHungUp));
}

#[tokio::test]
async fn a_call_to_nobody_ends_at_once() {
    let desk = Desk::open().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = closed.local_addr().unwrap();
    drop(closed);
    let mut setup = setup(&desk, "call", peer);
    setup.request_uri = format!("sip:zoe@{peer};transport=tcp").into();
    let calls = &desk.service.calls;
    let mut call = calls.place(&desk.sender, Way::NextHop, Config::default(), setup, None);
    assert!(matches!(
        next(&mut call).await,
        Event::Ended(Outcome::Unreachable(_))
    ));
    until(|| desk.service.calls.is_empty()).await;
}

/// SIPp answers a call by the book of its own, and hangs up what it likes.
#[tokio::test]
async fn sipp_takes_a_call_and_hears_our_bye() {
    let probe = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let peer = probe.local_addr().unwrap();
    drop(probe);
    let port = peer.port().to_string();
    let sipp = Command::new("sipp")
        .args([
            "-sn",
            "uas",
            "-i",
            "127.0.0.1",
            "-m",
            "1",
            "-nostdin",
            "-p",
            &port,
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut sipp) = sipp else {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "sipp is missing"
        );
        return;
    };
    let desk = Desk::open().await;
    let mut call = place(&desk, peer, Some("v=0\r\n"));
    // Until SIPp listens, Timer A sends the INVITE again.
    let answer = loop {
        match next(&mut call).await {
            Event::Ringing { .. } => {}
            Event::Answered { answer } => break answer,
            other => unreachable!("{other:?}"),
        }
    };
    assert_eq!(&*answer.unwrap().content_type, "application/sdp");
    call.orders.give(Input::HangUp).unwrap();
    assert_eq!(next(&mut call).await, Event::Ended(Outcome::HungUp));
    // Its scenario lingers for four seconds after the BYE.
    let ended = timeout(LIMIT + Duration::from_secs(10), sipp.wait()).await;
    assert!(ended.unwrap().unwrap().success());
}

/// As from a service that is asked on the thread of a socket.
#[tokio::test]
async fn a_call_is_placed_from_a_thread_without_a_runtime() {
    let desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    let peer = phone.socket.local_addr().unwrap();
    let placed = std::thread::scope(|scope| {
        let placing = scope.spawn(|| place(&desk, peer, Some("offer")));
        placing.join().unwrap()
    });
    assert!(phone.receive().await.starts_with("INVITE "));
    drop(placed);
}
