//! Brings waiting tickets and free reps together, and keeps what was decided.
//! Must not know how a rep is chosen, nor what an offer is.

use std::sync::Arc;

use crate::callback::Step;
use crate::config::Relax;
use crate::decision::{Decision, Outcome};
use crate::desk::Helpdesk;
use crate::ids::TicketId;
use crate::io::Output;
use crate::promises;
use crate::queue::{Key, Place};
use crate::record::Record;
use crate::routing::{self, Choice};
use crate::tickets::{Decided, Hope, Ticket};

/// A waiting ticket that a free rep could take.
struct Bid {
    ticket: TicketId,
    choice: Choice,
    key: Key,
}

impl Helpdesk {
    /// Puts every waiting ticket that a free rep could take to the best of them: the ticket first that has
    /// the most to show for the rep it would go to. Every offer only leaves less to choose from, so that
    /// only those who would have gone to the same rep choose anew.
    pub(crate) fn drain_queue(&mut self) {
        if !self.roster.seats().any(|seat| seat.is_free()) {
            return;
        }
        let mut bids: Vec<Bid> = self
            .tickets
            .waiting()
            .filter_map(|ticket| self.bid(ticket))
            .collect();
        while let Some(best) = best_of(&bids) {
            let bid = bids.swap_remove(best);
            self.decide(&bid.ticket, Outcome::Offered(bid.choice.rep.clone()));
            self.serve(&bid.ticket, &bid.choice.rep);
            bids = bids
                .into_iter()
                .filter_map(|other| {
                    if other.choice.rep == bid.choice.rep {
                        self.bid(self.tickets.ticket(&other.ticket)?)
                    } else {
                        Some(other)
                    }
                })
                .collect();
        }
    }

    /// Keeps why each ticket waits that has begun to, or whose lot a rule or the last rep to leave has
    /// changed.
    pub(crate) fn decide_who_waits(&mut self) {
        let undecided: Vec<(TicketId, Decided)> = self
            .tickets
            .waiting()
            .filter_map(|ticket| {
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
            if let Some(ticket) = self.tickets.ticket_mut(&id) {
                ticket.decided = Some(decided);
            }
            self.tell_of_hope(&id, decided.hope);
        }
    }

    /// The last rep to leave strands nobody in silence, nor does the first to come back.
    fn tell_of_hope(&mut self, id: &TicketId, hope: Hope) {
        let Some(ticket) = self.tickets.ticket_mut(id) else {
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
        let demand = ticket.demand(routing.sticky_for, self.now);
        let hope = if routing::could_ever(&demand, &self.roster, routing) {
            Hope::Some
        } else {
            Hope::None
        };
        Decided {
            fired: routing
                .relax
                .partition_point(|rule| rule.after <= demand.waited),
            hope,
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
        Some(Bid {
            ticket: ticket.ask.ticket.clone(),
            key: place.key(choice.expertise, routing.priority, self.now.0),
            choice,
        })
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
        self.push(Output::Record(Record::Decided(Box::new(decision.clone()))));
        self.decisions.add(decision);
    }

    fn decide(&mut self, id: &TicketId, outcome: Outcome) {
        if let Some(ticket) = self.tickets.ticket(id) {
            let decision = self.decision(ticket, outcome);
            self.push(Output::Record(Record::Decided(Box::new(decision.clone()))));
            self.decisions.add(decision);
        }
    }

    fn decision(&self, ticket: &Ticket, outcome: Outcome) -> Decision {
        let routing = &self.config.routing;
        let now = self.now;
        let demand = ticket.demand(routing.sticky_for, now);
        let weight = promises::weight(&self.config, ticket, now);
        let age = now.since(ticket.asked_at);
        let urgency = weight * age.as_secs_f64();
        let considered = routing::consider(&demand, urgency, &self.roster, routing, now);
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

fn best_of(bids: &[Bid]) -> Option<usize> {
    let keyed = bids.iter().enumerate();
    keyed.max_by_key(|(_, bid)| bid.key).map(|(place, _)| place)
}
