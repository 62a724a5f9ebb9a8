//! Which waiting ticket goes first, and when time alone changes that.
//! Must not know reps.

use std::cmp::{Ordering, Reverse};
use std::time::Duration;

use crate::clock::Moment;
use crate::config::Priority;

/// What of a waiting ticket decides its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Waiting {
    /// Order of arrival; the last word between equals.
    pub(crate) number: u64,
    /// When it was asked.
    pub(crate) since: Moment,
    /// The weight of its tier, above zero.
    pub(crate) weight: f64,
    /// Among the waiting ones in order of arrival.
    pub(crate) place_of_arrival: usize,
}

/// What decides which ticket goes first. The greater goes first; equals go in the order of arrival, so that
/// a click never goes before whoever waits already unless its tier says so at any time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Key {
    score: f64,
    since: i64,
    number: u64,
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

/// The expertise of a rep of the highest level, and where no rep is meant.
pub(crate) const FULL_EXPERTISE: f64 = 1.0;

/// Puts the ticket to be served first in front.
pub(crate) fn sort(waiting: &mut [Waiting], priority: Priority, now: Moment) {
    let key = |one: &Waiting| one.place().key(FULL_EXPERTISE, priority, now.0);
    waiting.sort_by_cached_key(|one| Reverse(key(one)));
}

/// How many of sorted tickets are served before a click of this moment with a tier of `weight`: the first so
/// many, since the click has one place in the same order.
pub(crate) fn preceding_click(
    sorted: &[Waiting],
    weight: f64,
    priority: Priority,
    now: Moment,
) -> usize {
    let click = Place {
        number: u64::MAX,
        since: now.0,
        weight,
    };
    sorted.partition_point(|one| {
        compare_places(&one.place(), &click, priority, now.0) == Ordering::Less
    })
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

/// Which of two is served first: the lesser.
pub(crate) fn compare_places(one: &Place, other: &Place, priority: Priority, now: i64) -> Ordering {
    let key = |place: &Place| place.key(FULL_EXPERTISE, priority, now);
    key(other).cmp(&key(one))
}

fn score(waiting: &Waiting, now: Moment) -> f64 {
    waiting.place().score(now.0)
}

impl Waiting {
    pub(crate) fn place(&self) -> Place {
        Place {
            number: self.number,
            since: self.since.0,
            weight: self.weight,
        }
    }
}

impl Place {
    /// What the ticket has to show for a rep of this expertise, 0 to 1.
    pub(crate) fn key(&self, expertise: f64, priority: Priority, now: i64) -> Key {
        Key {
            score: score_of(self.weight, self.since, expertise, priority, now),
            since: self.since,
            number: self.number,
        }
    }

    fn score(&self, now: i64) -> f64 {
        urgency(self.weight, self.since, now)
    }
}

/// What a ticket of this weight that waits since then has to show for a rep of this expertise, 0 to 1: the generalised
/// c-mu rule for a cost that grows with the square of the wait. Its slope, weight times age, times how fast the rep is at it.
pub(crate) fn score_of(
    weight: f64,
    since: i64,
    expertise: f64,
    priority: Priority,
    now: i64,
) -> f64 {
    match priority {
        Priority::Weighted => urgency(weight, since, now) * expertise,
        Priority::Strict => weight,
    }
}

fn urgency(weight: f64, since: i64, now: i64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "an age has far fewer than 53 bits of meaning"
    )]
    let age = now.saturating_sub(since).max(0) as f64;
    weight * age
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then_with(|| other.since.cmp(&self.since))
            .then_with(|| other.number.cmp(&self.number))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Key {}
