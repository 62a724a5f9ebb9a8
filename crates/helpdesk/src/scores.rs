//! How good the promised waits were, by skill and tier.
//! Must not know how a wait is forecast, nor how the scores are shown.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Moment;
use crate::desk::Helpdesk;
use crate::ended_waits::EndedWaits;
use crate::estimate::quote::Form;
use crate::ids::{SkillId, TierId};
use crate::lesson::WaitEnd;
use crate::promised::Promised;
use crate::tickets::Ticket;

/// The scores so far, restarts included: every ticket that was told to wait is counted once, with the wait it was
/// first promised, under the skill it first asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EstimateScores {
    /// All together.
    pub total: EstimateScore,
    /// By skill and tier, those only that were ever asked for.
    pub groups: Vec<(SkillId, TierId, EstimateScore)>,
}

/// How promises compare with what came to be. A wait ends when a rep takes the ticket.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EstimateScore {
    /// Tickets that were promised a wait.
    pub promised: u64,
    /// Of those, promised by the length of the queue: it could not be played forward, or not in time.
    pub by_length: u64,
    /// Tickets that had to wait with nothing promised, because too little was known.
    pub unknown: u64,
    /// Promises whose wait has come to its end with a rep.
    pub scored: u64,
    /// Of those, waits within the promised range, which is meant to hold 80 %.
    pub held: u64,
    /// Shoppers who left before a rep came: how long they would have waited is not known.
    pub left: u64,
    /// Of those, who left after the promised range was over: these promises were broken.
    pub left_after: u64,
    /// Times that a shopper had to be told of a longer wait than promised.
    pub grown: u64,
    /// Sum of promised less actual over the scored, in seconds.
    pub error_sum: f64,
    /// Sum of its squares, in square seconds.
    pub square_error_sum: f64,
}

impl EstimateScore {
    /// Mean of promised less actual, in seconds; `None` before the first.
    pub fn bias(&self) -> Option<f64> {
        self.mean(self.error_sum)
    }

    /// Mean of its square, in square seconds.
    pub fn mean_square_error(&self) -> Option<f64> {
        self.mean(self.square_error_sum)
    }

    /// Share of waits in the promised range; who left after it was over counts as outside.
    pub fn coverage(&self) -> Option<f64> {
        let known = self.scored + self.left_after;
        (known > 0).then(|| whole(self.held) / whole(known))
    }

    fn add(&mut self, other: &Self) {
        self.promised += other.promised;
        self.by_length += other.by_length;
        self.unknown += other.unknown;
        self.scored += other.scored;
        self.held += other.held;
        self.left += other.left;
        self.left_after += other.left_after;
        self.grown += other.grown;
        self.error_sum += other.error_sum;
        self.square_error_sum += other.square_error_sum;
    }

    fn mean(&self, sum: f64) -> Option<f64> {
        (self.scored > 0).then(|| sum / whole(self.scored))
    }

    fn end(&mut self, promised: &Promised, end: WaitEnd, now: Moment) {
        let promise = promised.first;
        let actual = now.since(promise.at).as_secs_f64();
        let (low, high) = (f64::from(promise.wait.low), f64::from(promise.wait.high));
        match end {
            WaitEnd::Served => {
                let error = f64::from(promise.wait.seconds) - actual;
                self.scored += 1;
                self.held += u64::from((low..=high).contains(&actual));
                self.error_sum += error;
                self.square_error_sum += error * error;
            }
            WaitEnd::Left => {
                self.left += 1;
                self.left_after += u64::from(actual > high);
            }
        }
    }
}

/// The scores as they are kept.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    total: EstimateScore,
    by_group: BTreeMap<(SkillId, TierId), EstimateScore>,
    /// Groups whose scores are not on record as they stand.
    changed: BTreeSet<(SkillId, TierId)>,
    pub(crate) ended_waits: EndedWaits,
}

impl Scores {
    /// A ticket has been promised its wait.
    pub(crate) fn promise(&mut self, ticket: &Ticket) {
        let form = ticket.promised.map(|promised| promised.first.form);
        self.note(ticket, |score| {
            score.promised += 1;
            score.by_length += u64::from(form == Some(Form::Formula));
        });
    }

    /// A ticket has to wait, and nothing can be promised.
    pub(crate) fn know_nothing(&mut self, ticket: &Ticket) {
        self.note(ticket, |score| score.unknown += 1);
    }

    /// A shopper was told of a longer wait than promised.
    pub(crate) fn grow(&mut self, ticket: &Ticket) {
        self.note(ticket, |score| score.grown += 1);
    }

    /// A ticket's first wait has ended.
    pub(crate) fn end(&mut self, ticket: &Ticket, end: WaitEnd, now: Moment) {
        if let Some(promised) = ticket.promised {
            self.note(ticket, |score| score.end(&promised, end, now));
        }
        self.ended_waits.end(ticket, end, now);
    }

    fn note(&mut self, ticket: &Ticket, mut what: impl FnMut(&mut EstimateScore)) {
        if ticket.handed_on_by.is_some() {
            return;
        }
        what(&mut self.total);
        if let Some(skill) = ticket.ask.skills.first() {
            let group = (skill.clone(), ticket.ask.tier.clone());
            what(self.by_group.entry(group.clone()).or_default());
            self.changed.insert(group);
        }
    }

    /// The groups whose scores have changed since this was last asked.
    pub(crate) fn take_changed(&mut self) -> Vec<(SkillId, TierId, EstimateScore)> {
        let changed = std::mem::take(&mut self.changed);
        let scored = changed.into_iter().filter_map(|group| {
            let score = *self.by_group.get(&group)?;
            Some((group.0, group.1, score))
        });
        scored.collect()
    }

    /// Takes a group's score from the journal, in place of what was known of it.
    pub(crate) fn restore(&mut self, skill: SkillId, tier: TierId, score: EstimateScore) {
        self.by_group.insert((skill, tier), score);
        self.total = EstimateScore::default();
        for score in self.by_group.values() {
            self.total.add(score);
        }
    }
}

impl Helpdesk {
    /// How good the promised waits were so far.
    pub fn estimate_scores(&self) -> EstimateScores {
        let groups = self.scores.by_group.iter();
        EstimateScores {
            total: self.scores.total,
            groups: groups
                .map(|((skill, tier), score)| (skill.clone(), tier.clone(), *score))
                .collect(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts stay far below 2 to the 53rd"
)]
fn whole(count: u64) -> f64 {
    count as f64
}
