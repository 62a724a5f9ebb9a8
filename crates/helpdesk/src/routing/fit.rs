//! How well a rep fits what a ticket wants, as far as the rules relax it.
//! Must not know what a rep does at the moment, nor the queue.

use std::cmp::Reverse;
use std::time::Duration;

use super::{Demand, Standing};
use crate::ask::{Prefer, Wishes};
use crate::config::{Choose, Relax, Rep, Routing};
use crate::ids::{Level, SkillId, TierId};
use crate::queue::FULL_EXPERTISE;

/// What a ticket wants of whoever takes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wants<'a> {
    /// All are required; levels are compared in the first.
    pub(crate) skills: &'a [SkillId],
    pub(crate) tier: &'a TierId,
    pub(crate) wishes: &'a Wishes,
}

/// A rep's competence for a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SkillFit {
    pub(crate) level: Level,
    /// By a skill that will only do, not by the very one.
    pub(crate) substitute: bool,
    /// Preferred skills: weight times level, in ten-thousandths.
    pub(crate) preference: u32,
}

/// A rep's place among those who may take a ticket, the least first; the longest idle of equals is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    substitute: bool,
    points: Reverse<Option<u32>>,
}

/// Whether a ticket that wants the expert still waits for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Expert {
    WaitedFor,
    GivenUp,
}

impl Expert {
    pub(crate) fn after(demand: &Demand<'_>) -> Self {
        Self::after_waiting(demand.waited, demand.sticky_for)
    }

    pub(crate) fn after_waiting(waited: Duration, sticky_for: Duration) -> Self {
        if waited < sticky_for {
            Self::WaitedFor
        } else {
            Self::GivenUp
        }
    }
}

impl Wants<'_> {
    /// How free reps are chosen among.
    pub(crate) fn choose(&self, routing: &Routing) -> Choose {
        match self.wishes.prefer {
            Some(Prefer::Best) => Choose::Best,
            Some(Prefer::First) => Choose::LongestIdle,
            None => routing.choose,
        }
    }
}

impl SkillFit {
    /// Share of the highest level.
    pub(crate) fn expertise(fit: Option<Self>) -> f64 {
        fit.map_or(FULL_EXPERTISE, |fit| fit.level.share())
    }
}

pub(crate) fn rank(fit: Option<SkillFit>, choose: Choose) -> Rank {
    let points = fit.map(|fit| match choose {
        Choose::Best => u32::from(fit.level.value()) * 100 + fit.preference,
        Choose::LongestIdle => fit.preference,
    });
    Rank {
        substitute: fit.is_none_or(|fit| fit.substitute),
        points: Reverse(points),
    }
}

/// How well a rep fits what is wanted, as far as the rules that have `fired` relax it; levels that are held
/// out for are not judged. The error says why the rep does not fit.
pub(crate) fn fit(wants: &Wants<'_>, rep: &Rep, fired: &[Relax]) -> Result<SkillFit, Standing> {
    if !any_tier(wants.skills, fired) && !rep.serves(wants.tier) {
        return Err(Standing::OtherTier);
    }
    let mut all = None;
    for skill in wants.skills {
        let one = fit_of(skill, rep, fired).ok_or(Standing::LacksSkill)?;
        if least_level(skill, wants.wishes, fired).is_some_and(|least| one.level < least) {
            return Err(Standing::BelowLevel);
        }
        let first = all.get_or_insert(one);
        first.substitute |= one.substitute;
    }
    let fit: SkillFit = all.ok_or(Standing::LacksSkill)?;
    Ok(SkillFit {
        preference: preference(wants.wishes, rep),
        ..fit
    })
}

/// The level that the rules ask for, or that the expert has; `None` where every level will do. Until the
/// first rule about levels fires a ticket holds out for the best.
pub(crate) fn demanded_level(
    wants: &Wants<'_>,
    fired: &[Relax],
    relax: &[Relax],
    expert: Expert,
) -> Option<Level> {
    let skill = wants.skills.first()?;
    let by_rules = || {
        latest_level(skill, relax)?;
        Some(latest_level(skill, fired).unwrap_or(Level::MAX))
    };
    match (wants.wishes.prefer, expert) {
        (Some(Prefer::First), _) => None,
        (Some(Prefer::Best), Expert::WaitedFor) => Some(Level::MAX),
        (Some(Prefer::Best), Expert::GivenUp) | (None, _) => by_rules(),
    }
}

/// What the shopper asked for at least, unless a rule has said that less is enough.
fn least_level(skill: &SkillId, wishes: &Wishes, fired: &[Relax]) -> Option<Level> {
    let asked = wishes.least_level(skill)?;
    Some(latest_level(skill, fired).map_or(asked, |enough| enough.min(asked)))
}

fn latest_level(skill: &SkillId, rules: &[Relax]) -> Option<Level> {
    rules
        .iter()
        .filter(|rule| rule.speaks_of(skill))
        .filter_map(|rule| rule.min_level)
        .next_back()
}

/// The rep's level in the skill, or in one that will do for it.
fn fit_of(skill: &SkillId, rep: &Rep, fired: &[Relax]) -> Option<SkillFit> {
    let own = rep.level(skill);
    let stand_in = || {
        fired
            .iter()
            .filter(|rule| rule.speaks_of(skill))
            .flat_map(|rule| &rule.accept)
            .filter_map(|accepted| rep.level(accepted))
            .max()
    };
    Some(SkillFit {
        level: own.or_else(stand_in)?,
        substitute: own.is_none(),
        preference: 0,
    })
}

fn preference(wishes: &Wishes, rep: &Rep) -> u32 {
    let worth = |wish: &crate::ask::Preference| {
        let level = rep.level(&wish.skill)?;
        let counts = wish.least_level.is_none_or(|least| level >= least);
        counts.then(|| u32::from(wish.weight.value()) * u32::from(level.value()))
    };
    wishes.preferred.iter().filter_map(worth).sum()
}

fn any_tier(skills: &[SkillId], fired: &[Relax]) -> bool {
    fired
        .iter()
        .any(|rule| rule.any_tier && rule.skill.as_ref().is_none_or(|only| skills.contains(only)))
}

impl Relax {
    fn speaks_of(&self, skill: &SkillId) -> bool {
        self.skill.as_ref().is_none_or(|only| only == skill)
    }
}
