//! The pages that watch presence over connections of their own. They are shared out among a few tasks, each of which writes to
//! all of its pages by itself: ten thousand tasks that each wake for one write take half as long again.
//! Must not know how a stream began.

mod kind;
mod page;
mod pages;
mod shard;

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use self::shard::Shard;
use crate::connection::Held;
use crate::face::Face;
use crate::metrics::Counted;
use crate::selection::Selection;

/// Takes pages in.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    /// None before the server runs.
    shards: OnceLock<Vec<mpsc::Sender<Arrival<TcpStream>>>>,
    next: AtomicUsize,
}

/// A page that begins to watch.
#[derive(Debug)]
pub(crate) struct Arrival<S> {
    /// Its connection.
    pub(crate) held: Held<S>,
    /// What it watches.
    pub(crate) selection: Selection,
    /// The version it has seen.
    pub(crate) last_event_id: Option<u64>,
    /// What comes before the first event.
    pub(crate) opening: Bytes,
    /// Counts it as a watcher.
    pub(crate) counted: Counted,
}

/// A place for a page that is not let go of yet: whoever waits with a stream in hand loses it, because hyper gives up an
/// answer once its connection has no stream.
#[derive(Debug)]
pub(crate) struct Seat<'a>(mpsc::Permit<'a, Arrival<TcpStream>>);

/// Pages that may wait to be taken in by one task; whoever brings one more waits.
const ARRIVALS: usize = 256;

impl Audience {
    /// Starts the tasks, which end with the server.
    pub(crate) fn start(&self, face: &Face) -> io::Result<()> {
        let count = available_parallelism().map_or(1, usize::from);
        let mut shards = Vec::new();
        for _ in 0..count {
            let (sender, arrivals) = mpsc::channel(ARRIVALS);
            let shard = Shard::new(face.clone(), arrivals)?;
            face.tasks.spawn(shard.run());
            shards.push(sender);
        }
        // It is started once.
        let (Ok(()) | Err(_)) = self.shards.set(shards);
        Ok(())
    }

    /// Waits until a page can be taken in, and holds a place for it; none when the server has stopped.
    pub(crate) async fn seat(&self) -> Option<Seat<'_>> {
        let shards = self.shards.get()?;
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let shard = shards.get(turn.checked_rem(shards.len())?)?;
        shard.reserve().await.ok().map(Seat)
    }
}

impl Seat<'_> {
    /// Writes to the page from here on.
    pub(crate) fn take(self, arrival: Arrival<TcpStream>) {
        self.0.send(arrival);
    }
}
