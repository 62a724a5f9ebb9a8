//! Calls to a name with several servers (RFC 3263 §4.3): who is silent gives way to the next, is told so as soon as it
//! wakes, and never adds a second call to the first.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::time::Duration;

use desk::names::{NameServer, Zone};
use desk::{Desk, LIMIT, UdpPeer, ok, until};
use sip::StatusCode;
use sip::call::{Body, Config, Event, Outcome, Setup, Trunk};
use sip_transport::{DnsConfig, Placed, Way};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

/// How long a server may be silent here.
const PATIENCE: Duration = Duration::from_secs(1);

/// A desk, and the servers of `pbx.example` in the order in which they are tried.
struct Scene<const SERVERS: usize> {
    desk: Desk,
    servers: [UdpPeer; SERVERS],
    _names: NameServer,
}

impl<const SERVERS: usize> Scene<SERVERS> {
    async fn open() -> Self {
        let mut zone = Zone::default();
        let mut sockets = Vec::new();
        for number in 0..SERVERS {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let port = socket.local_addr().unwrap().port();
            let (host, priority) = (format!("s{number}.example"), u16::try_from(number).unwrap());
            zone = zone
                .listing("_sip._udp.pbx.example", priority, port, &host)
                .address(&host, "127.0.0.1");
            sockets.push(socket);
        }
        let names = zone.serve().await;
        let dns = DnsConfig {
            servers: vec![names.address],
            ..DnsConfig::default()
        };
        let config = sip_transport::Config {
            dns,
            ..sip_transport::Config::default()
        };
        let desk = Desk::open_with(config, "127.0.0.1:0").await;
        for socket in &sockets {
            socket.connect(desk.udp).await.unwrap();
        }
        let servers: Vec<UdpPeer> = sockets
            .into_iter()
            .map(|socket| UdpPeer { socket })
            .collect();
        Self {
            desk,
            servers: servers.try_into().ok().unwrap(),
            _names: names,
        }
    }

    fn call(&self) -> Placed {
        let setup = Setup {
            call_id: "call".into(),
            local_tag: "ours".into(),
            local_name: None,
            local_uri: "sip:desk@shop.example".into(),
            remote_uri: "sip:zoe@pbx.example".into(),
            request_uri: "sip:zoe@pbx.example".into(),
            contact: format!("<sip:desk@{}>", self.desk.udp).into(),
            routes: Vec::new(),
            headers: Vec::new(),
            trunk: Some(Trunk::with_password("pbx.example", "desk", "wonder")),
            seed: [1, 2],
        };
        let config = Config {
            response_time: PATIENCE,
            ..Config::default()
        };
        let offer = Body {
            content_type: "application/sdp".into(),
            bytes: bytes::Bytes::from_static(b"offer"),
        };
        let calls = &self.desk.service.calls;
        calls.place(&self.desk.sender, Way::NextHop, config, setup, Some(offer))
    }
}

async fn next(placed: &mut Placed) -> Event {
    timeout(LIMIT, placed.events.recv()).await.unwrap().unwrap()
}

/// The next message that begins so; what is sent again meanwhile is passed over.
async fn receive(server: &UdpPeer, begins: &str) -> String {
    loop {
        let message = server.receive().await;
        if message.starts_with(begins) {
            return message;
        }
        assert!(message.starts_with("INVITE "), "{message}");
    }
}

/// Answers a request; `tag` is that of the telephone that this server calls.
async fn answer(server: &UdpPeer, request: &str, status: &str, tag: &str) {
    let copied = ok(request).replace("200 OK", status);
    let head = copied.split("Content-Length").next().unwrap();
    let lines = head.lines().map(|line| {
        if line.starts_with("To:") && !line.contains(";tag=") {
            format!("{line};tag={tag}\r\n")
        } else {
            format!("{line}\r\n")
        }
    });
    let address = server.socket.local_addr().unwrap();
    let text: String = lines.collect();
    server
        .send(&format!(
            "{text}Contact: <sip:zoe@{address}>\r\nContent-Type: application/sdp\r\nContent-Length: 6\r\n\r\nanswer"
        ))
        .await;
}

