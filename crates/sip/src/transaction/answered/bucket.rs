//! The answered requests of a few seconds: records one behind another, and an index of them.
//! Must not know when it is dropped.

use std::time::{Duration, Instant};

#[cfg(test)]
use super::page::PAGE;
use super::page::{Page, Spare};
use super::record::{Names, Pieces, Record};
use crate::transaction::key::{BranchKey, Identity};

/// Records in the order they came; the first of them may be forgotten already.
#[derive(Debug)]
pub(super) struct Bucket {
    begun: Instant,
    /// Open addressing. A slot holds the label of a record in its upper half and its place in the lower; 0 is free.
    index: Vec<u64>,
    /// Filled slots, those of forgotten records too.
    indexed: usize,
    /// Invariant: from that of `head` on, none is empty.
    pages: Vec<Page>,
    /// Where the oldest record stands.
    head: Place,
    count: usize,
}

/// A record's page and where it begins in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    page: u16,
    offset: u16,
}

/// What a bucket knows of a request.
pub(super) enum Found<'a> {
    Answer(Record<'a>),
    /// It was answered when it came by another way.
    Merged,
    Nothing,
}

/// Of the index of a bucket that has just begun.
const LEAST_SLOTS: usize = 16;

impl Bucket {
    /// An empty bucket with room in the index for as many as the one before it had.
    pub(super) fn new(begun: Instant, room: usize) -> Self {
        Self {
            begun,
            index: vec![0; slots_for(room)],
            indexed: 0,
            pages: Vec::new(),
            head: Place { page: 0, offset: 0 },
            count: 0,
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Whether nothing more is to be put in.
    pub(super) fn is_over(&self, span: Duration, now: Instant) -> bool {
        now >= self.begun + span || self.pages.len() > usize::from(u16::MAX - 1)
    }

    /// False where the answer is not of the kind that can be kept.
    pub(super) fn insert(
        &mut self,
        identity: &Identity,
        branch: BranchKey,
        response: &[u8],
        now: Instant,
        spare: &mut Spare,
    ) -> bool {
        let Some(pieces) = Pieces::of(response) else {
            return false;
        };
        let after = now.saturating_duration_since(self.begun).as_nanos();
        let names = Names {
            key: identity.key.short(),
            merge: identity.label().1,
            branch: branch.short(),
            after: u16::try_from(after.div_ceil(1_000_000)).unwrap_or(u16::MAX),
        };
        let Some(place) = self.append(names, &pieces, spare) else {
            return false;
        };
        if (self.indexed + 1) * 8 > self.index.len() * 7 {
            self.grow();
        }
        put(&mut self.index, identity.label().0, place);
        self.indexed += 1;
        self.count += 1;
        true
    }

    pub(super) fn look_up(&self, identity: &Identity, branch: BranchKey) -> Found<'_> {
        let ((label, merge), key) = (identity.label(), identity.key.short());
        let mut is_merged = false;
        let mut slot = first_slot(&self.index, label);
        while let Some(filled) = self.index.get(slot).filter(|filled| **filled != 0) {
            if (filled >> 32) as u32 == label
                && let Some(place) = Place::of_slot(*filled).filter(|place| *place >= self.head)
                && let Some(record) = self.record(place)
            {
                let names = record.names();
                if names.key == key {
                    return Found::Answer(record);
                }
                is_merged |= identity.merge.is_some()
                    && names.merge == merge
                    && names.branch != branch.short();
            }
            slot = (slot + 1) % self.index.len();
        }
        if is_merged {
            Found::Merged
        } else {
            Found::Nothing
        }
    }

    /// When the oldest was answered.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let record = self.record(self.head)?;
        Some(self.begun + Duration::from_millis(record.names().after.into()))
    }

    /// It must not be empty.
    pub(super) fn forget_oldest(&mut self, spare: &mut Spare) {
        let length = self.record(self.head).map_or(0, |record| record.length());
        self.count -= 1;
        let end = usize::from(self.head.offset) + length;
        let page_is_over = self
            .pages
            .get(usize::from(self.head.page))
            .is_none_or(|page| end >= page.filled().len());
        self.head = if page_is_over {
            // What has gone needs no memory.
            if let Some(page) = self.pages.get_mut(usize::from(self.head.page)) {
                spare.give_back(std::mem::take(page));
            }
            Place {
                page: self.head.page.saturating_add(1),
                offset: 0,
            }
        } else {
            Place {
                page: self.head.page,
                offset: u16::try_from(end).unwrap_or(u16::MAX),
            }
        };
    }

    /// Memory taken.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.pages.len() * PAGE + self.index.capacity() * size_of::<u64>()
    }

    fn append(&mut self, names: Names, pieces: &Pieces<'_>, spare: &mut Spare) -> Option<Place> {
        pieces.write(names, &mut spare.record)?;
        let last = self.pages.last_mut();
        let of_last = last.and_then(|page| page.append(&spare.record));
        let offset = match of_last {
            Some(offset) => offset,
            None => {
                let mut page = spare.take();
                let offset = page.append(&spare.record);
                if offset.is_none() {
                    spare.give_back(page);
                    return None;
                }
                self.pages.push(page);
                0
            }
        };
        Some(Place {
            page: u16::try_from(self.pages.len() - 1).ok()?,
            offset: u16::try_from(offset).ok()?,
        })
    }

    fn record(&self, place: Place) -> Option<Record<'_>> {
        let page = self.pages.get(usize::from(place.page))?;
        Record::read(page.filled().get(usize::from(place.offset)..)?)
    }

    fn grow(&mut self) {
        let mut index = vec![0; self.index.len() * 2];
        let mut kept = 0;
        for slot in self.index.iter().filter(|slot| **slot != 0) {
            if let Some(place) = Place::of_slot(*slot).filter(|place| *place >= self.head) {
                put(&mut index, (slot >> 32) as u32, place);
                kept += 1;
            }
        }
        (self.index, self.indexed) = (index, kept);
    }
}

impl Place {
    /// One more than the place, as 0 is a free slot. The last page is never used.
    fn into_slot(self) -> u64 {
        (u64::from(self.page) << 16 | u64::from(self.offset)) + 1
    }

    fn of_slot(slot: u64) -> Option<Self> {
        let place = (slot & u64::from(u32::MAX)).checked_sub(1)?;
        Some(Self {
            page: (place >> 16) as u16,
            offset: place as u16,
        })
    }
}

fn put(index: &mut [u64], label: u32, place: Place) {
    let mut slot = first_slot(index, label);
    let length = index.len();
    while let Some(found) = index.get_mut(slot) {
        if *found == 0 {
            *found = u64::from(label) << 32 | place.into_slot();
            return;
        }
        slot = (slot + 1) % length;
    }
}

fn first_slot(index: &[u64], label: u32) -> usize {
    // A power of two.
    label as usize & index.len().wrapping_sub(1)
}

fn slots_for(records: usize) -> usize {
    (records * 8 / 7 + 1).next_power_of_two().max(LEAST_SLOTS)
}
