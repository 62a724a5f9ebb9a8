//! Which waiting ticket goes first, and when time alone changes that.
//! Must not know reps.

use std::cmp::Ordering;
use std::time::Duration;

use crate::clock::Moment;
use crate::config::Priority;
use crate::ids::TicketId;

/// What of a waiting ticket decides its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) ticket: TicketId,
    /// Order of arrival; the last word between equals.
    pub(crate) number: u64,
    /// When it was asked.
    pub(crate) since: Moment,
    /// The weight of its tier, above zero.
    pub(crate) weight: f64,
}

/// A place in the queue. Times are of any unit, the same for all that are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// Order of arrival; the last word between equals.
    pub(crate) number: u64,
    /// When it was asked.
    pub(crate) since: i64,
    /// The weight of its tier, above zero.
    pub(crate) weight: f64,
}

/// Puts the ticket to be served first in front.
pub(crate) fn sort(waiting: &mut [Waiting], priority: Priority, now: Moment) {
    waiting.sort_by(|one, other| compare(one, other, priority, now));
}

/// Whether `one` is served before a click of this moment with a tier of `weight`.
pub(crate) fn precedes_click(one: &Waiting, weight: f64, priority: Priority, now: Moment) -> bool {
    let click = Waiting {
        ticket: one.ticket.clone(),
        number: u64::MAX,
        since: now,
        weight,
    };
    compare(one, &click, priority, now) == Ordering::Less
}

/// When the order of sorted tickets next changes by itself: under weighted priority a heavier ticket
/// overtakes a lighter one that has waited longer.
pub(crate) fn next_overtaking(
    sorted: &[Waiting],
    priority: Priority,
    now: Moment,
) -> Option<Moment> {
    match priority {
        Priority::Strict => None,
        Priority::Weighted => sorted
            .windows(2)
            .filter_map(|pair| match pair {
                [ahead, behind] => overtaking(ahead, behind, now),
                _ => None,
            })
            .min(),
    }
}

fn overtaking(ahead: &Waiting, behind: &Waiting, now: Moment) -> Option<Moment> {
    let gain = behind.weight - ahead.weight;
    if gain <= 0.0 {
        return None;
    }
    let gap = (score(ahead, now) - score(behind, now)).max(0.0);
    let wait = Duration::try_from_secs_f64(gap / gain / 1_000.0).ok()?;
    // One more millisecond, so that rounding never wakes before the order has changed.
    let wait = wait.checked_add(Duration::from_millis(1))?;
    Some(now.after(wait))
}

fn compare(one: &Waiting, other: &Waiting, priority: Priority, now: Moment) -> Ordering {
    compare_places(&one.place(), &other.place(), priority, now.0)
}

/// Which of two is served first: the lesser. Equals go in the order of arrival, so that a click never goes
/// before whoever waits already unless its tier says so at any time.
pub(crate) fn compare_places(one: &Place, other: &Place, priority: Priority, now: i64) -> Ordering {
    let by_priority = match priority {
        Priority::Weighted => other.score(now).total_cmp(&one.score(now)),
        Priority::Strict => other.weight.total_cmp(&one.weight),
    };
    by_priority
        .then_with(|| one.since.cmp(&other.since))
        .then_with(|| one.number.cmp(&other.number))
}

fn score(waiting: &Waiting, now: Moment) -> f64 {
    waiting.place().score(now.0)
}

impl Waiting {
    fn place(&self) -> Place {
        Place {
            number: self.number,
            since: self.since.0,
            weight: self.weight,
        }
    }
}

impl Place {
    fn score(&self, now: i64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "an age has far fewer than 53 bits of meaning"
        )]
        let age = now.saturating_sub(self.since).max(0) as f64;
        self.weight * age
    }
}
