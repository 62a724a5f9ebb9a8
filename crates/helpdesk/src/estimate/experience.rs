//! What the desk has learnt: how long conversations take, how long shoppers are ready to wait, how often
//! they come. Old experience fades. Must not know who waits at the moment.

use std::collections::VecDeque;

use super::count;
use crate::random::Random;

/// Conversations remembered of each skill, and waits of each kind of ticket.
const MEMORY: usize = 8_192;
/// Arrivals remembered of each kind.
const ARRIVALS: usize = 512;
/// Conversations from which a skill is known by itself; before, it is taken to be like all others.
const ENOUGH: usize = 30;
/// Conversations from which the desk dares to say anything.
const LEAST: usize = 10;
/// Fewer longer conversations than this say nothing of how much longer.
const TAIL: usize = 12;

/// Experience by skill and by kind of ticket, each numbered by the caller.
#[derive(Debug, Clone)]
pub(crate) struct Experience {
    handling_by_skill: Vec<HandlingTimes>,
    handling_of_all: HandlingTimes,
    patience_by_kind: Vec<Patience>,
    patience_of_all: Patience,
    arrivals_by_kind: Vec<VecDeque<f64>>,
}

impl Experience {
    pub(crate) fn new(skills: usize, kinds: usize) -> Self {
        Self {
            handling_by_skill: vec![HandlingTimes::default(); skills],
            handling_of_all: HandlingTimes::default(),
            patience_by_kind: vec![Patience::default(); kinds],
            patience_of_all: Patience::default(),
            arrivals_by_kind: vec![VecDeque::new(); kinds],
        }
    }

    /// Makes room for more skills and kinds.
    pub(crate) fn widen(&mut self, skills: usize, kinds: usize) {
        self.handling_by_skill
            .resize_with(skills, HandlingTimes::default);
        self.patience_by_kind.resize_with(kinds, Patience::default);
        self.arrivals_by_kind.resize_with(kinds, VecDeque::new);
    }

    /// Whether anything can be said of handling times.
    pub(crate) fn knows_enough(&self) -> bool {
        self.handling_of_all.latest.len() >= LEAST
    }

    /// A conversation took this many seconds.
    pub(crate) fn learn_handling(&mut self, skill: usize, seconds: f64) {
        if let Some(times) = self.handling_by_skill.get_mut(skill) {
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

    /// Brings what is asked below in line with the latest lessons.
    pub(crate) fn refresh(&mut self) {
        self.handling_by_skill
            .iter_mut()
            .chain([&mut self.handling_of_all])
            .for_each(HandlingTimes::refresh);
    }

    /// How long conversations of the skill take; `None` while nothing is known.
    pub(crate) fn handling(&self, skill: usize) -> Option<&HandlingTimes> {
        let own = self.handling_by_skill.get(skill)?;
        [(own, ENOUGH), (&self.handling_of_all, LEAST)]
            .into_iter()
            .find(|(times, enough)| times.sorted.len() >= *enough)
            .map(|(times, _)| times)
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
}

impl HandlingTimes {
    fn learn(&mut self, seconds: f64) {
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

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitEnd {
    Served,
    Left,
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
        let mut experience = Experience::new(1, 1);
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
        let mut experience = Experience::new(2, 1);
        for _ in 0..100 {
            experience.learn_handling(0, 60.0);
        }
        experience.refresh();
        assert_eq!(experience.handling(1).unwrap().mean(), 60.0);
    }

    #[test]
    fn old_conversations_fade() {
        let mut experience = Experience::new(1, 1);
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
        let mut experience = Experience::new(1, 1);
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
        let mut experience = Experience::new(1, 1);
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
