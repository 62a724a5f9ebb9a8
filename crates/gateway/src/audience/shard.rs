//! The task that owns some of the pages: waits for the kernel, the clock and newer snapshots, and hands what happens to
//! [`Pages`]. Must not know what is told to whom.

use std::io;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::Arrival;
use super::pages::{Pages, Readiness};
use crate::face::Face;

/// One task's pages.
pub(super) struct Shard {
    face: Face,
    arrivals: mpsc::Receiver<Arrival<tokio::net::TcpStream>>,
    /// The pages' streams are known to this alone, because one that the runtime knows takes a place of some hundred bytes there.
    poll: AsyncFd<Poll>,
    events: Events,
    pages: Pages<TcpStream>,
}

/// Streams that the kernel names at once.
const EVENTS: usize = 256;

impl Shard {
    pub(super) fn new(
        face: Face,
        arrivals: mpsc::Receiver<Arrival<tokio::net::TcpStream>>,
    ) -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "what the newer one asks of its caller in unsafe code holds: a poll has one descriptor, its own"
        )]
        let poll = AsyncFd::with_interest(Poll::new()?, tokio::io::Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            pages: Pages::new(face.desk.snapshot(), Instant::now()),
            arrivals,
            face,
        })
    }

    /// Runs until the server stops. The streams end then.
    pub(super) async fn run(mut self) {
        let stop = self.face.stop.clone();
        let stopped = stop.cancelled();
        tokio::pin!(stopped);
        let mut snapshots = self.face.desk.snapshots();
        loop {
            let wake_at = self.pages.next_timeout();
            let has_work = self.pages.has_work();
            tokio::select! {
                biased;
                () = &mut stopped => return,
                Some(arrival) = self.arrivals.recv() => self.take_in(arrival),
                changed = snapshots.changed() => match changed {
                    Ok(()) => {
                        let snapshot = snapshots.borrow_and_update().clone();
                        self.pages.handle_snapshot(snapshot, Instant::now());
                    }
                    // There will be no other.
                    Err(_) => return,
                },
                ready = self.poll.readable_mut() => match ready {
                    Ok(mut guard) => {
                        let polled = guard.get_inner_mut().poll(&mut self.events, Some(Duration::ZERO));
                        match polled {
                            Ok(()) if self.events.is_empty() => guard.clear_ready(),
                            Ok(()) => {}
                            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                            Err(error) => return warn!(%error, "pages that watch are let go"),
                        }
                        self.handle_ready();
                    }
                    Err(error) => return warn!(%error, "pages that watch are let go"),
                },
                () = sleep_until_some(wake_at) => {}
                () = yield_now(), if has_work => self.pages.take_turn(Instant::now()),
            }
            self.pages.handle_time(&self.face.events, Instant::now());
        }
    }

    fn take_in(&mut self, arrival: Arrival<tokio::net::TcpStream>) {
        let token = Token(self.pages.next_key());
        let registry = self.poll.get_ref().registry();
        let held = arrival.held.map(|stream| {
            let mut stream = TcpStream::from_std(stream.into_std()?);
            registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        });
        let held = match held {
            Ok(held) => held,
            Err(error) => return debug!(%error, "a page cannot be taken in"),
        };
        let arrival = Arrival {
            held,
            selection: arrival.selection,
            last_event_id: arrival.last_event_id,
            opening: arrival.opening,
            counted: arrival.counted,
        };
        self.pages.join(arrival, &self.face.events, Instant::now());
    }

    /// A key may be that of another page by now, which is looked at for nothing.
    fn handle_ready(&mut self) {
        let now = Instant::now();
        for event in &self.events {
            let readiness = Readiness {
                readable: event.is_readable() || event.is_read_closed() || event.is_error(),
                writable: event.is_writable(),
            };
            self.pages.handle_ready(event.token().0, readiness, now);
        }
    }
}

async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
