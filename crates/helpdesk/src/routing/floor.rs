//! The reps' hands and the waiting tickets at one moment, and the one rule that brings them together:
//! the first in the queue that a free rep may take goes to the best of them.
//! Must not know what time it is outside, nor what an offer or a conversation is.

use std::cmp::Reverse;
use std::collections::VecDeque;

use super::plan::{Claim, Plan, Tick};
use super::reps::RepSet;
use crate::queue::{self, Key, Place};

/// Who is free since when, and who waits. Tickets of one kind stand in one line in order of arrival: time
/// relaxes the older no later than the younger, so where the head finds nobody nobody behind it does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Floor {
    free: RepSet,
    in_hand: Vec<u32>,
    idle_since: Vec<Tick>,
    lines: Vec<VecDeque<Queued>>,
    /// Since when the first of each line waits, or [`NOBODY`]: what a free rep is asked about for every line.
    heads: Vec<Tick>,
    last_number: u64,
}

/// Instead of since when the first of an empty line waits.
const NOBODY: Tick = Tick::MAX;
/// Less than any ticket has to show.
const NOTHING: i64 = -1;
/// Kinds of tickets whose heads a free rep is asked about before they are compared.
const AT_ONCE: usize = 16;

/// A ticket in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queued {
    /// The caller's name for it.
    pub(crate) ticket: u32,
    /// Order of arrival.
    pub(crate) number: u64,
    pub(crate) since: Tick,
}

/// A ticket and the rep it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) kind: usize,
    pub(crate) queued: Queued,
    /// How many rules had fired for it.
    pub(crate) step: usize,
    pub(crate) rep: usize,
}

/// What the head of a line has to show for the best rep it could go to.
struct Bid {
    key: Key,
    kind: usize,
    step: usize,
    rep: usize,
}

impl Bid {
    /// Takes the place of a first that has less to show.
    fn compete(self, first: &mut Option<Self>) {
        if first.as_ref().is_none_or(|first| self.key > first.key) {
            *first = Some(self);
        }
    }
}

impl Floor {
    /// All reps free since `now`, nobody waiting.
    pub(crate) fn new(plan: &Plan, now: Tick) -> Self {
        let reps = plan.capacities.len();
        let mut free = RepSet::with_room_for(reps);
        for (rep, &capacity) in plan.capacities.iter().enumerate() {
            if capacity > 0 {
                free.insert(rep);
            }
        }
        Self {
            free,
            in_hand: vec![0; reps],
            idle_since: vec![now; reps],
            lines: vec![VecDeque::new(); plan.kinds()],
            heads: vec![NOBODY; plan.kinds()],
            last_number: 0,
        }
    }

    /// Takes the state of another floor of the same plan, keeping the room it has.
    pub(crate) fn copy(&mut self, other: &Self) {
        self.free.copy(&other.free);
        self.in_hand.clone_from(&other.in_hand);
        self.idle_since.clone_from(&other.idle_since);
        self.lines.clone_from(&other.lines);
        self.heads.clone_from(&other.heads);
        self.last_number = other.last_number;
    }

    /// A new ticket waits; [`next_match`](Self::next_match) says for how long.
    pub(crate) fn enqueue(&mut self, kind: usize, ticket: u32, now: Tick) -> Queued {
        self.last_number += 1;
        let queued = Queued {
            ticket,
            number: self.last_number,
            since: now,
        };
        self.push(kind, queued);
        queued
    }

    fn push(&mut self, kind: usize, queued: Queued) {
        if let (Some(line), Some(head)) = (self.lines.get_mut(kind), self.heads.get_mut(kind)) {
            if line.is_empty() {
                *head = queued.since;
            }
            line.push_back(queued);
        }
    }

    fn pop(&mut self, kind: usize) -> Option<Queued> {
        let line = self.lines.get_mut(kind)?;
        let first = line.pop_front()?;
        *self.heads.get_mut(kind)? = line.front().map_or(NOBODY, |next| next.since);
        Some(first)
    }

    /// A ticket that waits by now, behind those of its kind that are already there.
    pub(crate) fn line_up(&mut self, kind: usize, queued: Queued) {
        self.last_number = self.last_number.max(queued.number);
        self.push(kind, queued);
    }

    /// The best free rep for a newcomer, when nobody of its kind waits already.
    pub(crate) fn rep_for_newcomer(&self, plan: &Plan, kind: usize) -> Option<usize> {
        let nobody_waits = self.lines.get(kind).is_none_or(VecDeque::is_empty);
        nobody_waits
            .then(|| self.choose(plan, kind, plan.step(0)))
            .flatten()
    }

    /// The first ticket in the queue that a free rep may take, out of its line, and the best of those reps.
    pub(crate) fn next_match(&mut self, plan: &Plan, now: Tick) -> Option<Match> {
        if self.free.is_empty() {
            return None;
        }
        let mut first = None;
        match self.free.few() {
            Some(reps) => {
                for claim in reps.flat_map(|rep| plan.claims_of(rep)) {
                    self.bid(plan, claim.kind as usize, now, &mut first);
                }
            }
            None => (0..self.lines.len()).for_each(|kind| self.bid(plan, kind, now, &mut first)),
        }
        let Bid {
            kind, step, rep, ..
        } = first?;
        self.take_head(kind, step, rep)
    }

