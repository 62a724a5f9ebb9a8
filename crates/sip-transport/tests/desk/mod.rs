//! A running transport with a service whose answer depends on the method, and peers made of plain sockets.
#![allow(
    dead_code,
    reason = "each test program uses the part of it that it needs"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

pub(crate) mod certificates;
pub(crate) mod names;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sip::transaction::ServerTransactionId;
use sip::{Flow, HeaderName, Method, Protocol, Request, ResponseBuilder, StatusCode};
use sip_transport::{
    Calls, Conduct, Config, Counters, Exchange, Handling, LimitsHandle, Listen, PendingAnswer,
    PendingInvite, Sender, Service, TlsHandle, Transport, Upgraded,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Nothing on loopback takes this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

pub(crate) struct Desk {
    pub(crate) udp: SocketAddr,
    pub(crate) tcp: SocketAddr,
    pub(crate) more: Vec<(Protocol, SocketAddr)>,
    pub(crate) tls: TlsHandle,
    pub(crate) limits: LimitsHandle,
    pub(crate) upgraded: Upgraded,
    pub(crate) sender: Sender,
    pub(crate) counters: Arc<Counters>,
    pub(crate) service: Arc<Clerk>,
    pub(crate) deferred: mpsc::Receiver<(Request, PendingAnswer)>,
    pub(crate) invited: mpsc::Receiver<(Request, PendingInvite)>,
    pub(crate) closed: mpsc::Receiver<Flow>,
    shutdown: CancellationToken,
    run: JoinHandle<()>,
}

/// PUBLISH is answered 200, REGISTER 401 without memory, MESSAGE and INVITE by the test, OPTIONS 503, INFO never,
/// SUBSCRIBE 200 with a long body; NOTIFY panics. REGISTER proves the user of From where it has an Authorization,
/// and names it otherwise.
pub(crate) struct Clerk {
    pub(crate) seen: Mutex<Vec<(Method, Flow)>>,
    /// The calls that we have placed.
    pub(crate) calls: Arc<Calls>,
    /// The numbers of the ACKs.
    pub(crate) acks: Mutex<Vec<u32>>,
    pub(crate) cancelled: Mutex<Vec<ServerTransactionId>>,
    deferred: mpsc::Sender<(Request, PendingAnswer)>,
    invited: mpsc::Sender<(Request, PendingInvite)>,
    closed: mpsc::Sender<Flow>,
}

impl Desk {
    pub(crate) async fn open() -> Self {
        Self::open_with(Config::default(), "127.0.0.1:0").await
    }

    pub(crate) async fn open_with(config: Config, address: &str) -> Self {
        Self::open_on(config, &[], address).await
    }

    /// Listens on these protocols beside UDP and TCP.
    pub(crate) async fn open_on(mut config: Config, more: &[Protocol], address: &str) -> Self {
        let address = address.parse().unwrap();
        config.listen = [Protocol::Udp, Protocol::Tcp]
            .iter()
            .chain(more)
            .map(|protocol| Listen {
                protocol: *protocol,
                address,
            })
            .collect();
        let transport = Transport::bind(config).await.unwrap();
        let [(Protocol::Udp, udp), (Protocol::Tcp, tcp), ref more @ ..] =
            *transport.local_addresses()
        else {
            panic!("bound to something else");
        };
        let more = more.to_vec();
        let (tls, upgraded) = (transport.tls_handle(), transport.upgraded());
        let limits = transport.limits_handle();
        let (deferred_sender, deferred) = mpsc::channel(10_000);
        let (invited_sender, invited) = mpsc::channel(10_000);
        let (closed_sender, closed) = mpsc::channel(10_000);
        let service = Arc::new(Clerk {
            seen: Mutex::new(Vec::new()),
            calls: Arc::default(),
            acks: Mutex::new(Vec::new()),
            cancelled: Mutex::new(Vec::new()),
            deferred: deferred_sender,
            invited: invited_sender,
            closed: closed_sender,
        });
        let (sender, counters) = (transport.sender(), transport.counters());
        let shutdown = CancellationToken::new();
        let run = tokio::spawn(transport.run(Arc::clone(&service) as _, shutdown.clone()));
        Self {
            udp,
            tcp,
            more,
            tls,
            limits,
            upgraded,
            sender,
            counters,
            service,
            deferred,
            invited,
            closed,
            shutdown,
            run,
        }
    }

    pub(crate) fn address(&self, protocol: Protocol) -> SocketAddr {
        let mut more = self.more.iter();
        more.find(|(found, _)| *found == protocol).unwrap().1
    }

    pub(crate) fn seen(&self) -> Vec<Method> {
        let seen = self.service.seen.lock().unwrap();
        seen.iter().map(|(method, _)| *method).collect()
    }

    /// The flow of the newest request.
    pub(crate) fn flow(&self) -> Flow {
        let seen = self.service.seen.lock().unwrap();
        seen.last().unwrap().1
    }

    pub(crate) async fn deferred(&mut self) -> (Request, PendingAnswer) {
        timeout(LIMIT, self.deferred.recv()).await.unwrap().unwrap()
    }

    pub(crate) async fn invited(&mut self) -> (Request, PendingInvite) {
        timeout(LIMIT, self.invited.recv()).await.unwrap().unwrap()
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        let mut each = self.counters.each();
        each.find(|count| count.name == name).unwrap().value
    }

    pub(crate) fn shut_down(&self) {
        self.shutdown.cancel();
    }

    pub(crate) async fn ended(self) {
        self.shutdown.cancel();
        timeout(LIMIT, self.run).await.unwrap().unwrap();
    }
}

impl Service for Clerk {
    fn handle_request(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        let method = request.method();
        let seen = (method, exchange.flow());
        self.seen.lock().unwrap().push(seen);
        let exchange = match self.calls.handle_request(request, exchange) {
            Ok(handling) => return handling,
            Err(exchange) => exchange,
        };
        match method {
            Method::Publish => Handling::Answer(answer(request, 200)),
            Method::Register => {
                let from = request.from().unwrap();
                let user = from.sip_uri().unwrap().user_decoded().unwrap();
                if request.header(HeaderName::Authorization).is_some() {
                    exchange.note(Conduct::Proven(user.as_bytes()));
                    return Handling::Answer(answer(request, 200));
                }
                exchange.note(Conduct::Named(user.as_bytes()));
                Handling::AnswerStateless(answer(request, 401))
            }
            Method::Message => match exchange.defer() {
                Ok(pending) => {
                    self.deferred.try_send((request.clone(), pending)).unwrap();
                    Handling::Later
                }
                Err(_) => Handling::Overloaded,
            },
            Method::Invite => match exchange.defer_invite() {
                Ok(pending) => {
                    self.invited.try_send((request.clone(), pending)).unwrap();
                    Handling::Later
                }
                Err(_) => Handling::Overloaded,
            },
            Method::Options => Handling::Overloaded,
            Method::Info => Handling::Ignore,
            Method::Subscribe => {
                let response = ResponseBuilder::answer(request, StatusCode::OK);
                Handling::Answer(response.body("text/plain", long_body()).build())
            }
            _ => panic!("this clerk knows no {method}"),
        }
    }

    fn handle_ack(&self, ack: &Request, _flow: Flow) {
        self.calls.handle_ack(ack);
        self.acks.lock().unwrap().push(ack.cseq().unwrap().number);
    }

    fn handle_cancelled(&self, flow: Flow, transaction: ServerTransactionId) {
        self.calls.handle_cancelled(flow, transaction);
        self.cancelled.lock().unwrap().push(transaction);
    }

    fn handle_flow_closed(&self, flow: Flow) {
        self.closed.try_send(flow).unwrap();
    }
}

pub(crate) fn answer(request: &Request, status: u16) -> bytes::Bytes {
    ResponseBuilder::answer(request, StatusCode::new(status).unwrap())
        .to_tag("desk")
        .build()
}

/// Longer than a kernel takes at once from a sender whose peer does not read.
pub(crate) fn long_body() -> String {
    (0..8_000).map(|n| format!("{n:08}")).collect()
}

/// A request as a peer writes it.
pub(crate) fn request(method: &str, branch: &str) -> String {
    let body = "ring";
    format!(
        "{method} sip:alice@shop.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP peer.invalid;branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:alice@shop.example>;tag=one\r\n\
         To: <sip:alice@shop.example>\r\n\
         Call-ID: {branch}\r\n\
         CSeq: 1 {method}\r\n\
         Content-Type: text/plain\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The 200 a peer writes to a request of ours.
pub(crate) fn ok(request: &str) -> String {
    let lines = request.lines().filter(|line| {
        ["Via:", "From:", "To:", "Call-ID:", "CSeq:"]
            .iter()
            .any(|name| line.starts_with(name))
    });
    let copied: String = lines.map(|line| format!("{line}\r\n")).collect();
    format!("SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n")
}

/// The status line and the branch of each message in the text.
pub(crate) fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

pub(crate) struct UdpPeer {
    pub(crate) socket: UdpSocket,
}

impl UdpPeer {
    pub(crate) async fn towards(desk: SocketAddr) -> Self {
        let any = if desk.is_ipv4() {
            "127.0.0.1:0"
        } else {
            "[::1]:0"
        };
        let socket = UdpSocket::bind(any).await.unwrap();
        socket.connect(desk).await.unwrap();
        Self { socket }
    }

    pub(crate) async fn send(&self, text: &str) {
        self.socket.send(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn receive(&self) -> String {
        String::from_utf8(self.receive_bytes().await).unwrap()
    }

    pub(crate) async fn receive_bytes(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let length = timeout(LIMIT, self.socket.recv(&mut buffer)).await;
        buffer.truncate(length.unwrap().unwrap());
        buffer
    }

    /// Sends a request and gives the status line of its answer.
    pub(crate) async fn ask(&self, text: &str) -> String {
        self.send(text).await;
        first_line(&self.receive().await).to_owned()
    }
}

pub(crate) type TcpPeer = Peer<TcpStream>;

/// The other end of a stream.
pub(crate) struct Peer<S> {
    pub(crate) stream: S,
    buffer: String,
}

impl TcpPeer {
    pub(crate) async fn towards(desk: SocketAddr) -> Self {
        let stream = TcpStream::connect(desk).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream,
            buffer: String::new(),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next message; all of ours here either end with their header block or with `ring`.
    pub(crate) async fn receive(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.find("\r\n\r\n") {
                let has_body = self.buffer[..end].contains("Content-Length: 4");
                let end = end + 4 + if has_body { 4 } else { 0 };
                if end <= self.buffer.len() {
                    let rest = self.buffer.split_off(end);
                    return std::mem::replace(&mut self.buffer, rest);
                }
            }
            let text = self.receive_some().await;
            assert!(!text.is_empty(), "closed after {:?}", self.buffer);
            self.buffer.push_str(&text);
        }
    }

    /// Whatever comes next; nothing at the end.
    pub(crate) async fn receive_some(&mut self) -> String {
        let mut buffer = vec![0; 65_536];
        let length = timeout(LIMIT, self.stream.read(&mut buffer)).await;
        buffer.truncate(length.unwrap().unwrap_or(0));
        String::from_utf8(buffer).unwrap()
    }

    pub(crate) async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        first_line(&self.receive().await).to_owned()
    }
}

/// Waits until something is so.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, so).await.unwrap();
}
