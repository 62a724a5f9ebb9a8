//! Sockets for many messages a second: datagrams in batches, streams with their messages put together.
//! Must not know what the messages mean.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

use super::secured::{Secured, Upgraded};

/// The way to a server and back.
pub(crate) enum Wire {
    Udp(Datagrams),
    Tcp(Streams<TcpStream>),
    Tls(Streams<Secured>),
    Ws(Upgraded),
}

impl Wire {
    /// Puts one message into the batch; `lane` chooses the connection, where there are several.
    pub(crate) fn push(&mut self, lane: usize, message: &[u8]) {
        match self {
            Self::Udp(datagrams) => datagrams.push(message),
            Self::Tcp(streams) => streams.push(lane, message),
            Self::Tls(streams) => streams.push(lane, message),
            Self::Ws(sockets) => sockets.push(lane, message),
        }
    }

    /// Sends the batch.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Udp(datagrams) => datagrams.flush(),
            Self::Tcp(streams) => streams.flush(),
            Self::Tls(streams) => streams.flush(),
            Self::Ws(sockets) => sockets.flush(),
        }
    }

    /// Shows every message that is there.
    pub(crate) fn receive(&mut self, show: impl FnMut(&[u8])) -> anyhow::Result<()> {
        match self {
            Self::Udp(datagrams) => datagrams.receive(show),
            Self::Tcp(streams) => streams.receive(show),
            Self::Tls(streams) => streams.receive(show),
            Self::Ws(sockets) => sockets.receive(show),
        }
    }

    /// Waits until something comes, or for so long.
    pub(crate) fn wait(&mut self, time: Duration) -> anyhow::Result<()> {
        match self {
            Self::Udp(datagrams) => datagrams.wait(Some(time)),
            Self::Tcp(streams) => streams.wait(time),
            Self::Tls(streams) => streams.wait(time),
            Self::Ws(sockets) => sockets.wait(time),
        }
    }
}

const BATCH: usize = 64;
const LONGEST: usize = 4096;

/// One UDP socket.
pub(crate) struct Datagrams {
    socket: UdpSocket,
    /// Towards whom [`Self::push`] sends.
    server: Option<SocketAddr>,
    headers: MultiHeaders<SockaddrIn>,
    buffers: Vec<[u8; LONGEST]>,
    /// What came in the last batch: its length and its sender.
    received: Vec<(usize, SocketAddr)>,
    outgoing: Vec<u8>,
    ends: Vec<usize>,
}

