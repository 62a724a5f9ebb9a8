//! The waiting tickets by what they want, so that a decision looks at lines and not at tickets, and the time at
//! which each next changes by itself. Must not know what is decided, nor who is told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::clock::Moment;
use crate::config::{Config, Routing};
use crate::ids::{SkillId, TierId};
use crate::promises;
use crate::roster::Roster;
use crate::routing;
use crate::routing::fits::{FitBook, Steps, Want};
use crate::routing::plan::Exception;
use crate::routing::reps::RepSet;
use crate::shelf::Shelf;
use crate::tickets::{Hope, Stage, Ticket, Tickets};

/// All waiting tickets in their lines, and what time will change of them and of those that are offered, called or to
/// be called.
/// Invariant: every waiting ticket is in the line of what it wants, once; [`sync`](Self::sync) makes it so.
#[derive(Debug, Default)]
pub(crate) struct Board {
    book: FitBook,
    lines: BTreeMap<Want, Line>,
    /// Those of all lines who are decided one by one.
    singles: BTreeSet<u64>,
    /// By the number of the ticket, as in the agenda.
    spots: Shelf<Spot>,
    agenda: BTreeSet<(Moment, u64)>,
    /// How many ask for each skill and tier.
    /// Never walked through, for its order is none.
    asking: HashMap<(SkillId, TierId), u32, RandomState>,
    /// For which of these they are others than when this was last asked.
    asked_anew: Vec<(SkillId, TierId)>,
    /// Tickets whose lot may have changed, in order of arrival.
    undecided: BTreeSet<u64>,
    /// Rises whenever anybody begins or ceases to wait, or waits otherwise.
    version: u64,
    /// Who was on duty when it was last found out whether there is hope.
    hoped_at: Option<u64>,
}

/// Tickets that want the same. Those who are like all others are served in order of arrival: time relaxes the
/// older no later than the younger, so that where the head finds nobody nobody behind it does.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) steps: Arc<Steps>,
    pub(crate) sticky_for: Duration,
    /// The weight of the tier.
    pub(crate) weight: f64,
    /// Those who fit at some step.
    ever: RepSet,
    /// When each was asked, and its number.
    plain: BTreeSet<(Moment, u64)>,
    /// The first of them, kept at hand: it is asked for at every decision.
    head: Option<(Moment, u64)>,
    /// Those who name a rep, were refused or handed on, or are in danger of a broken promise.
    singles: BTreeSet<u64>,
    hope: Option<Hope>,
}

/// What the board knows of one ticket.
#[derive(Debug)]
struct Spot {
    due: Option<Moment>,
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    steps: Arc<Steps>,
    asked_at: Moment,
    number: u64,
    asks_for: (SkillId, TierId),
}

impl Board {
    /// Forgets how reps fit: reps or rules have changed. Every ticket has to be touched.
    pub(crate) fn clear(&mut self) {
        *self = Self {
            version: self.version + 1,
            ..Self::default()
        };
    }

    /// Rises whenever anybody begins or ceases to wait, or waits otherwise.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// How reps fit a want.
    pub(crate) fn steps(&mut self, want: Want, roster: &Roster, routing: &Routing) -> Arc<Steps> {
        self.book.steps(want, roster, routing)
    }

    /// Brings the lines in line with the tickets.
    pub(crate) fn sync(
        &mut self,
        tickets: &mut Tickets,
        roster: &Roster,
        config: &Config,
        now: Moment,
    ) {
        for number in tickets.take_touched() {
            self.take_off(number);
            let Some(ticket) = tickets.numbered(number) else {
                continue;
            };
            let due = match &ticket.stage {
                Stage::Waiting => next_change(ticket, config, now),
                Stage::Offered { until, .. } => Some(*until),
                Stage::Callback(calling) => Some(calling.until),
                // A conversation that is to go on by telephone.
                Stage::Open { .. } => ticket.plan.as_ref().and_then(|plan| plan.not_before),
                Stage::Ended { .. } => None,
            };
            let place = match &ticket.stage {
                Stage::Waiting => self.stand(ticket, roster, config, now),
                Stage::Offered { .. }
                | Stage::Open { .. }
                | Stage::Callback(_)
                | Stage::Ended { .. } => None,
            };
            if due.is_none() && place.is_none() {
                continue;
            }
            self.agenda.extend(due.map(|due| (due, number)));
            self.spots.put(number, Spot { due, place });
        }
        if self.hoped_at != Some(roster.shifts()) {
            self.hoped_at = Some(roster.shifts());
            self.find_hope(tickets, roster);
        }
    }

    /// Tells when a waiting ticket next changes, after its promise has.
    pub(crate) fn look_again(&mut self, ticket: &Ticket, config: &Config, now: Moment) {
        let number = ticket.number;
        let Some(spot) = self
            .spots
            .get_mut(number)
            .filter(|spot| spot.place.is_some())
        else {
            return;
        };
        let due = next_change(ticket, config, now);
        if spot.due != due {
            if let Some(known) = spot.due {
                self.agenda.remove(&(known, number));
            }
            self.agenda.extend(due.map(|due| (due, number)));
            spot.due = due;
        }
    }

