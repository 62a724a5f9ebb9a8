//! The last hours of the desk, minute by minute, in memory and bounded: a restart begins them anew.
//! Must not know who looks. Time is an argument.

use std::collections::BTreeMap;

use helpdesk::{WaitEnded, WaitFate};
use serde::Serialize;

/// Minutes that are kept: twelve hours.
const MINUTES: usize = 12 * 60;

const MINUTE_MS: i64 = 60_000;

/// The minutes so far, by when they began.
#[derive(Debug, Default)]
pub(super) struct History {
    minutes: BTreeMap<i64, Minute>,
}

/// How the desk stood at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Standing {
    pub(super) queued: u32,
    pub(super) open: u32,
    pub(super) available: u32,
    pub(super) busy: u32,
    pub(super) away: u32,
}

/// One minute. Waits are in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Minute {
    /// When it began, in milliseconds since the Unix epoch.
    pub(super) at: i64,
    /// The most that waited at once.
    queued: u32,
    /// The most that were in conversation at once.
    open: u32,
    /// Reps as they last stood.
    available: u32,
    busy: u32,
    away: u32,
    /// Tickets that a rep took.
    answered: u32,
    /// Tickets whose shopper left before.
    left: u32,
    /// Sum of the waits of those answered, and the longest of them.
    waited_sum: f64,
    waited_most: f64,
    /// Waits that ended and had been promised; those within the promise.
    promised: u32,
    kept: u32,
    /// Sums over them of what was promised.
    promised_sum: f64,
    low_sum: f64,
    high_sum: f64,
}

impl History {
    /// Notes how the desk stands.
    pub(super) fn stand(&mut self, standing: Standing, now_unix_ms: i64) {
        let minute = self.minute(now_unix_ms);
        minute.queued = minute.queued.max(standing.queued);
        minute.open = minute.open.max(standing.open);
        minute.available = standing.available;
        minute.busy = standing.busy;
        minute.away = standing.away;
    }

    /// Notes waits that have ended.
    pub(super) fn end(&mut self, waits: &[WaitEnded]) {
        for wait in waits {
            let waited = wait.waited.as_secs_f64();
            let minute = self.minute(wait.at_unix_ms);
            match wait.fate {
                WaitFate::Answered => {
                    minute.answered += 1;
                    minute.waited_sum += waited;
                    minute.waited_most = minute.waited_most.max(waited);
                }
                WaitFate::Left => minute.left += 1,
            }
            if let (Some(promised), Some(is_kept)) = (wait.promised, wait.is_kept()) {
                minute.promised += 1;
                minute.kept += u32::from(is_kept);
                minute.promised_sum += f64::from(promised.seconds);
                minute.low_sum += f64::from(promised.low);
                minute.high_sum += f64::from(promised.high);
            }
        }
    }

    /// Every minute that is kept.
    pub(super) fn minutes(&self) -> Vec<Minute> {
        self.minutes.values().cloned().collect()
    }

    /// The minute under way.
    pub(super) fn last(&self) -> Option<Minute> {
        self.minutes.values().next_back().cloned()
    }

    fn minute(&mut self, at_unix_ms: i64) -> &mut Minute {
        let at = at_unix_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        if self.minutes.len() >= MINUTES && !self.minutes.contains_key(&at) {
            self.minutes.pop_first();
        }
        self.minutes.entry(at).or_insert_with(|| Minute {
            at,
            ..Minute::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use helpdesk::{TicketId, Wait};

    use super::*;

    fn wait(at_s: i64, waited_s: u64, high: Option<u32>, fate: WaitFate) -> WaitEnded {
        WaitEnded {
            number: 1,
            ticket: TicketId::new("t"),
            at_unix_ms: at_s * 1000,
            waited: Duration::from_secs(waited_s),
            promised: high.map(|high| Wait {
                seconds: high / 2,
                low: 1,
                high,
                confidence: 0.8,
            }),
            fate,
        }
    }

    #[test]
    fn a_minute_holds_its_peak_and_its_waits() {
        let mut history = History::default();
        let standing = |queued| Standing {
            queued,
            available: queued + 1,
            ..Standing::default()
        };
        history.stand(standing(3), 61_000);
        history.stand(standing(1), 119_999);
        history.end(&[
            wait(70, 30, Some(60), WaitFate::Answered),
            wait(75, 90, Some(60), WaitFate::Answered),
            wait(80, 5, None, WaitFate::Answered),
            wait(90, 70, Some(60), WaitFate::Left),
        ]);
        let minutes = history.minutes();
        assert_eq!(minutes.len(), 1);
        let minute = &minutes[0];
        assert_eq!((minute.at, minute.queued, minute.available), (60_000, 3, 2));
        assert_eq!((minute.answered, minute.left), (3, 1));
        assert_eq!((minute.promised, minute.kept), (3, 1));
        assert_eq!((minute.waited_sum, minute.waited_most), (125.0, 90.0));
    }

    #[test]
    fn who_leaves_within_the_promise_breaks_nothing_and_proves_nothing() {
        let mut history = History::default();
        history.end(&[wait(70, 10, Some(60), WaitFate::Left)]);
        assert_eq!(history.minutes()[0].promised, 0);
    }

    #[test]
    fn twelve_hours_are_kept_and_no_more() {
        let mut history = History::default();
        for minute in 0..1000 {
            history.stand(Standing::default(), minute * MINUTE_MS);
        }
        let minutes = history.minutes();
        assert_eq!(minutes.len(), MINUTES);
        assert_eq!(history.last().unwrap().at, 999 * MINUTE_MS);
        history.end(&[wait(0, 1, None, WaitFate::Answered)]);
        assert_eq!(history.minutes().len(), MINUTES);
    }
}
