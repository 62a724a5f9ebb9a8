//! Every timer of an endpoint: one enum, one table of delays. Each delay is a constant, so alarms of one timer and
//! delay are due in the order they were set: a queue each, O(1) to set, no search, no cancelling (stale ones are
//! skipped). Must not know what happens when a timer fires.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Config;
use super::arena::Id;
use crate::flow::Protocol;

/// What a transaction waits for. The letters are those of RFC 3261 §17 and RFC 6026 §7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// INVITE client: send the INVITE again.
    A,
    /// INVITE client: give up, nothing came at all.
    B,
    /// INVITE client: it has rung too long, cancel it.
    C,
    /// INVITE client: stop absorbing repeated refusals.
    D,
    /// INVITE client: cancelled, and still no final response: give up.
    Cancelled,
    /// INVITE client: stop taking in more 2xx.
    M,
    /// Non-INVITE client: send the request again.
    E,
    /// Non-INVITE client: give up.
    F,
    /// Non-INVITE client: stop absorbing repeated answers.
    K,
    /// Non-INVITE server: time to say 100.
    Trying,
    /// Non-INVITE server: the client has given up, an answer would come too late.
    Abandon,
    /// Non-INVITE server: stop absorbing repeated requests.
    J,
    /// INVITE server: time to say 100.
    InviteTrying,
    /// INVITE server: nobody gave a final answer.
    InviteAbandon,
    /// INVITE server: send the refusal again.
    G,
    /// INVITE server: stop waiting for the ACK.
    H,
    /// INVITE server: stop absorbing repeated ACKs.
    I,
    /// INVITE server: stop absorbing repeated INVITEs after a 2xx.
    L,
}

impl Timer {
    /// Whether it is of a transaction that we began.
    pub(super) const fn is_of_client(self) -> bool {
        match self {
            Self::A
            | Self::B
            | Self::C
            | Self::D
            | Self::Cancelled
            | Self::M
            | Self::E
            | Self::F
            | Self::K => true,
            Self::Trying
            | Self::Abandon
            | Self::J
            | Self::InviteTrying
            | Self::InviteAbandon
            | Self::G
            | Self::H
            | Self::I
            | Self::L => false,
        }
    }

    /// The table of all timers: how long each one runs, the first time where it is set again and again.
    /// `None` where it does not run on this transport, or is zero there.
    pub(super) fn delay(self, config: &Config, transport: Protocol) -> Option<Duration> {
        let patience = config.patience();
        let (reliable, unreliable) = match self {
            // RFC 3261 §17.1.1.2: T1, doubled each time.
            Self::A => (None, Some(config.round_trip)),
            // RFC 3261 §17.1.1.2: 64*T1.
            Self::B => (Some(patience), Some(patience)),
            // RFC 3261 §16.6 point 11: more than 3 minutes.
            Self::C => (Some(config.longest_ringing), Some(config.longest_ringing)),
            // RFC 3261 §17.1.1.2: more than 32 s; 64*T1 keeps it in step with Timer H of the peer.
            Self::D => (None, Some(patience)),
            // RFC 3261 §9.1: 64*T1 after the CANCEL.
            Self::Cancelled => (Some(patience), Some(patience)),
            // RFC 6026 §8.4: 64*T1 on every transport.
            Self::M => (Some(patience), Some(patience)),
            // RFC 3261 §17.1.2.2: T1, doubled each time up to T2.
            Self::E => (None, Some(config.round_trip)),
            // RFC 3261 §17.1.2.2: 64*T1.
            Self::F => (Some(patience), Some(patience)),
            // RFC 3261 §17.1.2.2: T4.
            Self::K => (None, Some(config.message_lifetime)),
            // RFC 4320 §4.1: when the client's Timer E has reached T2.
            Self::Trying => (Some(config.trying_delay()), Some(config.trying_delay())),
            // RFC 4320 §4.2: 64*T1 after the request.
            Self::Abandon => {
                let rest = patience.saturating_sub(config.trying_delay());
                (Some(rest), Some(rest))
            }
            // RFC 3261 §17.2.2: 64*T1.
            Self::J => (None, Some(patience)),
            // RFC 3261 §17.2.1: 200 ms.
            Self::InviteTrying => (Some(INVITE_TRYING_DELAY), Some(INVITE_TRYING_DELAY)),
            // No RFC's: a user who says nothing final for so long has forgotten the call.
            Self::InviteAbandon => (Some(LONGEST_SILENCE), Some(LONGEST_SILENCE)),
            // RFC 3261 §17.2.1: T1, doubled each time up to T2.
            Self::G => (None, Some(config.round_trip)),
            // RFC 3261 §17.2.1: 64*T1.
            Self::H => (Some(patience), Some(patience)),
            // RFC 3261 §17.2.1: T4.
            Self::I => (None, Some(config.message_lifetime)),
            // RFC 6026 §8.7: 64*T1 on every transport.
            Self::L => (Some(patience), Some(patience)),
        };
        if transport.is_reliable() {
            reliable
        } else {
            unreliable
        }
    }
}

/// RFC 3261 §17.2.1: within it the user should have said something.
const INVITE_TRYING_DELAY: Duration = Duration::from_millis(200);
/// The caller's Timer C is no shorter.
const LONGEST_SILENCE: Duration = Duration::from_secs(180);

#[derive(Debug)]
pub(super) struct Timers {
    lanes: Vec<Lane>,
}

/// Invariant: `alarms` is sorted by deadline, because `delay` is fixed and `now` never goes back.
#[derive(Debug)]
struct Lane {
    timer: Timer,
    delay: Duration,
    alarms: VecDeque<Alarm>,
}

#[derive(Clone, Copy, Debug)]
struct Alarm {
    deadline: Instant,
    id: Id,
}

