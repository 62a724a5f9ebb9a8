//! Which presentities have changed since somebody last asked: a hint to read the newest snapshot, not a message.
//! Must not know what changed.

use std::{fmt, sync::atomic::Ordering};

use foldhash::fast::RandomState;

use super::sync::{HashSet, SegQueue, fence};
use crate::presentity_id::PresentityId;

/// Marked presentities, each once: lock-free and coalescing.
///
/// Invariant: a presentity is in `queue` at most once, because only who puts it into `marked` queues it, and it
/// leaves `marked` after it left `queue`.
pub struct Marks {
    marked: HashSet<PresentityId>,
    queue: SegQueue<PresentityId>,
}

/// A place in the set is used once between two clearances of it, each of which copies what is marked: a set with room for
/// a few marks alone would be at it all the time.
const ROOM: usize = 1024;

impl Marks {
    /// No marks.
    pub fn new() -> Self {
        Self {
            marked: HashSet::with_capacity_and_hasher(ROOM, RandomState::default()),
            queue: SegQueue::new(),
        }
    }

    /// Marks a presentity whose new snapshot is in the store already.
    pub fn mark(&self, presentity: &PresentityId) {
        // The fences of `mark` and `poll` are a pair. Without them a writer could find the mark still set while
        // the reader that takes it away finds the snapshot from before the writer: nobody would tell of the change.
        fence(Ordering::SeqCst);
        if self.marked.pin().insert(presentity.clone()) {
            self.queue.push(presentity.clone());
        }
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
