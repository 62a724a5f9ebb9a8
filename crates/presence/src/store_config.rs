//! Limits and policy of a presentity store. Must not know the store.

use std::{fmt, time::Duration};

use crate::{publication::PublishError, source::Precedence};

/// A lifetime beyond this is a mistake; it also keeps sums of instants within bounds.
const LONGEST_CONFIGURABLE: Duration = Duration::from_secs(366 * 24 * 3600);

/// Limits and policy of a [`Store`](crate::Store).
#[derive(Clone)]
pub struct StoreConfig {
    /// Shorter lifetimes are lengthened to this in the answer; 10 s.
    pub shortest_lifetime: Duration,
    /// Granted where none is asked for; 300 s, so that a phone that crashed is not believed for long.
    pub default_lifetime: Duration,
    /// Longer lifetimes are shortened to this in the answer; 3600 s. A year at most.
    pub longest_lifetime: Duration,
    /// Shorter lifetimes are refused instead of lengthened, where a floor is set; none is.
    pub floor: Option<Duration>,
    /// Publications one presentity may have at a time; 64, which leaves room for what crashed phones left behind. Beyond it
    /// a forgotten one makes room (see [`Publisher`](crate::Publisher)).
    pub most_publications: usize,
    /// Presentities that may be published at a time, and whose changes may wait to be read; 100 000.
    /// Writers that race for the last places may overshoot by one each.
    pub most_presentities: usize,
    /// Which source of a presentity's state outweighs which.
    pub precedence: Precedence,
    /// Secret from which entity-tags are made. Must differ at each start: an old tag must never fit a new publication.
    pub seed: [u8; 16],
}

impl StoreConfig {
    /// The defaults named at each field.
    pub fn new(seed: [u8; 16]) -> Self {
        Self {
            shortest_lifetime: Duration::from_secs(10),
            default_lifetime: Duration::from_secs(300),
            longest_lifetime: Duration::from_secs(3600),
            floor: None,
            most_publications: 64,
            most_presentities: 100_000,
            precedence: Precedence::default(),
            seed,
        }
    }

    /// What a PUBLISH that asks for `lifetime` gets; `None` if it asks for the end.
    pub(crate) fn granted(
        &self,
        lifetime: Option<Duration>,
    ) -> Result<Option<Duration>, PublishError> {
        let lifetime = lifetime.unwrap_or(self.default_lifetime);
        if lifetime.is_zero() {
            return Ok(None);
        }
        if let Some(floor) = self.floor
            && lifetime < floor
        {
            return Err(PublishError::TooBrief { floor });
        }
        // Deviates from RFC 3903 §6: without a floor, a lifetime that is too brief is lengthened instead of
        // refused with 423, because phones answer 423 by losing their state or by giving up.
        Ok(Some(
            lifetime
                .max(self.shortest_lifetime)
                .min(self.longest_lifetime)
                .min(LONGEST_CONFIGURABLE),
        ))
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("shortest_lifetime", &self.shortest_lifetime)
            .field("default_lifetime", &self.default_lifetime)
            .field("longest_lifetime", &self.longest_lifetime)
            .field("floor", &self.floor)
            .field("most_publications", &self.most_publications)
            .field("most_presentities", &self.most_presentities)
            .field("precedence", &self.precedence)
            .finish_non_exhaustive()
    }
}
