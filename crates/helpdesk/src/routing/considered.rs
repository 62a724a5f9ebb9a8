//! How all reps stand to one ticket, the nearest first, for whoever wants to know why.
//! Must not know what is decided, nor how it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fit::SkillFit;
use super::fits::{Reach, Steps};
use super::terms::Terms;
use super::{Demand, Standing};
use crate::clock::Moment;
use crate::config::Routing;
use crate::decision::Candidate;
use crate::roster::{Roster, Seat};

/// Reps shown one by one; the others are counted.
const SHOWN: usize = 12;

/// The reps as one ticket sees them.
#[derive(Debug)]
pub(crate) struct Considered {
    /// Those who came nearest, in the order they would be asked.
    pub(crate) candidates: Vec<Candidate>,
    /// How many more stand how.
    pub(crate) others: Vec<(Standing, u32)>,
    /// Rules that hold by now: the first so many.
    pub(crate) fired: usize,
}

/// How every rep stands to the ticket, whose want has these steps; `urgency` is tier weight times age in seconds.
///
/// Only those who fit are looked at one by one. The others are sets that were worked out beforehand, so that the
/// reasons of a decision among a thousand reps cost what the few dozen are worth who could have taken the ticket.
pub(crate) fn consider(
    demand: &Demand<'_>,
    steps: &Steps,
    urgency: f64,
    roster: &Roster,
    routing: &Routing,
    now: Moment,
) -> Considered {
    let reach = steps.reach(demand.waited, demand.sticky_for, roster, routing);
    let terms = Terms::holding_out_for(reach.bar(), demand, roster, routing);
    let view = View {
        terms: &terms,
        reach,
    };
    let colleague = terms.by_colleague().and_then(|rep| roster.place(rep));
    let mut nearest: Vec<Nearness> = Vec::with_capacity(reach.count_fitting() + 1);
    if terms.are_plain() {
        reach.for_each_fitting(|rep, level, place| {
            let Some(pose) = roster.pose_at(rep) else {
                return;
            };
            let standing = if terms.is_below(level) {
                Standing::BelowLevel
            } else {
                pose.standing
            };
            // Nobody has refused it, nobody is named.
            nearest.push(Nearness::new(
                standing,
                (false, true),
                place,
                pose.idle_since,
                rep,
            ));
        });
    } else {
        let fitting = reach
            .fitting()
            .filter(|(rep, _)| Some(*rep) != colleague)
            .filter_map(|(rep, level)| {
                let seat = roster.seat_at(rep)?;
                let standing = if terms.is_below(level) {
                    Standing::BelowLevel
                } else {
                    terms.standing_of_fitting(seat, now)
                };
                Some(view.nearness(standing, rep, seat))
            });
        nearest.extend(fitting);
    }
    if let Some((rep, seat)) = colleague.and_then(|rep| Some((rep, roster.seat_at(rep)?))) {
        nearest.push(view.nearness(terms.standing_of_fitting(seat, now), rep, seat));
    }
    let mut others = BTreeMap::<Standing, u32>::new();
    for (standing, reps) in reach.misfits() {
        let is_misfit = |rep: &usize| Some(*rep) != colleague;
        // Whoever stands nearer than they do, and fits, goes first; but all of them may yet be wanted.
        if nearest
            .iter()
            .filter(|one| one.standing < *standing)
            .count()
            >= SHOWN
        {
            let colleagues = usize::from(colleague.is_some_and(|rep| reps.contains(rep)));
            let reps = reps.count() - colleagues;
            *others.entry(*standing).or_default() += u32::try_from(reps).unwrap_or(u32::MAX);
            continue;
        }
        let alike = reps.in_both(reps).filter(is_misfit).filter_map(|rep| {
            let seat = roster.seat_at(rep)?;
            Some(view.nearness(*standing, rep, seat))
        });
        nearest.extend(alike);
    }
    if nearest.len() > SHOWN {
        nearest.select_nth_unstable_by_key(SHOWN, |one| one.order);
        for one in nearest.drain(SHOWN..) {
            *others.entry(one.standing).or_default() += 1;
        }
    }
    nearest.sort_unstable_by_key(|one| one.order);
    let candidate = |one: Nearness| {
        let (standing, rep) = (one.standing, one.rep);
        let seat = roster.seat_at(rep)?;
        let fit = view.fit_of(rep, seat);
        Some(Candidate {
            rep: seat.rep.id.clone(),
            standing,
            availability: seat.availability,
            level: fit.map(|fit| fit.level),
            substitute: fit.is_some_and(|fit| fit.substitute),
            preference: fit.map_or(0.0, |fit| f64::from(fit.preference) / 10_000.0),
            score: urgency * SkillFit::expertise(fit),
            idle: idle(seat, now),
        })
    };
    let mut candidates = Vec::with_capacity(nearest.len());
    candidates.extend(nearest.into_iter().filter_map(candidate));
    Considered {
        candidates,
        others: others.into_iter().filter(|(_, reps)| *reps > 0).collect(),
        fired: terms.fired.len(),
    }
}

