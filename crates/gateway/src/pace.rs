//! How fast one conversation may write: token buckets, one per ticket token.
//! Must not know what is written; time is an argument.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use helpdesk::AccessDigest;

/// What is paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    /// Saying a line.
    Say,
    /// Telling that one types.
    Type,
    /// Telling what one has read.
    See,
}

impl Act {
    fn burst(self) -> u32 {
        match self {
            Self::Say => 20,
            // Two, so that a page that types every second is not told off for a timer's jitter.
            Self::Type => 2,
            Self::See => 40,
        }
    }

    /// Time that earns one more.
    fn interval(self) -> Duration {
        match self {
            Self::Say => Duration::from_millis(200),
            Self::Type => Duration::from_secs(1),
            Self::See => Duration::from_millis(100),
        }
    }
}

/// All buckets. Keyed by the token's digest, so that nobody can use up another one's.
#[derive(Default)]
pub(crate) struct Paces(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// When the bucket will be full again; absent is full.
    full_at_by_key: HashMap<([u8; 32], Act), Instant>,
    sweep_at_len: usize,
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
}

impl Paces {
    /// Takes one from the bucket, or says how long to wait.
    pub(crate) fn take(&self, by: AccessDigest, act: Act, now: Instant) -> Result<(), Wait> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.sweep(now);
        let entry = table.full_at_by_key.entry((by.0, act));
        let full_at = match &entry {
            Entry::Occupied(entry) => (*entry.get()).max(now),
            Entry::Vacant(_) => now,
        };
        // Generic cell rate algorithm: the bucket is empty when it needs more than `burst - 1` intervals.
        let slack = act.interval() * (act.burst() - 1);
        let owed = full_at.saturating_duration_since(now);
        if owed > slack {
            return Err(Wait(owed - slack));
        }
        entry.insert_entry(full_at + act.interval());
        Ok(())
    }
}

impl Table {
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

    const ME: AccessDigest = AccessDigest([1; 32]);

    #[test]
    fn a_burst_then_five_lines_a_second() {
        let paces = Paces::default();
        let start = Instant::now();
        for _ in 0..20 {
            assert_eq!(paces.take(ME, Act::Say, start), Ok(()));
        }
        assert_eq!(
            paces.take(ME, Act::Say, start),
            Err(Wait(Duration::from_millis(200)))
        );
        let later = start + Duration::from_secs(1);
        for _ in 0..5 {
            assert_eq!(paces.take(ME, Act::Say, later), Ok(()));
        }
        assert!(paces.take(ME, Act::Say, later).is_err());
        assert_eq!(paces.take(AccessDigest([2; 32]), Act::Say, later), Ok(()));
        assert_eq!(paces.take(ME, Act::Type, later), Ok(()));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let paces = Paces::default();
        let start = Instant::now();
        for number in 0..4096_u16 {
            let mut digest = [0; 32];
            digest[..2].copy_from_slice(&number.to_be_bytes());
            let now = start + Duration::from_secs(u64::from(number));
            assert_eq!(paces.take(AccessDigest(digest), Act::Say, now), Ok(()));
        }
        assert!(paces.0.lock().unwrap().full_at_by_key.len() <= 1025);
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds() {
        assert_eq!(Wait(Duration::from_millis(200)).seconds(), 1);
        assert_eq!(Wait(Duration::from_millis(1001)).seconds(), 2);
    }
}
