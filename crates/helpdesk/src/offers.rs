//! Offers: putting waiting tickets to free reps, and what becomes of an offer.
//! Must not know how a rep is chosen, nor the texts.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Moment;
use crate::conversation::Speaker;
use crate::deliveries::Sent;
use crate::desk::Helpdesk;
use crate::ids::{DeliveryId, RepId, Seq, SkillId, TicketId};
use crate::io::{DeliveryOutcome, Output, RepText};
use crate::record::Record;
use crate::tickets::{Briefing, Hope, Stage, Ticket};
use crate::words;

/// How long a rep who let an offer lapse, or whose phone cannot be reached, is left alone.
const DOUBTED_FOR: Duration = Duration::from_secs(60);
/// Lines shown to a rep who takes a conversation that others have begun.
const BRIEFING_LINES: usize = 20;

/// Why an offer led to no conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfferEnd {
    Declined,
    Lapsed,
    Unreachable,
    OffDuty,
    Paused,
    Restart,
    WantsCall,
    CallFailed,
}

impl OfferEnd {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Declined => "the rep declined",
            Self::Lapsed => "the rep did not answer in time",
            Self::Unreachable => "the rep's phone could not be reached",
            Self::OffDuty => "the rep went off duty",
            Self::Paused => "the rep has begun a pause",
            Self::Restart => "the server was restarted",
            Self::WantsCall => "the shopper changed the mind about being called",
            Self::CallFailed => "the shopper's phone could not be reached",
        }
    }

    /// Whether the rep had the offer and did not take it, and is left in peace with the ticket.
    fn calls_for_pause(self) -> bool {
        match self {
            Self::Declined | Self::Lapsed => true,
            Self::Unreachable
            | Self::OffDuty
            | Self::Paused
            | Self::Restart
            | Self::WantsCall
            | Self::CallFailed => false,
        }
    }

    /// The same, of an end that the journal knows by its text.
    pub(crate) fn text_calls_for_pause(text: &str) -> bool {
        [Self::Declined, Self::Lapsed]
            .into_iter()
            .any(|end| end.text() == text && end.calls_for_pause())
    }
}

impl Helpdesk {
    /// Ends an offer that was left unanswered.
    pub(crate) fn lapse_offer(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        if let Stage::Offered { rep, until, .. } = &ticket.stage
            && *until <= self.now
        {
            let rep = rep.clone();
            self.end_offer(id, OfferEnd::Lapsed);
            self.doubt(&rep, Some(id));
        }
    }

    /// Ends an offer without a conversation; the ticket waits again with its age.
    pub(crate) fn end_offer(&mut self, id: &TicketId, end: OfferEnd) {
        let now = self.now;
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        let Stage::Offered { rep, .. } = &ticket.stage else {
            return;
        };
        let rep = rep.clone();
        if end.calls_for_pause() {
            ticket.refused.insert(rep.clone(), now);
        }
        self.tickets.set_stage(id, Stage::Waiting, now);
        self.touched.insert(id.clone());
        if let Some(seat) = self.roster.seat_mut(&rep) {
            seat.end_offer(id);
        }
        self.push(Output::Record(Record::OfferEnded {
            ticket: id.clone(),
            rep,
            why: Arc::from(end.text()),
            at_unix_ms: now.0,
        }));
    }

    /// The rep takes the ticket; the conversation is open.
    pub(crate) fn accept(&mut self, id: &TicketId, rep: &RepId, briefing: Briefing) {
        let now = self.now;
        let Some(seat) = self.roster.seat_mut(rep) else {
            return;
        };
        seat.begin_conversation(id, now);
        seat.lapsed = None;
        let name = seat.rep.name.clone();
        let stage = Stage::Open {
            rep: rep.clone(),
            since: now,
        };
        self.teach_service(id);
        self.tickets.set_stage(id, stage, now);
        self.push(Output::Record(Record::Accepted {
            ticket: id.clone(),
            rep: rep.clone(),
            at_unix_ms: now.0,
        }));
        self.note_who_knows(id, rep);
        self.brief(id, rep, briefing);
        self.tell(id, None);
        self.say_as_system(id, &format!("{name} has joined."));
        let by_hand = self.rules_of(id).is_some_and(|rules| !rules.dials_for(rep));
        let is_planned = self.tickets.ticket(id).is_some_and(|t| t.plan.is_some());
        if by_hand && is_planned {
            self.hand_out(id, rep);
        }
    }

