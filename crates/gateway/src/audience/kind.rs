//! The pages that watch the same groups, and what is told to them. Must not know how.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use helpdesk::Snapshot;
use tokio::time::Instant;

use crate::selection::Selection;

/// What pages of one kind are told of one snapshot.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) event: Bytes,
}

/// All pages of one selection in a ring, of whom the next ones are to be looked at.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) selection: Selection,
    /// The newest.
    pub(super) told: Arc<Told>,
    /// What was compared with the newest last, and whether it differs: most pages were told the same.
    compared: Option<(Arc<Told>, bool)>,
    /// Keys of its pages.
    pub(super) pages: Vec<usize>,
    /// The place of the next page to look at.
    next: usize,
    /// Pages to look at until all know the newest.
    pub(super) left: usize,
    /// Nothing newer is due before.
    pub(super) not_before: Instant,
    /// When a newer snapshot is due that is not looked at.
    pub(super) due: Option<Instant>,
}

impl Kind {
    /// One without pages.
    pub(super) fn new(selection: Selection, told: Told, not_before: Instant) -> Self {
        Self {
            selection,
            told: Arc::new(told),
            compared: None,
            pages: Vec::new(),
            next: 0,
            left: 0,
            not_before,
            due: None,
        }
    }

    /// There is a newer snapshot.
    pub(super) fn handle_snapshot(&mut self, now: Instant) {
        let due = now.max(self.not_before);
        self.due.get_or_insert(due);
    }

    /// The groups of the newest snapshot that is due differ from those before; nothing comes after it for a while.
    pub(super) fn handle_change(&mut self, told: Told, due: Instant, gap: Duration) {
        self.told = Arc::new(told);
        self.compared = None;
        self.left = self.pages.len();
        self.not_before = due + gap;
    }

    /// Whether a snapshot shows other groups than the newest that was told.
    pub(super) fn is_new(&self, snapshot: &Snapshot) -> bool {
        is_other(&self.selection, snapshot, &self.told.snapshot)
    }

    /// Whether the newest differs from what a page was told.
    pub(super) fn differs_from(&mut self, told: &Arc<Told>) -> bool {
        if Arc::ptr_eq(told, &self.told) {
            return false;
        }
        if let Some((compared, differs)) = &self.compared
            && Arc::ptr_eq(compared, told)
        {
            return *differs;
        }
        let differs = self.is_new(&told.snapshot);
        self.compared = Some((Arc::clone(told), differs));
        differs
    }

    /// The next page to look at, while there is one.
    pub(super) fn next_page(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        if self.next >= self.pages.len() {
            self.next = 0;
        }
        let page = self.pages.get(self.next).copied();
        self.next += 1;
        page
    }

    /// Adds a page and says its place.
    pub(super) fn add(&mut self, page: usize) -> usize {
        self.pages.push(page);
        self.pages.len() - 1
    }

    /// Takes the page in that place out, and names the one that is there in its stead.
    pub(super) fn remove(&mut self, place: usize) -> Option<usize> {
        if place < self.pages.len() {
            self.pages.swap_remove(place);
        }
        // One that was still to be looked at may stand where others have been: a whole round meets it.
        if self.left > 0 {
            self.left = self.pages.len();
        }
        self.pages.get(place).copied()
    }
}

fn is_other(selection: &Selection, one: &Snapshot, other: &Snapshot) -> bool {
    !selection.groups(one).eq(selection.groups(other))
}
