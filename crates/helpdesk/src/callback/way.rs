//! Which way a ticket takes to its shopper when its turn comes: page, messenger or telephone.
//! Must not know how a call is made, nor what is allowed.

use std::time::Duration;

use super::ledger::CallbackRefused;
use super::number::PhoneNumber;
use super::placing::NEXT_LINE;
use super::plan::{Messenger, Origin, PlannedBy};
use super::rules::Reach;
use super::steps::Step;
use crate::desk::Helpdesk;
use crate::ids::{RepId, TicketId};
use crate::record::CallbackFact;
use crate::words;

/// The way a ticket takes.
enum Way {
    Page,
    /// The page is out of reach, and so is the shopper by any other way.
    None {
        gone_for: Duration,
    },
    Messenger,
    Telephone(PhoneNumber),
    /// No line is free.
    Later,
}

impl Helpdesk {
    /// Puts a ticket to a rep, by the way its shopper can be reached.
    pub(crate) fn serve(&mut self, id: &TicketId, rep: &RepId) {
        match self.choose_way(id, rep) {
            Way::Page => self.offer(id, rep),
            Way::None { gone_for } => {
                self.offer(id, rep);
                let time = words::length(Duration::from_secs(gone_for.as_secs()));
                let text = format!(
                    "The shopper's page has been out of reach for {time}, and there is no other way to the shopper; \
                     what you write waits for the page."
                );
                self.send(rep, id, text);
            }
            Way::Messenger => {
                self.use_messenger(id);
                self.offer(id, rep);
            }
            Way::Telephone(number) => {
                if self.rules_of(id).is_some_and(|rules| rules.dials_for(rep)) {
                    self.place_call(id, rep, &number, Origin::Queue);
                } else {
                    self.offer(id, rep);
                }
            }
            Way::Later => self.hold_back(id, NEXT_LINE),
        }
    }

    fn choose_way(&mut self, id: &TicketId, rep: &RepId) -> Way {
        let now = self.now;
        let Some(ticket) = self.tickets.ticket(id) else {
            return Way::Page;
        };
        let Some(rules) = self.rules(&ticket.ask.site) else {
            return Way::Page;
        };
        let wants_call = ticket
            .plan
            .as_ref()
            .is_some_and(|plan| plan.by != PlannedBy::Desk);
        let gone_for = ticket.page.gone_for(ticket.asked_at, now);
        let gone_for = gone_for.filter(|gone| *gone > rules.grace);
        let order = rules.order.clone();
        let grace = rules.grace;
        let has_other_way = rules.is_on() || ticket.ask.im.is_some();
        let Some(gone_for) = gone_for.filter(|_| has_other_way && !wants_call) else {
            return if wants_call {
                self.way_by_telephone(id, rep).unwrap_or(Way::Page)
            } else {
                Way::Page
            };
        };
        let (im, messenger) = (ticket.ask.im.clone(), ticket.messenger);
        for reach in order {
            match reach {
                Reach::Browser => self.step(id, Step::PageUnreachable { gone_for, grace }),
                Reach::Messenger => match (&im, messenger) {
                    (Some(_), Messenger::Unused | Messenger::InUse) => return Way::Messenger,
                    (Some(_), Messenger::Failed) => self.step(
                        id,
                        Step::NoMessenger {
                            why: "it did not take the last message",
                        },
                    ),
                    (None, Messenger::Unused | Messenger::InUse | Messenger::Failed) => self.step(
                        id,
                        Step::NoMessenger {
                            why: "the shop's token names none",
                        },
                    ),
                },
                Reach::Telephone => {
                    if let Some(way) = self.way_by_telephone(id, rep) {
                        return way;
                    }
                }
            }
        }
        Way::None { gone_for }
    }

    fn way_by_telephone(&mut self, id: &TicketId, rep: &RepId) -> Option<Way> {
        let admitted = match self.callable(id) {
            Ok(_) if self.ledger.is_in_doubt(id) => Err(CallbackRefused::InDoubt),
            other => other,
        };
        match admitted {
            Ok(number) => {
                self.plan(id, &number, PlannedBy::Desk);
                Some(Way::Telephone(number))
            }
            Err(why) => {
                let is_for_now = why == CallbackRefused::LinesBusy;
                self.step(id, Step::NotCalled { why: why.clone() });
                if is_for_now {
                    // Without a plan nothing would hold it back, and each change of the queue would ask again.
                    let ticket = self.tickets.ticket(id)?;
                    if ticket.plan.is_none()
                        && let Ok(number) = self.number_of(&ticket.ask)
                    {
                        self.plan(id, &number, PlannedBy::Desk);
                    }
                    return Some(Way::Later);
                }
                let text = format!("You cannot be called: {why}.");
                let ticket = self.tickets.ticket_mut(id)?;
                if ticket.plan.take().is_some() {
                    self.record_fact(id, CallbackFact::Withdrawn);
                    self.say_as_system(id, &text);
                    let who = self.tickets.ticket(id).map(|t| words::shopper(&t.ask));
                    let who = who.unwrap_or_default();
                    self.send(rep, id, format!("{who} wanted to be called, but: {why}."));
                }
                None
            }
        }
    }
}
