//! Requests to SIP URIs: which servers they go to, and in which order (RFC 3263).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use desk::certificates::Authority;
use desk::names::{NameServer, Zone};
use desk::{Desk, LIMIT, Peer, TcpPeer, first_line, ok};
use rustls::ServerConfig;
use sip::{Method, RequestDraft, StatusCode, transaction};
use sip_transport::{Config, DnsConfig, RequestError, ResolveError, Target, TlsTrust};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

fn draft(length: usize) -> RequestDraft {
    RequestDraft::new(Method::Message, "sip:zoe@shop.example")
        .from("<sip:desk@shop.example>", "ours")
        .to("<sip:zoe@shop.example>")
        .call_id("call")
        .body("text/plain", "x".repeat(length))
}

fn config(names: &NameServer) -> Config {
    Config {
        dns: DnsConfig {
            servers: vec![names.address],
            ..DnsConfig::default()
        },
        ..Config::default()
    }
}

/// Gives a silent server up soon: Timer F after 1.28 s.
fn hasty(names: &NameServer) -> Config {
    Config {
        transactions: transaction::Config {
            round_trip: Duration::from_millis(20),
            longest_interval: Duration::from_millis(200),
            ..transaction::Config::default()
        },
        ..config(names)
    }
}

async fn desk(names: &NameServer) -> Desk {
    Desk::open_with(config(names), "127.0.0.1:0").await
}

/// Sends to a URI and gives the status, or what is wrong.
async fn send(desk: &Desk, uri: &str) -> String {
    let sent = desk.sender.request(draft(4), Target::Uri(uri.into()));
    match timeout(LIMIT, sent).await.unwrap() {
        Ok(response) => response.status().to_string(),
        Err(error) => error.to_string(),
    }
}

async fn servers(desk: &Desk, uri: &str) -> String {
    let found = desk.sender.servers(uri).await.unwrap();
    let lines: Vec<_> = found
        .iter()
        .map(|server| format!("{} {} {}", server.protocol, server.address, server.name))
        .collect();
    lines.join(", ")
}

/// Answers every request over UDP and TCP with one status, and counts them.
struct Answering {
    address: SocketAddr,
    over_udp: Arc<AtomicU32>,
    over_tcp: Arc<AtomicU32>,
}

impl Answering {
    async fn with(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answering = Self::over_udp(address, status).await;
        let count = Arc::clone(&answering.over_tcp);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_stream(stream, status, Arc::clone(&count)));
            }
        });
        answering
    }

    /// Has no TCP.
    async fn without_tcp(status: &'static str) -> Self {
        Self::over_udp("127.0.0.1:0".parse().unwrap(), status).await
    }

    async fn over_udp(address: SocketAddr, status: &'static str) -> Self {
        let socket = UdpSocket::bind(address).await.unwrap();
        let answering = Self {
            address: socket.local_addr().unwrap(),
            over_udp: Arc::default(),
            over_tcp: Arc::default(),
        };
        let count = Arc::clone(&answering.over_udp);
        tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            while let Ok((length, source)) = socket.recv_from(&mut buffer).await {
                count.fetch_add(1, Ordering::Relaxed);
                let request = String::from_utf8_lossy(buffer.get(..length).unwrap());
                let answer = ok(&request).replace("200 OK", status);
                socket.send_to(answer.as_bytes(), source).await.unwrap();
            }
        });
        answering
    }

    fn port(&self) -> u16 {
        self.address.port()
    }

    fn counts(&self) -> (u32, u32) {
        let [udp, tcp] =
            [&self.over_udp, &self.over_tcp].map(|count| count.load(Ordering::Relaxed));
        (udp, tcp)
    }
}

async fn answer_stream<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    status: &'static str,
    count: Arc<AtomicU32>,
) {
    let mut peer = Peer::over(stream);
    let mut text = String::new();
    loop {
        let more = peer.receive_some().await;
        if more.is_empty() {
            return;
        }
        text.push_str(&more);
        // Each request is alone on its way, and its header block tells its length.
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        if body.len() < length.unwrap().parse().unwrap() {
            continue;
        }
        count.fetch_add(1, Ordering::Relaxed);
        let answer = ok(head).replace("200 OK", status);
        peer.send(&answer).await;
        text.clear();
    }
}

