//! Brings waiting tickets and free reps together, and keeps what was decided.
//! Must not know how a rep is chosen, nor what an offer is.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::board::Line;
use crate::callback::Step;
use crate::config::Relax;
use crate::decision::{Decision, Outcome};
use crate::desk::Helpdesk;
use crate::ids::TicketId;
use crate::io::Output;
use crate::promises;
use crate::queue::{Key, Place};
use crate::record::Record;
use crate::routing::fits::Steps;
use crate::routing::{self, Choice};
use crate::tickets::{Decided, Hope, Ticket};

/// Tickets whose lots are found out at once. When the last rep goes home while thousands wait, why each waits is put
/// on record by and by, so that nobody else is kept waiting for it.
const LOTS_AT_ONCE: usize = 256;

/// A waiting ticket that a free rep could take.
struct Bid {
    /// The ticket's.
    number: u64,
    choice: Choice,
    key: Key,
}

impl Helpdesk {
    /// Brings the board in line with the tickets and the reps.
    pub(crate) fn sync(&mut self) {
        self.roster.sync();
        let Self {
            board,
            tickets,
            roster,
            config,
            now,
            ..
        } = self;
        for rep in tickets.reps_of_touched() {
            roster.note_changed(rep);
        }
        board.sync(tickets, roster, config, *now);
    }

    /// Puts every waiting ticket that a free rep could take to the best of them: the ticket first that has
    /// the most to show for the rep it would go to.
    pub(crate) fn drain_queue(&mut self) {
        self.sync();
        if self.drained == Some(self.seen()) {
            return;
        }
        let mut served = BTreeSet::new();
        while let Some(bid) = self.best_bid(&served) {
            #[cfg(test)]
            self.check_against_routing(&bid);
            let Some(ticket) = self.tickets.numbered(bid.number) else {
                break;
            };
            let id = ticket.ask.ticket.clone();
            self.decide(&id, Outcome::Offered(bid.choice.rep.clone()));
            self.serve(&id, &bid.choice.rep);
            self.sync();
            served.insert(bid.number);
        }
        #[cfg(test)]
        assert!(
            self.best_bid_of_all()
                .is_none_or(|bid| served.contains(&bid.number)),
            "a free rep could take a waiting ticket"
        );
        self.drained = Some(self.seen());
    }

    /// Of those who are like all others only the head of each line bids.
    /// Whoever was served by now and waits still is held back.
    fn best_bid(&self, served: &BTreeSet<u64>) -> Option<Bid> {
        let free = &self.roster.sets().free;
        if free.is_empty() {
            return None;
        }
        let few: Option<Vec<usize>> = free.few().map(Iterator::collect);
        let could_go = |line: &&Line| match &few {
            Some(reps) => line.meets_any_of(reps),
            None => line.meets(free),
        };
        let lines = self.board.lines().filter(could_go);
        let heads = lines.filter_map(|line| self.bid_of_head(line, served));
        let singles = self.board.singles().filter_map(|number| {
            let ticket = self.tickets.waiting_as(number)?;
            self.bid(ticket).filter(|_| !served.contains(&number))
        });
        heads.chain(singles).max_by_key(|bid| bid.key)
    }

    /// What routing itself would choose, ticket by ticket and rep by rep: the lines must come to the same.
    /// The same rep for the ticket, and nobody else first unless all who are free are taken longest idle first:
    /// then an older one that reaches further may go before a younger one with more to show.
    #[cfg(test)]
    fn check_against_routing(&self, bid: &Bid) {
        let routing = &self.config.routing;
        let ticket = self.tickets.numbered(bid.number);
        let alone = ticket.and_then(|ticket| self.bid(ticket));
        let alone = alone.map(|alone| (alone.choice, alone.key));
        assert_eq!(alone, Some((bid.choice.clone(), bid.key)));
        let by_level = |ticket: &Ticket| {
            ticket
                .demand(routing.sticky_for, self.now)
                .wants
                .choose(routing)
                == crate::config::Choose::Best
        };
        if self.tickets.waiting().all(by_level) {
            let first = self.best_bid_of_all().map(|first| first.number);
            assert_eq!(first, Some(bid.number));
        }
    }

    #[cfg(test)]
    fn best_bid_of_all(&self) -> Option<Bid> {
        let bids = self.tickets.waiting().filter_map(|ticket| self.bid(ticket));
        bids.max_by_key(|bid| bid.key)
    }

    fn bid_of_head(&self, line: &Line, served: &BTreeSet<u64>) -> Option<Bid> {
        let routing = &self.config.routing;
        let (since, number) = line.first_but(served)?;
        let waited = self.now.since(since);
        let reach = line
            .steps
            .reach(waited, line.sticky_for, &self.roster, routing);
        let choice = reach.choose(&self.roster.sets().free, &self.roster)?;
        // Where promises raise no weight, those in a line weigh the same and need not be looked up.
        let weight = if routing.promise_boost > 1.0 {
            promises::weight(&self.config, self.tickets.waiting_as(number)?, self.now)
        } else {
            line.weight
        };
        let place = Place {
            number,
            since: since.0,
            weight,
        };
        Some(self.bid_of(place, choice))
    }

    /// Keeps why each ticket waits that has begun to, or whose lot a rule or the last rep to leave has
    /// changed.
    pub(crate) fn decide_who_waits(&mut self) {
        let undecided = self.board.take_undecided(LOTS_AT_ONCE);
        let undecided: Vec<(TicketId, Decided)> = undecided
            .into_iter()
            .filter_map(|number| {
                let ticket = self.tickets.waiting_as(number)?;
                let decided = self.lot(ticket);
                let is_news = ticket.decided != Some(decided);
                is_news.then(|| (ticket.ask.ticket.clone(), decided))
            })
            .collect();
        for (id, decided) in undecided {
            let outcome = match decided.hope {
                Hope::Some => Outcome::Waits,
                Hope::None => Outcome::Stranded,
            };
            self.decide(&id, outcome);
            if let Some(ticket) = self.tickets.told_mut(&id) {
                ticket.decided = Some(decided);
            }
            self.tell_of_hope(&id, decided.hope);
        }
    }

