//! What is to happen in a play, the earliest first. Must not know what comes of it.

use crate::routing::plan::Tick;

/// Something that happens to a rep, or in the rep's stead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    pub(super) at: Tick,
    pub(super) of: u32,
}

/// Events by time: those of the time slice at hand in order, those of the slices after it in heaps of their own, and
/// those beyond the last slice in one. As a play goes on, an event is put into its slice and is sorted among the one or
/// two others there only when their time has come: a heap of all would compare it with nine of four hundred, and each of
/// these comparisons is one that the processor cannot foresee.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    /// Of the slice at hand, the earliest last.
    now: Vec<Event>,
    /// The slice at hand.
    slice: usize,
    /// When the first slice begins, and how long each is, as a power of two.
    begins: Tick,
    length: u32,
    /// The first of each slice among the waiting ones.
    firsts: Vec<u32>,
    /// Whose slices are not empty, as bits.
    taken: Vec<u64>,
    waiting: Vec<Waiting>,
    /// Beyond the last slice.
    far: Vec<Event>,
    /// Room for finding out how far the events are.
    distances: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    event: Event,
    /// The next of the same slice.
    next: u32,
}

/// Instead of the next.
const NONE: u32 = u32::MAX;
const BITS: usize = 64;
/// Slices for each event: what comes later may come more densely.
const SLICES_FOR_AN_EVENT: usize = 2;
const MOST_SLICES: usize = 8_192;

impl Agenda {
    /// Takes these events and no others.
    pub(super) fn set(&mut self, events: impl Iterator<Item = Event>) {
        self.now.clear();
        self.far.clear();
        self.far.extend(events);
        self.spread();
    }

    pub(super) fn add(&mut self, event: Event) {
        let slice = self.slice_of(event);
        if slice <= self.slice {
            let place = self.now.partition_point(|other| *other > event);
            self.now.insert(place, event);
        } else if !self.put(slice, event) {
            self.far.push(event);
        }
    }

    /// The next one, which stays.
    pub(super) fn earliest(&mut self) -> Option<Event> {
        while self.now.is_empty() {
            if !self.open_next() {
                if self.far.is_empty() {
                    return None;
                }
                self.spread();
            }
        }
        self.now.last().copied()
    }

    /// Takes the one away that [`earliest`](Self::earliest) has named.
    pub(super) fn drop_earliest(&mut self) {
        self.now.pop();
    }

    /// By how many slices it is later than the first.
    fn slice_of(&self, event: Event) -> usize {
        let later = u64::try_from(event.at.saturating_sub(self.begins)).unwrap_or(0);
        usize::try_from(later >> self.length).unwrap_or(usize::MAX)
    }

    /// Says whether there is such a slice.
    fn put(&mut self, slice: usize, event: Event) -> bool {
        let at = u32::try_from(self.waiting.len()).unwrap_or(NONE);
        let (Some(first), Some(word)) =
            (self.firsts.get_mut(slice), self.taken.get_mut(slice / BITS))
        else {
            return false;
        };
        *word |= 1 << (slice % BITS);
        let next = std::mem::replace(first, at);
        self.waiting.push(Waiting { event, next });
        true
    }

    /// Takes the next slice in hand that is not empty; `false` where there is none.
    fn open_next(&mut self) -> bool {
        let from = self.slice + 1;
        let mut words = self.taken.iter().enumerate().skip(from / BITS);
        let first = words
            .next()
            .map(|(index, word)| (index, word & (u64::MAX << (from % BITS))));
        let rest = words.map(|(index, word)| (index, *word));
        let Some((index, word)) = first.into_iter().chain(rest).find(|(_, word)| *word != 0) else {
            return false;
        };
        self.slice = index * BITS + word.trailing_zeros() as usize;
        let mut next = self.firsts.get(self.slice).copied().unwrap_or(NONE);
        while let Some(waiting) = self.waiting.get(next as usize) {
            self.now.push(waiting.event);
            next = waiting.next;
        }
        if self.now.len() > 1 {
            self.now.sort_unstable_by(|one, other| other.cmp(one));
        }
        true
    }

    /// Spreads those that are far over new slices: so many, and so long, that few share one, and that most of those to
    /// come have theirs.
    fn spread(&mut self) {
        self.slice = 0;
        self.waiting.clear();
        let slices = self.far.len().saturating_mul(SLICES_FOR_AN_EVENT);
        let slices = slices.next_power_of_two().clamp(BITS, MOST_SLICES);
        self.firsts.clear();
        self.firsts.resize(slices, NONE);
        self.taken.clear();
        self.taken.resize(slices / BITS, 0);
        let Some(begins) = self.far.iter().map(|event| event.at).min() else {
            return;
        };
        self.begins = begins;
        let distance = |event: &Event| u64::try_from(event.at.saturating_sub(begins)).unwrap_or(0);
        self.distances.clear();
        self.distances.extend(self.far.iter().map(distance));
        // A few that are very far must not bring all others together in one slice.
        let most = self.distances.len() * 3 / 4;
        let (_, most, _) = self.distances.select_nth_unstable(most);
        let length = *most / (slices / 4) as u64 + 1;
        self.length = u64::BITS - length.leading_zeros() - 1;
        let mut far = std::mem::take(&mut self.far);
        far.retain(|event| {
            let slice = self.slice_of(*event);
            if slice == 0 {
                self.now.push(*event);
                return false;
            }
            !self.put(slice, *event)
        });
        self.far = far;
        self.now.sort_unstable_by(|one, other| other.cmp(one));
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use proptest::prelude::*;

    use super::*;

    /// Times close together, far apart, and the same again and again.
    fn times() -> impl Strategy<Value = Tick> {
        prop_oneof![
            0..50_i64,
            0..1_000_000_000_i64,
            Just(7),
            (0..60_u32).prop_map(|bits| 1 << bits),
            Just(Tick::MAX),
        ]
    }

    proptest! {
        #[test]
        fn events_come_in_the_order_of_a_heap(
            first in prop::collection::vec((times(), 0..9_u32), 0..200),
            later in prop::collection::vec((times(), 0..9_u32, 0..3_usize), 0..200),
        ) {
            let event = |(at, of): &(Tick, u32)| Event { at: *at, of: *of };
            let mut agenda = Agenda::default();
            // What was left of an earlier play counts no more.
            agenda.set([Event { at: -5, of: 1 }, Event { at: 1 << 40, of: 2 }].into_iter());
            agenda.earliest();
            agenda.set(first.iter().map(event));
            let mut heap: BinaryHeap<_> = first.iter().map(event).map(Reverse).collect();
            for (after, of, taken) in later {
                let mut now = 0;
                for _ in 0..taken {
                    let next = heap.pop().map(|Reverse(event)| event);
                    prop_assert_eq!(agenda.earliest(), next);
                    if let Some(next) = next {
                        agenda.drop_earliest();
                        now = next.at;
                    }
                }
                let event = Event { at: now.saturating_add(after), of };
                agenda.add(event);
                heap.push(Reverse(event));
            }
            while let Some(Reverse(event)) = heap.pop() {
                prop_assert_eq!(agenda.earliest(), Some(event));
                agenda.drop_earliest();
            }
            prop_assert_eq!(agenda.earliest(), None);
        }
    }
}