/// Lanes keep room for this many alarms; more is given back when it is mostly unused.
const KEPT_ALARMS: usize = 1024;

impl Timers {
    pub(super) const fn new() -> Self {
        Self { lanes: Vec::new() }
    }

    /// Sets a timer. `now` must not go back between calls.
    pub(super) fn set(&mut self, timer: Timer, delay: Duration, id: Id, now: Instant) {
        let alarm = Alarm {
            deadline: now + delay,
            id,
        };
        let lane = self
            .lanes
            .iter_mut()
            .find(|lane| lane.timer == timer && lane.delay == delay);
        match lane {
            Some(lane) => lane.alarms.push_back(alarm),
            None => self.lanes.push(Lane {
                timer,
                delay,
                alarms: VecDeque::from([alarm]),
            }),
        }
    }

    /// Takes out the alarm that is due longest.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Timer, Id)> {
        let lane = self
            .lanes
            .iter_mut()
            .filter(|lane| lane.next().is_some_and(|deadline| deadline <= now))
            .min_by_key(|lane| lane.next())?;
        let timer = lane.timer;
        lane.pop().map(|id| (timer, id))
    }

    /// Forgets the alarms at the head of each queue that nobody waits for.
    pub(super) fn skip_stale(&mut self, is_awaited: impl Fn(Timer, Id) -> bool) {
        for lane in &mut self.lanes {
            while let Some(alarm) = lane.alarms.front()
                && !is_awaited(lane.timer, alarm.id)
            {
                lane.pop();
            }
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.lanes.iter().filter_map(Lane::next).min()
    }
}

impl Lane {
    fn pop(&mut self) -> Option<Id> {
        let alarm = self.alarms.pop_front()?;
        if self.alarms.capacity() > KEPT_ALARMS && self.alarms.len() < self.alarms.capacity() / 8 {
            self.alarms.shrink_to(self.alarms.len() * 2);
        }
        Some(alarm.id)
    }

    fn next(&self) -> Option<Instant> {
        self.alarms.front().map(|alarm| alarm.deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::flow::Protocol;
    use crate::transaction::Config;
    use crate::transaction::arena::Arena;
    use crate::transaction::tests::script::start;

    use super::{Timer, Timers};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn timers_fire_in_the_order_they_are_due() {
        let mut arena = Arena::new();
        let (first, second) = (arena.insert(()), arena.insert(()));
        let mut timers = Timers::new();
        let start = start();
        timers.set(Timer::J, 32 * SECOND, first, start);
        timers.set(Timer::E, SECOND, first, start);
        timers.set(Timer::E, 2 * SECOND, first, start);
        timers.set(Timer::E, SECOND, second, start + SECOND);
        assert_eq!(timers.next(), Some(start + SECOND));
        assert_eq!(timers.pop_due(start), None);
        let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(start + 3 * SECOND)).collect();
        assert_eq!(due.len(), 3);
        assert_eq!(due[0], (Timer::E, first));
        assert_eq!(timers.next(), Some(start + 32 * SECOND));
    }

    #[test]
    fn the_table_has_the_values_of_the_rfcs() {
        let config = Config::default();
        let milliseconds = |timer: Timer, transport| {
            timer
                .delay(&config, transport)
                .map(|delay| u32::try_from(delay.as_millis()).unwrap())
        };
        for (timer, unreliable, reliable) in [
            (Timer::A, Some(500), None),
            (Timer::B, Some(32_000), Some(32_000)),
            (Timer::C, Some(181_000), Some(181_000)),
            (Timer::D, Some(32_000), None),
            (Timer::Cancelled, Some(32_000), Some(32_000)),
            (Timer::M, Some(32_000), Some(32_000)),
            (Timer::E, Some(500), None),
            (Timer::F, Some(32_000), Some(32_000)),
            (Timer::K, Some(5_000), None),
            (Timer::Trying, Some(3_500), Some(3_500)),
            (Timer::Abandon, Some(28_500), Some(28_500)),
            (Timer::J, Some(32_000), None),
            (Timer::InviteTrying, Some(200), Some(200)),
            (Timer::InviteAbandon, Some(180_000), Some(180_000)),
            (Timer::G, Some(500), None),
            (Timer::H, Some(32_000), Some(32_000)),
            (Timer::I, Some(5_000), None),
            (Timer::L, Some(32_000), Some(32_000)),
        ] {
            assert_eq!(milliseconds(timer, Protocol::Udp), unreliable, "{timer:?}");
            assert_eq!(milliseconds(timer, Protocol::Tls), reliable, "{timer:?}");
        }
    }

    #[test]
    fn stale_heads_are_skipped() {
        let mut arena = Arena::new();
        let ids: Vec<_> = (0..3).map(|_| arena.insert(())).collect();
        let mut timers = Timers::new();
        let start = start();
        for (after, id) in (0u32..).zip(&ids) {
            timers.set(Timer::J, 32 * SECOND, *id, start + after * SECOND);
        }
        timers.skip_stale(|_, id| id != ids[0]);
        assert_eq!(timers.next(), Some(start + 33 * SECOND));
        let due = timers.pop_due(start + 60 * SECOND);
        assert_eq!(due, Some((Timer::J, ids[1])));
    }

    #[test]
    fn room_of_a_burst_is_given_back() {
        let mut arena = Arena::new();
        let id = arena.insert(());
        let mut timers = Timers::new();
        let start = start();
        for _ in 0..100_000 {
            timers.set(Timer::J, SECOND, id, start);
        }
        while timers.pop_due(start + SECOND).is_some() {}
        assert!(timers.lanes[0].alarms.capacity() <= super::KEPT_ALARMS);
    }
}
