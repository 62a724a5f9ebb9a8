//! Letters to reps at consoles: kept until a page confirms them, and what became of each, where a phone may have it
//! too. One is delivered once either has it. Time is an argument.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use gateway::ConsoleEvent;
use helpdesk::{DeliveryId, DeliveryOutcome, RepId, RepText};

use crate::desk::RepMail;

/// An offer that no page confirms within this time goes to the next rep: it does not last as long as a network may
/// be gone.
const OFFER_PATIENCE: Duration = Duration::from_secs(5);

/// A line or a note waits for a page that lost its network.
const PATIENCE: Duration = Duration::from_secs(45);

/// Letters kept for one rep; beyond it the oldest counts as undeliverable.
const KEPT_PER_REP: usize = 200;

/// What is under way.
#[derive(Default)]
pub(super) struct Letters {
    by_delivery: HashMap<DeliveryId, UnderWay>,
    by_rep: HashMap<RepId, VecDeque<(DeliveryId, ConsoleEvent)>>,
    reports: VecDeque<(DeliveryId, DeliveryOutcome)>,
}

struct UnderWay {
    rep: RepId,
    at_console: Side,
    by_phone: Side,
    deadline: Instant,
}

/// How one of the two ways stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Hopes,
    Failed,
}

impl Letters {
    /// Takes a letter for a rep at a console; gives what its pages are told.
    pub(super) fn handle_letter(
        &mut self,
        letter: &RepMail,
        has_phone: bool,
        now: Instant,
    ) -> ConsoleEvent {
        let patience = match letter.kind {
            RepText::Offer => OFFER_PATIENCE,
            RepText::Line | RepText::Note => PATIENCE,
        };
        let event = ConsoleEvent::Letter {
            delivery: letter.delivery,
            ticket: letter.ticket.clone(),
            kind: letter.kind,
            text: letter.text.clone(),
        };
        let under_way = UnderWay {
            rep: letter.rep.clone(),
            at_console: Side::Hopes,
            by_phone: if has_phone { Side::Hopes } else { Side::Failed },
            deadline: now + patience,
        };
        self.by_delivery.insert(letter.delivery, under_way);
        let kept = self.by_rep.entry(letter.rep.clone()).or_default();
        kept.push_back((letter.delivery, event.clone()));
        let oldest = (kept.len() > KEPT_PER_REP)
            .then(|| kept.front().map(|(delivery, _)| *delivery))
            .flatten();
        if let Some(oldest) = oldest {
            self.fail_at_console(oldest);
        }
        event
    }

    /// A page has the letter.
    pub(super) fn handle_got(&mut self, rep: &RepId, delivery: DeliveryId) {
        // Nobody confirms another one's letters.
        if self
            .by_delivery
            .get(&delivery)
            .is_some_and(|found| found.rep == *rep)
        {
            self.end(delivery, DeliveryOutcome::Delivered);
        }
    }

    /// What became of the letter on the phone, or of one that went to a phone alone.
    pub(super) fn handle_phone(&mut self, delivery: DeliveryId, outcome: DeliveryOutcome) {
        let Some(under_way) = self.by_delivery.get_mut(&delivery) else {
            self.reports.push_back((delivery, outcome));
            return;
        };
        match outcome {
            DeliveryOutcome::Delivered => self.end(delivery, outcome),
            DeliveryOutcome::Undeliverable => {
                under_way.by_phone = Side::Failed;
                if under_way.at_console == Side::Failed {
                    self.end(delivery, outcome);
                }
            }
        }
    }

    /// The rep is at no console any more.
    pub(super) fn handle_nobody(&mut self, rep: &RepId) {
        let waiting = self.by_rep.remove(rep).unwrap_or_default();
        for (delivery, _) in waiting {
            self.fail_at_console(delivery);
        }
    }

    /// Gives up what no page has confirmed in time.
    pub(super) fn handle_time(&mut self, now: Instant) {
        let over: Vec<DeliveryId> = self
            .by_delivery
            .iter()
            .filter(|(_, under_way)| {
                under_way.at_console == Side::Hopes && under_way.deadline <= now
            })
            .map(|(delivery, _)| *delivery)
            .collect();
        for delivery in over {
            self.fail_at_console(delivery);
        }
    }

    /// What no page has confirmed yet, oldest first.
    pub(super) fn unconfirmed(&self, rep: &RepId) -> impl Iterator<Item = &ConsoleEvent> {
        let kept = self.by_rep.get(rep).into_iter().flatten();
        kept.map(|(_, event)| event)
    }

    /// The next outcome for the helpdesk.
    pub(super) fn poll_report(&mut self) -> Option<(DeliveryId, DeliveryOutcome)> {
        self.reports.pop_front()
    }

    fn fail_at_console(&mut self, delivery: DeliveryId) {
        let Some(under_way) = self.by_delivery.get_mut(&delivery) else {
            return;
        };
        under_way.at_console = Side::Failed;
        let rep = under_way.rep.clone();
        if under_way.by_phone == Side::Failed {
            self.end(delivery, DeliveryOutcome::Undeliverable);
        } else {
            self.forget(&rep, delivery);
        }
    }

    fn end(&mut self, delivery: DeliveryId, outcome: DeliveryOutcome) {
        let Some(under_way) = self.by_delivery.remove(&delivery) else {
            return;
        };
        self.forget(&under_way.rep, delivery);
        self.reports.push_back((delivery, outcome));
    }

    fn forget(&mut self, rep: &RepId, delivery: DeliveryId) {
        if let Some(kept) = self.by_rep.get_mut(rep) {
            kept.retain(|(found, _)| *found != delivery);
            if kept.is_empty() {
                self.by_rep.remove(rep);
            }
        }
    }
}