/// How near a rep comes to taking a ticket, the nearest first: how the rep stands, whether the rep has refused it,
/// is not the one who is named, the place among those who fit, idle since, and the place in the roster.
#[derive(Clone, Copy)]
struct Nearness {
    /// All of that in one number, the standing first: there are many to compare.
    order: u128,
    standing: Standing,
    rep: usize,
}

impl Nearness {
    fn new(
        standing: Standing,
        (refused, unnamed): (bool, bool),
        place: u16,
        idle_since: Moment,
        rep: usize,
    ) -> Self {
        let precedence = u32::from(refused) << 17 | u32::from(unnamed) << 16 | u32::from(place);
        // Moments before the epoch come before those after it.
        let idle_since = idle_since.0.cast_unsigned() ^ (1 << 63);
        let place_in_roster = u32::try_from(rep).unwrap_or(u32::MAX);
        Self {
            order: (standing as u128) << 120
                | u128::from(precedence) << 96
                | u128::from(idle_since) << 32
                | u128::from(place_in_roster),
            standing,
            rep,
        }
    }
}

struct View<'a> {
    terms: &'a Terms<'a>,
    reach: Reach<'a>,
}

impl View<'_> {
    /// Whoever does not fit the want may still have a level in it.
    fn fit_of(&self, rep: usize, seat: &Seat) -> Option<SkillFit> {
        self.reach.fit_of(rep).or_else(|| self.terms.fit_of(seat))
    }

    fn nearness(&self, standing: Standing, rep: usize, seat: &Seat) -> Nearness {
        let precedence = self.terms.precedence(seat);
        let place = self.reach.place(rep);
        Nearness::new(standing, precedence, place, seat.idle_since, rep)
    }
}

fn idle(seat: &Seat, now: Moment) -> Duration {
    now.since(seat.idle_since)
}

/// Every rep looked at by itself: what [`consider`] must come to.
#[cfg(test)]
pub(crate) fn consider_one_by_one(
    demand: &Demand<'_>,
    roster: &Roster,
    routing: &Routing,
    now: Moment,
) -> (Vec<(Standing, crate::ids::RepId)>, BTreeMap<Standing, u32>) {
    let terms = Terms::of(demand, roster, routing);
    let standings = roster.seats().map(|seat| (terms.standing(seat, now), seat));
    let mut all: Vec<(Standing, &Seat)> = standings.collect();
    all.sort_by(|one, other| {
        let by_standing = one.0.cmp(&other.0);
        by_standing.then_with(|| terms.turn(one.1).cmp(&terms.turn(other.1)))
    });
    let mut others = BTreeMap::new();
    for (standing, _) in all.drain(SHOWN.min(all.len())..) {
        *others.entry(standing).or_default() += 1;
    }
    let nearest = all.into_iter();
    let nearest = nearest.map(|(standing, seat)| (standing, seat.rep.id.clone()));
    (nearest.collect(), others)
}
