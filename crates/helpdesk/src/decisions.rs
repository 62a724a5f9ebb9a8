//! The history of decisions, bounded by tickets and for each ticket.
//! Must not know how a decision is made, nor its words.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::decision::Decision;
use crate::ids::TicketId;

/// Tickets whose decisions are kept; beyond, those of the one decided first are forgotten.
const TICKETS: usize = 10_000;
/// Decisions kept of one ticket: the first, and the latest.
const OF_A_TICKET: usize = 32;

/// Decisions by ticket, each ticket's in order of time. Invariant: `order` names each ticket of `by_ticket`
/// once, in the order of their first decisions.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    /// Never walked through, for its order is none.
    by_ticket: HashMap<TicketId, Vec<Arc<Decision>>, RandomState>,
    order: VecDeque<TicketId>,
}

impl Decisions {
    pub(crate) fn add(&mut self, decision: Arc<Decision>) {
        if let Some(known) = self.by_ticket.get_mut(&decision.ticket) {
            if known.len() >= OF_A_TICKET {
                known.remove(1);
            }
            known.push(decision);
            return;
        }
        if self.order.len() >= TICKETS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_ticket.remove(&oldest);
        }
        let ticket = decision.ticket.clone();
        self.order.push_back(ticket.clone());
        self.by_ticket.insert(ticket, vec![decision]);
    }

    pub(crate) fn of(&self, ticket: &TicketId) -> impl Iterator<Item = &Decision> + Clone {
        let decisions = self.by_ticket.get(ticket).into_iter().flatten();
        decisions.map(|decision| &**decision)
    }

    /// All that are kept, by ticket in the order of their first decisions.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Decision> + Clone {
        self.order.iter().flat_map(|ticket| self.of(ticket))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decision::Outcome;

    fn decision(ticket: usize, at_unix_ms: i64) -> Arc<Decision> {
        Arc::new(Decision {
            ticket: TicketId::new(&format!("t{ticket}")),
            at_unix_ms,
            age: Duration::ZERO,
            waited: Duration::ZERO,
            weight: 1.0,
            outcome: Outcome::Waits,
            relaxed: Vec::new(),
            candidates: Vec::new(),
            others: Vec::new(),
        })
    }

    #[test]
    fn the_ticket_decided_first_is_forgotten_first() {
        let mut decisions = Decisions::default();
        for ticket in 0..=TICKETS {
            decisions.add(decision(ticket, 0));
        }
        assert_eq!(decisions.of(&TicketId::new("t0")).count(), 0);
        assert_eq!(decisions.of(&TicketId::new("t1")).count(), 1);
        assert_eq!(decisions.all().count(), TICKETS);
    }

    #[test]
    fn of_a_ticket_the_first_and_the_latest_are_kept() {
        let mut decisions = Decisions::default();
        for at in 0..100 {
            decisions.add(decision(1, at));
        }
        let kept: Vec<i64> = decisions.all().map(|one| one.at_unix_ms).collect();
        assert_eq!(kept.len(), OF_A_TICKET);
        assert_eq!((kept[0], kept[1], kept[31]), (0, 69, 99));
    }
}