fn header(message: &str, name: &str) -> String {
    let mut lines = message.lines();
    lines
        .find(|line| line.starts_with(name))
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_silent_server_gives_way_and_is_cancelled_when_it_wakes() {
    let scene = Scene::<2>::open().await;
    let [first, second] = &scene.servers;
    let mut call = scene.call();
    let asleep = receive(first, "INVITE").await;
    let invite = receive(second, "INVITE").await;
    // The same request in a transaction of its own: whoever gets both knows them for one call.
    for name in ["From:", "To:", "Call-ID:", "CSeq:"] {
        assert_eq!(header(&asleep, name), header(&invite, name));
    }
    assert_ne!(header(&asleep, "Via:"), header(&invite, "Via:"));
    answer(second, &invite, "180 Ringing", "two").await;
    assert!(matches!(next(&mut call).await, Event::Ringing { .. }));
    answer(first, &asleep, "180 Ringing", "one").await;
    let cancel = receive(first, "CANCEL").await;
    first.send(&ok(&cancel)).await;
    answer(first, &asleep, "487 Request Terminated", "one").await;
    receive(first, "ACK").await;
    answer(second, &invite, "200 OK", "two").await;
    assert!(matches!(next(&mut call).await, Event::Answered { .. }));
    receive(second, "ACK").await;
}

/// Somebody has taken up the telephone that a server has called that we had given up: who is there is not hung up, and
/// nobody else is.
#[tokio::test]
async fn who_takes_the_call_first_has_it_though_the_server_was_given_up() {
    let scene = Scene::<2>::open().await;
    let [first, second] = &scene.servers;
    let mut call = scene.call();
    let asleep = receive(first, "INVITE").await;
    let invite = receive(second, "INVITE").await;
    answer(second, &invite, "180 Ringing", "two").await;
    assert!(matches!(next(&mut call).await, Event::Ringing { .. }));
    answer(first, &asleep, "200 OK", "one").await;
    assert!(matches!(next(&mut call).await, Event::Answered { .. }));
    receive(first, "ACK").await;
    let cancel = receive(second, "CANCEL").await;
    second.send(&ok(&cancel)).await;
    // The other was taken up in the same moment.
    answer(second, &invite, "200 OK", "two").await;
    receive(second, "ACK").await;
    let bye = receive(second, "BYE").await;
    second.send(&ok(&bye)).await;
    assert!(call.events.try_recv().is_err(), "the first call lasts");
}

#[tokio::test]
async fn who_takes_the_call_after_the_next_server_has_refused_it_is_hung_up() {
    let scene = Scene::<2>::open().await;
    let [first, second] = &scene.servers;
    let mut call = scene.call();
    let asleep = receive(first, "INVITE").await;
    let invite = receive(second, "INVITE").await;
    answer(second, &invite, "486 Busy Here", "two").await;
    let busy = Outcome::Refused(StatusCode::new(486).unwrap());
    assert_eq!(next(&mut call).await, Event::Ended(busy));
    answer(first, &asleep, "200 OK", "one").await;
    receive(first, "ACK").await;
    let bye = receive(first, "BYE").await;
    first.send(&ok(&bye)).await;
}

#[tokio::test]
async fn where_every_server_is_silent_the_call_is_given_up() {
    let scene = Scene::<2>::open().await;
    let mut call = scene.call();
    assert_eq!(next(&mut call).await, Event::Ended(Outcome::Silent));
    for server in &scene.servers {
        let invite = receive(server, "INVITE").await;
        answer(server, &invite, "100 Trying", "late").await;
        let cancel = receive(server, "CANCEL").await;
        server.send(&ok(&cancel)).await;
        answer(server, &invite, "487 Request Terminated", "late").await;
        receive(server, "ACK").await;
    }
    until(|| scene.desk.service.calls.is_empty()).await;
}

/// 100 says that the INVITE has come: from then on somebody may be called. 180 says that somebody is.
#[tokio::test]
async fn a_server_that_says_anything_is_waited_for() {
    let scene = Scene::<2>::open().await;
    let [first, second] = &scene.servers;
    let mut call = scene.call();
    let invite = receive(first, "INVITE").await;
    answer(first, &invite, "100 Trying", "one").await;
    sleep(PATIENCE * 2).await;
    answer(first, &invite, "180 Ringing", "one").await;
    assert!(matches!(next(&mut call).await, Event::Ringing { .. }));
    answer(first, &invite, "503 Service Unavailable", "one").await;
    let refused = Outcome::Refused(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(next(&mut call).await, Event::Ended(refused));
    let mut buffer = [0; 2_000];
    assert!(second.socket.try_recv(&mut buffer).is_err());
}

#[tokio::test]
async fn a_server_that_refuses_leaves_the_next_its_whole_time() {
    let scene = Scene::<3>::open().await;
    let [first, second, third] = &scene.servers;
    let mut call = scene.call();
    let invite = receive(first, "INVITE").await;
    answer(first, &invite, "100 Trying", "one").await;
    answer(first, &invite, "503 Service Unavailable", "one").await;
    receive(first, "ACK").await;
    receive(second, "INVITE").await;
    let invite = receive(third, "INVITE").await;
    answer(third, &invite, "200 OK", "three").await;
    assert!(matches!(next(&mut call).await, Event::Answered { .. }));
    receive(third, "ACK").await;
}

#[tokio::test]
async fn credentials_go_to_the_server_that_asks_for_them_and_not_to_the_silent_one() {
    let scene = Scene::<2>::open().await;
    let [first, second] = &scene.servers;
    let mut call = scene.call();
    let invite = receive(second, "INVITE").await;
    let challenge = "407 Proxy Authentication Required\r\nProxy-Authenticate: Digest realm=\"pbx.example\", \
                     nonce=\"n\", algorithm=MD5";
    answer(second, &invite, challenge, "two").await;
    receive(second, "ACK").await;
    let invite = receive(second, "INVITE").await;
    assert!(invite.contains("CSeq: 2 INVITE"), "{invite}");
    assert!(invite.contains("Proxy-Authorization: Digest"), "{invite}");
    answer(second, &invite, "200 OK", "two").await;
    assert!(matches!(next(&mut call).await, Event::Answered { .. }));
    let mut buffer = [0; 2_000];
    while let Ok(length) = first.socket.try_recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]);
        assert!(text.contains("CSeq: 1 INVITE"), "{text}");
    }
}
