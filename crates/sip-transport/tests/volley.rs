//! Many requests of ours at a time, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::collections::BTreeMap;

use desk::{Desk, LIMIT, TcpPeer, UdpPeer, ok, request};
use sip::{Flow, Method, RequestDraft, StatusCode};
use sip_transport::{Config, Outcome, RequestError, Volley};
use tokio::time::timeout;

fn draft(method: Method, number: u64) -> Box<RequestDraft> {
    let draft = RequestDraft::new(method, "sip:alice@shop.example")
        .from("<sip:desk@shop.example>", "ours")
        .to("<sip:alice@shop.example>")
        .call_id(format!("call{number}"));
    Box::new(draft)
}

/// Until all has been told: what became of each, by its key.
async fn all(volley: &mut Volley) -> BTreeMap<u64, Result<StatusCode, String>> {
    let mut told = BTreeMap::new();
    while volley.is_waiting() {
        for Outcome { key, result } in timeout(LIMIT, volley.outcomes()).await.unwrap() {
            let result = result.map(|response| response.status());
            let before = told.insert(key, result.map_err(|error| error.to_string()));
            assert_eq!(before, None, "{key} is told once");
        }
    }
    told
}

#[tokio::test]
async fn requests_leave_in_their_order_and_each_answer_comes_back_under_its_key() {
    let desk = Desk::open().await;
    let phone = UdpPeer::towards(desk.udp).await;
    assert_eq!(phone.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let mut volley = desk.sender.volley();
    // One by one, so that more is handed over than a socket takes at a time.
    for number in 0..100 {
        volley.add(number, draft(Method::Notify, number), desk.flow());
        volley.send();
    }
    for number in 0..100 {
        let notify = phone.receive().await;
        assert!(
            notify.contains(&format!("Call-ID: call{number}\r\n")),
            "{notify}"
        );
        let answer = ok(&notify);
        phone
            .send(&match number % 2 {
                0 => answer,
                _ => answer.replace("200 OK", "481 Gone"),
            })
            .await;
    }
    let told = all(&mut volley).await;
    assert_eq!(told.len(), 100);
    for (number, result) in told {
        let expected = if number % 2 == 0 { 200 } else { 481 };
        assert_eq!(result.unwrap().code(), expected, "{number}");
    }
}

#[tokio::test]
async fn requests_over_several_flows_each_take_their_own() {
    let desk = Desk::open().await;
    let mut first = TcpPeer::towards(desk.tcp).await;
    assert_eq!(first.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let first_flow = desk.flow();
    let second = UdpPeer::towards(desk.udp).await;
    assert_eq!(second.ask(&request("PUBLISH", "b")).await, "SIP/2.0 200 OK");
    let second_flow = desk.flow();
    let mut volley = desk.sender.volley();
    for number in 0..6 {
        let flow = [first_flow, second_flow][number as usize % 2];
        volley.add(number, draft(Method::Notify, number), flow);
    }
    volley.send();
    for number in 0..6 {
        let notify = match number % 2 {
            0 => first.receive().await,
            _ => second.receive().await,
        };
        assert!(
            notify.contains(&format!("Call-ID: call{number}\r\n")),
            "{notify}"
        );
        match number % 2 {
            0 => first.send(&ok(&notify)).await,
            _ => second.send(&ok(&notify)).await,
        }
    }
    let told = all(&mut volley).await;
    assert!(
        told.len() == 6 && told.values().all(Result::is_ok),
        "{told:?}"
    );
}

#[tokio::test]
async fn whoever_cannot_be_asked_is_told_of_and_holds_nobody_up() {
    let desk = Desk::open().await;
    let mut gone = TcpPeer::towards(desk.tcp).await;
    assert_eq!(gone.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let its_flow = desk.flow();
    let phone = UdpPeer::towards(desk.udp).await;
    assert_eq!(phone.ask(&request("PUBLISH", "b")).await, "SIP/2.0 200 OK");
    let flow = desk.flow();
    let mut volley = desk.sender.volley();
    volley.add(1, draft(Method::Notify, 1), its_flow);
    volley.add(2, draft(Method::Invite, 2), flow);
    volley.add(
        3,
        draft(Method::Notify, 3),
        Flow {
            id: u64::MAX,
            ..flow
        },
    );
    volley.add(4, draft(Method::Notify, 4), flow);
    volley.send();
    gone.receive().await;
    // It was asked, and closes instead of answering.
    drop(gone);
    let notify = phone.receive().await;
    phone.send(&ok(&notify)).await;
    let told = all(&mut volley).await;
    let closed = RequestError::FlowClosed.to_string();
    let expected = [
        (1, Err(closed.clone())),
        (2, Err(RequestError::Unsupported.to_string())),
        (3, Err(closed)),
        (4, Ok(StatusCode::OK)),
    ];
    assert_eq!(told, BTreeMap::from(expected));
}

#[tokio::test]
async fn what_waits_when_the_transport_stops_is_told_of() {
    let desk = Desk::open_with(Config::default(), "127.0.0.1:0").await;
    let phone = UdpPeer::towards(desk.udp).await;
    assert_eq!(phone.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let mut volley = desk.sender.volley();
    let flow = desk.flow();
    volley.add(1, draft(Method::Notify, 1), flow);
    volley.send();
    phone.receive().await;
    desk.shut_down();
    volley.add(2, draft(Method::Notify, 2), flow);
    volley.send();
    desk.ended().await;
    volley.add(3, draft(Method::Notify, 3), flow);
    volley.send();
    let told = all(&mut volley).await;
    assert!(
        told.len() == 3 && told.values().all(Result::is_err),
        "{told:?}"
    );
}

#[tokio::test]
async fn many_requests_over_one_connection_wait_for_its_reader() {
    let desk = Desk::open().await;
    let mut proxy = TcpPeer::towards(desk.tcp).await;
    assert_eq!(proxy.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let mut volley = desk.sender.volley();
    // Several times what may wait to be written.
    for number in 0..4_000 {
        volley.add(number, draft(Method::Notify, number), desk.flow());
    }
    volley.send();
    for number in 0..4_000 {
        let notify = proxy.receive().await;
        assert!(
            notify.contains(&format!("Call-ID: call{number}\r\n")),
            "{notify}"
        );
        proxy.send(&ok(&notify)).await;
    }
    let told = all(&mut volley).await;
    assert!(told.len() == 4_000 && told.values().all(Result::is_ok));
}

#[tokio::test]
async fn what_a_full_queue_has_no_room_for_is_sent_later_and_in_its_order() {
    let config = Config {
        queue_per_socket: 1,
        queue_per_connection: 1,
        ..Config::default()
    };
    let desk = Desk::open_with(config, "127.0.0.1:0").await;
    let mut proxy = TcpPeer::towards(desk.tcp).await;
    assert_eq!(proxy.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let proxy_flow = desk.flow();
    let phone = UdpPeer::towards(desk.udp).await;
    assert_eq!(phone.ask(&request("PUBLISH", "b")).await, "SIP/2.0 200 OK");
    let mut volley = desk.sender.volley();
    // Nothing is taken from a queue before this waits for something.
    for number in 0..150 {
        volley.add(number, draft(Method::Notify, number), desk.flow());
    }
    for number in 150..1_500 {
        volley.add(number, draft(Method::Notify, number), proxy_flow);
    }
    volley.send();
    let peers = async {
        for number in 0..150 {
            let notify = phone.receive().await;
            let call_id = format!("Call-ID: call{number}\r\n");
            assert!(notify.contains(&call_id), "{number}: {notify}");
            phone.send(&ok(&notify)).await;
        }
        for number in 150..1_500 {
            let notify = proxy.receive().await;
            let call_id = format!("Call-ID: call{number}\r\n");
            assert!(notify.contains(&call_id), "{number}: {notify}");
            proxy.send(&ok(&notify)).await;
        }
    };
    let (told, ()) = tokio::join!(all(&mut volley), peers);
    assert_eq!(told.len(), 1_500);
    assert!(told.values().all(Result::is_ok), "{told:?}");
}

#[tokio::test]
async fn what_is_held_for_a_connection_that_closes_is_told_of() {
    let config = Config {
        queue_per_connection: 1,
        ..Config::default()
    };
    let desk = Desk::open_with(config, "127.0.0.1:0").await;
    let mut proxy = TcpPeer::towards(desk.tcp).await;
    assert_eq!(proxy.ask(&request("PUBLISH", "a")).await, "SIP/2.0 200 OK");
    let mut volley = desk.sender.volley();
    for number in 0..8_000 {
        volley.add(number, draft(Method::Notify, number), desk.flow());
    }
    volley.send();
    drop(proxy);
    let told = all(&mut volley).await;
    assert_eq!(told.len(), 8_000);
    let closed = Err(RequestError::FlowClosed.to_string());
    assert!(told.values().all(|result| *result == closed), "{told:?}");
}