impl Datagrams {
    pub(crate) fn new(socket: UdpSocket) -> anyhow::Result<Self> {
        socket.set_nonblocking(true)?;
        // The kernel gives what its own limit allows.
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4 << 20)?;
        rustix::net::sockopt::set_socket_send_buffer_size(&socket, 4 << 20)?;
        Ok(Self {
            socket,
            server: None,
            headers: MultiHeaders::preallocate(BATCH, None),
            buffers: vec![[0; LONGEST]; BATCH],
            received: Vec::new(),
            outgoing: Vec::new(),
            ends: Vec::new(),
        })
    }

    pub(crate) fn towards(server: SocketAddr) -> anyhow::Result<Self> {
        let mut datagrams = Self::new(UdpSocket::bind(("127.0.0.1", 0))?)?;
        datagrams.server = Some(server);
        Ok(datagrams)
    }

    pub(crate) fn local(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    fn push(&mut self, message: &[u8]) {
        self.outgoing.extend_from_slice(message);
        self.ends.push(self.outgoing.len());
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let server = self.server.context("there is no server")?;
        let mut messages = Vec::new();
        let mut start = 0;
        for end in &self.ends {
            messages.push((self.outgoing.get(start..*end).unwrap_or_default(), server));
            start = *end;
        }
        send(&self.socket, &messages)?;
        self.outgoing.clear();
        self.ends.clear();
        Ok(())
    }

    /// Reads a batch and shows each datagram.
    pub(crate) fn receive(&mut self, mut show: impl FnMut(&[u8])) -> anyhow::Result<()> {
        self.received.clear();
        let mut slices: Vec<_> = self
            .buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        let results = recvmmsg(
            self.socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        );
        match results {
            Ok(results) => {
                for result in results {
                    let source = result.address.context("a datagram from nowhere")?;
                    self.received
                        .push((result.bytes, std::net::SocketAddrV4::from(source).into()));
                }
            }
            Err(nix::Error::EAGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        for ((length, _), buffer) in self.received.iter().zip(&self.buffers) {
            show(buffer.get(..*length).unwrap_or_default());
        }
        Ok(())
    }

    /// Sends what was read last back to where it came from.
    pub(crate) fn send_back(&self) -> anyhow::Result<()> {
        let pairs = self.received.iter().zip(&self.buffers);
        let messages: Vec<_> = pairs
            .map(|((length, source), buffer)| (buffer.get(..*length).unwrap_or_default(), *source))
            .collect();
        send(&self.socket, &messages)
    }

    pub(crate) fn wait(&self, time: Option<Duration>) -> anyhow::Result<()> {
        wait(&[self.socket.as_fd()], time)
    }
}

fn send(socket: &UdpSocket, messages: &[(&[u8], SocketAddr)]) -> anyhow::Result<()> {
    for batch in messages.chunks(BATCH) {
        let addresses: Vec<_> = batch.iter().map(|(_, to)| to.as_any()).collect();
        let slices: Vec<_> = batch
            .iter()
            .map(|(bytes, _)| [IoSlice::new(bytes)])
            .collect();
        let mut controls: Vec<_> = batch
            .iter()
            .map(|_| SendAncillaryBuffer::default())
            .collect();
        let mut headers: Vec<_> = addresses
            .iter()
            .zip(&slices)
            .zip(&mut controls)
            .map(|((address, slice), control)| MMsgHdr::new_with_addr(address, slice, control))
            .collect();
        let mut sent = 0;
        while let Some(rest) = headers.get_mut(sent..).filter(|rest| !rest.is_empty()) {
            match sendmmsg(socket, rest, SendFlags::empty()) {
                Ok(count) => sent += count,
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => std::thread::yield_now(),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Connections to one server, none of which blocks.
pub(crate) struct Streams<S> {
    streams: Vec<Connection<S>>,
}

struct Connection<S> {
    stream: S,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Streams<TcpStream> {
    pub(crate) fn towards(server: SocketAddr, count: usize) -> anyhow::Result<Self> {
        Self::new(count, || {
            let stream = TcpStream::connect(server).context("failed to connect")?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        })
    }
}

impl<S: Read + Write + AsFd> Streams<S> {
    /// So many, at least one.
    pub(super) fn new(
        count: usize,
        connect: impl Fn() -> anyhow::Result<S>,
    ) -> anyhow::Result<Self> {
        let connection = || {
            Ok(Connection {
                stream: connect()?,
                incoming: Vec::new(),
                outgoing: Vec::new(),
            })
        };
        let streams: anyhow::Result<Vec<_>> = (0..count.max(1)).map(|_| connection()).collect();
        Ok(Self { streams: streams? })
    }

    fn push(&mut self, lane: usize, message: &[u8]) {
        let lane = lane % self.streams.len();
        if let Some(connection) = self.streams.get_mut(lane) {
            connection.outgoing.extend_from_slice(message);
        }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        for connection in &mut self.streams {
            while !connection.outgoing.is_empty() {
                match connection.stream.write(&connection.outgoing) {
                    Ok(count) => drop(connection.outgoing.drain(..count)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self, mut show: impl FnMut(&[u8])) -> anyhow::Result<()> {
        let mut buffer = [0; 65_536];
        for connection in &mut self.streams {
            // What TLS has deciphered already, the socket does not tell of.
            loop {
                match connection.stream.read(&mut buffer) {
                    Ok(0) => bail!("the server closed a connection"),
                    Ok(count) => connection
                        .incoming
                        .extend_from_slice(buffer.get(..count).unwrap_or_default()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
            let mut start = 0;
            while let Some(rest) = connection.incoming.get(start..)
                && let Some(length) = message_length(rest)
                && let Some(message) = rest.get(..length)
            {
                show(message);
                start += length;
            }
            connection.incoming.drain(..start);
        }
        Ok(())
    }

    fn wait(&self, time: Duration) -> anyhow::Result<()> {
        let sockets: Vec<_> = self.streams.iter().map(|it| it.stream.as_fd()).collect();
        wait(&sockets, Some(time))
    }
}

/// Of the first message, once its head is whole.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let text = bytes.get(..head)?;
    let at =
        memchr::memmem::find(text, b"Content-Length: ").map(|at| at + b"Content-Length: ".len());
    let digits = at.and_then(|at| text.get(at..)).unwrap_or_default();
    let digits: String = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .map(|byte| char::from(*byte))
        .collect();
    Some(head + digits.parse::<usize>().unwrap_or(0))
}

pub(super) fn wait(sockets: &[BorrowedFd<'_>], time: Option<Duration>) -> anyhow::Result<()> {
    let mut sockets: Vec<_> = sockets
        .iter()
        .map(|socket| PollFd::from_borrowed_fd(*socket, PollFlags::IN))
        .collect();
    let time = time.map(Timespec::try_from).transpose()?;
    match poll(&mut sockets, time.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
