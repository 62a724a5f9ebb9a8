//! Things that are numbered as they come, found by their numbers and walked through in order.
//! Must not know what they are.

use std::collections::BTreeMap;

/// Numbers that follow each other and share one piece of memory. Few enough that one thing that stays for long, when its
/// neighbours have gone, holds little.
const BAY: usize = 16;

/// Things by number. The numbers rise and those that come together mostly go together, so that the tree is of bays of
/// them: it is short enough to stay in the processor's cache where one of single things is not.
/// Invariant: no bay is empty.
#[derive(Debug)]
pub(crate) struct Shelf<Thing> {
    bays: BTreeMap<u64, Bay<Thing>>,
    len: usize,
}

#[derive(Debug)]
struct Bay<Thing> {
    slots: Box<[Option<Thing>; BAY]>,
    taken: usize,
}

impl<Thing> Shelf<Thing> {
    /// Puts a thing in its place; what was there is gone.
    pub(crate) fn put(&mut self, number: u64, thing: Thing) -> &mut Thing {
        let (bay, place) = place(number);
        let bay = self.bays.entry(bay).or_insert_with(Bay::empty);
        #[expect(
            clippy::indexing_slicing,
            reason = "a place is a remainder by the bay's length"
        )]
        let slot = &mut bay.slots[place];
        if slot.is_none() {
            bay.taken += 1;
            self.len += 1;
        }
        slot.insert(thing)
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Thing> {
        let (key, place) = place(number);
        let bay = self.bays.get_mut(&key)?;
        let thing = bay.slots.get_mut(place)?.take()?;
        bay.taken -= 1;
        self.len -= 1;
        if bay.taken == 0 {
            self.bays.remove(&key);
        }
        Some(thing)
    }

    /// Takes away the thing of the lowest number.
    pub(crate) fn pop_first(&mut self) -> Option<Thing> {
        let number = self.iter().next()?.0;
        self.remove(number)
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Thing> {
        let (bay, place) = place(number);
        self.bays.get(&bay)?.slots.get(place)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Thing> {
        let (bay, place) = place(number);
        self.bays.get_mut(&bay)?.slots.get_mut(place)?.as_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// With their numbers, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Thing)> {
        self.bays.iter().flat_map(|(bay, things)| {
            let numbers = bay.saturating_mul(BAY as u64)..;
            let slots = numbers.zip(things.slots.iter());
            slots.filter_map(|(number, slot)| Some((number, slot.as_ref()?)))
        })
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Thing> {
        let bays = self.bays.values();
        bays.flat_map(|bay| bay.slots.iter().flatten())
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Thing> {
        let bays = self.bays.values_mut();
        bays.flat_map(|bay| bay.slots.iter_mut().flatten())
    }
}

impl<Thing> Default for Shelf<Thing> {
    fn default() -> Self {
        Self {
            bays: BTreeMap::new(),
            len: 0,
        }
    }
}

impl<Thing> Bay<Thing> {
    fn empty() -> Self {
        Self {
            slots: Box::new(std::array::from_fn(|_| None)),
            taken: 0,
        }
    }
}

/// The bay of a number, and the place in it.
fn place(number: u64) -> (u64, usize) {
    let bay = BAY as u64;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a remainder by the bay's length"
    )]
    let place = (number % bay) as usize;
    (number / bay, place)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::Shelf;

    #[derive(Debug, Clone)]
    enum Act {
        Put(u64),
        Remove(u64),
        PopFirst,
        Change(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (0..100_u64).prop_map(Act::Put),
            4 => (0..100_u64).prop_map(Act::Remove),
            1 => Just(Act::PopFirst),
            1 => (0..100_u64).prop_map(Act::Change),
        ]
    }

    proptest! {
        #[test]
        fn a_shelf_holds_what_a_map_would(acts in prop::collection::vec(act(), 0..200)) {
            let mut shelf = Shelf::default();
            let mut map = BTreeMap::new();
            for (step, act) in acts.into_iter().enumerate() {
                match act {
                    Act::Put(number) => {
                        prop_assert_eq!(*shelf.put(number, step), step);
                        map.insert(number, step);
                    }
                    Act::Remove(number) => {
                        prop_assert_eq!(shelf.remove(number), map.remove(&number));
                    }
                    Act::PopFirst => {
                        prop_assert_eq!(shelf.pop_first(), map.pop_first().map(|(_, it)| it));
                    }
                    Act::Change(number) => {
                        let (one, other) = (shelf.get_mut(number), map.get_mut(&number));
                        prop_assert_eq!(&one, &other);
                        if let (Some(one), Some(other)) = (one, other) {
                            *one += 1;
                            *other += 1;
                        }
                    }
                }
                prop_assert_eq!(shelf.len(), map.len());
                prop_assert!(shelf.iter().eq(map.iter().map(|(number, it)| (*number, it))));
                prop_assert!(shelf.values().eq(map.values()));
                prop_assert!(shelf.values_mut().eq(map.values_mut()));
                prop_assert!((0..100).all(|number| shelf.get(number) == map.get(&number)));
                prop_assert!(shelf.bays.values().all(|bay| bay.taken > 0));
            }
        }
    }
}
