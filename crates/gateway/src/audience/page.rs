//! One page that watches: what the kernel has not taken yet of what was written to it.
//! Must not know what is told.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::time::Instant;

use super::kind::Told;
use crate::connection::Held;
use crate::metrics::Counted;

/// A page.
#[derive(Debug)]
pub(super) struct Page<S> {
    held: Held<S>,
    /// The kind it is of.
    pub(super) kind: usize,
    /// Its place among the pages of that kind.
    pub(super) place: usize,
    /// What it knows.
    pub(super) told: Arc<Told>,
    /// What is left of the text begun last.
    rest: Bytes,
    /// Since when nothing was begun.
    pub(super) quiet_since: Instant,
    /// Since when the kernel takes no more.
    pub(super) stalled_since: Option<Instant>,
    _counted: Counted,
}

/// What becomes of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// Its peer has gone.
    Goes,
}

/// What a peer said that does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// All of it is read.
    All,
    /// There may be more.
    More,
    /// It has closed.
    Goodbye,
}

impl<S> Page<S> {
    pub(super) fn new(
        held: Held<S>,
        kind: usize,
        told: Arc<Told>,
        counted: Counted,
        now: Instant,
    ) -> Self {
        Self {
            held,
            kind,
            place: 0,
            told,
            rest: Bytes::new(),
            quiet_since: now,
            stalled_since: None,
            _counted: counted,
        }
    }

    /// Whether all that was begun is written.
    pub(super) fn is_free(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<S: Read + Write> Page<S> {
    /// Begins to write a text; nothing may be left of the one before.
    pub(super) fn write(&mut self, text: &Bytes, now: Instant) -> Fate {
        self.quiet_since = now;
        let mut written = 0;
        while let Some(left) = text.get(written..).filter(|left| !left.is_empty()) {
            match self.held.stream.write(left) {
                Ok(0) => return Fate::Goes,
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stalled_since.get_or_insert(now);
                    self.rest = text.clone();
                    self.rest.advance(written);
                    return Fate::Stays;
                }
                Err(_) => return Fate::Goes,
            }
        }
        self.stalled_since = None;
        Fate::Stays
    }

    /// Writes on, now that the kernel may take more.
    pub(super) fn write_on(&mut self, now: Instant) -> Fate {
        let rest = std::mem::take(&mut self.rest);
        let quiet_since = self.quiet_since;
        let fate = self.write(&rest, now);
        self.quiet_since = quiet_since;
        fate
    }

    /// Reads what the peer says, some of it at a time.
    pub(super) fn read(&mut self) -> Said {
        let mut ignored = [0; 1024];
        for _ in 0..READS {
            match self.held.stream.read(&mut ignored) {
                Ok(0) => return Said::Goodbye,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Said::All,
                Err(_) => return Said::Goodbye,
            }
        }
        Said::More
    }
}

/// Reads of one page before others have their turn.
const READS: usize = 4;
