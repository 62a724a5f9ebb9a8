//! What the desk has learnt: how long conversations take, how long shoppers are ready to wait, how often
//! they come. Old experience fades. Must not know who waits at the moment.

use std::collections::VecDeque;

use super::calibration::{Calibration, Held};
use super::count;
use crate::lesson::WaitEnd;
use crate::random::Random;

/// Conversations remembered of each skill, and waits of each kind of ticket.
const MEMORY: usize = 8_192;
/// Arrivals remembered of each kind.
const ARRIVALS: usize = 512;
/// Conversations from which a skill is known by itself; before, it is taken to be like all others.
const ENOUGH: usize = 30;
/// Conversations from which a kind is known by itself; before, it is taken to be like its skill.
const ENOUGH_OF_A_KIND: usize = 200;
/// Conversations from which the desk dares to say anything.
const LEAST: usize = 10;
/// The mean of the ten middle quantiles of an exponential of mean 1.
const BELIEVED_MEAN: f64 = 0.9657590653461392;
/// Fewer longer conversations than this say nothing of how much longer.
const TAIL: usize = 12;

/// Experience by kind of ticket and by the skill it is handled by, each numbered by the caller.
#[derive(Debug, Clone)]
pub(crate) struct Experience {
    skill_by_kind: Vec<usize>,
    handling_by_kind: Vec<HandlingTimes>,
    handling_by_skill: Vec<HandlingTimes>,
    handling_of_all: HandlingTimes,
    patience_by_kind: Vec<Patience>,
    patience_of_all: Patience,
    arrivals_by_kind: Vec<VecDeque<f64>>,
    calibration_by_kind: Vec<Calibration>,
}

impl Experience {
    /// None yet, of kinds that are handled by these skills.
    pub(crate) fn new(skill_by_kind: Vec<usize>) -> Self {
        let mut experience = Self {
            skill_by_kind: Vec::new(),
            handling_by_kind: Vec::new(),
            handling_by_skill: Vec::new(),
            handling_of_all: HandlingTimes::default(),
            patience_by_kind: Vec::new(),
            patience_of_all: Patience::default(),
            arrivals_by_kind: Vec::new(),
            calibration_by_kind: Vec::new(),
        };
        experience.widen(skill_by_kind);
        experience
    }

    /// Makes room for more kinds; those known already come first and are handled as before.
    pub(crate) fn widen(&mut self, skill_by_kind: Vec<usize>) {
        let kinds = skill_by_kind.len();
        let skills = skill_by_kind.iter().max().map_or(0, |last| last + 1);
        self.skill_by_kind = skill_by_kind;
        self.handling_by_kind
            .resize_with(kinds, HandlingTimes::default);
        self.handling_by_skill
            .resize_with(skills, HandlingTimes::default);
        self.patience_by_kind.resize_with(kinds, Patience::default);
        self.arrivals_by_kind.resize_with(kinds, VecDeque::new);
        self.calibration_by_kind
            .resize_with(kinds, Calibration::default);
    }

    /// Whether enough has been seen to play the desk forward.
    pub(crate) fn knows_enough(&self) -> bool {
        self.handling_of_all.seen >= LEAST
    }

    /// What conversations of a skill usually take, in seconds, as far as nobody has seen any; it counts
    /// like ten conversations, exponentially spread.
    pub(crate) fn believe_of(&mut self, skill: usize, seconds: f64) {
        if let Some(times) = self.handling_by_skill.get_mut(skill) {
            times.believe(seconds);
        }
    }

    /// What conversations of any skill usually take, in seconds.
    pub(crate) fn believe(&mut self, seconds: f64) {
        self.handling_of_all.believe(seconds);
    }

    /// A conversation about a ticket of the kind took this many seconds.
    pub(crate) fn learn_handling(&mut self, kind: usize, seconds: f64) {
        let skill = self.skill_by_kind.get(kind);
        let of_skill = skill.and_then(|&skill| self.handling_by_skill.get_mut(skill));
        let of_kind = self.handling_by_kind.get_mut(kind);
        for times in of_skill.into_iter().chain(of_kind) {
            times.learn(seconds);
        }
        self.handling_of_all.learn(seconds);
    }

    /// A ticket has left the queue after this many seconds. One that came to a rep only says that its
    /// shopper's patience was longer.
    pub(crate) fn learn_patience(&mut self, kind: usize, seconds: f64, end: WaitEnd) {
        if let Some(patience) = self.patience_by_kind.get_mut(kind) {
            patience.learn(seconds, end);
        }
        self.patience_of_all.learn(seconds, end);
    }

    /// A ticket came in at this time, in seconds.
    pub(crate) fn learn_arrival(&mut self, kind: usize, at: f64) {
        if let Some(arrivals) = self.arrivals_by_kind.get_mut(kind) {
            if arrivals.len() == ARRIVALS {
                arrivals.pop_front();
            }
            arrivals.push_back(at);
        }
    }

