//! Several sockets at one UDP address, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::collections::HashSet;
use std::num::NonZero;

use desk::{Desk, LIMIT, UdpPeer, answer, first_line, ok, request, until};
use sip::{Flow, Method, Protocol, RequestDraft, Response};
use sip_transport::{
    BindError, Config, InviteEvent, Listen, RequestError, Sender, Target, Transport,
};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Enough for none of four sockets to be left out.
const PEERS: usize = 64;

fn of_four() -> Config {
    Config {
        udp_sockets: NonZero::new(4).unwrap(),
        ..Config::default()
    }
}

async fn open() -> Desk {
    Desk::open_with(of_four(), "127.0.0.1:0").await
}

/// A peer, and the way it is known by.
struct Known {
    peer: UdpPeer,
    flow: Flow,
}

async fn meet(desk: &Desk, count: usize) -> Vec<Known> {
    let mut known = Vec::new();
    for number in 0..count {
        let peer = UdpPeer::towards(desk.udp).await;
        let publish = request("PUBLISH", &format!("meet{number}"));
        assert_eq!(peer.ask(&publish).await, "SIP/2.0 200 OK");
        let flow = desk.flow();
        assert_eq!(flow.remote, peer.socket.local_addr().unwrap());
        assert_eq!(flow.local, desk.udp);
        known.push(Known { peer, flow });
    }
    known
}

/// Two peers whose datagrams come to different sockets.
fn apart(known: &[Known]) -> (&Known, &Known) {
    let [first, rest @ ..] = known else {
        unreachable!("nobody is known")
    };
    let other = rest.iter().find(|other| other.flow.id != first.flow.id);
    (first, other.unwrap())
}

fn draft(method: Method) -> RequestDraft {
    RequestDraft::new(method, "sip:zoe@shop.example")
        .from("<sip:desk@shop.example>", "ours")
        .to("<sip:zoe@shop.example>")
        .call_id("call")
        .body("text/plain", "ring")
}

fn send(sender: &Sender, target: Target) -> JoinHandle<Result<Response, RequestError>> {
    let sender = sender.clone();
    tokio::spawn(async move {
        let sent = sender.request(draft(Method::Message), target);
        timeout(LIMIT, sent).await.unwrap()
    })
}

fn by_address(known: &Known) -> Target {
    Target::Address {
        protocol: Protocol::Udp,
        address: known.flow.remote,
    }
}

async fn check_spread(address: &str) {
    let desk = Desk::open_with(of_four(), address).await;
    let known = meet(&desk, PEERS).await;
    let ids: HashSet<_> = known.iter().map(|known| known.flow.id).collect();
    assert_eq!(ids.len(), 4);
    for (number, Known { peer, flow }) in known.iter().enumerate() {
        let publish = request("PUBLISH", &format!("again{number}"));
        assert_eq!(peer.ask(&publish).await, "SIP/2.0 200 OK");
        assert_eq!(desk.flow(), *flow, "a peer stays at its socket");
        peer.send(&publish).await;
        assert_eq!(first_line(&peer.receive().await), "SIP/2.0 200 OK");
    }
    assert_eq!(desk.count("retransmissions_absorbed"), PEERS as u64);
    desk.ended().await;
}

#[tokio::test]
async fn peers_are_spread_over_all_sockets_and_each_stays_at_one() {
    check_spread("127.0.0.1:0").await;
    check_spread("[::1]:0").await;
}

