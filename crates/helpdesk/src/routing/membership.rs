//! What of a demand decides who may serve it. Must not know the roster.

use super::fit::{Expert, demanded_level};
use super::{Demand, NamedBy};
use crate::config::Routing;
use crate::ids::{Level, RepId, SkillId, TierId};

/// Demands that agree in this have the same [`members`](super::members) of one roster.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Membership<'a> {
    skills: &'a [SkillId],
    tier: &'a TierId,
    least_levels: &'a [(SkillId, Level)],
    /// Whom a colleague named: fits whatever is wanted.
    colleague: Option<&'a RepId>,
    /// Relaxing rules that hold.
    fired: usize,
    /// The level that is held out for.
    demanded: Option<Level>,
}

impl<'a> Membership<'a> {
    pub(crate) fn of(demand: &Demand<'a>, routing: &Routing) -> Self {
        let relax = &routing.relax;
        let fired = relax.partition_point(|rule| rule.after <= demand.waited);
        let holding = relax.get(..fired).unwrap_or_default();
        let expert = Expert::after(demand);
        let colleague = demand
            .named
            .filter(|named| named.by == NamedBy::Colleague)
            .map(|named| named.rep);
        Self {
            skills: demand.wants.skills,
            tier: demand.wants.tier,
            least_levels: &demand.wants.wishes.least_levels,
            colleague,
            fired,
            demanded: demanded_level(&demand.wants, holding, relax, expert),
        }
    }
}
