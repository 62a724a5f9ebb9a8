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

    /// Whether pages are taken in.
    pub(crate) fn is_open(&self) -> bool {
        self.shards.get().is_some()
    }

    /// Writes to a page from here on. When the server stops, it is let go.
    pub(crate) async fn join(&self, arrival: Arrival<TcpStream>) {
        let shards = self.shards.get().map(Vec::as_slice).unwrap_or_default();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let place = turn.checked_rem(shards.len()).unwrap_or_default();
        if let Some(shard) = shards.get(place) {
            // A task that has ended has ended with the server.
            drop(shard.send(arrival).await);
        }
    }
}
