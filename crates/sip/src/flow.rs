//! Names one path that messages travel: a datagram socket pair or a stream connection.
//! Must not know how the path is opened, read or written.

use std::fmt;
use std::net::SocketAddr;

/// A path between us and one peer; answers go back over the flow their request came by (RFC 5626 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The transport protocol spoken on it.
    pub transport: Protocol,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address as the packets show it.
    pub remote: SocketAddr,
    /// Unique per connection for streams, per socket for datagrams.
    pub id: u64,
}

/// A SIP transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// A byte stream.
    Tcp,
    /// A byte stream inside TLS.
    Tls,
    /// One message in one WebSocket message (RFC 7118).
    Ws,
    /// WebSocket inside TLS.
    Wss,
}

impl Protocol {
    /// The word used in a Via, such as `UDP`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// Whether the transport itself repeats what is lost, so that we must not (RFC 3261 §17.1.2.2).
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls | Self::Ws | Self::Wss => true,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} <- {} #{}",
            self.transport, self.local, self.remote, self.id
        )
    }
}
