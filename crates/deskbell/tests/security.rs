//! Attacks that other servers have fallen to, scaled to seconds: what a stranger sends costs little and stops nobody.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use examples::server::Server;
use examples::wire::{self, Protocol};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);

fn start() -> Server {
    Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap()
}

/// As short as a valid request can be.
fn smallest(method: &str, transport: &str, branch: &str) -> String {
    format!(
        "{method} sip:a@shop.example SIP/2.0\r\nv:SIP/2.0/{transport} h;branch=z9hG4bK{branch};rport\r\nMax-Forwards:9\r\n\
         f:<sip:a@shop.example>;tag=a\r\nt:<sip:a@shop.example>\r\ni:{branch}\r\nCSeq:1 {method}\r\n\
         m:<sip:a@h>\r\no:presence\r\nl:0\r\n\r\n"
    )
}

const METHODS: [&str; 8] = [
    "REGISTER",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "MESSAGE",
    "INVITE",
    "OPTIONS",
    "BYE",
];

/// Security row S12: whoever forges a source makes us send it one packet for each at most, and few more bytes.
/// Scale: 60 of each method instead of 10,000.
#[test]
fn refusals_over_udp_are_one_packet_each_and_short() {
    let mut server = start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.sip()).unwrap();
    let mut answer = [0; 65_536];
    for method in METHODS {
        let (mut bytes_in, mut bytes_out, mut packets_out) = (0, 0, 0);
        for _ in 0..60 {
            let request = smallest(method, "UDP", &examples::unique::token());
            bytes_in += socket.send(request.as_bytes()).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(10)))
                .unwrap();
            while let Ok(length) = socket.recv(&mut answer) {
                bytes_out += length;
                packets_out += 1;
                socket
                    .set_read_timeout(Some(Duration::from_micros(100)))
                    .unwrap();
            }
        }
        assert!(
            bytes_out * 2 <= bytes_in * 3 && packets_out <= 60,
            "{method}: {bytes_in} bytes in, {bytes_out} out in {packets_out}"
        );
    }
    // T1 is half a second: what is sent again would come by now.
    socket
        .set_read_timeout(Some(Duration::from_millis(1200)))
        .unwrap();
    assert!(socket.recv(&mut answer).is_err());
    // A request as long as phones write them is answered.
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    for method in METHODS {
        let short = smallest(method, "UDP", &examples::unique::token());
        let agent = "User-Agent: a phone that is no shorter of words than others\r\nl:0";
        let request = short.replace("l:0", agent);
        socket.send(request.as_bytes()).unwrap();
        let length = socket.recv(&mut answer).unwrap();
        assert!(answer.get(..length).unwrap().starts_with(b"SIP/2.0 4"));
    }
    server.check_alive().unwrap();
}

/// Connects from another address of this machine.
fn connect_from(source: SocketAddr, server: SocketAddr) -> TcpStream {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
    use std::os::fd::AsRawFd;

    let own = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::empty(),
        None,
    )
    .unwrap();
    let address = |address: SocketAddr| match address {
        SocketAddr::V4(address) => SockaddrIn::from(address),
        SocketAddr::V6(_) => SockaddrIn::new(127, 0, 0, 1, 0),
    };
    bind(own.as_raw_fd(), &address(source)).unwrap();
    connect(own.as_raw_fd(), &address(server)).unwrap();
    TcpStream::from(own)
}

/// Security row S21: strangers' connections that say nothing, or a byte now and then, keep no phone waiting, and
/// they end.
#[test]
fn idle_and_slow_connections_keep_nobody_out() {
    let mut server = start();
    let opened = Instant::now();
    let mut strangers = Vec::new();
    for host in 2..10_u8 {
        let source = SocketAddr::from(([127, 0, 0, host], 0));
        for _ in 0..60 {
            strangers.push(connect_from(source, server.sip()));
        }
    }
    let mut slowest = Duration::ZERO;
    for n in 0..20 {
        if let Some(slow) = strangers.get_mut(n) {
            slow.write_all(b"O").unwrap();
        }
        let begun = Instant::now();
        let mut phone = server.phone(Protocol::Tcp, "alice").unwrap();
        phone.register(60).unwrap();
        slowest = slowest.max(begun.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    for stranger in &strangers {
        stranger.set_read_timeout(Some(2 * LIMIT + LIMIT)).unwrap();
        let ended = std::io::Read::read(&mut &*stranger, &mut [0; 16]);
        assert!(
            matches!(ended, Ok(0))
                || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        );
    }
    assert!(opened.elapsed() < Duration::from_secs(15));
    server.check_alive().unwrap();
}

/// Security row S22: peers that ask and are gone before the answer.
#[test]
fn bursts_that_end_in_a_reset_leave_the_server_whole() {
    let mut server = start();
    for n in 0..1000 {
        let mut stream = TcpStream::connect(server.sip()).unwrap();
        let burst: String = (0..10)
            .map(|_| smallest("OPTIONS", "TCP", &examples::unique::token()))
            .collect();
        let cut = burst.len() * (n % 100 + 1) / 100;
        stream
            .write_all(burst.as_bytes().get(..cut).unwrap())
            .unwrap();
        if n % 2 == 0 {
            // With an answer unread the end is a reset.
            stream
                .set_read_timeout(Some(Duration::from_millis(5)))
                .unwrap();
            let _nothing_yet = stream.peek(&mut [0; 1]);
        }
    }
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let request = smallest("BYE", protocol.name(), &examples::unique::token());
        let answer = wire::exchange(protocol, server.sip(), request.as_bytes(), LIMIT);
        assert!(answer.unwrap().unwrap().starts_with("SIP/2.0 "));
    }
    server.check_alive().unwrap();
    assert!(!server.log().contains("panicked"));
}
