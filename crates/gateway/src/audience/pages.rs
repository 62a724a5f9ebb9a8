//! All pages of one task: who is due for what. The newest wins: a page that is slow misses versions, never the last one, and
//! costs nothing until it takes more. Must not know sockets or the clock.

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use helpdesk::Snapshot;
use slab::Slab;
use tokio::time::Instant;

use super::Arrival;
use super::kind::{Kind, Told};
use super::page::{Fate, Page, Said};
use crate::connection::WRITE_DEADLINE;
use crate::selection::Selection;
use crate::watcher::{COMMENT, GAP, KEEP_ALIVE, SharedEvents};

/// The pages, and what they are told.
pub(super) struct Pages<S> {
    pages: Slab<Page<S>>,
    kinds: Slab<Kind>,
    kinds_by_selection: HashMap<Selection, usize>,
    /// Kinds with pages to be looked at, in turn.
    telling: VecDeque<usize>,
    /// Pages that say more than was read.
    talking: VecDeque<usize>,
    snapshot: Arc<Snapshot>,
    round: Round,
}

/// Every page is looked at now and then: whether it has heard nothing or takes nothing for too long.
#[derive(Debug, Clone, Copy)]
enum Round {
    Over { next: Instant },
    Reached { key: usize },
}

/// What can be done with a page's stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Readiness {
    pub(super) readable: bool,
    pub(super) writable: bool,
}

/// Texts written before others have their turn, which takes some 300 microseconds.
const WRITES_IN_A_TURN: usize = 32;
/// Pages looked at for the time that has passed, before others have their turn.
const LOOKS_IN_A_TURN: usize = 512;
/// Between two rounds.
const ROUNDS_EVERY: Duration = Duration::from_secs(1);

impl<S> Pages<S> {
    pub(super) fn new(snapshot: Arc<Snapshot>, now: Instant) -> Self {
        Self {
            pages: Slab::new(),
            kinds: Slab::new(),
            kinds_by_selection: HashMap::new(),
            telling: VecDeque::new(),
            talking: VecDeque::new(),
            snapshot,
            round: Round::Over {
                next: now + ROUNDS_EVERY,
            },
        }
    }

    /// The key that the next page will have.
    pub(super) fn next_key(&self) -> usize {
        self.pages.vacant_key()
    }

    /// There is a newer snapshot.
    pub(super) fn handle_snapshot(&mut self, snapshot: Arc<Snapshot>, now: Instant) {
        self.snapshot = snapshot;
        for (_, kind) in &mut self.kinds {
            kind.handle_snapshot(now);
        }
    }

    /// Makes the events that are due by now.
    pub(super) fn handle_time(&mut self, events: &SharedEvents, now: Instant) {
        for (key, kind) in &mut self.kinds {
            let Some(due) = kind.due.take_if(|due| *due <= now) else {
                continue;
            };
            if !kind.is_new(&self.snapshot) {
                continue;
            }
            let Some(told) = told(&kind.selection, &self.snapshot, events) else {
                continue;
            };
            if kind.left == 0 {
                self.telling.push_back(key);
            }
            kind.handle_change(told, due, GAP);
        }
        match self.round {
            Round::Over { next } if next <= now => self.round = Round::Reached { key: 0 },
            Round::Over { .. } | Round::Reached { .. } => {}
        }
    }

    /// Whether [`Self::take_turn`] has something to do.
    pub(super) fn has_work(&self) -> bool {
        let is_on_a_round = match self.round {
            Round::Over { .. } => false,
            Round::Reached { .. } => true,
        };
        is_on_a_round || !self.telling.is_empty() || !self.talking.is_empty()
    }

    /// When [`Self::handle_time`] has something to do.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let kinds = self.kinds.iter().filter_map(|(_, kind)| kind.due);
        let round = match self.round {
            Round::Over { next } if !self.pages.is_empty() => Some(next),
            Round::Over { .. } | Round::Reached { .. } => None,
        };
        kinds.chain(round).min()
    }

    fn remove(&mut self, key: usize) {
        let Some(page) = self.pages.try_remove(key) else {
            return;
        };
        let Some(kind) = self.kinds.get_mut(page.kind) else {
            return;
        };
        if let Some(moved) = kind.remove(page.place)
            && let Some(moved) = self.pages.get_mut(moved)
        {
            moved.place = page.place;
        }
        if kind.pages.is_empty() {
            let kind = self.kinds.remove(page.kind);
            self.kinds_by_selection.remove(&kind.selection);
            self.telling.retain(|key| *key != page.kind);
        }
    }
}