#[tokio::test]
async fn naptr_leads_to_srv_and_srv_to_an_address() {
    let (udp, tcp) = (
        Answering::with("200 OK").await,
        Answering::with("202 OK").await,
    );
    let names = Zone::default()
        .service("shop.example", 20, "SIP+D2U", "_sip._udp.shop.example")
        .service("shop.example", 10, "SIP+D2T", "_sip._tcp.pbx.example")
        // Of what cannot be spoken, nothing is asked.
        .service("shop.example", 5, "SIPS+D2T", "_sips._tcp.shop.example")
        .listing("_sip._udp.shop.example", 1, udp.port(), "one.example")
        .listing("_sip._tcp.pbx.example", 1, tcp.port(), "two.example")
        .address("one.example", "127.0.0.1")
        .address("two.example", "127.0.0.1")
        .serve()
        .await;
    let desk = desk(&names).await;
    assert_eq!(send(&desk, "sip:zoe@shop.example").await, "202");
    assert_eq!(tcp.counts(), (0, 1));
    assert_eq!(
        names.asked(),
        [
            "A two.example.",
            "AAAA two.example.",
            "NAPTR shop.example.",
            "SRV _sip._tcp.pbx.example.",
        ]
    );
    // A transport that is given needs no NAPTR.
    assert_eq!(
        send(&desk, "sip:zoe@shop.example;transport=udp").await,
        "200"
    );
    assert_eq!(udp.counts(), (1, 0));
    // Everything is known already.
    let asked = names.asked().len();
    for _ in 0..20 {
        assert_eq!(send(&desk, "sip:zoe@shop.example").await, "202");
    }
    assert_eq!(names.asked().len(), asked);
}

#[tokio::test]
async fn without_naptr_srv_is_asked_and_without_srv_the_host() {
    let names = Zone::default()
        .listing("_sip._tcp.tcp.example", 2, 5070, "b.example")
        .listing("_sip._tcp.tcp.example", 1, 5080, "a.example")
        .address("a.example", "192.0.2.1")
        .address("b.example", "192.0.2.2")
        .address("plain.example", "192.0.2.3")
        .address("plain.example", "2001:db8::3")
        .serve()
        .await;
    let desk = desk(&names).await;
    assert_eq!(
        servers(&desk, "sip:zoe@TCP.example").await,
        "TCP 192.0.2.1:5080 tcp.example, TCP 192.0.2.2:5070 tcp.example"
    );
    // There is no UDP socket for IPv6 here.
    assert_eq!(
        servers(&desk, "sip:plain.example").await,
        "UDP 192.0.2.3:5060 plain.example"
    );
    assert_eq!(
        servers(&desk, "sip:plain.example;transport=tcp").await,
        "TCP 192.0.2.3:5060 plain.example, TCP [2001:db8::3]:5060 plain.example"
    );
}

#[tokio::test]
async fn a_port_or_an_address_needs_no_srv() {
    let names = Zone::default()
        .listing("_sip._udp.a.example", 1, 1, "b.example")
        .address("a.example", "192.0.2.1")
        .serve()
        .await;
    let desk = desk(&names).await;
    for (uri, server) in [
        ("sip:192.0.2.9", "UDP 192.0.2.9:5060 192.0.2.9"),
        (
            "sip:192.0.2.9;transport=tcp",
            "TCP 192.0.2.9:5060 192.0.2.9",
        ),
        (
            "sip:[2001:db8::9]:5070;transport=tcp",
            "TCP [2001:db8::9]:5070 2001:db8::9",
        ),
        (
            "sip:a.example;maddr=192.0.2.8",
            "UDP 192.0.2.8:5060 a.example",
        ),
    ] {
        assert_eq!(servers(&desk, uri).await, server);
    }
    assert_eq!(names.asked(), [""; 0]);
    assert_eq!(
        servers(&desk, "sip:a.example:5070").await,
        "UDP 192.0.2.1:5070 a.example"
    );
    assert_eq!(names.asked(), ["A a.example.", "AAAA a.example."]);
}

