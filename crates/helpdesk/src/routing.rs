//! Which rep a ticket goes to, and why no other: pure functions over the roster.
//! Must not know how an offer is made, nor the order of the queue: tickets are decided one by one in
//! that order, so that what an earlier one could take is taken.

pub(crate) mod floor;
pub(crate) mod plan;
pub(crate) mod reps;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Moment;
use crate::config::{Choose, Relax, Rep, Routing};
use crate::ids::{Level, RepId, SkillId, TierId};
use crate::roster::{Roster, Seat};

/// How long a rep who did not take a ticket is left in peace with it.
pub(crate) const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What a ticket wants at this moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    /// All are required; levels are compared in the first.
    pub(crate) skills: &'a [SkillId],
    pub(crate) tier: &'a TierId,
    pub(crate) named: Option<Named<'a>>,
    /// Who did not take the ticket, and when.
    pub(crate) refused: &'a BTreeMap<RepId, Moment>,
    /// Who handed the ticket on.
    pub(crate) handed_on_by: Option<&'a RepId>,
    /// How long it has waited to be relaxed by the rules.
    pub(crate) waited: Duration,
}

/// The rep a ticket is meant for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) rep: &'a RepId,
    pub(crate) by: NamedBy,
}

/// Who named the rep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// The shopper; the rep must fit.
    Shopper,
    /// A colleague who hands the conversation on and knows why; skills and tier do not matter.
    Colleague,
}

/// What becomes of a ticket at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Put it to this rep.
    Offer { rep: RepId },
    /// Somebody on duty could take it, but not at this moment.
    Wait,
    /// Nobody on duty could take it, however long it waits.
    Closed,
}

/// How one rep stands to one ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Could be offered the ticket at once.
    Ready,
    /// Fits, but is not available by presence.
    NotAvailable,
    /// Fits, but did not answer lately.
    Doubted,
    /// Fits, but has as much in hand as the rep may have.
    Full,
    /// Fits, but did not take this ticket a short while ago.
    Refused,
    /// Handed this very conversation on.
    HandedOn,
    /// The ticket is kept for the rep it names.
    KeptForAnother,
    /// Serves other tiers.
    OtherTier,
    /// Lacks a required skill.
    LacksSkill,
    /// Is below the level that the ticket holds out for.
    BelowLevel,
}

/// Chooses among the reps who are ready, or says why nobody is chosen.
pub(crate) fn decide(
    demand: &Demand<'_>,
    roster: &Roster,
    routing: &Routing,
    now: Moment,
) -> Decision {
    match choose(demand, roster, routing, now) {
        Some(rep) => Decision::Offer { rep },
        None if could_ever(demand, roster, routing) => Decision::Wait,
        None => Decision::Closed,
    }
}

/// The rep to ask first: one who has not refused the ticket before one who has, the rep it names, a rep
/// of the very skills before a substitute, then as [`Choose`] says.
pub(crate) fn choose(
    demand: &Demand<'_>,
    roster: &Roster,
    routing: &Routing,
    now: Moment,
) -> Option<RepId> {
    let terms = Terms::of(demand, roster, routing);
    roster
        .seats()
        .filter(|seat| seat.is_free())
        .filter(|seat| terms.standing(seat, now) == Standing::Ready)
        .min_by_key(|seat| {
            let id = &seat.rep.id;
            (
                demand.refused.contains_key(id),
                !demand.names(id),
                rank(terms.skill_of(seat), routing.choose),
                seat.idle_since,
                id,
            )
        })
        .map(|seat| seat.rep.id.clone())
}

/// How every rep stands to the ticket, in order of identity.
pub(crate) fn explain(
    demand: &Demand<'_>,
    roster: &Roster,
    routing: &Routing,
    now: Moment,
) -> Vec<(RepId, Standing)> {
    let terms = Terms::of(demand, roster, routing);
    roster
        .seats()
        .map(|seat| (seat.rep.id.clone(), terms.standing(seat, now)))
        .collect()
}

/// Reps who may serve the ticket as far as it is relaxed by now, whatever they do at the moment, each
/// with its place in the roster.
pub(crate) fn members<'r>(
    demand: &Demand<'r>,
    roster: &'r Roster,
    routing: &'r Routing,
) -> impl Iterator<Item = (usize, &'r Seat)> {
    let terms = Terms::of(demand, roster, routing);
    roster
        .seats()
        .enumerate()
        .filter(move |(_, seat)| terms.misfit(seat).is_none())
}

