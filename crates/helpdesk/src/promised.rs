//! What a shopper has been promised: it never counts up in silence.
//! Must not know how a wait is forecast, nor who is told.

use std::time::Duration;

use crate::clock::Moment;
use crate::estimate::quote::Form;
use crate::ids::TicketId;
use crate::record::{GivenPromise, Record};
use crate::snapshot::Wait;

/// From this share of the promised time on a promise is about to be broken.
const NEARLY_OVER: f64 = 0.9;

/// A promise as it was first given and as it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Promised {
    /// As it was first given: what is scored.
    pub(crate) first: Given,
    current: Given,
    /// The wait shown last.
    shown: Wait,
}

/// A wait told at a moment, and how the desk stood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Given {
    pub(crate) at: Moment,
    pub(crate) wait: Wait,
    pub(crate) circumstances: Circumstances,
    pub(crate) form: Form,
}

/// What a wait depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Circumstances {
    /// Tickets that go first, and one.
    pub(crate) position: u32,
    /// Conversations that the reps at work can hold.
    pub(crate) servers: u32,
}

/// What to show of a wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shown {
    /// Within what was promised.
    Kept(Wait),
    /// Longer than promised, and why.
    Grown(Wait, &'static str),
}

impl Promised {
    pub(crate) fn new(given: Given) -> Self {
        Self {
            first: given,
            current: given,
            shown: given.wait,
        }
    }

    /// Takes a newer forecast. As long as it lies within the range promised nothing counts up; beyond, the
    /// promise is made anew and the reason is told with it, once.
    pub(crate) fn revise(&mut self, newer: Given) -> Shown {
        let wait = newer.wait;
        if wait.seconds > self.current.left(newer.at) {
            let why = newer.circumstances.why_longer(self.current.circumstances);
            self.current = newer;
            self.shown = wait;
            return Shown::Grown(wait, why);
        }
        let seconds = self.shown.seconds.min(wait.seconds);
        self.shown = Wait {
            seconds,
            low: wait.low.min(seconds),
            high: self.shown.high.min(wait.high),
            ..wait
        };
        Shown::Kept(self.shown)
    }

    /// The promise as it stands, for the journal.
    pub(crate) fn record(&self, ticket: &TicketId) -> Record {
        let Given {
            at,
            wait,
            circumstances: Circumstances { position, servers },
            form,
        } = self.current;
        Record::Promised {
            ticket: ticket.clone(),
            promise: GivenPromise {
                wait,
                position,
                servers,
                form,
            },
            at_unix_ms: at.0,
        }
    }

    /// The promise made anew, as the journal tells it.
    pub(crate) fn restore(known: Option<Self>, promise: GivenPromise, at: Moment) -> Self {
        let given = Given {
            at,
            wait: promise.wait,
            circumstances: Circumstances {
                position: promise.position,
                servers: promise.servers,
            },
            form: promise.form,
        };
        Self {
            first: known.map_or(given, |known| known.first),
            ..Self::new(given)
        }
    }

    /// When what is shown will be more than is left of the promise, unless a newer forecast is shorter.
    pub(crate) fn next_look(&self) -> Moment {
        let end = self.current.wait.high.saturating_sub(self.shown.seconds);
        // One more second, so that no fraction is left over.
        let end = u64::from(end) + 1;
        self.current.at.after(Duration::from_secs(end))
    }

    /// When the promise, as it was first given, is about to be broken.
    pub(crate) fn nearly_over(&self) -> Moment {
        let high = f64::from(self.first.wait.high);
        let nearly = Duration::try_from_secs_f64(high * NEARLY_OVER).unwrap_or(Duration::MAX);
        self.first.at.after(nearly)
    }
}

impl Given {
    /// Seconds that are left of the range.
    fn left(&self, now: Moment) -> u32 {
        let passed = u32::try_from(now.since(self.at).as_secs()).unwrap_or(u32::MAX);
        self.wait.high.saturating_sub(passed)
    }
}

impl Circumstances {
    fn why_longer(self, than: Self) -> &'static str {
        if self.servers < than.servers {
            "fewer reps are at work than before"
        } else if self.position > than.position {
            "more urgent requests go first"
        } else {
            "conversations take longer than they usually do"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_FIRST: Circumstances = Circumstances {
        position: 2,
        servers: 3,
    };

    fn given(at_s: i64, seconds: u32, low: u32, high: u32) -> Given {
        Given {
            at: Moment(at_s * 1_000),
            wait: Wait {
                seconds,
                low,
                high,
                confidence: 0.8,
            },
            circumstances: AT_FIRST,
            form: Form::Played,
        }
    }

    #[track_caller]
    fn check(promised: &mut Promised, newer: Given, (seconds, low, high): (u32, u32, u32)) {
        let Shown::Kept(wait) = promised.revise(newer) else {
            panic!("{newer:?} grows {promised:?}");
        };
        assert_eq!((wait.seconds, wait.low, wait.high), (seconds, low, high));
    }

    #[test]
    fn it_counts_down_and_never_up_within_its_range() {
        let mut promised = Promised::new(given(0, 120, 60, 300));
        check(&mut promised, given(30, 90, 30, 240), (90, 30, 240));
        check(&mut promised, given(40, 150, 90, 400), (90, 90, 240));
        check(&mut promised, given(50, 90, 30, 200), (90, 30, 200));
        check(&mut promised, given(290, 5, 0, 15), (5, 0, 15));
    }

    #[test]
    fn beyond_its_range_it_grows_once_and_says_why() {
        let mut promised = Promised::new(given(0, 120, 60, 300));
        let longer = given(60, 270, 200, 400);
        assert_eq!(
            promised.revise(longer),
            Shown::Grown(
                longer.wait,
                "conversations take longer than they usually do"
            )
        );
        check(&mut promised, given(61, 285, 200, 420), (270, 200, 400));
        assert_eq!(promised.first.wait.seconds, 120);
    }

    #[test]
    fn a_promise_that_only_slides_is_told_when_its_time_is_over() {
        let mut promised = Promised::new(given(0, 120, 60, 300));
        check(&mut promised, given(180, 120, 60, 300), (120, 60, 300));
        assert_eq!(promised.next_look(), Moment(181_000));
        let Shown::Grown(wait, _) = promised.revise(given(181, 120, 60, 300)) else {
            panic!("it slides in silence");
        };
        assert_eq!(wait.seconds, 120);
    }

    #[test]
    fn the_reason_is_what_has_changed() {
        let fewer = Circumstances {
            servers: 2,
            ..AT_FIRST
        };
        let behind = Circumstances {
            position: 3,
            ..AT_FIRST
        };
        for (now, word) in [(fewer, "fewer reps"), (behind, "more urgent")] {
            let mut promised = Promised::new(given(0, 120, 60, 300));
            let longer = Given {
                circumstances: now,
                ..given(60, 270, 200, 400)
            };
            let Shown::Grown(_, why) = promised.revise(longer) else {
                panic!("it does not grow");
            };
            assert!(why.contains(word), "{why}");
        }
    }
}