#[tokio::test]
async fn what_a_peer_asks_is_seen_in_its_order_and_may_be_answered_later() {
    let mut desk = open().await;
    let known = meet(&desk, 16).await;
    for round in 0..10 {
        for (number, Known { peer, .. }) in known.iter().enumerate() {
            for turn in 0..4 {
                let branch = format!("{number}-{round}-{turn}");
                peer.send(&request("MESSAGE", &branch)).await;
            }
        }
        let mut next = vec![0; known.len()];
        for _ in 0..known.len() * 4 {
            let (message, pending) = desk.deferred().await;
            let call_id = message.call_id().unwrap();
            let numbers: Vec<usize> = call_id.split('-').map(|it| it.parse().unwrap()).collect();
            let [number, of_round, turn] = *numbers else {
                unreachable!("a Call-ID of another test")
            };
            assert_eq!((of_round, turn), (round, next[number]), "{call_id}");
            next[number] += 1;
            pending.answer(answer(&message, 200));
        }
        for Known { peer, .. } in &known {
            for turn in 0..4 {
                let response = peer.receive().await;
                assert_eq!(first_line(&response), "SIP/2.0 200 OK");
                assert!(response.contains(&format!("-{turn};")), "{response}");
            }
        }
    }
}

#[tokio::test]
async fn requests_of_ours_over_the_flow_of_a_peer_leave_by_its_socket() {
    let desk = open().await;
    for known in meet(&desk, PEERS).await {
        let sent = send(&desk.sender, Target::Flow(known.flow));
        let message = known.peer.receive().await;
        known.peer.send(&ok(&message)).await;
        assert!(sent.await.unwrap().unwrap().status().is_success());
    }
    assert_eq!(desk.count("handed_over"), 0);
    assert_eq!(desk.count("strays"), 0);
}

/// As after a restart, when the sockets of peers are not known any more.
#[tokio::test]
async fn requests_of_ours_to_addresses_are_answered_whatever_socket_the_answer_comes_to() {
    let desk = open().await;
    let mut ways = HashSet::new();
    for known in meet(&desk, PEERS).await {
        let sent = send(&desk.sender, by_address(&known));
        let message = known.peer.receive().await;
        let branch = message.split("branch=").nth(1).unwrap();
        ways.insert(branch[..9].to_owned());
        known.peer.send(&ok(&message)).await;
        assert!(sent.await.unwrap().unwrap().status().is_success());
    }
    assert_eq!(ways.len(), 4, "all sockets send");
    assert!(desk.count("handed_over") > 0);
    assert_eq!(desk.count("strays"), 0);
}

#[tokio::test]
async fn an_answer_from_elsewhere_finds_the_socket_of_its_request() {
    let desk = open().await;
    let known = meet(&desk, PEERS).await;
    let (asked, other) = apart(&known);
    let sent = send(&desk.sender, Target::Flow(asked.flow));
    let message = asked.peer.receive().await;
    other.peer.send(&ok(&message)).await;
    assert!(sent.await.unwrap().unwrap().status().is_success());
    assert_eq!(desk.count("handed_over"), 1);
    // The same once more is absorbed where it belongs.
    other.peer.send(&ok(&message)).await;
    until(|| desk.count("handed_over") == 2).await;
    assert_eq!(desk.count("strays"), 0);
}

#[tokio::test]
async fn an_invite_of_ours_hears_its_answers_from_elsewhere() {
    let desk = open().await;
    let known = meet(&desk, PEERS).await;
    let (asked, other) = apart(&known);
    for (status, is_success) in [("486 Busy Here", false), ("200 OK", true)] {
        let target = Target::Flow(asked.flow);
        let invitation = desk.sender.invite(draft(Method::Invite), target).await;
        let mut invitation = invitation.unwrap();
        let invite = asked.peer.receive().await;
        let ringing = ok(&invite).replace("200 OK", "180 Ringing");
        other.peer.send(&ringing).await;
        let told = timeout(LIMIT, invitation.next()).await.unwrap();
        assert!(
            matches!(told, Some(InviteEvent::Provisional(_))),
            "{told:?}"
        );
        let last = ok(&invite).replace("200 OK", status);
        other.peer.send(&last).await;
        let told = timeout(LIMIT, invitation.next()).await.unwrap();
        let Some(InviteEvent::Final(response)) = told else {
            panic!("{told:?}")
        };
        assert_eq!(response.status().is_success(), is_success);
        if is_success {
            other.peer.send(&last).await;
            let told = timeout(LIMIT, invitation.next()).await.unwrap();
            assert!(
                matches!(told, Some(InviteEvent::FurtherSuccess(_))),
                "{told:?}"
            );
        } else {
            // The transaction acknowledges a refusal to whom it has asked.
            assert!(asked.peer.receive().await.starts_with("ACK "));
        }
    }
    assert_eq!(desk.count("strays"), 0);
}

