//! What a transport listens on and how much it holds. Must not know files or command lines.

use std::net::SocketAddr;
use std::num::NonZero;
use std::time::Duration;

use sip::{Protocol, transaction};

use crate::dns::DnsConfig;
use crate::limits::Limits;
use crate::tls::TlsIdentity;
use crate::trust::TlsTrust;

/// One address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// UDP, TCP, TLS, WebSocket or WebSocket inside TLS.
    pub protocol: Protocol,
    /// Port 0 lets the system choose.
    pub address: SocketAddr,
}

/// Everything a transport needs to know before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Vec<Listen>,
    /// Sockets of each UDP address, among which the kernel shares the peers out. One is read by a task of the runtime;
    /// of several each has a thread of its own.
    pub udp_sockets: NonZero<u8>,
    /// What TLS listeners show; they cannot be had without.
    pub tls: Option<TlsIdentity>,
    /// Who vouches for the servers we connect to over TLS; without it we connect to none.
    pub tls_trust: Option<TlsTrust>,
    /// Whom to ask for the servers of a domain, and how long.
    pub dns: DnsConfig,
    /// Pages of these origins may open WebSockets, beside those of the host they connect to.
    pub websocket_origins: Vec<String>,
    /// Times and limits of each socket's and connection's transactions.
    pub transactions: transaction::Config,
    /// How much peers may ask for.
    pub limits: Limits,
    /// Requests to send and answers outstanding per UDP socket. Beyond it a request of ours fails with
    /// `Overloaded`, those of a volley wait, and a request that wants a deferred answer gets 503.
    pub queue_per_socket: usize,
    /// The same per connection.
    pub queue_per_connection: usize,
    /// Datagrams kept while the kernel's send buffer is full; beyond it the newest is dropped.
    pub datagrams_waiting: usize,
    /// Kernel buffer asked for each UDP socket and direction, in bytes.
    pub socket_buffer: usize,
    /// How long opening a connection may take.
    pub connect_time: Duration,
    /// After the stop signal: how long open transactions may still take.
    pub drain_time: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            udp_sockets: NonZero::<u8>::MIN,
            tls: None,
            tls_trust: None,
            dns: DnsConfig::default(),
            websocket_origins: Vec::new(),
            transactions: transaction::Config::default(),
            limits: Limits::default(),
            queue_per_socket: 8192,
            queue_per_connection: 256,
            datagrams_waiting: 4096,
            socket_buffer: 4 * 1024 * 1024,
            connect_time: Duration::from_secs(5),
            drain_time: Duration::from_secs(5),
        }
    }
}
