//! Sends datagrams in batches, by sendmmsg. Must not know what they say.
//! nix has sendmmsg too, but reads its results through addresses the kernel never wrote; rustix does not.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};

use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use tracing::debug;

use crate::driver::Outgoing;

/// What became of the datagrams taken off the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dispatched {
    pub(crate) sent: u64,
    /// Will never go: the next one may.
    pub(crate) failed: u64,
}

/// Datagrams written by one system call.
const BATCH: usize = 32;

/// Sends from the front of the queue until it is empty or the kernel takes no more.
pub(crate) fn send(
    socket: &UdpSocket,
    local: SocketAddr,
    waiting: &mut VecDeque<Outgoing>,
) -> Dispatched {
    let mut done = Dispatched::default();
    while let Some(first) = waiting.front() {
        let written = if waiting.len() == 1 {
            socket.send_to(&first.bytes, first.remote).map(|_| 1)
        } else {
            write_batch(socket, waiting)
        };
        match written {
            Ok(0) => break,
            Ok(count) => {
                waiting.drain(..count.min(waiting.len()));
                done.sent += u64::try_from(count).unwrap_or(u64::MAX);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                // sendmmsg(2): an error is that of the first datagram.
                let (remote, length) = (first.remote, first.bytes.len());
                debug!(%error, %local, %remote, length, "datagram not sent");
                waiting.pop_front();
                done.failed += 1;
            }
        }
    }
    done
}

/// Writes the first datagrams of the queue and says how many of them went.
fn write_batch(socket: &UdpSocket, waiting: &VecDeque<Outgoing>) -> io::Result<usize> {
    let batch = || waiting.iter().take(BATCH);
    let addresses: Vec<_> = batch().map(|it| it.remote.as_any()).collect();
    let slices: Vec<_> = batch().map(|it| [IoSlice::new(&it.bytes)]).collect();
    let mut controls: Vec<_> = batch().map(|_| SendAncillaryBuffer::default()).collect();
    let mut headers: Vec<_> = addresses
        .iter()
        .zip(&slices)
        .zip(&mut controls)
        .map(|((address, slice), control)| MMsgHdr::new_with_addr(address, slice, control))
        .collect();
    Ok(sendmmsg(socket, &mut headers, SendFlags::DONTWAIT)?)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::net::{SocketAddr, UdpSocket as Peer};
    use std::time::Duration;

    use bytes::Bytes;

    use super::{Dispatched, send};
    use crate::datagrams::DatagramSocket;
    use crate::driver::Outgoing;

    fn datagram(remote: SocketAddr, text: String) -> Outgoing {
        Outgoing {
            remote,
            bytes: Bytes::from(text),
        }
    }

    async fn check(address: &str) {
        let plain = Peer::bind(address).unwrap();
        plain.set_nonblocking(true).unwrap();
        let socket = DatagramSocket::new(plain).unwrap();
        let local = socket.local_addr().unwrap();
        let peers = [Peer::bind(address).unwrap(), Peer::bind(address).unwrap()];
        let mut waiting: VecDeque<_> = (0..70)
            .map(|n| datagram(peers[n % 2].local_addr().unwrap(), format!("datagram {n}")))
            .collect();
        // Longer than UDP can carry: it fails in the middle of a batch, and alone at the end.
        let remote = peers[0].local_addr().unwrap();
        waiting.insert(40, datagram(remote, "x".repeat(70_000)));
        waiting.push_back(datagram(remote, "x".repeat(70_000)));
        let mut sum = Dispatched::default();
        while !waiting.is_empty() {
            socket.writable().await.unwrap();
            let done = send(socket.plain(), local, &mut waiting);
            sum.sent += done.sent;
            sum.failed += done.failed;
        }
        assert_eq!(
            sum,
            Dispatched {
                sent: 70,
                failed: 2
            }
        );
        for n in 0..70 {
            let peer = &peers[n % 2];
            peer.set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            let mut buffer = [0; 100];
            let (length, source) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], format!("datagram {n}").as_bytes());
            assert_eq!(source, local);
        }
    }

    #[tokio::test]
    async fn each_datagram_of_a_batch_goes_to_its_own_peer_and_one_that_fails_stops_no_other() {
        check("127.0.0.1:0").await;
        check("[::1]:0").await;
    }
}
