//! Sends datagrams in batches: those of one length to one peer as one piece that the kernel cuts (UDP_SEGMENT), the
//! others by sendmmsg. Must not know what they say, beyond which of them are last words and may overtake each other.
//! nix has sendmmsg too, but reads its results through addresses the kernel never wrote; rustix does not.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
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

/// Whether the kernel cuts what is sent over a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Segmentation {
    #[default]
    ByKernel,
    /// It would not, and is not asked again.
    Refused,
}

/// How the front of the queue is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Alone,
    /// So many datagrams by one system call.
    Batch(usize),
    /// So many datagrams in one piece.
    Run(usize),
}

/// Datagrams written by one system call.
const BATCH: usize = 32;
/// The most datagrams that every kernel cuts one piece into.
const LONGEST_RUN: usize = 64;
/// Shorter ones gain nothing over a batch.
const SHORTEST_RUN: usize = 3;
/// The most bytes of a piece: what UDP over IPv4 can carry.
const LONGEST_PIECE: usize = 65_507;
/// The longest datagram of a run, in bytes. One that is longer than its way takes is fragmented when it goes alone, and
/// refused in a run: this long every way takes them (RFC 8200 §5), their headers included.
const LONGEST_SEGMENT: usize = 1_200;

/// Brings datagrams together that can go as one piece, where nobody can tell: final responses are each the last word on
/// a request of its own. All else stays where it is, and nothing overtakes it.
pub(crate) fn arrange(outgoing: &mut [Outgoing], segmentation: Segmentation) {
    match segmentation {
        Segmentation::ByKernel => {}
        Segmentation::Refused => return,
    }
    for stretch in outgoing.chunk_by_mut(|one, two| is_final(one) && is_final(two)) {
        if stretch.len() >= SHORTEST_RUN {
            stretch.sort_by_key(|it| (it.remote, it.bytes.len()));
        }
    }
}

fn is_final(outgoing: &Outgoing) -> bool {
    let rest = outgoing.bytes.strip_prefix(b"SIP/2.0 ");
    matches!(rest, Some([b'2'..=b'6', ..]))
}

/// Sends from the front of the queue until it is empty or the kernel takes no more.
pub(crate) fn send(
    socket: &UdpSocket,
    local: SocketAddr,
    waiting: &mut VecDeque<Outgoing>,
    segmentation: &mut Segmentation,
) -> Dispatched {
    dispatch(waiting, local, segmentation, |way, waiting| match way {
        Way::Alone => match waiting.front() {
            Some(first) => socket.send_to(&first.bytes, first.remote).map(|_| 1),
            None => Ok(0),
        },
        Way::Batch(count) => write_batch(socket, waiting, count),
        Way::Run(count) => write_run(socket, waiting, count),
    })
}