/// Whether anybody on duty could take the ticket at the end of all relaxing.
pub(crate) fn could_ever(demand: &Demand<'_>, roster: &Roster, routing: &Routing) -> bool {
    roster
        .seats()
        .any(|seat| seat.is_on_duty() && could_serve(demand, seat, routing))
}

/// Whether anybody at work but `from` could take the ticket at the end of all relaxing.
pub(crate) fn could_others(
    demand: &Demand<'_>,
    from: &RepId,
    roster: &Roster,
    routing: &Routing,
) -> bool {
    roster
        .seats()
        .filter(|seat| seat.rep.id != *from && seat.is_at_work())
        .any(|seat| could_serve(demand, seat, routing))
}

/// Whether the rep may serve the ticket at the end of all relaxing.
pub(crate) fn could_serve(demand: &Demand<'_>, seat: &Seat, routing: &Routing) -> bool {
    let terms = Terms {
        demand: *demand,
        fired: &routing.relax,
        bar: None,
        kept_for: None,
        hand_back: HandBack::Allowed,
    };
    terms.misfit(seat).is_none()
}

/// When time alone may next change what [`decide`] says of a ticket that waits since `since`.
pub(crate) fn next_change(
    demand: &Demand<'_>,
    since: Moment,
    routing: &Routing,
    now: Moment,
) -> Option<Moment> {
    let relaxed = routing.relax.iter().map(|rule| since.after(rule.after));
    let sticky = demand.named.map(|_| since.after(routing.sticky_for));
    let asked_again = demand
        .refused
        .values()
        .map(|refused| refused.after(ASK_AGAIN_AFTER));
    relaxed
        .chain(sticky)
        .chain(asked_again)
        .filter(|&change| change > now)
        .min()
}

impl Demand<'_> {
    fn names(&self, rep: &RepId) -> bool {
        self.named.is_some_and(|named| named.rep == rep)
    }
}

/// A demand with what the rules and the roster make of it.
struct Terms<'a> {
    demand: Demand<'a>,
    /// The rules that hold by now.
    fired: &'a [Relax],
    /// The least level.
    bar: Option<Level>,
    kept_for: Option<&'a RepId>,
    hand_back: HandBack,
}

/// Whether the rep who handed the ticket on may be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HandBack {
    Allowed,
    Refused,
}

/// A rep's competence for a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SkillFit {
    pub(crate) level: Level,
    /// By a skill that will only do, not by the very one.
    pub(crate) substitute: bool,
}

/// A rep's place among those who may take a ticket, the least first; the longest idle of equals is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    substitute: bool,
    level: Reverse<Option<Level>>,
}

pub(crate) fn rank(skill: Option<SkillFit>, choose: Choose) -> Rank {
    let level = match choose {
        Choose::Best => skill.map(|skill| skill.level),
        Choose::LongestIdle => None,
    };
    Rank {
        substitute: skill.is_none_or(|skill| skill.substitute),
        level: Reverse(level),
    }
}

/// How well a rep fits what is asked for, as far as the rules that have `fired` relax it; levels are not
/// judged. The error says why the rep does not fit.
pub(crate) fn fit(
    skills: &[SkillId],
    tier: &TierId,
    rep: &Rep,
    fired: &[Relax],
) -> Result<SkillFit, Standing> {
    if !any_tier(skills, fired) && !rep.serves(tier) {
        return Err(Standing::OtherTier);
    }
    skill_of(skills, rep, fired).ok_or(Standing::LacksSkill)
}

/// The level that the rules ask for; `None` where no rule speaks of levels and every one will do. Until
/// the first such rule fires a ticket holds out for the best.
pub(crate) fn demanded_level(
    skills: &[SkillId],
    fired: &[Relax],
    relax: &[Relax],
) -> Option<Level> {
    let skill = skills.first()?;
    let latest = |rules: &[Relax]| {
        rules
            .iter()
            .filter(|rule| rule.skill.as_ref().is_none_or(|only| only == skill))
            .filter_map(|rule| rule.min_level)
            .next_back()
    };
    latest(relax)?;
    Some(latest(fired).unwrap_or(Level::MAX))
}

/// The rep's level in the first skill, if the rep has every skill or one that will do for it.
fn skill_of(skills: &[SkillId], rep: &Rep, fired: &[Relax]) -> Option<SkillFit> {
    let mut all = None;
    for skill in skills {
        let fit = match rep.level(skill) {
            Some(level) => SkillFit {
                level,
                substitute: false,
            },
            None => SkillFit {
                level: fired
                    .iter()
                    .filter(|rule| rule.skill.as_ref().is_none_or(|only| only == skill))
                    .flat_map(|rule| &rule.accept)
                    .filter_map(|accepted| rep.level(accepted))
                    .max()?,
                substitute: true,
            },
        };
        let first = all.get_or_insert(fit);
        first.substitute |= fit.substitute;
    }
    all
}

