//! Conversations: lines to their two sides, their end, and handing them on.
//! Must not know where an input came from, nor the queue.

use std::sync::Arc;

use crate::callback::CallEnd;
use crate::clock::Moment;
use crate::conversation::{Line, Speaker};
use crate::deliveries::Sent;
use crate::desk::Helpdesk;
use crate::ids::{DeliveryId, LineId, RepId, Seq, SkillId, TicketId};
use crate::io::{Output, RepText, SayRefused, ShopperEvent};
use crate::offers::OfferEnd;
use crate::record::Record;
use crate::ticket::CloseReason;
use crate::tickets::{Stage, Ticket};

impl Helpdesk {
    /// Adds a line, journals it and shows it to the shopper.
    pub(crate) fn say(
        &mut self,
        id: &TicketId,
        from: Speaker,
        name: Option<Arc<str>>,
        line_id: Option<LineId>,
        text: Arc<str>,
    ) -> Result<Seq, SayRefused> {
        let Some(ticket) = self.tickets.told_mut(id) else {
            return Err(SayRefused::UnknownTicket);
        };
        let line = ticket
            .transcript
            .say(from, name, line_id, text, self.now)?
            .clone();
        let seq = line.seq;
        self.push(Output::Record(Record::Line {
            ticket: id.clone(),
            line: line.clone(),
        }));
        self.send_to_messenger(id, &line);
        self.show(id, line);
        Ok(seq)
    }

    /// Tells both the page and the transcript of something worth telling.
    pub(crate) fn say_as_system(&mut self, id: &TicketId, text: &str) {
        let said = self.say(id, Speaker::System, None, None, Arc::from(text));
        debug_assert!(said.is_ok(), "system lines are always taken");
    }

    /// Tells the shopper, once, that the rep cannot be reached at the moment.
    pub(crate) fn tell_out_of_reach(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        if matches!(ticket.stage, Stage::Callback(_)) {
            return;
        }
        let Some(seat) = ticket.rep().and_then(|rep| self.roster.seat(rep)) else {
            return;
        };
        if std::mem::replace(&mut ticket.told_out_of_reach, true) {
            return;
        }
        let text = format!("{} cannot be reached right now.", seat.rep.name);
        self.say_as_system(id, &text);
    }

    /// Ends a ticket, whatever its stage, and journals it.
    pub(crate) fn close(&mut self, id: &TicketId, reason: CloseReason) {
        self.teach_end(id);
        self.end(id, reason, self.now);
        self.touched.insert(id.clone());
        self.push(Output::Record(Record::Closed {
            ticket: id.clone(),
            reason,
            at_unix_ms: self.now.0,
        }));
    }

    /// Ends a ticket and frees whoever had it.
    pub(crate) fn end(&mut self, id: &TicketId, reason: CloseReason, at: Moment) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        match ticket.stage.clone() {
            Stage::Waiting => {}
            Stage::Offered { rep, .. } => {
                if let Some(seat) = self.roster.seat_mut(&rep) {
                    seat.end_offer(id);
                }
            }
            Stage::Open { rep, .. } => self.free_rep(&rep, id, at),
            Stage::Callback(calling) => self.end_calling(id, &calling, at),
            Stage::Ended { .. } => return,
        }
        self.tickets.set_stage(id, Stage::Ended { reason }, at);
    }

    /// Puts an open conversation back into the queue for another skill or rep.
    pub(crate) fn hand_on(
        &mut self,
        id: &TicketId,
        from: &RepId,
        skills: Vec<SkillId>,
        to: Option<RepId>,
    ) {
        let now = self.now;
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        ticket.hand_on(from.clone(), skills.clone(), to.clone(), now);
        self.tickets.set_stage(id, Stage::Waiting, now);
        self.touched.insert(id.clone());
        self.free_rep(from, id, now);
        self.push(Output::Record(Record::Transferred {
            ticket: id.clone(),
            from: from.clone(),
            skills,
            to,
            at_unix_ms: now.0,
        }));
    }

    /// Open conversations whose rep is no longer configured wait again; so do tickets offered to one.
    pub(crate) fn release_orphans(&mut self) {
        let orphans: Vec<(TicketId, RepId)> = self
            .tickets
            .all()
            .filter_map(|ticket| {
                let rep = ticket.rep()?;
                let is_orphan = self.roster.seat(rep).is_none();
                is_orphan.then(|| (ticket.ask.ticket.clone(), rep.clone()))
            })
            .collect();
        for (id, rep) in orphans {
            self.release(&id, &rep);
        }
    }

    /// Sends a rep a word of our own.
    pub(crate) fn send(&mut self, rep: &RepId, ticket: &TicketId, text: String) -> DeliveryId {
        self.send_as(RepText::Note, rep, ticket, text, None)
    }

    /// Sends a rep a text that brings the shopper's lines up to `brings`.
    pub(crate) fn send_lines(
        &mut self,
        rep: &RepId,
        ticket: &TicketId,
        text: String,
        brings: Option<Seq>,
    ) -> DeliveryId {
        self.send_as(RepText::Line, rep, ticket, text, brings)
    }

    /// Sends a rep a text of a kind, which brings the shopper's lines up to `brings`.
    pub(crate) fn send_as(
        &mut self,
        kind: RepText,
        rep: &RepId,
        ticket: &TicketId,
        text: String,
        brings: Option<Seq>,
    ) -> DeliveryId {
        let delivery = self.deliveries.begin(Sent {
            rep: rep.clone(),
            ticket: ticket.clone(),
            at: self.now,
            brings,
        });
        self.push(Output::ToRep {
            delivery,
            rep: rep.clone(),
            ticket: ticket.clone(),
            kind,
            text: Arc::from(text),
        });
        delivery
    }

    /// Ends a rep's part in a conversation and begins the rest after it.
    pub(crate) fn free_rep(&mut self, rep: &RepId, id: &TicketId, at: Moment) {
        let rest_until = at.after(self.config.routing.wrap_up);
        if let Some(seat) = self.roster.seat_mut(rep) {
            seat.end_conversation(id, rest_until, at);
        }
    }

    fn release(&mut self, id: &TicketId, rep: &RepId) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        match &ticket.stage {
            Stage::Offered { .. } => self.end_offer(id, OfferEnd::OffDuty),
            Stage::Open { .. } => {
                let skills = ticket.skills.clone();
                self.say_as_system(id, "We are finding somebody else for you.");
                self.hand_on(id, rep, skills, None);
            }
            Stage::Callback(calling) => {
                let calling = (**calling).clone();
                self.cancel_call(id);
                self.end_call(id, &calling, CallEnd::Cancelled);
                // A conversation that had become a call is one again, without its rep.
                if self.tickets.ticket(id).is_some_and(|t| is_with(t, rep)) {
                    self.forget_wish_of_rep(id);
                    self.release(id, rep);
                }
            }
            Stage::Waiting | Stage::Ended { .. } => {}
        }
    }

    fn show(&mut self, id: &TicketId, line: Line) {
        self.push(Output::ToShopper {
            ticket: id.clone(),
            event: ShopperEvent::Line(line),
        });
    }
}

/// Whether the ticket is in conversation with the rep.
pub(crate) fn is_with(ticket: &Ticket, with: &RepId) -> bool {
    matches!(&ticket.stage, Stage::Open { rep, .. } if rep == with)
}