    /// The numbers of tickets that the time has changed, the earliest first.
    pub(crate) fn due(&self, now: Moment) -> Vec<u64> {
        let due = self.agenda.iter().take_while(|(due, _)| *due <= now);
        due.map(|(_, number)| *number).collect()
    }

    /// When time alone next changes a ticket.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.agenda.first().map(|(due, _)| *due)
    }

    /// The numbers of tickets whose lot may have changed, in order of arrival, `at_most` so many; the others wait
    /// for the next time.
    pub(crate) fn take_undecided(&mut self, at_most: usize) -> BTreeSet<u64> {
        match self.undecided.iter().nth(at_most).copied() {
            Some(first_left) => {
                let left = self.undecided.split_off(&first_left);
                std::mem::replace(&mut self.undecided, left)
            }
            None => std::mem::take(&mut self.undecided),
        }
    }

    /// Whether the lot of some ticket is still to be found out.
    pub(crate) fn has_undecided(&self) -> bool {
        !self.undecided.is_empty()
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.values()
    }

    /// The numbers of those who are decided one by one.
    pub(crate) fn singles(&self) -> impl Iterator<Item = u64> {
        self.singles.iter().copied()
    }

    /// How reps fit what a waiting ticket wants.
    pub(crate) fn steps_of(&self, ticket: &Ticket) -> Option<&Arc<Steps>> {
        Some(&self.spots.get(ticket.number)?.place.as_ref()?.steps)
    }

    /// Whether anybody on duty could ever take a waiting ticket.
    pub(crate) fn hope(&self, ticket: &Ticket, roster: &Roster) -> Option<Hope> {
        let steps = self.steps_of(ticket)?;
        let colleague = ticket.colleague().and_then(|rep| roster.seat(rep));
        if colleague.is_some_and(|seat| seat.is_on_duty()) {
            return Some(Hope::Some);
        }
        Some(hope(steps, roster))
    }

    /// How many ask for a skill and tier.
    pub(crate) fn asking_for(&self, kind: &(SkillId, TierId)) -> u32 {
        self.asking.get(kind).copied().unwrap_or(0)
    }

    /// The skills and tiers that more or fewer may ask for than when this was last asked.
    pub(crate) fn take_asked_anew(&mut self) -> Vec<(SkillId, TierId)> {
        std::mem::take(&mut self.asked_anew)
    }

    fn note_asked(&mut self, kind: &(SkillId, TierId)) {
        if self.asked_anew.last() != Some(kind) {
            self.asked_anew.push(kind.clone());
        }
    }

    fn stand(
        &mut self,
        ticket: &Ticket,
        roster: &Roster,
        config: &Config,
        now: Moment,
    ) -> Option<Place> {
        let want = ticket.want();
        let asks_for = (want.skills.first()?.clone(), want.tier.clone());
        *self.asking.entry(asks_for.clone()).or_default() += 1;
        self.note_asked(&asks_for);
        self.undecided.insert(ticket.number);
        self.version += 1;
        let is_plain = ticket.is_plain() && promises::boost(config, ticket, now).is_none();
        let line = match self.lines.get_mut(&want) {
            Some(line) => line,
            None => {
                let steps = self.book.steps(want.clone(), roster, &config.routing);
                let deadline = want.wishes.rep_deadline;
                let line = Line {
                    weight: promises::tier_weight(config, &want.tier),
                    hope: Some(hope(&steps, roster)),
                    ever: steps.ever(roster.len()),
                    steps,
                    sticky_for: deadline.unwrap_or(config.routing.sticky_for),
                    plain: BTreeSet::new(),
                    head: None,
                    singles: BTreeSet::new(),
                };
                self.lines.entry(want).or_insert(line)
            }
        };
        if is_plain {
            line.plain.insert((ticket.asked_at, ticket.number));
            line.head = line.plain.first().copied();
        } else {
            line.singles.insert(ticket.number);
            self.singles.insert(ticket.number);
        }
        Some(Place {
            steps: Arc::clone(&line.steps),
            asked_at: ticket.asked_at,
            number: ticket.number,
            asks_for,
        })
    }

    fn take_off(&mut self, number: u64) {
        let Some(spot) = self.spots.remove(number) else {
            return;
        };
        if let Some(due) = spot.due {
            self.agenda.remove(&(due, number));
        }
        let Some(place) = spot.place else {
            return;
        };
        self.undecided.remove(&place.number);
        self.version += 1;
        if let Some(asking) = self.asking.get_mut(&place.asks_for) {
            *asking = asking.saturating_sub(1);
        }
        self.note_asked(&place.asks_for);
        let want = &place.steps.want;
        if let Some(line) = self.lines.get_mut(want) {
            line.plain.remove(&(place.asked_at, place.number));
            line.head = line.plain.first().copied();
            if line.singles.remove(&place.number) {
                self.singles.remove(&place.number);
            }
            if line.plain.is_empty() && line.singles.is_empty() {
                self.lines.remove(want);
            }
        }
    }

    /// Who comes or goes may give or take away hope.
    fn find_hope(&mut self, tickets: &Tickets, roster: &Roster) {
        for line in self.lines.values_mut() {
            let hope = Some(hope(&line.steps, roster));
            if line.hope != hope {
                line.hope = hope;
                let plain = line.plain.iter().map(|(_, number)| *number);
                self.undecided.extend(plain);
                self.undecided.extend(&line.singles);
            }
            let names_colleague = |number: &&u64| {
                let ticket = tickets.waiting_as(**number);
                ticket.is_some_and(|ticket| ticket.colleague().is_some())
            };
            self.undecided
                .extend(line.singles.iter().filter(names_colleague));
        }
    }
}

