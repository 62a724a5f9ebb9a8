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

/// Equals go in the order of arrival, so that a click never goes before whoever waits already unless
/// its tier says so at any time.
fn compare(one: &Waiting, other: &Waiting, priority: Priority, now: Moment) -> Ordering {
    let by_priority = match priority {
        Priority::Weighted => score(other, now).total_cmp(&score(one, now)),
        Priority::Strict => other.weight.total_cmp(&one.weight),
    };
    by_priority
        .then_with(|| one.since.cmp(&other.since))
        .then_with(|| one.number.cmp(&other.number))
}

fn score(waiting: &Waiting, now: Moment) -> f64 {
    waiting.weight * now.since(waiting.since).as_secs_f64() * 1_000.0
}
