//! The shopper's own SIP messenger: lines go to it where the page is out of reach, and its replies come back.
//! Must not know how a message travels.

use std::sync::Arc;

use super::plan::{Messenger, Page};
use super::steps::Step;
use crate::conversation::{Line, Speaker};
use crate::desk::Helpdesk;
use crate::ids::{DeliveryId, LineId, ReplyId, TicketId};
use crate::io::{Answer, DeliveryOutcome, Output, SayRefused};
use crate::tickets::Stage;
use crate::words;

/// True in the messenger, and on a page that comes back and shows every line.
const GOES_ON: &str =
    "Your page cannot be reached. The conversation goes on in your messenger: simply answer there.";

impl Helpdesk {
    /// From here on the shopper's messenger is sent every line.
    pub(crate) fn use_messenger(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        match ticket.messenger {
            Messenger::InUse => return,
            Messenger::Unused | Messenger::Failed => ticket.messenger = Messenger::InUse,
        }
        self.step(id, Step::ByMessenger);
        self.say_as_system(id, GOES_ON);
    }

    pub(crate) fn handle_messenger_line(
        &mut self,
        id: &TicketId,
        from: &str,
        line: LineId,
        text: Arc<str>,
        reply: ReplyId,
    ) {
        let answer = match self.take_messenger_line(id, from, line, text) {
            Ok(seq) => Answer::Said(seq),
            Err(refused) => Answer::NotSaid(refused),
        };
        self.push(Output::Reply { reply, answer });
    }

    /// Sends a line to the messenger, where it is in use.
    pub(crate) fn send_to_messenger(&mut self, id: &TicketId, line: &Line) {
        match line.from {
            Speaker::Shopper => return,
            Speaker::Rep | Speaker::System => {}
        }
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        let Some(address) = ticket.ask.im.clone() else {
            return;
        };
        match ticket.messenger {
            Messenger::InUse => {}
            Messenger::Unused | Messenger::Failed => return,
        }
        let delivery = self.deliveries.begin_letter(id.clone());
        self.push(Output::ToMessenger {
            delivery,
            ticket: id.clone(),
            address: Arc::from(address),
            name: line.name.clone(),
            text: Arc::clone(&line.text),
        });
    }

    /// What became of a line to a messenger; `false` where the delivery was none.
    pub(crate) fn handle_letter(&mut self, delivery: DeliveryId, outcome: DeliveryOutcome) -> bool {
        let Some(id) = self.deliveries.end_letter(delivery) else {
            return false;
        };
        match outcome {
            DeliveryOutcome::Delivered => return true,
            DeliveryOutcome::Undeliverable => {}
        }
        let Some(ticket) = self.tickets.ticket_mut(&id) else {
            return true;
        };
        if ticket.messenger != Messenger::InUse {
            return true;
        }
        ticket.messenger = Messenger::Failed;
        let (stage, who, page) = (
            ticket.stage.clone(),
            words::shopper(&ticket.ask),
            ticket.page,
        );
        self.step(
            &id,
            Step::NoMessenger {
                why: "it did not take the last message",
            },
        );
        if page == Page::Here {
            return true;
        }
        match stage {
            Stage::Offered { rep, .. } | Stage::Open { rep, .. } => {
                let hint = match self.callable(&id) {
                    Ok(_) => " /phone calls.",
                    Err(_) => "",
                };
                let text = format!("{who} can be reached neither by page nor by messenger.{hint}");
                self.send(&rep, &id, text);
            }
            Stage::Waiting | Stage::Callback(_) | Stage::Ended { .. } => {}
        }
        true
    }

    fn take_messenger_line(
        &mut self,
        id: &TicketId,
        from: &str,
        line: LineId,
        text: Arc<str>,
    ) -> Result<crate::ids::Seq, SayRefused> {
        let ticket = self.tickets.ticket(id).ok_or(SayRefused::UnknownTicket)?;
        let is_its = ticket
            .ask
            .im
            .as_deref()
            .is_some_and(|im| im.eq_ignore_ascii_case(from));
        match ticket.messenger {
            Messenger::InUse | Messenger::Failed if is_its => {}
            Messenger::Unused | Messenger::InUse | Messenger::Failed => {
                return Err(SayRefused::UnknownTicket);
            }
        }
        if let Some(ticket) = self.tickets.ticket_mut(id) {
            // Whoever writes can be reached.
            ticket.messenger = Messenger::InUse;
        }
        self.take_shopper_line(id, line, text)
    }
}