    /// A ticket of the kind, of which this range was forecast by playing, has waited so many seconds, or is
    /// known to wait longer than that range.
    pub(crate) fn learn_range(&mut self, kind: usize, (low, high): (f64, f64), waited: f64) {
        let held = if (low..=high).contains(&waited) {
            Held::Yes
        } else {
            Held::No
        };
        let known_after = waited.min(high);
        let patient = (-known_after * self.impatience(kind)).exp();
        if let Some(calibration) = self.calibration_by_kind.get_mut(kind) {
            calibration.learn(held, patient);
        }
    }

    /// The share that a range for the kind leaves out on either side.
    pub(crate) fn tail(&self, kind: usize) -> f64 {
        let known = self.calibration_by_kind.get(kind);
        known.copied().unwrap_or_default().tail()
    }

    /// Brings what is asked below in line with the latest lessons.
    pub(crate) fn refresh(&mut self) {
        self.handling_by_kind
            .iter_mut()
            .chain(&mut self.handling_by_skill)
            .chain([&mut self.handling_of_all])
            .for_each(HandlingTimes::refresh);
    }

    /// How long conversations about tickets of the kind take: as far as enough are known those of the kind,
    /// else those of its skill, else all; `None` while nothing is known.
    pub(crate) fn handling(&self, kind: usize) -> Option<&HandlingTimes> {
        let of_kind = self.handling_by_kind.get(kind);
        let skill = self.skill_by_kind.get(kind);
        let of_skill = skill.and_then(|&skill| self.handling_by_skill.get(skill));
        of_kind
            .filter(|times| times.seen >= ENOUGH_OF_A_KIND)
            .or(of_skill.filter(|times| times.seen >= ENOUGH || times.is_believed))
            .or(self.handling_of_any())
    }

    /// How long conversations of any kind take; `None` while nothing is known.
    pub(crate) fn handling_of_any(&self) -> Option<&HandlingTimes> {
        Some(&self.handling_of_all).filter(|times| times.sorted.len() >= LEAST)
    }

    /// Leaves per second of waiting.
    pub(crate) fn impatience(&self, kind: usize) -> f64 {
        let own = self.patience_by_kind.get(kind);
        own.filter(|own| own.waits >= count(ENOUGH))
            .unwrap_or(&self.patience_of_all)
            .rate()
    }

    /// Arrivals a second of the kind, as of `now` in seconds.
    pub(crate) fn arrival_rate(&self, kind: usize, now: f64) -> f64 {
        let arrivals = self.arrivals_by_kind.get(kind);
        let Some((arrivals, first)) = arrivals.and_then(|of| Some((of, of.front()?))) else {
            return 0.0;
        };
        let span = now - first;
        if span > 0.0 {
            count(arrivals.len() - 1) / span
        } else {
            0.0
        }
    }
}

/// The latest conversations of a skill, in seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandlingTimes {
    latest: VecDeque<f64>,
    sum: f64,
    unsorted: usize,
    sorted: Vec<f64>,
    /// Conversations that were learnt from, up to those remembered.
    seen: usize,
    /// Somebody has said what is usual.
    is_believed: bool,
}

impl HandlingTimes {
    /// Takes what is usual for as many conversations as the desk needs to dare anything.
    fn believe(&mut self, seconds: f64) {
        self.is_believed = true;
        for quantile in 0..LEAST {
            let beyond = 1.0 - (count(quantile) + 0.5) / count(LEAST);
            self.remember(-beyond.ln() * seconds / BELIEVED_MEAN);
        }
        self.refresh();
    }

    fn learn(&mut self, seconds: f64) {
        self.seen = (self.seen + 1).min(MEMORY);
        self.remember(seconds);
    }

    fn remember(&mut self, seconds: f64) {
        if self.latest.len() == MEMORY
            && let Some(oldest) = self.latest.pop_front()
        {
            self.sum -= oldest;
        }
        self.latest.push_back(seconds);
        self.sum += seconds;
        self.unsorted += 1;
    }

    /// One lesson among thousands changes nothing that could be seen.
    fn refresh(&mut self) {
        if self.unsorted > self.sorted.len() / 64 {
            self.sorted.clear();
            self.sorted.extend(&self.latest);
            self.sorted.sort_unstable_by(f64::total_cmp);
            self.sum = self.latest.iter().sum();
            self.unsorted = 0;
        }
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / count(self.latest.len().max(1))
    }

    /// How many of the remembered ones were over by then: what [`rest`](Self::rest) asks for.
    pub(crate) fn over_by(&self, seconds: f64) -> usize {
        self.sorted.partition_point(|&took| took <= seconds)
    }

    /// How long a new conversation takes, in seconds.
    pub(crate) fn draw(&self, random: &mut Random) -> f64 {
        let place = random.below(self.sorted.len());
        self.sorted.get(place).copied().unwrap_or(0.0)
    }

