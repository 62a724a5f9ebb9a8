//! Every timer of an endpoint: one enum, one table. Each delay is a constant, so alarms of one timer and delay
//! are due in the order they were set: a queue each, O(1) to set, no search, no cancelling (stale ones are skipped).
//! Must not know what happens when a timer fires.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::arena::Id;

/// What a transaction waits for. The letters are those of RFC 3261 §17 and RFC 6026 §7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Non-INVITE client: send the request again.
    E,
    /// Non-INVITE client: give up.
    F,
    /// Non-INVITE client: stop absorbing repeated answers.
    K,
    /// Non-INVITE server: time to say 100 (RFC 4320 §4.1).
    Trying,
    /// Non-INVITE server: the client has given up, an answer would come too late (RFC 4320 §4.2).
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

    /// Takes out the alarm of this timer that was set first, due or not.
    pub(super) fn pop_first(&mut self, timer: Timer) -> Option<Id> {
        self.lanes
            .iter_mut()
            .filter(|lane| lane.timer == timer)
            .min_by_key(|lane| {
                lane.next()
                    .map_or((1, None), |deadline| (0, Some(deadline)))
            })?
            .pop()
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
    fn stale_heads_are_skipped_and_the_oldest_is_taken_first() {
        let mut arena = Arena::new();
        let ids: Vec<_> = (0..3).map(|_| arena.insert(())).collect();
        let mut timers = Timers::new();
        let start = start();
        for (after, id) in (0u32..).zip(&ids) {
            timers.set(Timer::J, 32 * SECOND, *id, start + after * SECOND);
        }
        timers.skip_stale(|_, id| id != ids[0]);
        assert_eq!(timers.next(), Some(start + 33 * SECOND));
        assert_eq!(timers.pop_first(Timer::J), Some(ids[1]));
        assert_eq!(timers.pop_first(Timer::J), Some(ids[2]));
        assert_eq!(timers.pop_first(Timer::J), None);
        assert_eq!(timers.pop_first(Timer::E), None);
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
