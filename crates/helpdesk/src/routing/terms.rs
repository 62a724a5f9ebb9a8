//! A demand with what the rules and the roster make of it: how each rep stands to it, and whose turn it is.
//! Must not know the queue, nor how an offer is made.

use super::fit::{self, Expert, Rank, SkillFit, demanded_level, rank};
use super::{ASK_AGAIN_AFTER, Demand, NamedBy, Standing};
use crate::clock::Moment;
use crate::config::{Choose, Relax, Routing};
use crate::ids::{Level, RepId};
use crate::roster::{Roster, Seat};

/// A demand, the rules that hold for it by now, and what follows from who is at work.
pub(super) struct Terms<'a> {
    demand: Demand<'a>,
    /// The rules that hold by now.
    pub(super) fired: &'a [Relax],
    choose: Choose,
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

/// Whose turn it is: the least is asked first.
type Turn<'s> = (bool, bool, Rank, Moment, &'s RepId);

impl<'a> Terms<'a> {
    /// As the ticket stands by now.
    pub(super) fn of(demand: &Demand<'a>, roster: &Roster, routing: &'a Routing) -> Self {
        let mut terms = Self::holding_out_for(None, demand, roster, routing);
        terms.bar = terms.bar(terms.fired, roster, routing);
        terms.look_at_reps(roster, routing)
    }

    /// The same, of a demand whose least level is known.
    pub(super) fn holding_out_for(
        bar: Option<Level>,
        demand: &Demand<'a>,
        roster: &Roster,
        routing: &'a Routing,
    ) -> Self {
        let fired = routing.fired(demand.waited);
        let terms = Self {
            demand: *demand,
            fired: routing.relax.get(..fired).unwrap_or_default(),
            choose: demand.wants.choose(routing),
            bar,
            kept_for: None,
            hand_back: HandBack::Refused,
        };
        terms.look_at_reps(roster, routing)
    }

    fn look_at_reps(mut self, roster: &Roster, routing: &Routing) -> Self {
        self.kept_for = self.kept_for(roster, routing);
        self.hand_back = self.hand_back(roster);
        self
    }

    /// As the ticket stands at the end of all relaxing.
    pub(super) fn at_last(demand: &Demand<'a>, routing: &'a Routing) -> Self {
        Self {
            demand: *demand,
            fired: &routing.relax,
            choose: demand.wants.choose(routing),
            bar: None,
            kept_for: None,
            hand_back: HandBack::Allowed,
        }
    }

    /// Whose turn it is among those who are ready.
    pub(super) fn turn<'s>(&self, seat: &'s Seat) -> Turn<'s> {
        let (refused, unnamed) = self.precedence(seat);
        let rank = rank(self.fit_of(seat), self.choose);
        (refused, unnamed, rank, seat.idle_since, &seat.rep.id)
    }

    /// What comes before how well a rep fits: whether the rep has refused it, and is not the one who is named.
    pub(super) fn precedence(&self, seat: &Seat) -> (bool, bool) {
        let id = &seat.rep.id;
        (self.demand.refused.contains_key(id), !self.demand.names(id))
    }

    pub(super) fn standing(&self, seat: &Seat, now: Moment) -> Standing {
        self.misfit(seat)
            .unwrap_or_else(|| self.standing_of_fitting(seat, now))
    }

    /// Whether a level is below the least.
    pub(super) fn is_below(&self, level: Option<Level>) -> bool {
        self.bar
            .is_some_and(|bar| level.is_some_and(|level| level < bar))
    }

    /// Who may take it by the word of a colleague.
    pub(super) fn by_colleague(&self) -> Option<&'a RepId> {
        let named = self.demand.named?;
        (named.by == NamedBy::Colleague).then_some(named.rep)
    }

    /// Whether every rep who fits stands to it as to any other: it is meant for nobody, and nobody has refused it or
    /// handed it on.
    pub(super) fn are_plain(&self) -> bool {
        let demand = &self.demand;
        demand.named.is_none() && demand.handed_on_by.is_none() && demand.refused.is_empty()
    }

    /// How a rep stands who may take it.
    pub(super) fn standing_of_fitting(&self, seat: &Seat, now: Moment) -> Standing {
        let id = &seat.rep.id;
        if self.demand.handed_on_by == Some(id) && self.hand_back == HandBack::Refused {
            return Standing::HandedOn;
        }
        if self.kept_for.is_some_and(|rep| rep != id) {
            return Standing::KeptForAnother;
        }
        match (seat.standing(), self.demand.refused.get(id)) {
            (Standing::Ready, Some(&refused)) if now < refused.after(ASK_AGAIN_AFTER) => {
                Standing::Refused
            }
            (standing, _) => standing,
        }
    }

    /// Why the rep cannot serve the ticket, whatever the rep does at the moment.
    pub(super) fn misfit(&self, seat: &Seat) -> Option<Standing> {
        if self.by_colleague() == Some(&seat.rep.id) {
            return None;
        }
        let fit = match fit::fit(&self.demand.wants, &seat.rep, self.fired) {
            Ok(fit) => fit,
            Err(misfit) => return Some(misfit),
        };
        if self.bar.is_some_and(|bar| fit.level < bar) {
            return Some(Standing::BelowLevel);
        }
        None
    }

    /// How well the rep fits, tiers and levels set aside.
    pub(super) fn fit_of(&self, seat: &Seat) -> Option<SkillFit> {
        fit::fit(&self.demand.wants, &seat.rep, self.fired).ok()
    }

    /// The least level once these rules hold. Without rules about levels every level will do. With them a ticket holds out for
    /// the best until the first of them, and then for the level of the latest that holds; but never for
    /// a level that nobody at work has, for that would be waiting for ever.
    fn bar(&self, fired: &[Relax], roster: &Roster, routing: &Routing) -> Option<Level> {
        let expert = Expert::after(&self.demand);
        let wants = &self.demand.wants;
        let demanded = demanded_level(wants, fired, &routing.relax, expert)?;
        // A level that was enough stays enough when a rule lets in better reps: the best is that of the
        // first rules by which anybody at work fits.
        let best = (0..=fired.len()).find_map(|rules| {
            let rules = fired.get(..rules)?;
            let at_work = roster.seats().filter(|seat| seat.is_at_work());
            let fits = at_work.filter_map(|seat| fit::fit(wants, &seat.rep, rules).ok());
            fits.map(|fit| fit.level).max()
        })?;
        Some(demanded.min(best))
    }

    /// The named rep, while the time lasts, the rep is proven present, and may still take the ticket.
    fn kept_for(&self, roster: &Roster, routing: &Routing) -> Option<&'a RepId> {
        let named = self.demand.named?;
        let seat = roster.seat(named.rep)?;
        let kept = self.demand.waited < self.demand.sticky_for
            && seat.is_at_work()
            && !self.demand.refused.contains_key(named.rep)
            && self.misfit(seat).is_none()
            && self.fits_unrelaxed(seat, roster, routing);
        kept.then_some(named.rep)
    }

    /// Whether the rep, who fits by now, did so before any rule held. Nobody is waited for whom only a rule lets in: that
    /// would shut out those who could take it without the rule.
    fn fits_unrelaxed(&self, seat: &Seat, roster: &Roster, routing: &Routing) -> bool {
        if self.fired.is_empty() || self.by_colleague() == Some(&seat.rep.id) {
            return true;
        }
        let bar = self.bar(&[], roster, routing);
        fit::fit(&self.demand.wants, &seat.rep, &[])
            .is_ok_and(|fit| bar.is_none_or(|bar| fit.level >= bar))
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