    /// A message's outcome: a rep who cannot be reached is doubted, and what depended on it goes on.
    pub(crate) fn handle_delivery(&mut self, delivery: DeliveryId, outcome: DeliveryOutcome) {
        if self.handle_letter(delivery, outcome) {
            return;
        }
        let Some(sent) = self.deliveries.end(delivery) else {
            return;
        };
        match outcome {
            DeliveryOutcome::Delivered => self.take_delivered(&sent),
            DeliveryOutcome::Undeliverable => self.handle_undeliverable(delivery, &sent),
        }
    }

    /// The shopper's lines are on the rep's phone; that the rep has read them is not known.
    fn take_delivered(&mut self, sent: &Sent) {
        let Some(ticket) = self.tickets.ticket_mut(&sent.ticket) else {
            return;
        };
        if sent.brings > ticket.delivered {
            ticket.delivered = sent.brings;
            self.touched.insert(sent.ticket.clone());
        }
    }

    fn handle_undeliverable(&mut self, delivery: DeliveryId, sent: &Sent) {
        let offer_failed = self.tickets.ticket(&sent.ticket).is_some_and(|ticket| {
            matches!(&ticket.stage, Stage::Offered { delivery: pending, .. } if *pending == delivery)
        });
        if offer_failed {
            self.end_offer(&sent.ticket, OfferEnd::Unreachable);
        }
        // A failure that is older than the rep's last sign of life says nothing of the rep's phone now.
        let outlived = self
            .roster
            .seat(&sent.rep)
            .is_none_or(|seat| seat.alive_at > sent.at);
        if outlived {
            return;
        }
        self.doubt(&sent.rep, offer_failed.then_some(&sent.ticket));
        let in_conversation = self.tickets.ticket(&sent.ticket).is_some_and(
            |ticket| matches!(&ticket.stage, Stage::Open { rep, .. } if *rep == sent.rep),
        );
        if in_conversation {
            self.tell_out_of_reach(&sent.ticket);
        }
    }

    /// Puts a ticket to a rep.
    pub(crate) fn offer(&mut self, id: &TicketId, rep: &RepId) {
        let now = self.now;
        let timeout = self.config.routing.offer_timeout;
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        let (text, briefing) = words::offer(
            &ticket.ask,
            &self.skill_names(ticket),
            ticket.transcript.after(Seq(0)),
            timeout,
        );
        let brings = Some(ticket.transcript.last()).filter(|last| *last > Seq(0));
        if let Some(ticket) = self.tickets.told_mut(id) {
            ticket.told_hope = Some(Hope::Some);
        }
        let Some(seat) = self.roster.seat_mut(rep) else {
            return;
        };
        seat.take_offer(id, now);
        self.push(Output::Record(Record::Offered {
            ticket: id.clone(),
            rep: rep.clone(),
            at_unix_ms: now.0,
        }));
        let delivery = self.send_as(RepText::Offer, rep, id, text, brings);
        let stage = Stage::Offered {
            rep: rep.clone(),
            until: now.after(timeout),
            delivery,
            briefing,
        };
        self.tickets.set_stage(id, stage, now);
        self.touched.insert(id.clone());
    }

    /// Shows the lines so far to a rep whose offer did not hold them all.
    fn brief(&mut self, id: &TicketId, rep: &RepId, briefing: Briefing) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        match briefing {
            Briefing::Whole => {}
            Briefing::Cut => {
                let spoken: Vec<String> = ticket
                    .transcript
                    .after(Seq(0))
                    .filter(|line| line.from != Speaker::System)
                    .map(|line| words::quoted(&ticket.ask, line))
                    .collect();
                let skipped = spoken.len().saturating_sub(BRIEFING_LINES);
                for text in spoken.into_iter().skip(skipped) {
                    self.send_lines(rep, id, text, None);
                }
            }
        }
    }

    pub(crate) fn doubt(&mut self, rep: &RepId, lapsed: Option<&TicketId>) {
        let until: Moment = self.now.after(DOUBTED_FOR);
        if let Some(seat) = self.roster.seat_mut(rep) {
            seat.doubted_until = Some(until);
            if let Some(ticket) = lapsed {
                seat.lapsed = Some(ticket.clone());
            }
        }
    }

    /// What a ticket is about, for people.
    pub(crate) fn skill_names(&self, ticket: &Ticket) -> String {
        let names: Vec<&str> = ticket
            .skills
            .iter()
            .map(|skill| self.skill_name(skill))
            .collect();
        names.join(", ")
    }

    pub(crate) fn skill_name<'a>(&'a self, skill: &'a SkillId) -> &'a str {
        self.skill_names.of_skill(skill)
    }
}
