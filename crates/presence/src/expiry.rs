//! When to look at which presentity for what ends by itself. A refresh leaves a wake-up where it is; only one that
//! comes nearer, or is used up, is put anew. Must not know publications.

#![expect(
    clippy::disallowed_types,
    reason = "readers never come here; a writer holds one of the locks for one insertion, and refreshes do not"
)]

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

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
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(presentity);
        self.shards.get(hash as usize % SHARDS).map(lock)
    }
}

/// No code panics while it holds the lock, so that a poisoned one is as good as any.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        time::{Duration, Instant},
    };

    use proptest::prelude::{Strategy, any, prop, prop_oneof};

    use super::WakeUps;
    use crate::presentity_id::PresentityId;

    #[derive(Debug, Clone)]
    enum Operation {
        Arm(u8, u64),
        Disarm(u8, u64, bool),
        Take(u64),
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let (who, at) = (0..40u8, 0..100u64);
        prop_oneof![
            (who.clone(), at.clone()).prop_map(|(who, at)| Operation::Arm(who, at)),
            (who, at.clone(), any::<bool>())
                .prop_map(|(who, at, is_needed)| Operation::Disarm(who, at, is_needed)),
            at.prop_map(Operation::Take),
        ]
    }

    proptest::proptest! {
        #[test]
        fn wake_ups_come_out_when_they_are_due(operations in prop::collection::vec(operation(), 0..200)) {
            #[expect(clippy::disallowed_methods, reason = "only the distance from it counts")]
            let start = Instant::now();
            let at = |seconds: u64| start + Duration::from_secs(seconds);
            let id = |who: u8| PresentityId::new(&who.to_string());
            let wake_ups = WakeUps::default();
            let mut model: BTreeSet<(u64, u8)> = BTreeSet::new();
            for operation in operations {
                match operation {
                    Operation::Arm(who, seconds) => {
                        wake_ups.arm(&id(who), at(seconds));
                        model.insert((seconds, who));
                    }
                    Operation::Disarm(who, seconds, is_needed) => {
                        wake_ups.disarm(&id(who), at(seconds), || is_needed);
                        if !is_needed {
                            model.remove(&(seconds, who));
                        }
                    }
                    Operation::Take(seconds) => {
                        let mut due = wake_ups.take_due(at(seconds));
                        let mut expected: Vec<_> = model.iter().filter(|(at, _)| *at <= seconds).map(|(_, who)| id(*who)).collect();
                        due.sort();
                        expected.sort();
                        assert_eq!(due, expected);
                        model.retain(|(at, _)| *at > seconds);
                    }
                }
                assert_eq!(wake_ups.next(), model.first().map(|(seconds, _)| at(*seconds)));
                assert_eq!(wake_ups.len(), model.len());
            }
        }
    }
}
