//! How much all sources together may begin, and what is left for what goes on and what ends.
//! Must not know requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::limits::Rate;
use crate::urgency::Urgency;

/// One budget for everybody.
#[derive(Debug)]
pub(crate) struct Load {
    started: Instant,
    /// Nanoseconds of one request.
    interval: u64,
    /// Nanoseconds the whole may run ahead.
    allowance: u64,
    /// Nanoseconds since the start at which the steady rate will have caught up.
    caught_up: AtomicU64,
}

impl Load {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        let interval = 1_000_000_000 / u64::from(rate.per_second.max(1));
        Self {
            started: now,
            interval,
            allowance: interval.saturating_mul(u64::from(rate.at_once.max(1))),
            caught_up: AtomicU64::new(0),
        }
    }

    /// Takes one; false when what is left is kept for what matters more.
    pub(crate) fn take(&self, urgency: Urgency, now: Instant) -> bool {
        let now = now.saturating_duration_since(self.started).as_nanos();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let limit = match urgency {
            Urgency::Beginning => self.allowance / 2,
            Urgency::Refresh => self.allowance / 4 * 3,
            Urgency::End => self.allowance,
        };
        let take = |caught_up: u64| {
            let next = caught_up.max(now).saturating_add(self.interval);
            (next - now <= limit.max(self.interval)).then_some(next)
        };
        self.caught_up
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Load;
    use crate::limits::Rate;
    use crate::urgency::Urgency;

    fn taken(load: &Load, urgency: Urgency, now: Instant) -> usize {
        (0..1000).take_while(|_| load.take(urgency, now)).count()
    }

    #[test]
    fn beginnings_leave_room_for_refreshes_and_refreshes_for_ends() {
        let start = Instant::now();
        let rate = Rate {
            per_second: 10,
            at_once: 100,
        };
        let load = Load::new(rate, start);
        assert_eq!(taken(&load, Urgency::Beginning, start), 50);
        assert_eq!(taken(&load, Urgency::Refresh, start), 25);
        assert_eq!(taken(&load, Urgency::Beginning, start), 0);
        assert_eq!(taken(&load, Urgency::End, start), 25);
        assert_eq!(taken(&load, Urgency::End, start), 0);
        let later = start + Duration::from_secs(2);
        assert_eq!(taken(&load, Urgency::Beginning, later), 0);
        assert_eq!(taken(&load, Urgency::End, later), 20);
        let rested = start + Duration::from_secs(60);
        assert_eq!(taken(&load, Urgency::Beginning, rested), 50);
    }
}
