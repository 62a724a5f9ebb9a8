//! The sockets that share one UDP address, as they know each other. The kernel shares peers out among them by their
//! addresses, so that a response may come to another socket than its request has left by: its branch says which.
//! Must not know what is asked or answered.

use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::FixedState;
use sip::{Flow, Response};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::flows::Command;
use crate::random;
use crate::transport::BoundSocket;

/// All sockets of one address.
#[derive(Debug)]
pub(crate) struct Group {
    members: Box<[Member]>,
    /// Those that still have something to finish.
    at_work: AtomicUsize,
    all_finished: CancellationToken,
}

#[derive(Debug)]
struct Member {
    commands: mpsc::Sender<Command>,
    /// For responses that others hand over: they never take more than half of the queue, whoever sends them.
    room: Arc<Semaphore>,
}

/// One socket's place among several.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    group: Arc<Group>,
    number: u8,
}

/// What becomes of a response that belongs to no request of the socket it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandOver {
    /// Another socket has it.
    Taken,
    /// The other socket has no room; the peer will repeat it where it matters.
    NoRoom,
    /// No other socket has sent such a request.
    NobodyElse,
}

/// A socket's part in the work of its group; dropped, it has finished.
///
/// Sockets close together: the kernel shares the peers of one that closes out among the others, which know nothing of
/// them.
#[derive(Debug)]
pub(crate) struct Shift {
    group: Arc<Group>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    AtWork,
    Finished,
}

/// An address with all sockets that share it, as those know it who send.
#[derive(Debug)]
pub(crate) struct SharedAddress {
    pub(crate) local: SocketAddr,
    pub(crate) ids: Box<[u64]>,
}

impl Group {
    /// A group of the sockets with these queues, and the part of each of them.
    pub(crate) fn new(queues: impl Iterator<Item = mpsc::Sender<Command>>) -> Arc<Self> {
        let members: Box<[_]> = queues.map(Member::new).collect();
        Arc::new(Self {
            at_work: AtomicUsize::new(members.len()),
            members,
            all_finished: CancellationToken::new(),
        })
    }

    /// The place of the socket with this number; a socket by itself has none.
    pub(crate) fn place(self: &Arc<Self>, number: u8) -> Option<Place> {
        (self.members.len() > 1).then(|| Place {
            group: Arc::clone(self),
            number,
        })
    }

    /// To be taken once for each socket.
    pub(crate) fn shift(self: &Arc<Self>) -> Shift {
        Shift {
            group: Arc::clone(self),
            phase: Phase::AtWork,
        }
    }
}

impl Member {
    fn new(commands: mpsc::Sender<Command>) -> Self {
        let room = (commands.max_capacity() / 2).max(1);
        Self {
            commands,
            room: Arc::new(Semaphore::new(room)),
        }
    }
}

impl Place {
    /// What branches made here begin with.
    pub(crate) const fn number(&self) -> u8 {
        self.number
    }

    /// Gives a response to the socket that has made its branch.
    pub(crate) fn hand_over(&self, flow: Flow, response: Response) -> HandOver {
        let Some(member) = self.other_member_of(&response) else {
            return HandOver::NobodyElse;
        };
        let Ok(room) = Arc::clone(&member.room).try_acquire_owned() else {
            return HandOver::NoRoom;
        };
        let command = Command::Response {
            flow,
            response: Box::new(response),
            room,
        };
        match member.commands.try_send(command) {
            Ok(()) => HandOver::Taken,
            Err(_) => HandOver::NoRoom,
        }
    }

    fn other_member_of(&self, response: &Response) -> Option<&Member> {
        let via = response.via().ok()?;
        let number = random::place_of(via.branch()?)?;
        if number == self.number {
            return None;
        }
        self.group.members.get(usize::from(number))
    }
}

