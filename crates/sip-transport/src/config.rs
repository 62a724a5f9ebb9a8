//! What a transport listens on and the limits it keeps. Must not know files or command lines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sip::framing::MAX_DATAGRAM_LENGTH;
use sip::{Protocol, transaction};

use crate::budget::Rate;
use crate::dns::DnsConfig;
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
    /// Requests to send and answers outstanding per UDP socket. Beyond it a request of ours fails with
    /// `Overloaded` and a request that wants a deferred answer gets 503.
    pub queue_per_socket: usize,
    /// The same per connection.
    pub queue_per_connection: usize,
    /// Messages from one address (IPv6: one /64), over all sockets and connections. Datagrams beyond it are dropped, and
    /// a connection is closed: nothing is answered, so that nothing is amplified.
    pub messages_per_source: Rate,
    /// Addresses that speak for many and are not counted: this machine's, and proxies.
    pub uncounted_sources: Vec<IpAddr>,
    /// Longest datagram taken in, in bytes; longer ones are answered 513.
    pub longest_datagram: usize,
    /// Datagrams kept while the kernel's send buffer is full; beyond it the newest is dropped.
    pub datagrams_waiting: usize,
    /// Kernel buffer asked for each UDP socket and direction, in bytes.
    pub socket_buffer: usize,
    /// Connections at a time, of all kinds and both directions.
    pub connections: usize,
    /// Connections at a time from one address.
    pub connections_per_source: usize,
    /// TLS and WebSocket have to be agreed on by then, else the connection is closed.
    pub handshake_time: Duration,
    /// A connection that has not brought a good request by then is closed.
    pub first_request_time: Duration,
    /// A message begun must be complete by then, else its connection is closed.
    pub message_time: Duration,
    /// A connection silent for so long is closed; longer than any registration lasts.
    pub idle_time: Duration,
    /// A WebSocket silent for so long is asked for a sign of life, and closed when none comes in as long again.
    pub probe_time: Duration,
    /// Bytes waiting to be written on one connection; a reader slower than that is dropped.
    pub bytes_waiting: usize,
    /// A reader that takes nothing for so long while something waits for it is dropped.
    pub write_time: Duration,
    /// How long opening a connection may take.
    pub connect_time: Duration,
    /// After the stop signal: how long open transactions may still take.
    pub drain_time: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            tls: None,
            tls_trust: None,
            dns: DnsConfig::default(),
            websocket_origins: Vec::new(),
            transactions: transaction::Config::default(),
            queue_per_socket: 8192,
            queue_per_connection: 256,
            messages_per_source: Rate {
                per_second: 1000,
                at_once: 4000,
            },
            uncounted_sources: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            longest_datagram: MAX_DATAGRAM_LENGTH,
            datagrams_waiting: 4096,
            socket_buffer: 4 * 1024 * 1024,
            connections: 10_000,
            connections_per_source: 64,
            handshake_time: Duration::from_secs(5),
            first_request_time: Duration::from_secs(10),
            message_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(65 * 60),
            probe_time: Duration::from_secs(45),
            bytes_waiting: 256 * 1024,
            write_time: Duration::from_secs(20),
            connect_time: Duration::from_secs(5),
            drain_time: Duration::from_secs(5),
        }
    }
}