    /// How much longer a conversation takes that has taken `elapsed` seconds, by when `over` of the
    /// remembered ones were over.
    pub(crate) fn rest(&self, over: usize, elapsed: f64, random: &mut Random) -> f64 {
        let longer = self.sorted.len().saturating_sub(over);
        if longer >= TAIL {
            let took = self.sorted.get(over + random.below(longer));
            return took.map_or(0.0, |took| took - elapsed);
        }
        // Beyond what was ever seen: as the longest ones went on, so may this one.
        let from = self.sorted.len().saturating_sub(TAIL);
        let tail = self.sorted.get(from..).unwrap_or_default();
        let begin = tail.first().copied().unwrap_or(0.0);
        let excess = tail.iter().sum::<f64>() / count(tail.len().max(1)) - begin;
        excess * random.exponential()
    }
}

/// Leaves and the seconds of waiting they took, fading with each wait.
#[derive(Debug, Clone, Copy, Default)]
struct Patience {
    waits: f64,
    leaves: f64,
    seconds: f64,
}

impl Patience {
    fn learn(&mut self, seconds: f64, end: WaitEnd) {
        if self.waits >= count(MEMORY) {
            let kept = 1.0 - 1.0 / count(MEMORY);
            self.waits *= kept;
            self.leaves *= kept;
            self.seconds *= kept;
        }
        self.waits += 1.0;
        self.seconds += seconds;
        self.leaves += match end {
            WaitEnd::Served => 0.0,
            WaitEnd::Left => 1.0,
        };
    }

    /// The likeliest rate where some waits are cut short by a rep: leaves over all waiting.
    fn rate(&self) -> f64 {
        if self.seconds > 0.0 {
            self.leaves / self.seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_at_first() {
        let mut experience = Experience::new(vec![0]);
        for _ in 1..LEAST {
            experience.learn_handling(0, 60.0);
        }
        experience.refresh();
        assert!(experience.handling(0).is_none());
        experience.learn_handling(0, 60.0);
        experience.refresh();
        assert!(experience.handling(0).is_some());
    }

    #[test]
    fn a_new_skill_is_taken_to_be_like_the_others() {
        let mut experience = Experience::new(vec![0, 1]);
        for _ in 0..100 {
            experience.learn_handling(0, 60.0);
        }
        experience.refresh();
        assert_eq!(experience.handling(1).unwrap().mean(), 60.0);
    }

    #[test]
    fn what_is_believed_holds_until_more_is_seen() {
        let mut experience = Experience::new(vec![0, 1]);
        experience.believe(240.0);
        experience.believe_of(1, 600.0);
        let mean = |experience: &Experience, kind| experience.handling(kind).unwrap().mean();
        assert!((mean(&experience, 0) - 240.0).abs() < 1e-9);
        assert!((mean(&experience, 1) - 600.0).abs() < 1e-9);
        assert!(!experience.knows_enough());
        for _ in 0..990 {
            experience.learn_handling(1, 60.0);
        }
        experience.refresh();
        assert!(experience.knows_enough());
        assert!(mean(&experience, 1) < 70.0);
        assert!(mean(&experience, 0) < 70.0);
    }

    #[test]
    fn a_kind_that_differs_from_its_skill_is_known_by_itself_in_time() {
        let mut experience = Experience::new(vec![0, 0]);
        for _ in 0..ENOUGH_OF_A_KIND {
            experience.learn_handling(0, 60.0);
            experience.learn_handling(1, 120.0);
        }
        experience.refresh();
        assert_eq!(experience.handling(0).unwrap().mean(), 60.0);
        assert_eq!(experience.handling(1).unwrap().mean(), 120.0);
    }

    #[test]
    fn old_conversations_fade() {
        let mut experience = Experience::new(vec![0]);
        for took in [60.0, 30.0] {
            for _ in 0..MEMORY {
                experience.learn_handling(0, took);
            }
        }
        experience.refresh();
        assert_eq!(experience.handling(0).unwrap().mean(), 30.0);
    }

    #[test]
    fn waits_cut_short_by_a_rep_do_not_shorten_patience() {
        let mut random = Random::new(1, 1);
        let mut experience = Experience::new(vec![0]);
        for _ in 0..8_000 {
            let (patience, rep) = (20.0 * random.exponential(), 10.0 * random.exponential());
            let end = if patience < rep {
                WaitEnd::Left
            } else {
                WaitEnd::Served
            };
            experience.learn_patience(0, patience.min(rep), end);
        }
        let mean = 1.0 / experience.impatience(0);
        assert!((mean / 20.0 - 1.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn the_rest_of_a_conversation_is_what_those_took_that_were_longer() {
        let mut experience = Experience::new(vec![0]);
        for took in 1..=100 {
            experience.learn_handling(0, f64::from(took));
        }
        experience.refresh();
        let times = experience.handling(0).unwrap();
        let mut random = Random::new(1, 1);
        let over = times.over_by(60.0);
        let draws = 20_000;
        let sum: f64 = (0..draws)
            .map(|_| times.rest(over, 60.0, &mut random))
            .sum();
        let mean = sum / f64::from(draws);
        assert!((mean - 20.5).abs() < 0.3, "{mean}");
        assert!(times.rest(100, 500.0, &mut random) > 0.0);
    }
}