fn any_tier(skills: &[SkillId], fired: &[Relax]) -> bool {
    fired
        .iter()
        .any(|rule| rule.any_tier && rule.skill.as_ref().is_none_or(|only| skills.contains(only)))
}

impl<'a> Terms<'a> {
    fn of(demand: &Demand<'a>, roster: &Roster, routing: &'a Routing) -> Self {
        let fired = routing
            .relax
            .partition_point(|rule| rule.after <= demand.waited);
        let mut terms = Self {
            demand: *demand,
            fired: routing.relax.get(..fired).unwrap_or_default(),
            bar: None,
            kept_for: None,
            hand_back: HandBack::Refused,
        };
        terms.bar = terms.bar(roster, routing);
        terms.kept_for = terms.kept_for(roster, routing);
        terms.hand_back = terms.hand_back(roster);
        terms
    }

    fn standing(&self, seat: &Seat, now: Moment) -> Standing {
        let id = &seat.rep.id;
        if let Some(misfit) = self.misfit(seat) {
            return misfit;
        }
        if self.demand.handed_on_by == Some(id) && self.hand_back == HandBack::Refused {
            return Standing::HandedOn;
        }
        if self.kept_for.is_some_and(|rep| rep != id) {
            return Standing::KeptForAnother;
        }
        if !matches!(seat.availability, presence::Availability::Available) {
            return Standing::NotAvailable;
        }
        if seat.is_doubted() {
            return Standing::Doubted;
        }
        if !seat.has_room() {
            return Standing::Full;
        }
        match self.demand.refused.get(id) {
            Some(&refused) if now < refused.after(ASK_AGAIN_AFTER) => Standing::Refused,
            Some(_) | None => Standing::Ready,
        }
    }

    /// Why the rep cannot serve the ticket, whatever the rep does at the moment.
    fn misfit(&self, seat: &Seat) -> Option<Standing> {
        let by_colleague = self
            .demand
            .named
            .is_some_and(|named| named.by == NamedBy::Colleague && *named.rep == seat.rep.id);
        if by_colleague {
            return None;
        }
        let skill = match fit(self.demand.skills, self.demand.tier, &seat.rep, self.fired) {
            Ok(skill) => skill,
            Err(misfit) => return Some(misfit),
        };
        if self.bar.is_some_and(|bar| skill.level < bar) {
            return Some(Standing::BelowLevel);
        }
        None
    }

    fn skill_of(&self, seat: &Seat) -> Option<SkillFit> {
        skill_of(self.demand.skills, &seat.rep, self.fired)
    }

    /// The least level. Without rules about levels every level will do. With them a ticket holds out for
    /// the best until the first of them, and then for the level of the latest that holds; but never for
    /// a level that nobody at work has, for that would be waiting for ever.
    fn bar(&self, roster: &Roster, routing: &Routing) -> Option<Level> {
        let demanded = demanded_level(self.demand.skills, self.fired, &routing.relax)?;
        let best = roster
            .seats()
            .filter(|seat| seat.is_at_work() && self.misfit(seat).is_none())
            .filter_map(|seat| self.skill_of(seat))
            .map(|skill| skill.level)
            .max()?;
        Some(demanded.min(best))
    }

    /// The named rep, while the rep has the time that is kept and may still take the ticket.
    fn kept_for(&self, roster: &Roster, routing: &Routing) -> Option<&'a RepId> {
        let named = self.demand.named?;
        let seat = roster.seat(named.rep)?;
        let kept = self.demand.waited < routing.sticky_for
            && seat.is_on_duty()
            && !seat.is_doubted()
            && !self.demand.refused.contains_key(named.rep)
            && self.misfit(seat).is_none();
        kept.then_some(named.rep)
    }

    /// Refused while somebody else at work could take the ticket.
    fn hand_back(&self, roster: &Roster) -> HandBack {
        let Some(from) = self.demand.handed_on_by else {
            return HandBack::Allowed;
        };
        let others = roster
            .seats()
            .filter(|seat| seat.rep.id != *from && seat.is_at_work())
            .any(|seat| self.misfit(seat).is_none());
        if others {
            HandBack::Refused
        } else {
            HandBack::Allowed
        }
    }
}