#[tokio::test]
async fn a_response_to_nothing_is_a_stray_wherever_it_says_it_belongs() {
    let desk = open().await;
    let known = meet(&desk, PEERS).await;
    let (Known { peer, flow }, _) = apart(&known);
    let sent = send(&desk.sender, Target::Flow(*flow));
    let message = peer.receive().await;
    let branch = message.split("branch=").nth(1).unwrap();
    let branch = branch.split(';').next().unwrap();
    let (place, rest) = (&branch[7..9], "0".repeat(30));
    let wrong = [
        format!("z9hG4bK{place}{rest}"),
        format!("z9hG4bK04{rest}"),
        format!("z9hG4bKff{rest}"),
        "z9hG4bK".to_owned(),
        "z9hG4bKé".to_owned(),
        "anything".to_owned(),
    ];
    for branch_of_nothing in &wrong {
        let response = ok(&message).replace(branch, branch_of_nothing);
        peer.send(&response).await;
    }
    until(|| desk.count("strays") == wrong.len() as u64).await;
    assert_eq!(desk.count("handed_over"), 0);
    for other in ["00", "01", "02", "03"] {
        let of_nothing = format!("z9hG4bK{other}{rest}");
        peer.send(&ok(&message).replace(branch, &of_nothing)).await;
    }
    until(|| desk.count("strays") == wrong.len() as u64 + 4).await;
    assert_eq!(desk.count("handed_over"), 3);
    peer.send(&ok(&message)).await;
    assert!(sent.await.unwrap().unwrap().status().is_success());
}

#[tokio::test]
async fn sockets_close_together_so_that_no_peer_comes_to_another_one() {
    let mut desk = open().await;
    let known = meet(&desk, PEERS).await;
    let (early, late) = apart(&known);
    let kept = request("PUBLISH", "kept");
    early.peer.send(&kept).await;
    let answered = early.peer.receive().await;
    late.peer.send(&request("MESSAGE", "slow")).await;
    let (message, pending) = desk.deferred().await;
    desk.shut_down();
    for (number, known) in known.iter().enumerate() {
        // The signal races with the first datagrams.
        for turn in 0.. {
            let publish = request("PUBLISH", &format!("n{number}-{turn}"));
            match known.peer.ask(&publish).await.as_str() {
                "SIP/2.0 503 Service Unavailable" => break,
                other => assert_eq!(other, "SIP/2.0 200 OK"),
            }
        }
    }
    // Its socket has nothing left to do, and still knows what it has answered.
    early.peer.send(&kept).await;
    assert_eq!(early.peer.receive().await, answered);
    pending.answer(answer(&message, 200));
    assert_eq!(first_line(&late.peer.receive().await), "SIP/2.0 200 OK");
    desk.ended().await;
}

#[tokio::test]
async fn an_address_of_several_sockets_is_in_use_for_everybody_else() {
    let desk = open().await;
    let listen = Listen {
        protocol: Protocol::Udp,
        address: desk.udp,
    };
    let config = |sockets| Config {
        listen: vec![listen],
        udp_sockets: NonZero::new(sockets).unwrap(),
        ..Config::default()
    };
    for sockets in [1, 4] {
        let bound = Transport::bind(config(sockets)).await;
        assert!(matches!(bound.err(), Some(BindError::InUse(..))));
    }
    desk.ended().await;
    // Of one socket nobody can have a share, either.
    let alone = Transport::bind(config(1)).await.unwrap();
    let bound = Transport::bind(config(4)).await;
    assert!(matches!(bound.err(), Some(BindError::InUse(..))));
    drop(alone);
    Transport::bind(config(4)).await.unwrap();
}
