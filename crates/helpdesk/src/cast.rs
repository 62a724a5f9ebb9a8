//! Which kinds of tickets a forecast concerns, of all that there are: those who wait, those whose clicks would have to
//! wait, and those who may come meanwhile. Must not know what is forecast.

use std::collections::BTreeMap;

/// Kinds that are worth a forecast together; beyond, clicks and those who may come are left out.
const MOST: usize = 1_000;

/// The plain kinds of a forecast.
#[derive(Debug)]
pub(crate) struct Cast {
    /// As the desk numbers them, ascending.
    pub(crate) bases: Vec<usize>,
    /// By these, whether a click is asked for.
    parts: BTreeMap<usize, Part>,
}

/// What a kind has to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A click of it would have to wait.
    Click,
    /// Only those who wait, or may come.
    Others,
}

impl Cast {
    /// `None` where more kinds wait than a forecast is made for.
    pub(crate) fn of(
        lines: impl Iterator<Item = usize>,
        clicks: impl Iterator<Item = usize>,
        comers: impl Iterator<Item = usize>,
    ) -> Option<Self> {
        let mut parts: BTreeMap<usize, Part> = lines.map(|kind| (kind, Part::Others)).collect();
        if parts.len() > MOST {
            return None;
        }
        let mut clicks: Vec<usize> = clicks.collect();
        clicks.sort_unstable();
        clicks.dedup();
        let new = clicks.iter().filter(|kind| !parts.contains_key(kind));
        if parts.len() + new.count() <= MOST {
            parts.extend(clicks.into_iter().map(|kind| (kind, Part::Click)));
        }
        let comers: Vec<usize> = comers.filter(|kind| !parts.contains_key(kind)).collect();
        if parts.len() + comers.len() <= MOST {
            parts.extend(comers.into_iter().map(|kind| (kind, Part::Others)));
        }
        Some(Self {
            bases: parts.keys().copied().collect(),
            parts,
        })
    }

    /// The place of a kind among them.
    pub(crate) fn place(&self, base: usize) -> Option<usize> {
        self.bases.binary_search(&base).ok()
    }

    /// The places of those whose clicks would have to wait.
    pub(crate) fn clicks(&self) -> impl Iterator<Item = usize> {
        let parts = self.parts.values().enumerate();
        let clicks = parts.filter(|(_, part)| **part == Part::Click);
        clicks.map(|(place, _)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check([lines, clicks, comers]: [&[usize]; 3], bases: &[usize], clicks_at: &[usize]) {
        let kinds = [lines, clicks, comers].map(|kinds| kinds.iter().copied());
        let [lines, clicks, comers] = kinds;
        let cast = Cast::of(lines, clicks, comers).unwrap();
        assert_eq!(cast.bases, bases);
        assert_eq!(cast.clicks().collect::<Vec<_>>(), clicks_at);
        for (place, base) in bases.iter().enumerate() {
            assert_eq!(cast.place(*base), Some(place));
        }
    }

    #[test]
    fn only_those_whom_it_concerns_are_in_a_forecast() {
        check([&[], &[], &[]], &[], &[]);
        check([&[7, 3], &[9, 7, 9], &[3, 1]], &[1, 3, 7, 9], &[2, 3]);
    }

    #[test]
    fn whoever_waits_goes_before_clicks_and_these_before_those_who_may_come() {
        let many: Vec<usize> = (0..MOST).collect();
        check([&many, &[5, 5_000], &[6_000]], &many, &[]);
        check([&many, &[5], &[6_000]], &many, &[5]);
        let few: Vec<usize> = (0..MOST - 1).collect();
        let with_click: Vec<usize> = few.iter().copied().chain([5_000]).collect();
        check([&few, &[5_000], &[6_000]], &with_click, &[MOST - 1]);
        let too_many = (0..=MOST).collect::<Vec<_>>().into_iter();
        assert!(Cast::of(too_many, std::iter::empty(), std::iter::empty()).is_none());
    }
}