/// `write` writes the front of the queue in the way it is told and says how many datagrams went.
fn dispatch(
    waiting: &mut VecDeque<Outgoing>,
    local: SocketAddr,
    segmentation: &mut Segmentation,
    mut write: impl FnMut(Way, &VecDeque<Outgoing>) -> io::Result<usize>,
) -> Dispatched {
    let mut done = Dispatched::default();
    while let Some(first) = waiting.front() {
        let way = way_of_front(waiting, *segmentation);
        let mut written = write(way, waiting);
        if let (Way::Run(_), Err(error)) = (way, &written) {
            if is_refusal(error) {
                debug!(%error, %local, "datagrams are sent without segmentation");
                *segmentation = Segmentation::Refused;
                continue;
            }
            if !is_passing(error) {
                // The error may be that of any of them: each is heard by itself.
                written = write(Way::Alone, waiting);
            }
        }
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

/// What the kernel, or the device a datagram leaves by, says where it does not cut.
fn is_refusal(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(
        number,
        Some(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::EOPNOTSUPP | Errno::ENOPROTOOPT)
    )
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn way_of_front(waiting: &VecDeque<Outgoing>, segmentation: Segmentation) -> Way {
    let limit = waiting.len().min(BATCH);
    let count = match segmentation {
        Segmentation::ByKernel => {
            let run = run_at(waiting, 0);
            if run >= SHORTEST_RUN {
                return Way::Run(run);
            }
            let next_run = (1..limit).find(|at| run_at(waiting, *at) >= SHORTEST_RUN);
            next_run.unwrap_or(limit)
        }
        Segmentation::Refused => limit,
    };
    if count > 1 {
        Way::Batch(count)
    } else {
        Way::Alone
    }
}

/// How many datagrams from `at` on can go as one piece: to one peer, all of one length, the last one perhaps shorter.
fn run_at(waiting: &VecDeque<Outgoing>, at: usize) -> usize {
    let mut rest = waiting.range(at..);
    let Some(first) = rest.next() else {
        return 0;
    };
    let length = first.bytes.len();
    if length == 0 || length > LONGEST_SEGMENT {
        return 1;
    }
    let longest = LONGEST_RUN.min(LONGEST_PIECE / length);
    let mut run = 1;
    for next in rest {
        // An empty datagram would be none at all.
        if run == longest
            || next.remote != first.remote
            || next.bytes.is_empty()
            || next.bytes.len() > length
        {
            break;
        }
        run += 1;
        if next.bytes.len() < length {
            break;
        }
    }
    run
}

/// Writes the first datagrams of the queue in one piece.
fn write_run(socket: &UdpSocket, waiting: &VecDeque<Outgoing>, count: usize) -> io::Result<usize> {
    let Some(first) = waiting.front() else {
        return Ok(0);
    };
    let slices: Vec<_> = waiting
        .iter()
        .take(count)
        .map(|it| IoSlice::new(&it.bytes))
        .collect();
    // At most LONGEST_SEGMENT.
    let length = u16::try_from(first.bytes.len()).map_err(io::Error::other)?;
    let address = SockaddrStorage::from(first.remote);
    let control = [ControlMessage::UdpGsoSegments(&length)];
    sendmsg(
        socket.as_raw_fd(),
        &slices,
        &control,
        MsgFlags::MSG_DONTWAIT,
        Some(&address),
    )?;
    Ok(count)
}

/// Writes the first datagrams of the queue and says how many of them went.
fn write_batch(
    socket: &UdpSocket,
    waiting: &VecDeque<Outgoing>,
    count: usize,
) -> io::Result<usize> {
    let batch = || waiting.iter().take(count);
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

    use super::{Dispatched, LONGEST_SEGMENT, Segmentation, Way, arrange, dispatch, send};
    use crate::datagrams::DatagramSocket;
    use crate::driver::Outgoing;

    fn bind(address: &str) -> DatagramSocket {
        let socket = Peer::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        DatagramSocket::new(socket).unwrap()
    }

    fn datagram(remote: SocketAddr, text: String) -> Outgoing {
        Outgoing {
            remote,
            bytes: Bytes::from(text),
        }
    }

    async fn check(address: &str, mut segmentation: Segmentation) {
        let socket = bind(address);
        let local = socket.plain().local_addr().unwrap();
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
            let done = send(socket.plain(), local, &mut waiting, &mut segmentation);
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
        for address in ["127.0.0.1:0", "[::1]:0"] {
            check(address, Segmentation::ByKernel).await;
            check(address, Segmentation::Refused).await;
        }
    }

    /// Runs of every kind, as they are cut by this kernel.
    async fn check_runs(address: &str) {
        let socket = bind(address);
        let local = socket.plain().local_addr().unwrap();
        let peer = Peer::bind(address).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let remote = peer.local_addr().unwrap();
        for lengths in [
            [400; 100].to_vec(),
            vec![400, 400, 400, 7, 400, 400, 400, 401, 401, 401, 401, 9, 9],
            vec![5, 5, 5, 0, 5, 5, 5, 0, 0, 0],
            [LONGEST_SEGMENT; 70].to_vec(),
            [LONGEST_SEGMENT + 1; 5].to_vec(),
            [3000; 5].to_vec(),
        ] {
            let texts: Vec<_> = lengths
                .iter()
                .enumerate()
                .map(|(n, length)| format!("{n:03}").repeat(length / 3 + 1)[..*length].to_owned())
                .collect();
            let mut segmentation = Segmentation::ByKernel;
            // As few at a time as a small buffer of the peer holds.
            for some in texts.chunks(35) {
                let mut waiting: VecDeque<_> = some
                    .iter()
                    .map(|text| datagram(remote, text.clone()))
                    .collect();
                while !waiting.is_empty() {
                    socket.writable().await.unwrap();
                    let done = send(socket.plain(), local, &mut waiting, &mut segmentation);
                    assert_eq!(done.failed, 0);
                }
                for text in some {
                    let mut buffer = [0; 4000];
                    let (length, source) = peer.recv_from(&mut buffer).unwrap();
                    assert_eq!(&buffer[..length], text.as_bytes());
                    assert_eq!(source, local);
                }
            }
        }
    }

    #[tokio::test]
    async fn what_goes_in_one_piece_arrives_as_so_many_datagrams() {
        check_runs("127.0.0.1:0").await;
        check_runs("[::1]:0").await;
    }

    fn to(port: u16, length: usize) -> Outgoing {
        datagram(SocketAddr::from(([192, 0, 2, 1], port)), "x".repeat(length))
    }

    /// The ways in which a kernel is asked that takes everything but what `refuse` says.
    fn ways(
        datagrams: Vec<Outgoing>,
        refuse: impl Fn(Way) -> Option<i32>,
    ) -> (Vec<Way>, Dispatched, Segmentation) {
        let (mut waiting, mut segmentation) = (VecDeque::from(datagrams), Segmentation::ByKernel);
        let mut asked = Vec::new();
        let local = SocketAddr::from(([127, 0, 0, 1], 5060));
        let done = dispatch(&mut waiting, local, &mut segmentation, |way, _| {
            asked.push(way);
            match (refuse(way), way) {
                (Some(error), _) => Err(std::io::Error::from_raw_os_error(error)),
                (None, Way::Alone) => Ok(1),
                (None, Way::Batch(count) | Way::Run(count)) => Ok(count),
            }
        });
        (asked, done, segmentation)
    }

    #[test]
    fn runs_are_of_one_peer_and_one_length_and_not_too_long() {
        let check = |datagrams: &[(u16, usize)], expected: &[Way]| {
            let datagrams = datagrams.iter().map(|(port, length)| to(*port, *length));
            assert_eq!(ways(datagrams.collect(), |_| None).0, expected);
        };
        check(&[(1, 400)], &[Way::Alone]);
        check(&[(1, 400); 2], &[Way::Batch(2)]);
        check(&[(1, 400); 3], &[Way::Run(3)]);
        check(&[(1, 400); 70], &[Way::Run(64), Way::Run(6)]);
        check(&[(1, 1200); 60], &[Way::Run(54), Way::Run(6)]);
        check(&[(1, 1201); 4], &[Way::Batch(4)]);
        check(&[(1, 0); 4], &[Way::Batch(4)]);
        check(
            &[
                (1, 9),
                (2, 9),
                (1, 9),
                (3, 9),
                (3, 9),
                (3, 9),
                (3, 8),
                (4, 1),
            ],
            &[Way::Batch(3), Way::Run(4), Way::Alone],
        );
    }

    #[test]
    fn a_kernel_that_does_not_cut_is_asked_once() {
        let is_run = |way| matches!(way, Way::Run(_)).then_some(5);
        let (asked, done, segmentation) = ways((0..40).map(|_| to(1, 400)).collect(), is_run);
        assert_eq!(asked, [Way::Run(40), Way::Batch(32), Way::Batch(8)]);
        assert_eq!((done.sent, done.failed), (40, 0));
        assert_eq!(segmentation, Segmentation::Refused);
    }

    /// ENETUNREACH is said of the peer, not of the way of writing.
    #[test]
    fn an_error_of_a_run_is_heard_of_each_of_its_datagrams() {
        let (asked, done, segmentation) =
            ways(vec![to(1, 400), to(1, 400), to(1, 400)], |_| Some(101));
        assert_eq!(asked, [Way::Run(3), Way::Alone, Way::Batch(2), Way::Alone]);
        assert_eq!((done.sent, done.failed), (0, 3));
        assert_eq!(segmentation, Segmentation::ByKernel);
    }

    #[test]
    fn final_responses_are_brought_together_and_overtake_nothing_else() {
        let at =
            |port, text: &str| datagram(SocketAddr::from(([192, 0, 2, 1], port)), text.to_owned());
        let mut outgoing = vec![
            at(2, "SIP/2.0 200 a"),
            at(1, "SIP/2.0 404 b"),
            at(2, "SIP/2.0 200 c"),
            at(1, "SIP/2.0 200 long"),
            at(1, "SIP/2.0 404 d"),
            at(1, "SIP/2.0 100 e"),
            at(2, "SIP/2.0 200 f"),
            at(1, "NOTIFY g"),
            at(1, "SIP/2.0 200 h"),
        ];
        let order = |outgoing: &[Outgoing]| -> Vec<_> {
            outgoing
                .iter()
                .map(|it| {
                    let word = it.bytes.rsplit(|byte| *byte == b' ').next();
                    (it.remote.port(), word.unwrap().to_vec())
                })
                .collect()
        };
        // Where nothing goes as one piece, nothing is gained by another order.
        let before = order(&outgoing);
        arrange(&mut outgoing, Segmentation::Refused);
        assert_eq!(order(&outgoing), before);
        arrange(&mut outgoing, Segmentation::ByKernel);
        assert_eq!(
            order(&outgoing),
            [
                (1, &b"b"[..]),
                (1, b"d"),
                (1, b"long"),
                (2, b"a"),
                (2, b"c"),
                (1, b"e"),
                (2, b"f"),
                (1, b"g"),
                (1, b"h"),
            ]
            .map(|(port, word)| (port, word.to_vec()))
        );
    }
}
