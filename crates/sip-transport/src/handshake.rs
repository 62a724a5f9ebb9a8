//! From an accepted TCP connection to what its listener speaks: nothing more, TLS, WebSocket, or both.
//! Must not know what is said once that is agreed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip::{Flow, Protocol};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use crate::admission::Place;
use crate::connection;
use crate::counters::Counters;
use crate::limits::Limits;
use crate::stream::ByteWire;
use crate::transport::Shared;
use crate::websocket;

/// A dead peer to which nothing is sent shows within two minutes.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;

/// A connection that is not yet what its listener speaks.
struct Newcomer {
    shared: Arc<Shared>,
    flow: Flow,
    place: Place,
    /// When it has to have brought a good request.
    first_request: Instant,
}

/// Serves a connection that a peer has opened, once the handshakes of its protocol are done.
pub(crate) fn begin(
    shared: &Arc<Shared>,
    protocol: Protocol,
    stream: TcpStream,
    remote: SocketAddr,
    place: Place,
) -> io::Result<()> {
    prepare(&stream, &shared.limits.load())?;
    let newcomer = Newcomer {
        shared: Arc::clone(shared),
        flow: connection::new_flow(protocol, stream.local_addr()?, remote),
        place,
        first_request: Instant::now() + shared.limits.load().first_request_time,
    };
    match protocol {
        // A listener of datagrams accepts nothing.
        Protocol::Udp | Protocol::Tcp => {
            let Newcomer {
                shared,
                flow,
                place,
                first_request,
            } = newcomer;
            let wire = ByteWire::new(stream);
            connection::start(&shared, wire, flow, place, Some(first_request))
        }
        Protocol::Tls | Protocol::Ws | Protocol::Wss => {
            shared.spawn(newcomer.shake_hands(stream));
            Ok(())
        }
    }
}

/// What every TCP connection is set to.
pub(crate) fn prepare(stream: &TcpStream, limits: &Limits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_TIME)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&keepalive)?;
    // RFC 5482: bytes that nobody acknowledges end the connection, instead of 15 minutes of retransmissions.
    socket.set_tcp_user_timeout(Some(limits.write_time))
}

impl Newcomer {
    async fn shake_hands(self, stream: TcpStream) {
        let (shared, flow) = (Arc::clone(&self.shared), self.flow);
        let taken_back = self.place.taken_back();
        let agreed = tokio::select! {
            () = shared.drain.cancelled() => return,
            () = taken_back.cancelled() => {
                Counters::count(&shared.counters.connections_evicted);
                return;
            }
            agreed = timeout(shared.limits.load().handshake_time, self.agree(stream)) => agreed,
        };
        let failure = match agreed {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        Counters::count(&shared.counters.handshakes_failed);
        debug!(%flow, error = %failure, "no handshake");
    }

    async fn agree(self, stream: TcpStream) -> io::Result<()> {
        let Self {
            shared,
            flow,
            place,
            first_request,
        } = self;
        let (due, origins) = (Some(first_request), &shared.config.websocket_origins);
        match flow.transport {
            Protocol::Udp | Protocol::Tcp => {
                connection::start(&shared, ByteWire::new(stream), flow, place, due)
            }
            Protocol::Tls => {
                let wire = ByteWire::new(accept_tls(&shared, stream).await?);
                connection::start(&shared, wire, flow, place, due)
            }
            Protocol::Ws => {
                let wire = websocket::accept(stream, origins).await;
                let wire = wire.map_err(io::Error::other)?;
                connection::start(&shared, wire, flow, place, due)
            }
            Protocol::Wss => {
                let stream = accept_tls(&shared, stream).await?;
                let wire = websocket::accept(stream, origins).await;
                let wire = wire.map_err(io::Error::other)?;
                connection::start(&shared, wire, flow, place, due)
            }
        }
    }
}

async fn accept_tls(shared: &Shared, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let Some(config) = shared.tls.load_full() else {
        return Err(io::Error::other("there is no certificate"));
    };
    TlsAcceptor::from(config).accept(stream).await
}
