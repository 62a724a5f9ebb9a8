//! What a call waits for, and until when. Must not know what happens then.

use std::time::Instant;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// A way to the first leads to something.
    Ringing,
    /// It is written down that the second is called.
    Commit,
    /// The first is alone no more.
    Alone,
    /// The first can be asked again to take the second's offer.
    Again,
    /// The legs that were hung up are over.
    Parting,
}

/// At most one deadline for each timer.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    set: Vec<(Timer, Instant)>,
}

impl Deadlines {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.clear(timer);
        self.set.push((timer, at));
    }

    pub(super) fn clear(&mut self, timer: Timer) {
        self.set.retain(|(other, _)| *other != timer);
    }

    pub(super) fn clear_all(&mut self) {
        self.set.clear();
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.set.iter().map(|(_, at)| *at).min()
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let due = self.set.iter().filter(|(_, at)| *at <= now);
        let (timer, _) = *due.min_by_key(|(_, at)| *at)?;
        self.clear(timer);
        Some(timer)
    }
}
