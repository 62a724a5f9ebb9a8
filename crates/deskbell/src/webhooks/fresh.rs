//! The short way from an event's commitment to whoever tells it. What finds no room is on disk, and that something
//! found none is told: what comes after it must not go before it. Must not know what an event is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use storage::OutboxEntry;
use tokio::sync::mpsc;

/// Where committed events go.
#[derive(Clone)]
pub(super) struct FreshIn {
    entries: mpsc::Sender<OutboxEntry>,
    overflowed: Arc<AtomicBool>,
}

/// Where they come from.
pub(super) struct Fresh {
    entries: mpsc::Receiver<OutboxEntry>,
    overflowed: Arc<AtomicBool>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) entry: OutboxEntry,
    /// Whether others before it found no room since the last one.
    pub(super) is_behind_others: bool,
}

/// A way with so much room.
pub(super) fn fresh(room: usize) -> (FreshIn, Fresh) {
    let (entries_in, entries) = mpsc::channel(room);
    let overflowed = Arc::new(AtomicBool::new(false));
    let ins = FreshIn {
        entries: entries_in,
        overflowed: overflowed.clone(),
    };
    let fresh = Fresh {
        entries,
        overflowed,
    };
    (ins, fresh)
}

impl FreshIn {
    pub(super) fn put(&self, entry: OutboxEntry) {
        if self.entries.try_send(entry).is_err() {
            self.overflowed.store(true, Ordering::SeqCst);
        }
    }
}

impl Fresh {
    /// Waits for the next one; `None` where nothing will come.
    pub(super) async fn recv(&mut self) -> Option<Next> {
        let entry = self.entries.recv().await?;
        Some(self.next(entry))
    }

    /// The next one that is there already.
    pub(super) fn poll(&mut self) -> Option<Next> {
        let entry = self.entries.try_recv().ok()?;
        Some(self.next(entry))
    }

    fn next(&self, entry: OutboxEntry) -> Next {
        Next {
            entry,
            is_behind_others: self.overflowed.swap(false, Ordering::SeqCst),
        }
    }
}
