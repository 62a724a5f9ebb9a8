//! How much one source, one connection and all of them together may ask for. Must not know how it is counted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sip::framing::MAX_DATAGRAM_LENGTH;

/// The limits in force, read anew wherever they are needed.
pub(crate) type LimitsInForce = Arc<ArcSwap<Limits>>;

/// A steady rate that may be run ahead of for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many a second in the long run; at least 1.
    pub per_second: u32,
    /// How many may come at once after a pause; at least 1.
    pub at_once: u32,
}

/// The limits of one transport. A source is one IPv4 address or one IPv6 /64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Addresses that speak for many, such as proxies, and are not counted as sources.
    pub uncounted_sources: Vec<IpAddr>,
    /// Messages from one source, over all sockets and connections. Datagrams beyond it are dropped, and a connection is
    /// closed: nothing is answered, so that nothing is amplified.
    pub messages_per_source: Rate,
    /// The same from one port of a source, so that one phone cannot use up what all behind its router share.
    pub messages_per_sender: Rate,
    /// New transactions of one source; those beyond it are answered 503.
    pub requests_per_source: Rate,
    /// New transactions of all sources together; those beyond it are answered 503, first those that begin something.
    pub requests_in_all: Rate,
    /// OPTIONS of a source that has proven nobody; those beyond it are not answered.
    pub options_per_stranger: Rate,
    /// Users that a source may name without proving one of them, in ten minutes; at most 64. Beyond it the source is
    /// taken for a scanner: one request a second is answered, and when it goes on nothing at all.
    pub users_per_stranger: u32,
    /// Wrong passwords of one source in a minute; beyond it the source is taken for a scanner too.
    pub wrong_passwords_per_source: u32,
    /// How long a scanner hears nothing.
    pub silence_time: Duration,
    /// What the User-Agent of a scanner begins with, in small letters.
    pub scanners: Vec<String>,
    /// Longest datagram taken in, in bytes; longer ones are answered 513.
    pub longest_datagram: usize,
    /// Connections at a time, of all kinds and both directions. Beyond it the oldest goes whose peer has proven nobody.
    pub connections: usize,
    /// Connections at a time from one source.
    pub connections_per_source: usize,
    /// Messages begun and not complete at a time from one source; beyond it the connection is closed.
    pub half_messages_per_source: usize,
    /// Bytes of such messages from one source.
    pub half_bytes_per_source: usize,
    /// Bytes of such messages from all sources.
    pub half_bytes: usize,
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
}

impl Default for Limits {
    fn default() -> Self {
        let rate = |per_second, at_once| Rate {
            per_second,
            at_once,
        };
        Self {
            uncounted_sources: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            messages_per_source: rate(1000, 4000),
            messages_per_sender: rate(100, 500),
            requests_per_source: rate(300, 2000),
            requests_in_all: rate(30_000, 60_000),
            options_per_stranger: rate(1, 5),
            users_per_stranger: 32,
            wrong_passwords_per_source: 30,
            silence_time: Duration::from_secs(5 * 60),
            scanners: SCANNERS.map(str::to_owned).into(),
            longest_datagram: MAX_DATAGRAM_LENGTH,
            connections: 10_000,
            connections_per_source: 64,
            half_messages_per_source: 16,
            half_bytes_per_source: 512 * 1024,
            half_bytes: 64 * 1024 * 1024,
            handshake_time: Duration::from_secs(5),
            first_request_time: Duration::from_secs(10),
            message_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(65 * 60),
            probe_time: Duration::from_secs(45),
            bytes_waiting: 256 * 1024,
            write_time: Duration::from_secs(20),
        }
    }
}

/// What scanners that do not hide call themselves.
const SCANNERS: [&str; 11] = [
    "friendly-request",
    "friendly-scanner",
    "iwar",
    "pplsip",
    "sip-scan",
    "siparmyknife",
    "sipcli",
    "sipscan",
    "sippts",
    "sipvicious",
    "sundayddr",
];
