//! The rules worked out beforehand: for each kind of ticket and each step of its relaxing, who may take
//! it and in which order they are asked. Must not know the queue, nor what a rep does at the moment.

use std::time::Duration;

use super::reps::RepSet;
use super::{Rank, demanded_level, fit, rank};
use crate::config::{Priority, Rep, Routing};
use crate::ids::{SkillId, TierId};

/// Nanoseconds since a beginning of the caller's choice: fine enough for simulated reps of any speed.
pub(crate) type Tick = i64;

/// What all tickets of a kind ask for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kind {
    /// All are required; levels are compared in the first.
    pub(crate) skills: Vec<SkillId>,
    pub(crate) tier: TierId,
    /// The weight of the tier.
    pub(crate) weight: f64,
}

/// The answers of [`fit`] and [`rank`] for every kind, step and rep.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) priority: Priority,
    pub(crate) wrap_up: Tick,
    /// Conversations at once, by rep.
    pub(crate) capacities: Vec<u32>,
    /// When each rule fires, counted from the beginning of the wait.
    fires: Vec<Tick>,
    kinds: Vec<PlannedKind>,
}

#[derive(Debug, Clone)]
struct PlannedKind {
    weight: f64,
    /// One more than there are rules; step `n` is the one where `n` rules have fired.
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
struct Step {
    /// Those who may take the ticket.
    eligible: RepSet,
    /// In which order they are asked, by rep, the least first.
    places: Vec<u16>,
    /// Conversations they can hold at once.
    servers: u32,
}

impl Plan {
    /// A plan for reps in order of identity, of whom those who are `at_work` decide which level can be
    /// held out for.
    pub(crate) fn new(reps: &[&Rep], at_work: &RepSet, kinds: &[Kind], routing: &Routing) -> Self {
        Self {
            priority: routing.priority,
            wrap_up: tick(routing.wrap_up),
            capacities: reps.iter().map(|rep| rep.capacity).collect(),
            fires: routing.relax.iter().map(|rule| tick(rule.after)).collect(),
            kinds: kinds
                .iter()
                .map(|kind| PlannedKind::new(kind, reps, at_work, routing))
                .collect(),
        }
    }

    pub(crate) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    pub(crate) fn weight(&self, kind: usize) -> f64 {
        self.kinds.get(kind).map_or(1.0, |kind| kind.weight)
    }

    /// How many rules have fired for a ticket that has waited this long.
    pub(crate) fn step(&self, waited: Tick) -> usize {
        self.fires.partition_point(|&fires| fires <= waited)
    }

    /// When the next rule fires for a ticket at this step, counted from the beginning of its wait.
    pub(crate) fn next_step(&self, step: usize) -> Option<Tick> {
        self.fires.get(step).copied()
    }

    /// Those who may take a ticket of the kind at this step.
    pub(crate) fn eligible(&self, kind: usize, step: usize) -> Option<&RepSet> {
        Some(&self.at(kind, step)?.eligible)
    }

    /// Conversations those who may take a ticket of the kind at this step can hold at once.
    pub(crate) fn servers(&self, kind: usize, step: usize) -> u32 {
        self.at(kind, step).map_or(0, |step| step.servers)
    }

    /// Whether anybody may take a ticket of the kind at the end of all relaxing.
    pub(crate) fn can_ever(&self, kind: usize) -> bool {
        self.servers(kind, self.fires.len()) > 0
    }

    /// The rep's place among those who may take a ticket of the kind at this step, the least first.
    pub(crate) fn place(&self, kind: usize, step: usize, rep: usize) -> u16 {
        self.at(kind, step)
            .and_then(|step| step.places.get(rep))
            .copied()
            .unwrap_or(u16::MAX)
    }

    /// Whether a ticket of `kind` that waits goes before one of `newcomer` that comes now.
    pub(crate) fn precedes_newcomer(&self, kind: usize, newcomer: usize) -> bool {
        match self.priority {
            Priority::Weighted => true,
            Priority::Strict => self.weight(kind) >= self.weight(newcomer),
        }
    }

    /// Whether order of arrival is the order of service, and no time changes who may take what: then
    /// whoever comes later is of no concern to those who wait.
    pub(crate) fn later_ones_matter(&self) -> bool {
        let mut weights = self.kinds.iter().map(|kind| kind.weight);
        let first = weights.next();
        let differ = weights.any(|weight| Some(weight) != first);
        differ || !self.fires.is_empty()
    }

    fn at(&self, kind: usize, step: usize) -> Option<&Step> {
        self.kinds.get(kind)?.steps.get(step)
    }
}

impl PlannedKind {
    fn new(kind: &Kind, reps: &[&Rep], at_work: &RepSet, routing: &Routing) -> Self {
        let mut steps = Vec::new();
        for fired in 0..=routing.relax.len() {
            let fired = routing.relax.get(..fired).unwrap_or_default();
            let fits: Vec<_> = reps
                .iter()
                .map(|rep| fit(&kind.skills, &kind.tier, rep, fired).ok())
                .collect();
            let best = fits
                .iter()
                .enumerate()
                .filter(|(rep, _)| at_work.contains(*rep))
                .filter_map(|(_, skill)| Some(skill.as_ref()?.level))
                .max();
            let bar = demanded_level(&kind.skills, fired, &routing.relax)
                .and_then(|demanded| Some(demanded.min(best?)));
            let ranks: Vec<Option<Rank>> = fits
                .into_iter()
                .map(|skill| {
                    let skill = skill.filter(|skill| bar.is_none_or(|bar| skill.level >= bar))?;
                    Some(rank(Some(skill), routing.choose))
                })
                .collect();
            steps.push(Step::new(&ranks, reps));
        }
        Self {
            weight: kind.weight,
            steps,
        }
    }
}

impl Step {
    fn new(ranks: &[Option<Rank>], reps: &[&Rep]) -> Self {
        let mut order: Vec<Rank> = ranks.iter().flatten().copied().collect();
        order.sort_unstable();
        order.dedup();
        let place = |rank: &Option<Rank>| {
            let place = rank.and_then(|rank| order.binary_search(&rank).ok());
            place
                .and_then(|place| u16::try_from(place).ok())
                .unwrap_or(u16::MAX)
        };
        let mut eligible = RepSet::with_room_for(ranks.len());
        let mut servers = 0_u32;
        for (index, (_, rep)) in ranks
            .iter()
            .zip(reps)
            .enumerate()
            .filter(|(_, (rank, _))| rank.is_some())
        {
            eligible.insert(index);
            servers = servers.saturating_add(rep.capacity);
        }
        Self {
            eligible,
            places: ranks.iter().map(place).collect(),
            servers,
        }
    }
}

pub(crate) fn tick(duration: Duration) -> Tick {
    Tick::try_from(duration.as_nanos()).unwrap_or(Tick::MAX)
}
