//! Which presentities have changed since somebody last asked: a hint to read the newest snapshot, not a message.
//! Must not know what changed.

use std::{fmt, sync::atomic::Ordering};

use super::sync::{self, AtomicBool, HashSet, SegQueue, fence};
use crate::presentity_id::PresentityId;

/// Marked presentities, each once: lock-free and coalescing.
///
/// Invariant: a presentity is in `queue` at most once, because only who puts it into `marked` queues it, and it
/// leaves `marked` after it left `queue`.
pub struct Marks {
    marked: HashSet<PresentityId>,
    queue: SegQueue<PresentityId>,
    is_followed: AtomicBool,
}

/// A place in the set is used once between two clearances of it, each of which copies what is marked: a set with room for
/// a few marks alone would be at it all the time.
const ROOM: usize = 1024;

impl Marks {
    /// No marks, and somebody who follows them.
    pub fn new() -> Self {
        Self {
            marked: sync::set(ROOM),
            queue: SegQueue::new(),
            is_followed: AtomicBool::new(true),
        }
    }

    /// Marks a presentity whose new snapshot is in the store already; true if a mark was set by it. While nobody follows,
    /// none is, and it costs next to nothing.
    pub fn mark(&self, presentity: &PresentityId) -> bool {
        // The fences of `mark` and `poll` are a pair. Without them a writer could find the mark still set while
        // the reader that takes it away finds the snapshot from before the writer: nobody would tell of the change.
        // Those of `mark` and `follow` are one too: either the mark is set, or who begins to follow finds the snapshot.
        fence(Ordering::SeqCst);
        if !self.is_followed.load(Ordering::Relaxed)
            || !self.marked.pin().insert(presentity.clone())
        {
            return false;
        }
        self.queue.push(presentity.clone());
        true
    }

    /// Begins to follow. What is read in the store from here on is the newest, or will be marked.
    pub fn follow(&self) {
        self.is_followed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Nobody has to hear of what changes until somebody begins to [`follow`](Self::follow). Marks that are set already stay.
    pub fn let_be(&self) {
        self.is_followed.store(false, Ordering::Relaxed);
    }

    /// Takes one presentity out; read its snapshot only afterwards.
    pub fn poll(&self) -> Option<PresentityId> {
        let presentity = self.queue.pop()?;
        self.marked.pin().remove(&presentity);
        fence(Ordering::SeqCst);
        Some(presentity)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marks")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
