//! When to look at which presentity for publications that lapsed. Holds at most one wake-up a presentity, at or
//! before its first expiry; a refresh leaves it where it is. Must not know publications.

#![expect(
    clippy::disallowed_types,
    reason = "readers never come here; a writer holds one of the locks for one insertion, and refreshes do not"
)]

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::presentity_id::PresentityId;

/// Enough that writers seldom meet, few enough that the earliest wake-up is found quickly.
const SHARDS: usize = 16;

/// The wake-ups of all presentities. Only writers that arm, disarm or sweep take a lock, each a short one.
#[derive(Default)]
pub(crate) struct WakeUps {
    shards: [Mutex<Shard>; SHARDS],
}

/// Invariant: both members hold the same pairs.
#[derive(Default)]
struct Shard {
    at_by_presentity: HashMap<PresentityId, Instant>,
    in_order: BTreeSet<(Instant, PresentityId)>,
}

impl WakeUps {
    /// Sees to a wake-up for `presentity` at or before `at`. The snapshot that needs it is in the store already.
    pub(crate) fn arm(&self, presentity: &PresentityId, at: Instant) {
        let Some(mut shard) = self.shard_of(presentity) else {
            return;
        };
        match shard.at_by_presentity.get_mut(presentity) {
            Some(armed) if *armed <= at => {}
            Some(armed) => {
                let later = std::mem::replace(armed, at);
                shard.in_order.remove(&(later, presentity.clone()));
                shard.in_order.insert((at, presentity.clone()));
            }
            None => {
                shard.at_by_presentity.insert(presentity.clone(), at);
                shard.in_order.insert((at, presentity.clone()));
            }
        }
    }

    /// Drops the wake-up of a presentity that `is_gone`. The question is asked under the lock: whoever puts the
    /// presentity back does so before arming, and is either seen by the question or arms after this.
    pub(crate) fn disarm(&self, presentity: &PresentityId, is_gone: impl FnOnce() -> bool) {
        let Some(mut shard) = self.shard_of(presentity) else {
            return;
        };
        if is_gone()
            && let Some(at) = shard.at_by_presentity.remove(presentity)
        {
            shard.in_order.remove(&(at, presentity.clone()));
        }
    }

    /// Takes out the presentities whose wake-up is due.
    pub(crate) fn take_due(&self, now: Instant) -> Vec<PresentityId> {
        let mut due = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            while let Some((at, _)) = shard.in_order.first()
                && *at <= now
            {
                if let Some((_, presentity)) = shard.in_order.pop_first() {
                    shard.at_by_presentity.remove(&presentity);
                    due.push(presentity);
                }
            }
        }
        due
    }

    /// The earliest wake-up.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.shards
            .iter()
            .filter_map(|shard| lock(shard).in_order.first().map(|(at, _)| *at))
            .min()
    }

    /// How many wake-ups are armed.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).in_order.len())
            .sum()
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
        collections::BTreeMap,
        time::{Duration, Instant},
    };

    use proptest::prelude::{Strategy, any, prop, prop_oneof};

    use super::WakeUps;
    use crate::presentity_id::PresentityId;

    #[derive(Debug, Clone)]
    enum Operation {
        Arm(u8, u64),
        Disarm(u8, bool),
        Take(u64),
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            (0..40u8, 0..100u64).prop_map(|(who, at)| Operation::Arm(who, at)),
            (0..40u8, any::<bool>()).prop_map(|(who, gone)| Operation::Disarm(who, gone)),
            (0..100u64).prop_map(Operation::Take),
        ]
    }

    proptest::proptest! {
        #[test]
        fn each_presentity_has_one_wake_up_the_earliest_asked_for(operations in prop::collection::vec(operation(), 0..200)) {
            #[expect(clippy::disallowed_methods, reason = "only the distance from it counts")]
            let start = Instant::now();
            let at = |seconds: u64| start + Duration::from_secs(seconds);
            let id = |who: u8| PresentityId::new(&who.to_string());
            let wake_ups = WakeUps::default();
            let mut model: BTreeMap<u8, u64> = BTreeMap::new();
            for operation in operations {
                match operation {
                    Operation::Arm(who, seconds) => {
                        wake_ups.arm(&id(who), at(seconds));
                        model.entry(who).and_modify(|armed| *armed = seconds.min(*armed)).or_insert(seconds);
                    }
                    Operation::Disarm(who, gone) => {
                        wake_ups.disarm(&id(who), || gone);
                        if gone {
                            model.remove(&who);
                        }
                    }
                    Operation::Take(seconds) => {
                        let mut due = wake_ups.take_due(at(seconds));
                        let mut expected: Vec<_> = model.iter().filter(|(_, at)| **at <= seconds).map(|(who, _)| id(*who)).collect();
                        due.sort();
                        expected.sort();
                        assert_eq!(due, expected);
                        model.retain(|_, at| *at > seconds);
                    }
                }
                assert_eq!(wake_ups.next(), model.values().min().map(|seconds| at(*seconds)));
                assert_eq!(wake_ups.len(), model.len());
            }
        }
    }
}
