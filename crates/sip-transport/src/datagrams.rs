//! A UDP socket that wakes its task for what it can read alone. Must not know what datagrams say.

use std::io;
use std::net::UdpSocket;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A bound socket. The runtime's own one is told of every datagram that has left the kernel, which takes a second wake-up
/// for each answer.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    socket: AsyncFd<UdpSocket>,
}

impl DatagramSocket {
    /// Takes a socket that does not block.
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        let socket = register(socket, Interest::READABLE)?;
        Ok(Self { socket })
    }

    /// The socket itself, for writing: what it will not take at once is `WouldBlock`.
    pub(crate) fn plain(&self) -> &UdpSocket {
        self.socket.get_ref()
    }

    /// Returns when there may be something to read.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await.map(drop)
    }

    /// Reads; `WouldBlock` says that nothing is left, and [`readable`](Self::readable) waits from then on.
    pub(crate) fn try_read<R>(
        &self,
        read: impl FnOnce(&UdpSocket) -> io::Result<R>,
    ) -> io::Result<R> {
        self.socket.try_io(Interest::READABLE, read)
    }

    /// Returns when the kernel takes datagrams again; the runtime looks for that only meanwhile.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        let same = register(self.plain().try_clone()?, Interest::WRITABLE)?;
        same.writable().await.map(drop)
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for types that might change their descriptor, which a UdpSocket does not"
)]
fn register(socket: UdpSocket, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
    AsyncFd::with_interest(socket, interest)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::UdpSocket;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::DatagramSocket;

    #[tokio::test]
    async fn it_waits_for_what_it_can_read_and_write() {
        let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
        plain.set_nonblocking(true).unwrap();
        let socket = DatagramSocket::new(plain).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let read = |from: &UdpSocket| {
            let mut buffer = [0; 10];
            from.recv(&mut buffer)
        };
        for _ in 0..3 {
            // A task may write whenever it likes, and writing says nothing of reading.
            timeout(Duration::from_secs(10), socket.writable())
                .await
                .expect("it never writes")
                .unwrap();
            let sent = socket.plain().send_to(b"out", peer.local_addr().unwrap());
            assert_eq!(sent.unwrap(), 3);
            assert_eq!(
                socket.try_read(read).unwrap_err().kind(),
                io::ErrorKind::WouldBlock
            );
            assert!(
                timeout(Duration::from_millis(1), socket.readable())
                    .await
                    .is_err()
            );
            peer.send_to(b"in", socket.plain().local_addr().unwrap())
                .unwrap();
            timeout(Duration::from_secs(10), socket.readable())
                .await
                .expect("it never reads")
                .unwrap();
            assert_eq!(socket.try_read(read).unwrap(), 2);
        }
    }
}
