//! How often each of many may do something. Must not know what they do.

use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::limits::Rate;

/// Counts by key, in a table that never grows and takes no lock.
#[derive(Debug)]
pub(crate) struct Budget<K> {
    /// Nanoseconds of one step, in which all times are counted.
    step: u64,
    /// How far anybody may run ahead, in steps.
    allowance: u32,
    started: Instant,
    hasher: RandomState,
    sets: Box<[Set]>,
    keys: PhantomData<fn(K)>,
}

/// The places of keys whose hashes begin alike; one cache line.
///
/// Each place holds 32 bits of the key's hash and the step at which the key will have caught up with the steady rate;
/// a place whose key has caught up is free.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([AtomicU64; PLACES]);

/// Keys remembered at once, so that forged ones cost no memory. Where a set is full, the newest are not counted:
/// a flood from so many sources is not to be held back by its sources.
pub(crate) const KEYS: usize = 65_536;
const PLACES: usize = 8;
/// Of one interval, so that the time between two uses is not lost by rounding.
const STEPS: u32 = 16;
/// The steps of more could not be told from the past.
const MOST_AT_ONCE: u32 = 100_000_000;

impl<K: Hash> Budget<K> {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self::every(
            Duration::from_secs(1) / rate.per_second.max(1),
            rate.at_once,
            now,
        )
    }

    /// One in each `interval`, and so many at once.
    pub(crate) fn every(interval: Duration, at_once: u32, now: Instant) -> Self {
        let step = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX) / u64::from(STEPS);
        Self {
            step: step.max(1),
            allowance: at_once.clamp(1, MOST_AT_ONCE) * STEPS,
            started: now,
            hasher: RandomState::new(),
            sets: std::iter::repeat_with(Set::default)
                .take(KEYS / PLACES)
                .collect(),
            keys: PhantomData,
        }
    }

    /// Whether it allows the same.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.step, self.allowance) == (other.step, other.allowance)
    }

    /// Takes one from the key's budget; false when it is used up.
    pub(crate) fn take(&self, key: K, now: Instant) -> bool {
        let hash = self.hasher.hash_one(&key);
        let (mark, now) = (mark_of(hash), self.steps(now));
        let Some(Set(places)) = self.sets.get(set_of(hash)) else {
            return true;
        };
        for place in places {
            let mut found = place.load(Ordering::Relaxed);
            while mark_of(found) == mark {
                let next = self.ahead(found, now) + STEPS;
                if next > self.allowance {
                    return false;
                }
                let after = word(mark, now.wrapping_add(next));
                match place.compare_exchange_weak(
                    found,
                    after,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => return true,
                    Err(changed) => found = changed,
                }
            }
        }
        let first = word(mark, now.wrapping_add(STEPS));
        for place in places {
            let found = place.load(Ordering::Relaxed);
            let is_ours = self.ahead(found, now) == 0
                && place
                    .compare_exchange(found, first, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok();
            if is_ours {
                break;
            }
        }
        true
    }

    /// Forgets those that have caught up, before the count of steps comes round; to be called now and then.
    pub(crate) fn sweep(&self, now: Instant) {
        let now = self.steps(now);
        for place in self.sets.iter().flat_map(|Set(places)| places) {
            let found = place.load(Ordering::Relaxed);
            if found != 0 && self.ahead(found, now) == 0 {
                // Where it fails, somebody has just taken one there and is not to be forgotten.
                let (Ok(_) | Err(_)) =
                    place.compare_exchange(found, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }

    /// Steps since the start; they come round, and what is further away than the allowance is long past.
    fn steps(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.started).as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        (since / self.step) as u32
    }

    /// How far the key in a place has run ahead, in steps.
    fn ahead(&self, found: u64, now: u32) -> u32 {
        let ahead = (found as u32).wrapping_sub(now);
        if found == 0 || ahead > self.allowance {
            0
        } else {
            ahead
        }
    }
}

/// What is kept of a key beside its place; never that of a free place.
const fn mark_of(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
}

const fn set_of(hash: u64) -> usize {
    hash as usize % (KEYS / PLACES)
}

const fn word(mark: u32, caught_up: u32) -> u64 {
    (mark as u64) << 32 | caught_up as u64
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    use super::{Budget, KEYS};
    use crate::limits::Rate;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const RATE: Rate = Rate {
        per_second: 10,
        at_once: 5,
    };

    fn taken(budget: &Budget<IpAddr>, source: IpAddr, tries: usize, now: Instant) -> usize {
        (0..tries).filter(|_| budget.take(source, now)).count()
    }

    fn forged(n: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n as u32))
    }

    #[test]
    fn a_source_runs_ahead_then_keeps_its_rate_and_others_are_not_held_back() {
        let start = Instant::now();
        let budget = Budget::new(RATE, start);
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
    fn rates_that_do_not_divide_a_second_are_kept_too() {
        let start = Instant::now();
        for per_second in [1, 3, 7, 1000, 30_000, 1_000_000] {
            let rate = Rate {
                per_second,
                at_once: 1,
            };
            let budget = Budget::new(rate, start);
            let wish = Duration::from_secs(1) / (2 * per_second);
            let counted = (0..2000)
                .filter(|n| budget.take(HERE, start + wish * *n))
                .count();
            assert!((950..=1050).contains(&counted), "{per_second}: {counted}");
        }
    }

    #[test]
    fn a_flood_of_forged_sources_takes_no_place_from_one_that_is_counted() {
        let start = Instant::now();
        let budget = Budget::new(RATE, start);
        assert_eq!(taken(&budget, HERE, 100, start), 5);
        for n in 0..4 * KEYS {
            assert!(budget.take(forged(n), start));
        }
        assert_eq!(taken(&budget, HERE, 100, start), 0);
        // All places are taken by sources that have not caught up; who comes now is not held back.
        let uncounted = (0..100).filter(|n| taken(&budget, forged(5 * KEYS + n), 9, start) == 9);
        assert_eq!(uncounted.count(), 100);
        let later = start + Duration::from_secs(1);
        assert_eq!(taken(&budget, THERE, 100, later), 5);
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let start = Instant::now();
        let budget = Budget::new(RATE, start);
        assert_eq!(taken(&budget, HERE, 100, start), 5);
        let fresh = start + Duration::from_millis(50);
        budget.sweep(fresh);
        assert_eq!(taken(&budget, HERE, 100, fresh), 0);
        // As many steps later as a place can count, the same number would mean the same moment.
        let round = Duration::from_secs(1) / 10 / 16 * 2u32.pow(31) * 2;
        budget.sweep(start + Duration::from_secs(60));
        assert_eq!(taken(&budget, HERE, 100, start + round), 5);
        assert!(size_of_val(&*budget.sets) <= 512 * 1024);
    }
}
