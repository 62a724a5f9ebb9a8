//! Reads datagrams in batches, by recvmmsg with headers and buffers allocated once. Must not know what they say.

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};

use bytes::Bytes;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, recvmmsg};

use crate::datagrams::DatagramSocket;

/// One datagram, copied into memory of its own size.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) source: SocketAddr,
    pub(crate) bytes: Bytes,
    pub(crate) extent: Extent,
}

/// Whether all of a datagram was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// It was longer than allowed.
    Cut,
}

/// The buffers of one socket.
#[derive(Debug)]
pub(crate) struct Receiver {
    buffers: [Box<[u8]>; BATCH],
    datagrams: Vec<Datagram>,
}

/// Datagrams read by one system call.
const BATCH: usize = 32;

// The headers hold pointers, so they cannot move between threads with a socket's task; the socket addresses
// of the two families differ in length, and recvmmsg leaves the last length in the header.
thread_local! {
    static HEADERS_V4: RefCell<MultiHeaders<SockaddrIn>> =
        RefCell::new(MultiHeaders::preallocate(BATCH, None));
    static HEADERS_V6: RefCell<MultiHeaders<SockaddrIn6>> =
        RefCell::new(MultiHeaders::preallocate(BATCH, None));
}

impl Receiver {
    /// A receiver for datagrams of at most so many bytes.
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            buffers: std::array::from_fn(|_| vec![0; longest].into_boxed_slice()),
            datagrams: Vec::with_capacity(BATCH),
        }
    }

    /// Reads what is there, up to one batch.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there, or what the socket says.
    pub(crate) fn receive(
        &mut self,
        socket: &DatagramSocket,
        local: SocketAddr,
    ) -> io::Result<impl Iterator<Item = Datagram>> {
        let Self { buffers, datagrams } = self;
        datagrams.clear();
        let read = socket.try_read(|socket| {
            let descriptor = socket.as_raw_fd();
            let taken = match local {
                SocketAddr::V4(_) => HEADERS_V4.with_borrow_mut(|headers| {
                    read_batch(descriptor, headers, buffers, datagrams, |source| {
                        SocketAddrV4::from(source).into()
                    })
                }),
                SocketAddr::V6(_) => HEADERS_V6.with_borrow_mut(|headers| {
                    read_batch(descriptor, headers, buffers, datagrams, |source| {
                        SocketAddrV6::from(source).into()
                    })
                }),
            }?;
            // Fewer than there was room for are all there were, and what comes after them wakes the task again: it
            // need not ask the socket once more to hear that it is empty.
            if taken < BATCH {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !datagrams.is_empty() => {}
            Ok(()) => {}
            Err(error) => return Err(error),
        }
        Ok(datagrams.drain(..))
    }
}

/// How many were taken off the socket.
fn read_batch<S: SockaddrLike + Copy>(
    descriptor: RawFd,
    headers: &mut MultiHeaders<S>,
    buffers: &mut [Box<[u8]>; BATCH],
    datagrams: &mut Vec<Datagram>,
    into_address: impl Fn(S) -> SocketAddr,
) -> io::Result<usize> {
    let mut received = [const { None }; BATCH];
    let mut taken = 0;
    {
        let mut slices = buffers
            .each_mut()
            .map(|buffer| [IoSliceMut::new(buffer.as_mut())]);
        // The timeout of recvmmsg does not work as told (recvmmsg(2), BUGS).
        let results = recvmmsg(
            descriptor,
            headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        for (slot, result) in received.iter_mut().zip(results) {
            *slot = Some((result.address, result.bytes, result.flags));
            taken += 1;
        }
    }
    for (slot, buffer) in received.into_iter().zip(buffers.iter()) {
        let Some((Some(source), length, flags)) = slot else {
            continue;
        };
        let Some(bytes) = buffer.get(..length) else {
            continue;
        };
        datagrams.push(Datagram {
            source: into_address(source),
            // A message keeps all of its buffer alive, so each gets its own.
            bytes: Bytes::copy_from_slice(bytes),
            extent: if flags.contains(MsgFlags::MSG_TRUNC) {
                Extent::Cut
            } else {
                Extent::Whole
            },
        });
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as Peer;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{Extent, Receiver};
    use crate::datagrams::DatagramSocket;

    fn bind(address: &str) -> DatagramSocket {
        let socket = Peer::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        DatagramSocket::new(socket).unwrap()
    }

    async fn check(address: &str) {
        let socket = bind(address);
        let local = socket.plain().local_addr().unwrap();
        let mut receiver = Receiver::new(10);
        let error = receiver.receive(&socket, local).err();
        assert_eq!(
            error.map(|it| it.kind()),
            Some(std::io::ErrorKind::WouldBlock)
        );
        let peer = Peer::bind(address).unwrap();
        for text in ["first", "", "third, too long"] {
            peer.send_to(text.as_bytes(), local).unwrap();
        }
        let mut read = Vec::new();
        while read.len() < 3 {
            socket.readable().await.unwrap();
            if let Ok(batch) = receiver.receive(&socket, local) {
                read.extend(batch);
            }
        }
        let source = peer.local_addr().unwrap();
        assert!(read.iter().all(|datagram| datagram.source == source));
        let texts: Vec<_> = read.iter().map(|it| (&it.bytes[..], it.extent)).collect();
        assert_eq!(
            texts,
            [
                (&b"first"[..], Extent::Whole),
                (b"", Extent::Whole),
                (b"third, too", Extent::Cut),
            ]
        );
    }

    /// More than a batch at once, and more while they are read: none of them waits for the next to come.
    #[tokio::test]
    async fn what_comes_after_a_batch_is_read_without_anything_more() {
        let socket = bind("127.0.0.1:0");
        let local = socket.plain().local_addr().unwrap();
        let peer = Peer::bind("127.0.0.1:0").unwrap();
        let mut receiver = Receiver::new(10);
        for round in [1, 31, 32, 33, 64, 65] {
            let mut read = 0;
            for sent in [round, 1] {
                for _ in 0..sent {
                    peer.send_to(b"datagram", local).unwrap();
                }
                socket.readable().await.unwrap();
                read += receiver.receive(&socket, local).map_or(0, Iterator::count);
            }
            while read < round + 1 {
                let readable = timeout(Duration::from_secs(30), socket.readable()).await;
                readable.expect("what is left is never read").unwrap();
                read += receiver.receive(&socket, local).map_or(0, Iterator::count);
            }
            assert_eq!(read, round + 1);
        }
    }

    #[tokio::test]
    async fn a_batch_holds_each_datagram_with_its_source() {
        check("127.0.0.1:0").await;
        check("[::1]:0").await;
    }
}
