//! How large a plan that is played forward may grow by what shoppers wish: each deadline that one of them sets is one
//! more time at which the reps of every kind are worked out. Must not know what they wish, nor how it is played.

use std::collections::BTreeSet;
use std::time::Duration;

/// Kinds of tickets beside the plain ones.
const WISHES: usize = 64;
/// Kinds and times together, where wishes add to them: well below a millisecond with some hundred reps.
const CELLS: usize = 1_000;

/// A plan as large as it is by now.
#[derive(Debug)]
pub(crate) struct PlanSize {
    kinds: usize,
    most_kinds: usize,
    rules: usize,
    deadlines: BTreeSet<Duration>,
}

impl PlanSize {
    /// Of plain tickets of so many kinds, with so many rules that relax them.
    pub(crate) fn of(kinds: usize, rules: usize) -> Self {
        Self {
            kinds,
            most_kinds: kinds + WISHES,
            rules,
            deadlines: BTreeSet::new(),
        }
    }

    /// Takes in one more kind, with the time for which it waits for the rep or the expert it wants; says whether there
    /// was room.
    pub(crate) fn take(&mut self, deadline: Option<Duration>) -> bool {
        let new = deadline.filter(|deadline| !self.deadlines.contains(deadline));
        let times = 1 + self.rules + self.deadlines.len() + usize::from(new.is_some());
        let is_room = self.kinds < self.most_kinds && (self.kinds + 1) * times <= CELLS;
        if is_room {
            self.kinds += 1;
            self.deadlines.extend(new);
        }
        is_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a thousand wishes there is room for, beside 30 plain kinds.
    fn room(deadline: impl Fn(u64) -> Option<Duration>) -> usize {
        let mut size = PlanSize::of(30, 3);
        (0..1_000)
            .filter(|&number| size.take(deadline(number)))
            .count()
    }

    #[test]
    fn wishes_are_limited_in_number() {
        assert_eq!(room(|_| None), WISHES);
        assert_eq!(room(|_| Some(Duration::from_secs(45))), WISHES);
    }

    #[test]
    fn each_deadline_counts_for_all_kinds() {
        let each_its_own = room(|number| Some(Duration::from_secs(number)));
        assert!((30 + each_its_own) * (4 + each_its_own) <= CELLS);
        assert!((10..WISHES).contains(&each_its_own), "{each_its_own}");
    }
}
