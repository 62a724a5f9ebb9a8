//! How many messages each source may send. Must not know what they say.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use dashmap::DashMap;

use crate::admission::source_of;

/// A steady rate that may be run ahead of for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Messages a second in the long run; at least 1.
    pub per_second: u32,
    /// Messages that may come at once after a pause; at least 1.
    pub at_once: u32,
}

/// Counts the messages of each source.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Of one message.
    interval: Duration,
    /// How far a source may run ahead.
    allowance: Duration,
    exempt: Vec<IpAddr>,
    /// When the source will have caught up with the steady rate. Invariant: at most [`SOURCES`] and those that were
    /// added while it was looked at.
    caught_up_by_source: DashMap<IpAddr, Instant>,
    swept_at: Mutex<Option<Instant>>,
}

/// Sources remembered at once, so that forged ones cost no more memory than this. While there are more, the newest are
/// not counted: a flood from so many sources is not to be held back by its sources.
const SOURCES: usize = 65_536;
/// How often sources that have caught up are forgotten when there are too many.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

impl Budget {
    pub(crate) fn new(rate: Rate, exempt: Vec<IpAddr>) -> Self {
        let interval = Duration::from_secs(1) / rate.per_second.max(1);
        Self {
            interval,
            allowance: interval * rate.at_once.max(1),
            exempt,
            caught_up_by_source: DashMap::new(),
            swept_at: Mutex::new(None),
        }
    }

    /// Takes one message from the source's budget; false when it is used up.
    pub(crate) fn take(&self, address: IpAddr, now: Instant) -> bool {
        if self.exempt.contains(&address) {
            return true;
        }
        let source = source_of(address);
        if let Some(mut caught_up) = self.caught_up_by_source.get_mut(&source) {
            let next = (*caught_up).max(now) + self.interval;
            if next > now + self.allowance {
                return false;
            }
            *caught_up = next;
            return true;
        }
        if self.has_room(now) {
            self.caught_up_by_source.insert(source, now + self.interval);
        }
        true
    }

    fn has_room(&self, now: Instant) -> bool {
        if self.caught_up_by_source.len() < SOURCES {
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
        self.caught_up_by_source
            .retain(|_, caught_up| *caught_up > now);
        self.caught_up_by_source.len() < SOURCES
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    use super::{Budget, Rate, SOURCES};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn budget() -> Budget {
        let rate = Rate {
            per_second: 10,
            at_once: 5,
        };
        Budget::new(rate, vec![Ipv4Addr::LOCALHOST.into()])
    }

    fn taken(budget: &Budget, source: IpAddr, tries: usize, now: Instant) -> usize {
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
    fn this_machine_is_exempt() {
        let here = Ipv4Addr::LOCALHOST.into();
        assert_eq!(taken(&budget(), here, 1000, Instant::now()), 1000);
    }

    #[test]
    fn forged_sources_cost_a_fixed_amount_of_memory() {
        let (budget, start) = (budget(), Instant::now());
        let forged = |n: usize| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n as u32));
        for n in 0..2 * SOURCES {
            assert!(budget.take(forged(n), start));
        }
        assert_eq!(budget.caught_up_by_source.len(), SOURCES);
        let later = start + Duration::from_secs(2);
        assert!(budget.take(forged(3 * SOURCES), later));
        assert_eq!(budget.caught_up_by_source.len(), 1);
    }
}
