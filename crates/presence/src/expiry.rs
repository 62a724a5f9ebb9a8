//! When to look at which presentity for what ends by itself. A refresh leaves a wake-up where it is; only one that
//! comes nearer, or is used up, is put anew. Must not know publications.

use std::{collections::BTreeSet, hash::BuildHasher, sync::PoisonError, time::Instant};

use foldhash::fast::RandomState;

use super::sync::{Mutex, MutexGuard};
use crate::presentity_id::PresentityId;

/// Enough that writers seldom meet, few enough that the earliest wake-up is found quickly.
const SHARDS: usize = 16;

/// The wake-ups of all presentities. Only writers that arm, disarm or sweep take a lock, each a short one.
///
/// A presentity's snapshot knows which wake-up it counts on. Writers that race may leave another one behind: it finds
/// nothing to do, and is gone once it is due. None that a snapshot counts on is ever taken away: whether one does is
/// asked under the lock, and whoever puts such a snapshot in place arms only afterwards.
#[derive(Default)]
pub(crate) struct WakeUps {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

type Shard = BTreeSet<(Instant, PresentityId)>;

impl WakeUps {
    /// Arms a wake-up for `presentity`. The snapshot that counts on it is in the store already.
    pub(crate) fn arm(&self, presentity: &PresentityId, at: Instant) {
        if let Some(mut shard) = self.shard_of(presentity) {
            shard.insert((at, presentity.clone()));
        }
    }

    /// Drops a wake-up of `presentity`, unless the newest snapshot counts on it.
    pub(crate) fn disarm(
        &self,
        presentity: &PresentityId,
        at: Instant,
        is_needed: impl FnOnce() -> bool,
    ) {
        if let Some(mut shard) = self.shard_of(presentity)
            && !is_needed()
        {
            shard.remove(&(at, presentity.clone()));
        }
    }

    /// Takes out the presentities whose wake-up is due.
    pub(crate) fn take_due(&self, now: Instant) -> Vec<PresentityId> {
        let mut due = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            while let Some((at, _)) = shard.first()
                && *at <= now
            {
                due.extend(shard.pop_first().map(|(_, presentity)| presentity));
            }
        }
        due
    }

    /// The earliest wake-up.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.shards
            .iter()
            .filter_map(|shard| lock(shard).first().map(|(at, _)| *at))
            .min()
    }

    /// How many wake-ups are armed.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn shard_of(&self, presentity: &PresentityId) -> Option<MutexGuard<'_, Shard>> {
        let hash = self.hasher.hash_one(presentity);
        self.shards.get(hash as usize % SHARDS).map(lock)
    }
}

/// No code panics while it holds the lock, so that a poisoned one is as good as any.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
