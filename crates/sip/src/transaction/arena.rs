//! Slots for transactions, named by ids that are never valid again once their slot is emptied.
//! Must not know what is kept in it.

/// Names one slot's present content; a later content of the same slot has another serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id {
    index: u32,
    serial: u32,
}

/// A growable set of slots with O(1) insert, look-up and removal.
#[derive(Debug)]
pub(super) struct Arena<T> {
    slots: Vec<Option<(u32, T)>>,
    free: Vec<u32>,
    next_serial: u32,
}

/// Storage of an empty arena above this many slots is given back.
const KEPT_SLOTS: usize = 1024;

impl<T> Arena<T> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            next_serial: 0,
        }
    }

    pub(super) fn insert(&mut self, value: T) -> Id {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            *slot = Some((serial, value));
            return Id { index, serial };
        }
        // The endpoint's limits are u32, so an index always fits.
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Some((serial, value)));
        Id { index, serial }
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<T> {
        let slot = self.slots.get_mut(id.index as usize)?;
        let (_, value) = slot.take_if(|(serial, _)| *serial == id.serial)?;
        self.free.push(id.index);
        if self.len() == 0 && self.slots.capacity() > KEPT_SLOTS {
            self.slots = Vec::new();
            self.free = Vec::new();
        }
        Some(value)
    }

    pub(super) fn entry(&self, id: Id) -> Option<&T> {
        let (serial, value) = self.slots.get(id.index as usize)?.as_ref()?;
        (*serial == id.serial).then_some(value)
    }

    pub(super) fn entry_mut(&mut self, id: Id) -> Option<&mut T> {
        let (serial, value) = self.slots.get_mut(id.index as usize)?.as_mut()?;
        (*serial == id.serial).then_some(value)
    }

    /// Empties the arena and returns what was in it, in slot order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.free = Vec::new();
        std::mem::take(&mut self.slots)
            .into_iter()
            .filter_map(|slot| slot.map(|(_, value)| value))
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Arena, KEPT_SLOTS};

    #[test]
    fn a_removed_id_never_names_the_next_content_of_its_slot() {
        let mut arena = Arena::new();
        let first = arena.insert("first");
        assert_eq!(arena.remove(first), Some("first"));
        let second = arena.insert("second");
        assert_eq!(arena.entry(first), None);
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena.entry(second), Some(&"second"));
        assert_eq!(arena.len(), 1);
    }

    #[test]
    fn ids_stay_dead_when_the_storage_was_given_back() {
        let mut arena = Arena::new();
        let ids: Vec<_> = (0..=KEPT_SLOTS).map(|n| arena.insert(n)).collect();
        for id in &ids {
            assert!(arena.remove(*id).is_some());
        }
        assert_eq!(arena.len(), 0);
        assert_eq!(arena.slots.capacity(), 0);
        let again = arena.insert(7);
        assert_eq!(arena.entry(ids[0]), None);
        assert_eq!(arena.entry(again), Some(&7));
    }
}