impl Shift {
    /// Says that nothing is left to finish. What comes in spite of that is still served until all have finished.
    pub(crate) fn finish(&mut self) {
        match self.phase {
            Phase::Finished => return,
            Phase::AtWork => self.phase = Phase::Finished,
        }
        if self.group.at_work.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.group.all_finished.cancel();
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    pub(crate) fn are_all_finished(&self) -> bool {
        self.group.all_finished.is_cancelled()
    }

    /// Returns when all sockets of the group have finished.
    pub(crate) fn all_finished(&self) -> WaitForCancellationFutureOwned {
        self.group.all_finished.clone().cancelled_owned()
    }
}

impl Drop for Shift {
    fn drop(&mut self) {
        self.finish();
    }
}

impl SharedAddress {
    /// The sockets to send to a peer by: first the one that all requests to it go by, then those for when it is gone.
    pub(crate) fn sockets_for(&self, remote: SocketAddr) -> impl Iterator<Item = BoundSocket> {
        let count = self.ids.len() as u64;
        let hash = FixedState::default().hash_one(remote);
        let first = hash.checked_rem(count).unwrap_or_default();
        let (before, from_first) = self.ids.split_at(first as usize);
        let local = self.local;
        from_first
            .iter()
            .chain(before)
            .map(move |&id| BoundSocket { local, id })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::SocketAddr;

    use bytes::Bytes;
    use sip::{Flow, Message, Protocol, Response};
    use tokio::sync::mpsc;

    use super::{Group, HandOver, SharedAddress};
    use crate::flows::Command;
    use crate::random;

    fn response(branch: &str) -> Response {
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch={branch}\r\nCSeq: 1 NOTIFY\r\n\r\n"
        );
        match Message::parse(Bytes::from(text)) {
            Ok(Message::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    fn flow() -> Flow {
        Flow {
            transport: Protocol::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.9:40000".parse().unwrap(),
            id: 1,
        }
    }

    #[test]
    fn responses_of_others_never_take_more_than_half_of_a_queue() {
        let (commands, mut queue) = mpsc::channel(8);
        let group = Group::new([mpsc::channel(8).0, commands.clone()].into_iter());
        let place = group.place(0).unwrap();
        let hand_over = || {
            let branch = random::branch(Some(1)).unwrap();
            place.hand_over(flow(), response(&branch))
        };
        for _ in 0..3 {
            for _ in 0..4 {
                assert_eq!(hand_over(), HandOver::Taken);
            }
            assert_eq!(hand_over(), HandOver::NoRoom);
            assert_eq!(commands.capacity(), 4);
            while let Ok(command) = queue.try_recv() {
                assert!(matches!(command, Command::Response { .. }));
            }
        }
        drop(queue);
        assert_eq!(hand_over(), HandOver::NoRoom);
    }

    #[test]
    fn a_response_is_handed_to_nobody_but_the_socket_its_branch_names() {
        let queues: Vec<_> = (0..3).map(|_| mpsc::channel(8)).collect();
        let group = Group::new(queues.iter().map(|(commands, _)| commands.clone()));
        let place = group.place(1).unwrap();
        for (number, expected) in [
            (0, HandOver::Taken),
            (1, HandOver::NobodyElse),
            (2, HandOver::Taken),
            (3, HandOver::NobodyElse),
        ] {
            let branch = random::branch(Some(number)).unwrap();
            assert_eq!(place.hand_over(flow(), response(&branch)), expected);
        }
        let waiting: Vec<_> = queues.iter().map(|(_, queue)| queue.len()).collect();
        assert_eq!(waiting, [1, 0, 1]);
        assert!(
            Group::new([mpsc::channel(1).0].into_iter())
                .place(0)
                .is_none()
        );
    }

    #[test]
    fn all_have_finished_when_the_last_has_or_is_gone() {
        let group = Group::new((0..3).map(|_| mpsc::channel(1).0));
        let [mut first, second, mut third] = [group.shift(), group.shift(), group.shift()];
        first.finish();
        first.finish();
        drop(second);
        assert!(first.is_finished() && !first.are_all_finished());
        third.finish();
        assert!(first.are_all_finished());
    }

    #[test]
    fn a_peer_is_sent_to_by_one_socket_and_peers_by_all() {
        let address = SharedAddress {
            local: flow().local,
            ids: Box::new([7, 8, 9]),
        };
        let sockets = |port| -> Vec<_> {
            let remote = SocketAddr::from(([192, 0, 2, 9], port));
            let sockets = address.sockets_for(remote);
            sockets.map(|socket| socket.id).collect()
        };
        let firsts: HashSet<_> = (1..100).map(|port| sockets(port)[0]).collect();
        assert_eq!(firsts.len(), 3);
        let mut of_one = sockets(1);
        assert_eq!(of_one, sockets(1));
        of_one.sort_unstable();
        assert_eq!(of_one, [7, 8, 9]);
    }
}