    /// The last rep to leave strands nobody in silence, nor does the first to come back.
    fn tell_of_hope(&mut self, id: &TicketId, hope: Hope) {
        let Some(ticket) = self.tickets.told_mut(id) else {
            return;
        };
        let text = match (ticket.told_hope, hope) {
            (Some(Hope::Some), Hope::None) => {
                "Nobody who can help is on duty at the moment. You keep your place."
            }
            (Some(Hope::None), Hope::Some) => {
                "Somebody is on duty again. You have kept your place."
            }
            (None, Hope::Some) => {
                ticket.told_hope = Some(hope);
                return;
            }
            // After a restart nobody knows yet who is on duty.
            (None, Hope::None)
            | (Some(Hope::Some), Hope::Some)
            | (Some(Hope::None), Hope::None) => return,
        };
        ticket.told_hope = Some(hope);
        self.say_as_system(id, text);
    }

    fn lot(&self, ticket: &Ticket) -> Decided {
        let routing = &self.config.routing;
        let ever = || {
            let demand = ticket.demand(routing.sticky_for, self.now);
            if routing::could_ever(&demand, &self.roster, routing) {
                Hope::Some
            } else {
                Hope::None
            }
        };
        let hope = self.board.hope(ticket, &self.roster);
        Decided {
            fired: routing.fired(self.now.since(ticket.waiting_since)),
            hope: hope.unwrap_or_else(ever),
        }
    }

    fn bid(&self, ticket: &Ticket) -> Option<Bid> {
        if ticket.is_held_back(self.now) {
            return None;
        }
        let routing = &self.config.routing;
        let demand = ticket.demand(routing.sticky_for, self.now);
        let choice = routing::choose(&demand, &self.roster, routing, self.now)?;
        let place = Place {
            number: ticket.number,
            since: ticket.asked_at.0,
            weight: promises::weight(&self.config, ticket, self.now),
        };
        Some(self.bid_of(place, choice))
    }

    fn bid_of(&self, place: Place, choice: Choice) -> Bid {
        let priority = self.config.routing.priority;
        Bid {
            number: place.number,
            key: place.key(choice.expertise, priority, self.now.0),
            choice,
        }
    }

    /// How the reps stand to a ticket at this moment, as a decision that changes nothing.
    pub fn explain(&self, ticket: &TicketId) -> Option<Decision> {
        let ticket = self.tickets.ticket(ticket)?;
        let outcome = match (ticket.rep(), self.lot(ticket).hope) {
            (Some(rep), Hope::Some | Hope::None) => Outcome::Offered(rep.clone()),
            (None, Hope::Some) => Outcome::Waits,
            (None, Hope::None) => Outcome::Stranded,
        };
        Some(self.decision(ticket, outcome))
    }

    /// Keeps one step of a ticket's way to its shopper.
    pub(crate) fn step(&mut self, id: &TicketId, step: Step) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        let now = self.now;
        let decision = Decision {
            ticket: id.clone(),
            at_unix_ms: now.0,
            age: now.since(ticket.asked_at),
            waited: now.since(ticket.waiting_since),
            weight: promises::weight(&self.config, ticket, now),
            outcome: Outcome::Step(Arc::from(step.to_string())),
            relaxed: Vec::new(),
            candidates: Vec::new(),
            others: Vec::new(),
        };
        self.keep(decision);
    }

    fn keep(&mut self, decision: Decision) {
        let decision = Arc::new(decision);
        self.push(Output::Record(Record::Decided(Arc::clone(&decision))));
        self.decisions.add(decision);
    }

    fn decide(&mut self, id: &TicketId, outcome: Outcome) {
        if let Some(ticket) = self.tickets.ticket(id) {
            let decision = self.decision(ticket, outcome);
            self.keep(decision);
        }
    }

    fn decision(&self, ticket: &Ticket, outcome: Outcome) -> Decision {
        let routing = &self.config.routing;
        let now = self.now;
        let demand = ticket.demand(routing.sticky_for, now);
        let weight = promises::weight(&self.config, ticket, now);
        let age = now.since(ticket.asked_at);
        let urgency = weight * age.as_secs_f64();
        let worked_out;
        let steps: &Steps = match self.board.steps_of(ticket) {
            Some(known) => known,
            None => {
                worked_out = Steps::of(ticket.want(), &self.roster, routing);
                &worked_out
            }
        };
        let considered = routing::consider(&demand, steps, urgency, &self.roster, routing, now);
        #[cfg(test)]
        {
            let shown = considered.candidates.iter();
            let shown: Vec<_> = shown.map(|one| (one.standing, one.rep.clone())).collect();
            let others = considered.others.iter().copied().collect();
            let naive = routing::consider_one_by_one(&demand, &self.roster, routing, now);
            assert_eq!((shown, others), naive);
        }
        let relaxed = routing.relax.iter().take(considered.fired);
        Decision {
            ticket: ticket.ask.ticket.clone(),
            at_unix_ms: now.0,
            age,
            waited: demand.waited,
            weight,
            outcome,
            relaxed: relaxed
                .filter(|rule| rule.concerns(demand.wants.skills))
                .map(Relax::words)
                .collect(),
            candidates: considered.candidates,
            others: considered.others,
        }
    }
}
