//! Token buckets by key: how much of something a source may do.
//! Must not know what is counted; time is an argument.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once; at least one is always allowed.
    pub burst: u32,
    /// Time that earns one more.
    pub interval: Duration,
}

/// Too fast: the time after which the next one is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) Duration);

impl Wait {
    /// Whole seconds, at least one.
    pub(crate) fn seconds(self) -> u32 {
        u32::try_from(self.0.as_secs())
            .unwrap_or(u32::MAX)
            .saturating_add(u32::from(self.0.subsec_nanos() > 0))
            .max(1)
    }

    /// In words.
    pub(crate) fn text(self) -> String {
        match self.seconds() {
            1 => "a second".to_owned(),
            seconds => format!("{seconds} seconds"),
        }
    }
}

/// One bucket for each key.
pub(crate) struct Buckets<K>(Mutex<Table<K>>);

struct Table<K> {
    /// When the bucket will be full again; absent is full.
    full_at_by_key: HashMap<K, Instant>,
    sweep_at_len: usize,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::new(Table {
            full_at_by_key: HashMap::new(),
            sweep_at_len: 0,
        }))
    }
}

impl<K: Eq + Hash> Buckets<K> {
    /// Takes one from the key's bucket, or says how long to wait.
    pub(crate) fn take(&self, key: K, rate: Rate, now: Instant) -> Result<(), Wait> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.sweep(now);
        let entry = table.full_at_by_key.entry(key);
        let full_at = match &entry {
            Entry::Occupied(entry) => (*entry.get()).max(now),
            Entry::Vacant(_) => now,
        };
        // Generic cell rate algorithm: the bucket is empty when it needs more than `burst - 1` intervals.
        let slack = rate.interval.saturating_mul(rate.burst.saturating_sub(1));
        let owed = full_at.saturating_duration_since(now);
        if owed > slack {
            return Err(Wait(owed - slack));
        }
        entry.insert_entry(full_at + rate.interval);
        Ok(())
    }
}

impl<K> Table<K> {
    /// Forgets full buckets once the table has doubled since the last time.
    fn sweep(&mut self, now: Instant) {
        if self.full_at_by_key.len() < self.sweep_at_len.max(1024) {
            return;
        }
        self.full_at_by_key.retain(|_, full_at| *full_at > now);
        self.sweep_at_len = self.full_at_by_key.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        interval: Duration::from_secs(2),
    };

    #[test]
    fn a_burst_then_one_each_interval() {
        let buckets = Buckets::default();
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(buckets.take("a", RATE, start), Ok(()));
        }
        assert_eq!(buckets.take("a", RATE, start), Err(Wait(RATE.interval)));
        assert_eq!(buckets.take("b", RATE, start), Ok(()));
        let later = start + RATE.interval;
        assert_eq!(buckets.take("a", RATE, later), Ok(()));
        assert_eq!(buckets.take("a", RATE, later), Err(Wait(RATE.interval)));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let buckets = Buckets::default();
        let start = Instant::now();
        for number in 0..4096_u64 {
            let now = start + RATE.interval * 2 * u32::try_from(number).unwrap();
            assert_eq!(buckets.take(number, RATE, now), Ok(()));
        }
        assert!(buckets.0.lock().unwrap().full_at_by_key.len() <= 1025);
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds() {
        assert_eq!(Wait(Duration::from_millis(200)).seconds(), 1);
        assert_eq!(Wait(Duration::from_millis(1001)).seconds(), 2);
        assert_eq!(Wait(Duration::from_millis(1001)).text(), "2 seconds");
    }
}