#[tokio::test]
async fn what_leads_nowhere_is_an_error_that_says_why() {
    let names = Zone::default()
        .address("a.example", "192.0.2.1")
        .serve()
        .await;
    let desk = desk(&names).await;
    for (uri, error) in [
        ("sip:nobody.example", "find a server for nobody.example"),
        ("sips:a.example", "use the URI: TLS cannot be spoken here"),
        (
            "sip:a.example;transport=ws",
            "use the URI: WS cannot be spoken here",
        ),
        ("tel:+4930123", "use the URI: it is no SIP URI"),
        (
            "sips:a.example;transport=udp",
            "use the URI: sips: does not go over a transport without TLS",
        ),
    ] {
        assert_eq!(send(&desk, uri).await, error);
    }
}

#[tokio::test]
async fn a_silent_name_server_is_given_up() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let config = Config {
        dns: DnsConfig {
            servers: vec![silent.local_addr().unwrap()],
            time: Duration::from_millis(100),
            time_in_all: Duration::from_millis(400),
            ..DnsConfig::default()
        },
        ..Config::default()
    };
    let desk = Desk::open_with(config, "127.0.0.1:0").await;
    let failed = desk.sender.servers("sip:shop.example").await;
    assert!(
        matches!(failed, Err(ResolveError::Dns { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn the_next_server_is_tried_after_503_a_refusal_to_connect_and_silence() {
    let busy = Answering::with("503 Service Unavailable").await;
    let good = Answering::with("200 OK").await;
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed_port = closed.local_addr().unwrap().port();
    drop(closed);
    let names = Zone::default()
        .listing(
            "_sip._udp.udp.example",
            1,
            silent.local_addr().unwrap().port(),
            "h.example",
        )
        .listing("_sip._udp.udp.example", 2, busy.port(), "h.example")
        .listing("_sip._udp.udp.example", 3, good.port(), "h.example")
        .listing("_sip._tcp.tcp.example", 1, closed_port, "h.example")
        .listing("_sip._tcp.tcp.example", 2, busy.port(), "h.example")
        .listing("_sip._tcp.tcp.example", 3, good.port(), "h.example")
        .listing("_sip._tcp.busy.example", 1, busy.port(), "h.example")
        .address("h.example", "127.0.0.1")
        .serve()
        .await;
    let desk = Desk::open_with(hasty(&names), "127.0.0.1:0").await;
    assert_eq!(send(&desk, "sip:zoe@udp.example").await, "200");
    // Over UDP a slow machine is asked again before it has answered.
    assert!(matches!(
        (busy.counts(), good.counts()),
        ((1.., 0), (1.., 0))
    ));
    assert_eq!(send(&desk, "sip:zoe@tcp.example").await, "200");
    assert!(matches!(
        (busy.counts(), good.counts()),
        ((1.., 1), (1.., 1))
    ));
    // The last word is told as it is.
    assert_eq!(send(&desk, "sip:zoe@busy.example").await, "503");
}

#[tokio::test]
async fn another_final_answer_ends_the_search() {
    let (first, second) = (
        Answering::with("486 Busy Here").await,
        Answering::with("200 OK").await,
    );
    let names = Zone::default()
        .listing("_sip._udp.a.example", 1, first.port(), "h.example")
        .listing("_sip._udp.a.example", 2, second.port(), "h.example")
        .address("h.example", "127.0.0.1")
        .serve()
        .await;
    let desk = desk(&names).await;
    assert_eq!(send(&desk, "sip:a.example").await, "486");
    assert_eq!(second.counts(), (0, 0));
}

#[tokio::test]
async fn an_invite_goes_to_the_first_server_that_can_be_reached() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed_port = closed.local_addr().unwrap().port();
    drop(closed);
    let good = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let names = Zone::default()
        .listing("_sip._tcp.a.example", 1, closed_port, "h.example")
        .listing(
            "_sip._tcp.a.example",
            2,
            good.local_addr().unwrap().port(),
            "h.example",
        )
        .address("h.example", "127.0.0.1")
        .serve()
        .await;
    let desk = desk(&names).await;
    let invite = RequestDraft::new(Method::Invite, "sip:a.example")
        .from("<sip:desk@shop.example>", "ours")
        .to("<sip:a.example>")
        .call_id("call");
    let invitation = desk
        .sender
        .invite(invite, Target::Uri("sip:a.example".into()));
    let _invitation = timeout(LIMIT, invitation).await.unwrap().unwrap();
    let (stream, _) = timeout(LIMIT, good.accept()).await.unwrap().unwrap();
    let received = TcpPeer::over(stream).receive().await;
    assert_eq!(first_line(&received), "INVITE sip:a.example SIP/2.0");
}

#[tokio::test]
async fn a_long_request_goes_over_tcp_where_the_peer_takes_it() {
    let (both, udp_only) = (
        Answering::with("200 OK").await,
        Answering::without_tcp("200 OK").await,
    );
    let names = Zone::default().serve().await;
    let desk = desk(&names).await;
    let send = async |to: &Answering, length: usize| {
        let uri = format!("sip:{}", to.address);
        let sent = desk.sender.request(draft(length), Target::Uri(uri.into()));
        let response = timeout(LIMIT, sent).await.unwrap().unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        to.counts()
    };
    assert_eq!(send(&both, 900).await, (1, 0));
    assert_eq!(send(&both, 1300).await, (1, 1));
    assert_eq!(send(&udp_only, 1300).await, (1, 0));
    assert_eq!(desk.count("oversized_requests"), 1);
}

#[tokio::test]
async fn exactly_1300_bytes_are_not_too_long() {
    let both = Answering::with("200 OK").await;
    let names = Zone::default().serve().await;
    let desk = desk(&names).await;
    let branch = "z9hG4bK00000000000000000000000000000000";
    let printed = draft(1000).print(&format!("UDP {}", desk.udp), branch);
    let fitting = 1000 + 1300 - printed.len();
    for (length, counts) in [(fitting, (1, 0)), (fitting + 1, (1, 1))] {
        let uri = format!("sip:{}", both.address);
        let sent = desk.sender.request(draft(length), Target::Uri(uri.into()));
        timeout(LIMIT, sent).await.unwrap().unwrap();
        assert_eq!(both.counts(), counts);
    }
}

/// A TLS server on a port of its own that answers 200.
async fn tls_server(shown: Arc<ServerConfig>) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, count) = (TlsAcceptor::from(Arc::clone(&shown)), Arc::clone(&counted));
            tokio::spawn(async move {
                // A client that does not believe us goes away.
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer_stream(stream, "200 OK", count).await;
                }
            });
        }
    });
    (address, count)
}

