//! Which rep a ticket goes to, and why no other: pure functions over the roster.
//! Must not know how an offer is made, nor the order of the queue: tickets are decided one by one in
//! that order, so that what an earlier one could take is taken.

mod considered;
#[cfg(test)]
mod differential;
pub(crate) mod fit;
pub(crate) mod fits;
pub(crate) mod floor;
pub(crate) mod plan;
mod rep_table;
pub(crate) mod reps;
mod terms;

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use considered::consider;
#[cfg(test)]
pub(crate) use considered::consider_one_by_one;

use crate::ask::Prefer;
use crate::clock::Moment;
use crate::config::Routing;
use crate::ids::RepId;
use crate::roster::{Roster, Seat};
use fit::{SkillFit, Wants};
use terms::Terms;

/// How long a rep who did not take a ticket is left in peace with it.
pub(crate) const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What a ticket wants at this moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub(crate) wants: Wants<'a>,
    pub(crate) named: Option<Named<'a>>,
    /// Who did not take the ticket, and when.
    pub(crate) refused: &'a BTreeMap<RepId, Moment>,
    /// Who handed the ticket on.
    pub(crate) handed_on_by: Option<&'a RepId>,
    /// How long it has waited to be relaxed by the rules.
    pub(crate) waited: Duration,
    /// How long it waits for the rep or the expert it wants.
    pub(crate) sticky_for: Duration,
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

/// What a click meets at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prospect {
    /// A rep would be asked at once.
    Offer,
    /// Somebody on duty could take it, but not at this moment.
    Wait,
    /// Nobody on duty could take it, however long it waits.
    Closed,
}

/// Who is asked, and how good the rep is at it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) rep: RepId,
    /// 0 to 1: the ticket's score is multiplied by it.
    pub(crate) expertise: f64,
}

/// How one rep stands to one ticket, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Could be offered the ticket at once.
    Ready,
    /// Fits, but is not available by presence.
    NotAvailable,
    /// Fits, but did not answer lately.
    Doubted,
    /// Fits, but has asked for a pause.
    Paused,
    /// Fits, but is on a call, which fills a rep.
    OnCall,
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

/// What a click would meet.
pub(crate) fn prospect(
    demand: &Demand<'_>,
    roster: &Roster,
    routing: &Routing,
    now: Moment,
) -> Prospect {
    match choose(demand, roster, routing, now) {
        Some(_) => Prospect::Offer,
        None if could_ever(demand, roster, routing) => Prospect::Wait,
        None => Prospect::Closed,
    }
}

/// The rep to ask first: one who has not refused the ticket before one who has, the rep it names, a rep
/// of the very skills before a substitute, then as [`Choose`](crate::Choose) says.
pub(crate) fn choose(
    demand: &Demand<'_>,
    roster: &Roster,
    routing: &Routing,
    now: Moment,
) -> Option<Choice> {
    let terms = Terms::of(demand, roster, routing);
    let first = roster
        .free()
        .filter(|seat| terms.standing(seat, now) == Standing::Ready)
        .min_by_key(|seat| terms.turn(seat))?;
    Some(Choice {
        rep: first.rep.id.clone(),
        expertise: SkillFit::expertise(terms.fit_of(first)),
    })
}

/// Reps who may serve the ticket as far as it is relaxed by now, whatever they do at the moment, each
/// with its place in the roster.
#[cfg(test)]
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
    Terms::at_last(demand, routing).misfit(seat).is_none()
}

/// When time alone may next change what is decided of a ticket that waits since `since`.
pub(crate) fn next_change(
    demand: &Demand<'_>,
    since: Moment,
    routing: &Routing,
    now: Moment,
) -> Option<Moment> {
    let relaxed = routing.relax.iter().map(|rule| since.after(rule.after));
    let wants_expert = demand.wants.wishes.prefer == Some(Prefer::Best);
    let holds_out = demand.named.is_some() || wants_expert;
    let sticky = holds_out.then(|| since.after(demand.sticky_for));
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