    /// The same for one rep who has just become free, where nobody who was free before could take anything: then
    /// whatever can be taken goes to this one.
    pub(crate) fn next_match_of(&mut self, plan: &Plan, rep: usize, now: Tick) -> Option<Match> {
        if !self.free.contains(rep) {
            return None;
        }
        // Which of two heads has more to show is as good as chance, so that all are worked out first and compared after.
        let mut first = None;
        for claims in plan.claims_of(rep).chunks(AT_ONCE) {
            let mut shown = [NOTHING; AT_ONCE];
            for (shown, claim) in shown.iter_mut().zip(claims) {
                *shown = self.shows(plan, claim, now);
            }
            let shown = shown.iter().zip(claims);
            let most = shown
                .clone()
                .map(|(shown, _)| *shown)
                .fold(NOTHING, i64::max);
            if most == NOTHING {
                continue;
            }
            for (_, claim) in shown.filter(|(shown, _)| **shown == most) {
                let kind = claim.kind as usize;
                let Some(head) = self.lines.get(kind).and_then(VecDeque::front) else {
                    continue;
                };
                let bid = (most, Reverse((head.since, head.number)), kind);
                first = first.max(Some(bid));
            }
        }
        let (_, Reverse((since, _)), kind) = first?;
        let step = plan.step(now.saturating_sub(since));
        self.take_head(kind, step, rep)
    }

    /// What the head of a line has to show for the rep of the claim, as a number that is the higher the more it is:
    /// [`NOTHING`] where nobody waits there, or the rep may not take it.
    fn shows(&self, plan: &Plan, claim: &Claim, now: Tick) -> i64 {
        let since = self.heads.get(claim.kind as usize).copied();
        let since = since.unwrap_or(NOBODY);
        let step = plan.step(now.saturating_sub(since));
        let expertise = plan.grade(claim, step);
        let score = expertise
            .map(|expertise| queue::score_of(claim.weight, since, expertise, plan.priority, now));
        // Of numbers that are not below 0 the bits are in the order of the numbers.
        let shown = score.map_or(NOTHING, |score| score.abs().to_bits().cast_signed());
        if since == NOBODY { NOTHING } else { shown }
    }

    /// What the head of a line bids, if that is more than the first does.
    fn bid(&self, plan: &Plan, kind: usize, now: Tick, first: &mut Option<Bid>) {
        let Some(head) = self.lines.get(kind).and_then(VecDeque::front) else {
            return;
        };
        let step = plan.step(now.saturating_sub(head.since));
        let Some(rep) = self.choose(plan, kind, step) else {
            return;
        };
        let place = head.place(plan.weight(kind));
        let key = place.key(plan.expertise(kind, step, rep), plan.priority, now);
        Bid {
            key,
            kind,
            step,
            rep,
        }
        .compete(first);
    }

    fn take_head(&mut self, kind: usize, step: usize, rep: usize) -> Option<Match> {
        let queued = self.pop(kind)?;
        Some(Match {
            kind,
            queued,
            step,
            rep,
        })
    }

    /// The rep takes a ticket.
    pub(crate) fn take(&mut self, plan: &Plan, rep: usize, now: Tick) {
        self.occupy(plan, rep);
        self.note_activity(rep, now);
    }

    /// The rep has one more ticket in hand.
    pub(crate) fn occupy(&mut self, plan: &Plan, rep: usize) {
        if let (Some(in_hand), Some(&capacity)) =
            (self.in_hand.get_mut(rep), plan.capacities.get(rep))
        {
            *in_hand += 1;
            if *in_hand >= capacity {
                self.free.remove(rep);
            }
        }
    }

    /// The rep has taken a ticket or ended a conversation: idle since then, though perhaps not free.
    pub(crate) fn note_activity(&mut self, rep: usize, now: Tick) {
        if let Some(idle_since) = self.idle_since.get_mut(rep) {
            *idle_since = now;
        }
    }

    /// The rep has one ticket, or the rest after it, less in hand. Says whether the rep could take none before.
    pub(crate) fn free(&mut self, rep: usize) -> bool {
        let Some(in_hand) = self.in_hand.get_mut(rep) else {
            return false;
        };
        *in_hand = in_hand.saturating_sub(1);
        let was_free = self.free.contains(rep);
        self.free.insert(rep);
        !was_free
    }

    /// When a rule next fires for the head of a line: time alone may then find a rep for it.
    pub(crate) fn next_relaxing(&self, plan: &Plan, now: Tick) -> Option<Tick> {
        plan.next_step(0)?;
        let kinds = 0..self.lines.len();
        kinds
            .filter_map(|kind| self.next_relaxing_of(plan, kind, now))
            .min()
    }

    /// The same for the head of one line.
    pub(crate) fn next_relaxing_of(&self, plan: &Plan, kind: usize, now: Tick) -> Option<Tick> {
        plan.next_step(0)?;
        let head = self.lines.get(kind)?.front()?;
        let step = plan.step(now.saturating_sub(head.since));
        Some(head.since.saturating_add(plan.next_step(step)?))
    }

    /// Takes out of their lines all tickets that `keep` does not want; it may rename the others.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&mut Queued) -> bool) {
        for (line, head) in self.lines.iter_mut().zip(&mut self.heads) {
            line.retain_mut(&mut keep);
            *head = line.front().map_or(NOBODY, |first| first.since);
        }
    }

    /// The lines, by kind, each in order of arrival.
    pub(crate) fn lines(&self) -> &[VecDeque<Queued>] {
        &self.lines
    }

    fn choose(&self, plan: &Plan, kind: usize, step: usize) -> Option<usize> {
        let eligible = plan.eligible(kind, step)?;
        eligible.in_both(&self.free).min_by_key(|&rep| {
            let idle_since = self.idle_since.get(rep).copied().unwrap_or(Tick::MAX);
            (plan.place(kind, step, rep), idle_since, rep)
        })
    }
}

impl Queued {
    pub(crate) fn place(&self, weight: f64) -> Place {
        Place {
            number: self.number,
            since: self.since,
            weight,
        }
    }
}
