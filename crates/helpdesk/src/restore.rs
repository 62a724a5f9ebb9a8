//! Brings tickets back from the journal after a restart.
//! Must not know how records are kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::callback::{PastCall, Plan};
use crate::clock::Moment;
use crate::conversation::Speaker;
use crate::desk::Helpdesk;
use crate::estimate::experience::WaitEnd;
use crate::ids::{RepId, TicketId};
use crate::io::Output;
use crate::offers::OfferEnd;
use crate::record::{CallbackFact, Record};
use crate::tickets::Stage;

impl Helpdesk {
    /// Takes the calls that were ordered within the last 24 hours, the oldest first, before the tickets are restored:
    /// limits count them, and one in doubt is never made again by itself.
    pub fn restore_calls(&mut self, calls: impl IntoIterator<Item = PastCall>) {
        for call in calls {
            self.ledger.restore(call);
        }
    }

    /// Replays a journal, oldest record first, into a helpdesk that holds no ticket yet. Presence that is
    /// known by then is best told before, so that the reps on duty are weighed together. Waiting
    /// tickets wait again with their age; so do those that were offered, for nobody knows what became of
    /// the offer, and a rep who answers it still takes the ticket. Open conversations stay open.
    /// Records that do not fit the story so far are passed over.
    pub fn restore(&mut self, records: impl IntoIterator<Item = Record>, now: Instant) {
        let mut offered = BTreeMap::new();
        for record in records {
            self.replay(record, &mut offered);
        }
        self.resume_callbacks();
        self.wake_at_once();
        self.advance(now);
        for (ticket, rep) in offered {
            self.interrupt_offer(ticket, rep);
        }
        self.release_orphans();
        let all: Vec<TicketId> = self.tickets.all().map(|t| t.ask.ticket.clone()).collect();
        self.take_views_as_told(all);
        self.settle();
    }

    fn replay(&mut self, record: Record, offered: &mut BTreeMap<TicketId, RepId>) {
        match record {
            Record::Opened { ask, at_unix_ms } => {
                if self.tickets.ticket(&ask.ticket).is_none() {
                    let at = Moment(at_unix_ms);
                    let ticket = self.tickets.open(*ask, at);
                    self.learnt.learn_arrival(ticket, at);
                }
            }
            Record::Line { ticket, line } => {
                if let Some(known) = self.tickets.ticket_mut(&ticket) {
                    if line.from == Speaker::Rep
                        && let Some(seat) = known.rep().and_then(|rep| self.roster.seat_mut(rep))
                    {
                        seat.spoken_in = Some(ticket);
                    }
                    known.transcript.restore(line);
                }
            }
            Record::Offered { ticket, rep, .. } => {
                offered.insert(ticket, rep);
            }
            Record::OfferEnded {
                ticket,
                rep,
                why,
                at_unix_ms,
            } => {
                offered.remove(&ticket);
                if OfferEnd::text_calls_for_pause(&why)
                    && let Some(ticket) = self.tickets.ticket_mut(&ticket)
                {
                    ticket.refused.insert(rep, Moment(at_unix_ms));
                }
            }
            Record::Accepted {
                ticket,
                rep,
                at_unix_ms,
            } => {
                offered.remove(&ticket);
                self.replay_acceptance(&ticket, rep, Moment(at_unix_ms));
            }
            Record::Transferred {
                ticket: id,
                from,
                skills,
                to,
                at_unix_ms,
            } => {
                let at = Moment(at_unix_ms);
                let Some(ticket) = self.tickets.ticket_mut(&id) else {
                    return;
                };
                if let Stage::Open { .. } = ticket.stage {
                    ticket.hand_on(from.clone(), skills, to, at);
                    self.tickets.set_stage(&id, Stage::Waiting, at);
                    self.free_rep(&from, &id, at);
                }
            }
            Record::Closed {
                ticket,
                reason,
                at_unix_ms,
            } => {
                offered.remove(&ticket);
                self.end(&ticket, reason, Moment(at_unix_ms));
            }
            Record::Callback { ticket, fact, .. } => {
                if let Some(known) = self.tickets.ticket_mut(&ticket) {
                    known.plan = match fact {
                        CallbackFact::Wanted { number, by } => Some(Plan::new(number, by)),
                        CallbackFact::Withdrawn => None,
                    };
                }
            }
            Record::Rated {
                ticket,
                stars,
                comment,
                ..
            } => {
                if let Some(ticket) = self.tickets.ticket_mut(&ticket) {
                    ticket.rating = Some((stars, comment));
                }
            }
        }
    }

    fn replay_acceptance(&mut self, id: &TicketId, rep: RepId, at: Moment) {
        let waits = self
            .tickets
            .ticket(id)
            .is_some_and(|ticket| ticket.stage == Stage::Waiting);
        if !waits {
            return;
        }
        if let Some(seat) = self.roster.seat_mut(&rep) {
            seat.begin_conversation(id, at);
        }
        if let Some(ticket) = self.tickets.ticket(id) {
            self.learnt.learn_patience(ticket, WaitEnd::Served, at);
        }
        self.tickets
            .set_stage(id, Stage::Open { rep, since: at }, at);
    }

    /// The restart has cut an offer short: the journal is told, and the rep may still answer it.
    fn interrupt_offer(&mut self, ticket: TicketId, rep: RepId) {
        let waits = self
            .tickets
            .ticket(&ticket)
            .is_some_and(|ticket| ticket.stage == Stage::Waiting);
        if !waits {
            return;
        }
        if let Some(seat) = self.roster.seat_mut(&rep) {
            seat.lapsed = Some(ticket.clone());
        }
        self.push(Output::Record(Record::OfferEnded {
            ticket,
            rep,
            why: Arc::from(OfferEnd::Restart.text()),
            at_unix_ms: self.now.0,
        }));
    }
}