#[tokio::test]
async fn a_connection_to_one_name_never_serves_another_at_the_same_address() {
    let authority = Authority::new();
    let (address, count) = tls_server(authority.server("good.example")).await;
    let names = Zone::default()
        .listing(
            "_sips._tcp.good.example",
            1,
            address.port(),
            "host.good.example",
        )
        .address("host.good.example", "127.0.0.1")
        .address("evil.example", "127.0.0.1")
        .serve()
        .await;
    let config = Config {
        tls_trust: Some(TlsTrust::from_pem(authority.pem().as_bytes()).unwrap()),
        ..config(&names)
    };
    let desk = Desk::open_with(config, "127.0.0.1:0").await;
    let evil = format!("sips:evil.example:{}", address.port());
    for sent in 1..=10 {
        // The certificate names the host of the URI, not that of the SRV record.
        assert_eq!(send(&desk, "sips:zoe@good.example").await, "200");
        let result = desk
            .sender
            .request(draft(4), Target::Uri(evil.as_str().into()))
            .await;
        assert!(
            matches!(result, Err(RequestError::Connect { .. })),
            "{result:?}"
        );
        assert_eq!(count.load(Ordering::Relaxed), sent);
    }
    assert_eq!(desk.count("connections_opened"), 1);
}

#[tokio::test]
async fn sips_is_never_sent_over_anything_but_tls() {
    let authority = Authority::new();
    let plain = Answering::with("200 OK").await;
    let names = Zone::default()
        .service("shop.example", 10, "SIP+D2T", "_sip._tcp.shop.example")
        .listing("_sip._tcp.shop.example", 1, plain.port(), "h.example")
        .listing("_sip._udp.shop.example", 1, plain.port(), "h.example")
        .address("h.example", "127.0.0.1")
        .serve()
        .await;
    let config = Config {
        tls_trust: Some(TlsTrust::from_pem(authority.pem().as_bytes()).unwrap()),
        ..config(&names)
    };
    let desk = Desk::open_with(config, "127.0.0.1:0").await;
    assert_eq!(
        send(&desk, "sips:shop.example").await,
        "find a server for shop.example"
    );
    assert_eq!(plain.counts(), (0, 0));
}