impl<S: Read + Write> Pages<S> {
    /// Takes a page in and tells it the present state, unless it has that.
    pub(super) fn join(&mut self, arrival: Arrival<S>, events: &SharedEvents, now: Instant) {
        let Arrival {
            held,
            selection,
            last_event_id,
            opening,
            counted,
        } = arrival;
        let Some(key) = self.kind(selection, events, now) else {
            return;
        };
        let Some(kind) = self.kinds.get_mut(key) else {
            return;
        };
        let told = Arc::clone(&kind.told);
        // The version is that of the snapshot, which may have risen without a change of these groups.
        let knows = last_event_id
            .is_some_and(|id| id == told.snapshot.version || id == self.snapshot.version);
        let text = if knows {
            opening
        } else {
            Bytes::from([&*opening, &*told.event].concat())
        };
        let page = self.pages.insert(Page::new(held, key, told, counted, now));
        let place = kind.add(page);
        if let Some(found) = self.pages.get_mut(page) {
            found.place = place;
            if found.write(&text, now) == Fate::Goes {
                self.remove(page);
            }
        }
    }

    /// The kernel says that something can be done with a page's stream.
    pub(super) fn handle_ready(&mut self, key: usize, readiness: Readiness, now: Instant) {
        if readiness.readable {
            self.read(key);
        }
        if readiness.writable
            && let Some(page) = self.pages.get_mut(key)
            && !page.is_free()
        {
            match page.write_on(now) {
                Fate::Goes => self.remove(key),
                Fate::Stays => self.tell(key, now),
            }
        }
    }

    /// Does some of what is to be done, in little time.
    pub(super) fn take_turn(&mut self, now: Instant) {
        for _ in 0..self.talking.len() {
            if let Some(key) = self.talking.pop_front() {
                self.read(key);
            }
        }
        let mut written = 0;
        while written < WRITES_IN_A_TURN
            && let Some(key) = self.telling.pop_front()
        {
            written += self.tell_some(key, now);
        }
        if let Round::Reached { key } = self.round {
            self.go_round(key, now);
        }
    }

    fn tell_some(&mut self, key: usize, now: Instant) -> usize {
        let mut looked_at = 0;
        while looked_at < WRITES_IN_A_TURN
            && let Some(page) = self.kinds.get_mut(key).and_then(Kind::next_page)
        {
            self.tell(page, now);
            looked_at += 1;
        }
        if self.kinds.get(key).is_some_and(|kind| kind.left > 0) {
            self.telling.push_back(key);
        }
        looked_at
    }

    /// Tells a page the newest, if it can be told and does not know it.
    fn tell(&mut self, key: usize, now: Instant) {
        let Some(page) = self.pages.get_mut(key).filter(|page| page.is_free()) else {
            return;
        };
        let Some(kind) = self.kinds.get_mut(page.kind) else {
            return;
        };
        let differs = kind.differs_from(&page.told);
        if !Arc::ptr_eq(&page.told, &kind.told) {
            page.told = Arc::clone(&kind.told);
        }
        if differs && page.write(&kind.told.event, now) == Fate::Goes {
            self.remove(key);
        }
    }

    fn read(&mut self, key: usize) {
        let Some(page) = self.pages.get_mut(key) else {
            return;
        };
        match page.read() {
            Said::All => {}
            Said::More => self.talking.push_back(key),
            Said::Goodbye => self.remove(key),
        }
    }

    fn go_round(&mut self, from: usize, now: Instant) {
        let last = from + LOOKS_IN_A_TURN;
        let mut written = 0;
        for key in from..last.min(self.pages.capacity()) {
            if written == WRITES_IN_A_TURN {
                self.round = Round::Reached { key };
                return;
            }
            let Some(page) = self.pages.get_mut(key) else {
                continue;
            };
            let is_stuck = page
                .stalled_since
                .is_some_and(|since| since + WRITE_DEADLINE <= now);
            let is_due = page.is_free() && page.quiet_since + KEEP_ALIVE <= now;
            let fate = if is_stuck {
                Fate::Goes
            } else if is_due {
                written += 1;
                page.write(&COMMENT, now)
            } else {
                Fate::Stays
            };
            if fate == Fate::Goes {
                self.remove(key);
            }
        }
        self.round = if last < self.pages.capacity() {
            Round::Reached { key: last }
        } else {
            Round::Over {
                next: now + ROUNDS_EVERY,
            }
        };
    }

    /// The kind of a selection, made where there is none; nothing where its state cannot be told.
    fn kind(&mut self, selection: Selection, events: &SharedEvents, now: Instant) -> Option<usize> {
        if let Some(key) = self.kinds_by_selection.get(&selection) {
            return Some(*key);
        }
        let told = told(&selection, &self.snapshot, events)?;
        let kind = Kind::new(selection.clone(), told, now + GAP);
        let key = self.kinds.insert(kind);
        self.kinds_by_selection.insert(selection, key);
        Some(key)
    }
}

fn told(selection: &Selection, snapshot: &Arc<Snapshot>, events: &SharedEvents) -> Option<Told> {
    Some(Told {
        event: events.event(selection, snapshot)?,
        snapshot: Arc::clone(snapshot),
    })
}

#[cfg(test)]
#[path = "pages/tests.rs"]
mod tests;
