//! What pages that watch have in common, whatever carries their streams.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem;

/// Pages that watch. They read while somebody waits for them, and at no other time.
pub(crate) trait Audience {
    /// Opens so many more, which hear an event with that mark before long.
    ///
    /// # Errors
    /// Where the server refuses one, or one hears nothing.
    fn open(
        &mut self,
        server: SocketAddr,
        path: &str,
        count: usize,
        mark: &str,
        patience: Duration,
    ) -> anyhow::Result<()>;

    /// Reads until every page has had an event with that mark.
    ///
    /// # Errors
    /// Where one of them does not, or its stream ends.
    fn hear(&mut self, mark: &str, patience: Duration) -> anyhow::Result<Heard>;

    /// Events with data that have come so far, to all pages together.
    fn events(&self) -> u64;

    /// Reads what comes for so long.
    ///
    /// # Errors
    /// Where a stream ends.
    fn rest(&mut self, time: Duration) -> anyhow::Result<()>;
}

/// When the first and the last of all pages heard.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) first: Instant,
    pub(crate) last: Instant,
    /// Each of them, in order.
    pub(crate) all: Vec<Instant>,
}

/// What one page has read of its stream.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// What came of an event that is not whole.
    rest: Vec<u8>,
}

impl Heard {
    /// Those who were waited for since `begun`, in order.
    pub(crate) fn of(all: Vec<Instant>, begun: Instant) -> Self {
        Self {
            first: all.first().copied().unwrap_or(begun),
            last: all.last().copied().unwrap_or(begun),
            all,
        }
    }
}

impl Reading {
    /// How many events with data are whole with what has come now, and whether the mark is in them.
    pub(crate) fn take(&mut self, bytes: &[u8], mark: Option<&memmem::Finder<'_>>) -> (u64, bool) {
        self.rest.extend_from_slice(bytes);
        let Some(end) = memmem::rfind(&self.rest, b"\n\n") else {
            return (0, false);
        };
        let whole = self.rest.get(..end).unwrap_or_default();
        let hears = mark.is_some_and(|mark| mark.find(whole).is_some());
        // The text of a document has no line of its own that begins so.
        let events = memmem::find_iter(whole, "data: ").count() as u64;
        self.rest.drain(..end + 2);
        if self.rest.is_empty() {
            // Ten thousand pages should not hold what they have read.
            self.rest = Vec::new();
        }
        (events, hears)
    }
}
