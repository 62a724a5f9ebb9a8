//! What a leg waits for, and until when. Must not know what happens then.

use std::time::Instant;

/// The timers of one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Anything at all comes back.
    Response,
    /// Somebody takes the call.
    Ring,
    /// Our side answers an offer of the peer.
    Answer,
    /// A 2xx of ours is sent again (RFC 3261 §13.3.1.4: T1, doubled up to T2).
    Repeat,
    /// The ACK of our 2xx comes (RFC 3261 §13.3.1.4: 64*T1).
    Acknowledgement,
    /// A re-INVITE that met another is tried again (RFC 3261 §14.1: 2.1 to 4 s).
    Glare,
    /// We refresh the session (RFC 4028 §7.2: half of its interval).
    Refresh,
    /// The session is refreshed (RFC 4028 §10: its interval, less 32 s or a third).
    Expiry,
    /// The call ends.
    Longest,
}

/// At most one deadline for each timer.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    set: Vec<(Timer, Instant)>,
}

impl Deadlines {
    /// Sets a timer, whether it was set or not.
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

    /// Takes out the timer that is due longest.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let due = self.set.iter().filter(|(_, at)| *at <= now);
        let (timer, _) = *due.min_by_key(|(_, at)| *at)?;
        self.clear(timer);
        Some(timer)
    }
}
