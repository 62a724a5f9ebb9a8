//! How all reps stand to one ticket, the nearest first, for whoever wants to know why.
//! Must not know what is decided, nor how it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fit::SkillFit;
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

/// How every rep stands to the ticket; `urgency` is tier weight times age in seconds.
pub(crate) fn consider(
    demand: &Demand<'_>,
    urgency: f64,
    roster: &Roster,
    routing: &Routing,
    now: Moment,
) -> Considered {
    let terms = Terms::of(demand, roster, routing);
    let mut all: Vec<(Standing, &Seat)> = roster
        .seats()
        .map(|seat| (terms.standing(seat, now), seat))
        .collect();
    let order = |one: &(Standing, &Seat), other: &(Standing, &Seat)| {
        one.0
            .cmp(&other.0)
            .then_with(|| terms.turn(one.1).cmp(&terms.turn(other.1)))
    };
    let mut others = BTreeMap::<Standing, u32>::new();
    if all.len() > SHOWN {
        all.select_nth_unstable_by(SHOWN, order);
        for (standing, _) in all.drain(SHOWN..) {
            *others.entry(standing).or_default() += 1;
        }
    }
    all.sort_unstable_by(order);
    let candidate = |(standing, seat): (Standing, &Seat)| {
        let fit = terms.fit_of(seat);
        Candidate {
            rep: seat.rep.id.clone(),
            standing,
            availability: seat.availability,
            level: fit.map(|fit| fit.level),
            substitute: fit.is_some_and(|fit| fit.substitute),
            preference: fit.map_or(0.0, |fit| f64::from(fit.preference) / 10_000.0),
            score: urgency * SkillFit::expertise(fit),
            idle: idle(seat, now),
        }
    };
    Considered {
        candidates: all.into_iter().map(candidate).collect(),
        others: others.into_iter().collect(),
        fired: terms.fired.len(),
    }
}

fn idle(seat: &Seat, now: Moment) -> Duration {
    now.since(seat.idle_since)
}
