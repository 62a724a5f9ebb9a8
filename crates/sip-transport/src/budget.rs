//! How often each of many may do something. Must not know what they do.

use std::hash::Hash;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use dashmap::DashMap;

use crate::limits::Rate;

/// Counts by key, in a table of fixed size.
#[derive(Debug)]
pub(crate) struct Budget<K: Eq + Hash> {
    /// Of one.
    interval: Duration,
    /// How far anybody may run ahead.
    allowance: Duration,
    /// When the key will have caught up with the steady rate. Invariant: at most [`KEYS`] and those that were
    /// added while it was looked at.
    caught_up_by_key: DashMap<K, Instant>,
    swept_at: Mutex<Option<Instant>>,
}

/// Keys remembered at once, so that forged ones cost no more memory than this. While there are more, the newest are
/// not counted: a flood from so many sources is not to be held back by its sources.
pub(crate) const KEYS: usize = 65_536;
/// How often those that have caught up are forgotten when there are too many.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

impl<K: Eq + Hash> Budget<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self::every(
            Duration::from_secs(1) / rate.per_second.max(1),
            rate.at_once,
        )
    }

    /// One in each `interval`, and so many at once.
    pub(crate) fn every(interval: Duration, at_once: u32) -> Self {
        Self {
            interval,
            allowance: interval * at_once.max(1),
            caught_up_by_key: DashMap::new(),
            swept_at: Mutex::new(None),
        }
    }

    /// Takes one from the key's budget; false when it is used up.
    pub(crate) fn take(&self, key: K, now: Instant) -> bool {
        if let Some(mut caught_up) = self.caught_up_by_key.get_mut(&key) {
            let next = (*caught_up).max(now) + self.interval;
            if next > now + self.allowance {
                return false;
            }
            *caught_up = next;
            return true;
        }
        if self.has_room(now) {
            self.caught_up_by_key.insert(key, now + self.interval);
        }
        true
    }

    fn has_room(&self, now: Instant) -> bool {
        if self.caught_up_by_key.len() < KEYS {
            return true;
        }
        // Somebody else is sweeping, or was just now.
        let Ok(mut swept_at) = self.swept_at.try_lock() else {
            return false;
        };
        if swept_at.is_some_and(|swept_at| now < swept_at + SWEEP_INTERVAL) {
            return false;
        }
        *swept_at = Some(now);
        self.caught_up_by_key
            .retain(|_, caught_up| *caught_up > now);
        self.caught_up_by_key.len() < KEYS
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    use super::{Budget, KEYS};
    use crate::limits::Rate;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn budget() -> Budget<IpAddr> {
        let rate = Rate {
            per_second: 10,
            at_once: 5,
        };
        Budget::new(rate)
    }

    fn taken(budget: &Budget<IpAddr>, source: IpAddr, tries: usize, now: Instant) -> usize {
        (0..tries).filter(|_| budget.take(source, now)).count()
    }

    #[test]
    fn a_source_runs_ahead_then_keeps_its_rate_and_others_are_not_held_back() {
        let (budget, start) = (budget(), Instant::now());
        assert_eq!(taken(&budget, HERE, 100, start), 5);
        assert_eq!(taken(&budget, THERE, 3, start), 3);
        let mut later = 0;
        for tenth in 1..=50 {
            let now = start + Duration::from_millis(100) * tenth;
            later += taken(&budget, HERE, 10, now);
        }
        assert_eq!(later, 50);
        let rested = start + Duration::from_secs(60);
        assert_eq!(taken(&budget, HERE, 100, rested), 5);
    }

    #[test]
    fn forged_sources_cost_a_fixed_amount_of_memory() {
        let (budget, start) = (budget(), Instant::now());
        let forged = |n: usize| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n as u32));
        for n in 0..2 * KEYS {
            assert!(budget.take(forged(n), start));
        }
        assert_eq!(budget.caught_up_by_key.len(), KEYS);
        let later = start + Duration::from_secs(2);
        assert!(budget.take(forged(3 * KEYS), later));
        assert_eq!(budget.caught_up_by_key.len(), 1);
    }
}