impl Line {
    /// The one that is served first of those who are like all others.
    pub(crate) fn head(&self) -> Option<(Moment, u64)> {
        self.head
    }

    /// Whether any of these reps may serve it at some step.
    pub(crate) fn meets(&self, reps: &RepSet) -> bool {
        self.ever.meets(reps)
    }

    /// The same of reps who are few, by their places.
    pub(crate) fn meets_any_of(&self, reps: &[usize]) -> bool {
        reps.iter().any(|&rep| self.ever.contains(rep))
    }

    /// The same as the head, but for these.
    pub(crate) fn first_but(&self, these: &BTreeSet<u64>) -> Option<(Moment, u64)> {
        if self.head.is_none_or(|(_, number)| !these.contains(&number)) {
            return self.head;
        }
        let mut plain = self.plain.iter();
        plain.find(|(_, number)| !these.contains(number)).copied()
    }

    /// Those of whom a plan knows how they are routed, by what is different about them, in order of arrival: with
    /// those in danger of a broken promise, those who name a rep, and those whom reps did not take.
    pub(crate) fn by_exception(
        &self,
        tickets: &Tickets,
        roster: &Roster,
    ) -> BTreeMap<Exception, Vec<(Moment, u64)>> {
        let mut by_exception = BTreeMap::new();
        if !self.plain.is_empty() {
            let plain = self.plain.iter().copied().collect();
            by_exception.insert(Exception::default(), plain);
        }
        for &number in &self.singles {
            let ticket = tickets.waiting_as(number);
            if let Some((ticket, exception)) =
                ticket.and_then(|ticket| Some((ticket, ticket.exception(roster)?)))
            {
                let alike: &mut Vec<_> = by_exception.entry(exception).or_default();
                alike.push((ticket.asked_at, number));
            }
        }
        if !self.singles.is_empty() {
            by_exception
                .values_mut()
                .for_each(|alike| alike.sort_unstable());
        }
        by_exception
    }

    /// How many were asked before a ticket.
    pub(crate) fn older_than(&self, ticket: &Ticket) -> usize {
        let mine = (ticket.asked_at, ticket.number);
        let plain = match self.plain.last() {
            Some(last) if *last > mine => self.plain.range(..mine).count(),
            Some(last) if *last == mine => self.plain.len() - 1,
            Some(_) | None => self.plain.len(),
        };
        plain + self.singles.range(..ticket.number).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.plain.len() + self.singles.len()
    }
}

fn hope(steps: &Steps, roster: &Roster) -> Hope {
    let sets = roster.sets();
    let on_duty = [&sets.free, &sets.busy, &sets.away];
    if on_duty.into_iter().any(|reps| steps.meets_at_last(reps)) {
        Hope::Some
    } else {
        Hope::None
    }
}

/// When time alone next changes what is decided of a waiting ticket, or what its shopper is told.
fn next_change(ticket: &Ticket, config: &Config, now: Moment) -> Option<Moment> {
    let routing = &config.routing;
    let demand = ticket.demand(routing.sticky_for, now);
    let decision = routing::next_change(&demand, ticket.waiting_since, routing, now);
    let boosts = routing.promise_boost > 1.0;
    let danger = ticket.promised.filter(|_| boosts);
    let danger = danger.map(|promised| promised.nearly_over());
    let look = ticket.promised.map(|promised| promised.next_look());
    let held_back = ticket.plan.as_ref().and_then(|plan| plan.not_before);
    let ahead = danger.into_iter().chain(look).chain(held_back);
    let ahead = ahead.filter(|&at| at > now);
    // Due even when it is past: whoever comes back into the queue after that time has no place in it.
    let given_up = ticket.place_ends(routing.keep_place);
    decision.into_iter().chain(ahead).chain(given_up).min()
}
