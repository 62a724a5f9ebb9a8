//! Maps the caller's monotonic instants to wall-clock milliseconds, in which the machine reckons:
//! ages in the journal and ages in memory are then the same numbers.
//! Must not read any clock.

use std::time::{Duration, Instant};

/// What time it is at one instant; every other instant follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The instant.
    pub at: Instant,
    /// The wall-clock time at that instant, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
}

impl Clock {
    pub(crate) fn moment(self, instant: Instant) -> Moment {
        if instant >= self.at {
            Moment(self.unix_ms).after(instant.duration_since(self.at))
        } else {
            let before = millis(self.at.duration_since(instant));
            Moment(self.unix_ms.saturating_sub(before))
        }
    }

    /// The instant at which `moment` is reached; never before the clock's own.
    pub(crate) fn instant(self, moment: Moment) -> Instant {
        let ahead = moment.since(Moment(self.unix_ms));
        self.at.checked_add(ahead).unwrap_or(self.at)
    }
}

/// A wall-clock time in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(millis(wait)))
    }

    pub(crate) fn before(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(millis(wait)))
    }

    /// Time passed since `earlier`, zero when it lies ahead.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let passed = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(passed).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_comes_back_as_its_instant() {
        let at = any_instant();
        let clock = Clock { at, unix_ms: 1_000 };
        let later = at + Duration::from_millis(2_500);
        assert_eq!(clock.moment(later), Moment(3_500));
        assert_eq!(clock.instant(Moment(3_500)), later);
    }

    #[test]
    fn an_instant_before_the_clock_is_an_earlier_moment() {
        let at = any_instant();
        let clock = Clock {
            at: at + Duration::from_secs(1),
            unix_ms: 1_000,
        };
        assert_eq!(clock.moment(at), Moment(0));
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "an instant cannot be made otherwise; no test depends on which it is"
    )]
    fn any_instant() -> Instant {
        Instant::now()
    }
}
