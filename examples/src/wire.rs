//! SIP bytes over UDP and TCP, with as little understanding of them as framing needs.
//! Must not parse a message beyond its length.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};

/// How the bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One message a datagram; requests are sent again until they are answered.
    Udp,
    /// Messages one after another on a connection.
    Tcp,
}

impl Protocol {
    /// As a Via header writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// A way to one server, whose two directions may be used from two threads.
#[derive(Debug)]
pub struct Link {
    socket: Socket,
    local: SocketAddr,
    /// Bytes of TCP that are not a whole message yet.
    rest: Mutex<Vec<u8>>,
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Link {
    /// Opens a socket towards the server.
    ///
    /// # Errors
    /// Where the server does not listen.
    pub fn open(protocol: Protocol, server: SocketAddr) -> anyhow::Result<Self> {
        let (socket, local) = match protocol {
            Protocol::Udp => {
                let any = if server.ip().is_loopback() {
                    SocketAddr::new(server.ip(), 0)
                } else {
                    SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), 0)
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(server)?;
                let local = socket.local_addr()?;
                (Socket::Udp(socket), local)
            }
            Protocol::Tcp => {
                let stream = TcpStream::connect(server)
                    .with_context(|| format!("failed to connect to {server}"))?;
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?;
                (Socket::Tcp(stream), local)
            }
        };
        Ok(Self {
            socket,
            local,
            rest: Mutex::default(),
        })
    }

    /// Our end of it.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// How it travels.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self.socket {
            Socket::Udp(_) => Protocol::Udp,
            Socket::Tcp(_) => Protocol::Tcp,
        }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// Where the socket refuses it.
    pub fn send(&self, bytes: &[u8]) -> anyhow::Result<()> {
        match &self.socket {
            Socket::Udp(socket) => {
                socket.send(bytes)?;
            }
            Socket::Tcp(stream) => (&mut &*stream).write_all(bytes)?,
        }
        Ok(())
    }

    /// The next message, or nothing if none comes within `patience`.
    ///
    /// # Errors
    /// Where the connection was closed, or what came has no end in sight.
    pub fn receive(&self, patience: Duration) -> anyhow::Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; 65_536];
        match &self.socket {
            Socket::Udp(socket) => {
                socket.set_read_timeout(Some(patience))?;
                match socket.recv(&mut buffer) {
                    Ok(length) => {
                        buffer.truncate(length);
                        Ok(Some(buffer))
                    }
                    Err(error) if is_silence(&error) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            Socket::Tcp(stream) => {
                let mut rest = self
                    .rest
                    .lock()
                    .map_err(|_| anyhow::anyhow!("another reader panicked"))?;
                if let Some(message) = take_message(&mut rest)? {
                    return Ok(Some(message));
                }
                stream.set_read_timeout(Some(patience))?;
                match (&mut &*stream).read(&mut buffer) {
                    Ok(0) => bail!("the server closed the connection"),
                    Ok(length) => rest.extend(buffer.iter().take(length)),
                    Err(error) if is_silence(&error) => return Ok(None),
                    Err(error) => return Err(error.into()),
                }
                take_message(&mut rest)
            }
        }
    }
}

/// Connects from another address of this machine, both of IPv4; port 0 lets the system choose.
///
/// # Errors
/// Where the system has no more sockets, or the server does not listen.
pub fn connect_from(source: SocketAddr, server: SocketAddr) -> anyhow::Result<TcpStream> {
    let (SocketAddr::V4(source), SocketAddr::V4(server)) = (source, server) else {
        bail!("only IPv4 has many addresses on one machine");
    };
    let own = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::empty(),
        None,
    )?;
    bind(own.as_raw_fd(), &SockaddrIn::from(source))?;
    connect(own.as_raw_fd(), &SockaddrIn::from(server))?;
    Ok(TcpStream::from(own))
}

/// Sends raw bytes and returns the first message that comes back, if one comes within `patience`.
///
/// # Errors
/// Where the server cannot be reached. A connection that it closes without a word is no answer, not an error.
pub fn exchange(
    protocol: Protocol,
    server: SocketAddr,
    bytes: &[u8],
    patience: Duration,
) -> anyhow::Result<Option<String>> {
    let link = Link::open(protocol, server)?;
    link.send(bytes)?;
    let started = std::time::Instant::now();
    while started.elapsed() < patience {
        match link.receive(Duration::from_millis(50)) {
            Ok(Some(answer)) => return Ok(Some(String::from_utf8_lossy(&answer).into_owned())),
            Ok(None) => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

fn is_silence(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// Cuts the first whole message off the front of what came on a stream; keep-alive line ends before it are dropped.
///
/// # Errors
/// Where the message does not say how long it is.
pub fn take_message(bytes: &mut Vec<u8>) -> anyhow::Result<Option<Vec<u8>>> {
    while bytes.starts_with(b"\r\n") {
        bytes.drain(..2);
    }
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
    let length: usize = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| {
            let name = name.trim();
            name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l")
        })
        .context("a message on a stream without Content-Length")?
        .1
        .trim()
        .parse()?;
    let whole = end + 4 + length;
    if bytes.len() < whole {
        return Ok(None);
    }
    let rest = bytes.split_off(whole);
    Ok(Some(std::mem::replace(bytes, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_on_a_stream_are_told_apart() {
        let one = b"SIP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let two = b"SIP/2.0 404 Not Found\r\nl: 0\r\n\r\n";
        let mut bytes = [b"\r\n\r\n".as_slice(), one, two, b"SIP/2.0 2"].concat();
        assert_eq!(take_message(&mut bytes).unwrap().unwrap(), one);
        assert_eq!(take_message(&mut bytes).unwrap().unwrap(), two);
        assert_eq!(take_message(&mut bytes).unwrap(), None);
        assert_eq!(bytes, b"SIP/2.0 2");
    }

    #[test]
    fn a_body_that_has_not_come_yet_is_waited_for() {
        let mut bytes = b"SIP/2.0 200 OK\r\nContent-Length: 20\r\n\r\nhi".to_vec();
        assert_eq!(take_message(&mut bytes).unwrap(), None);
    }
}
