//! How fast one conversation may write: token buckets, one per ticket token.
//! Must not know what is written; time is an argument.

use std::time::{Duration, Instant};

use helpdesk::AccessDigest;

use crate::bucket::{Buckets, Rate, Wait};

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
    fn rate(self) -> Rate {
        let (burst, interval_ms) = match self {
            Self::Say => (20, 200),
            // Two, so that a page that types every second is not told off for a timer's jitter.
            Self::Type => (2, 1000),
            Self::See => (40, 100),
        };
        Rate {
            burst,
            interval: Duration::from_millis(interval_ms),
        }
    }
}

/// All buckets. Keyed by the token's digest, so that nobody can use up another one's.
#[derive(Default)]
pub(crate) struct Paces(Buckets<([u8; 32], Act)>);

impl Paces {
    /// Takes one from the bucket, or says how long to wait.
    pub(crate) fn take(&self, by: AccessDigest, act: Act, now: Instant) -> Result<(), Wait> {
        self.0.take((by.0, act), act.rate(), now)
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
}
