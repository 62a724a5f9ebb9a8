//! What a rep does at a console, as inputs of the helpdesk. Must not know how a console is connected.

use gateway::RepCommand;
use helpdesk::{Addressee, Input, PauseFor, RepId, TicketId};

use super::effects::Effect;
use super::owner::Owner;
use super::replies::Waiting;

impl Owner {
    pub(super) fn handle_console(&mut self, command: RepCommand) {
        match command {
            RepCommand::Watch { rep, answer } => {
                // Behind the records of what the view tells of.
                self.drain_outputs();
                let watch = self.seats.watch(&rep, &self.helpdesk);
                self.batch.push(Effect::Watched { answer, watch });
            }
            RepCommand::Follow {
                rep,
                ticket,
                after,
                events,
                answer,
            } => {
                self.drain_outputs();
                let view = self
                    .in_hand(&rep, &ticket)
                    .then(|| self.helpdesk.ticket(&ticket));
                let view = view.flatten();
                let backlog = match &view {
                    Some(_) => self.helpdesk.lines_after(&ticket, after).cloned().collect(),
                    None => Vec::new(),
                };
                self.batch.push(Effect::FollowAsRep {
                    ticket,
                    view,
                    backlog,
                    events,
                    answer,
                });
            }
            RepCommand::Say {
                rep,
                ticket,
                id,
                text,
                answer,
            } => {
                let reply = self.wait_for(Waiting::Console(answer));
                self.feed(Input::RepLine {
                    rep,
                    ticket,
                    id,
                    text,
                    reply,
                });
            }
            RepCommand::Take {
                rep,
                ticket,
                answer,
            } => {
                let reply = self.wait_for(Waiting::Console(answer));
                self.feed(Input::RepTake { rep, ticket, reply });
            }
            RepCommand::Note {
                rep,
                ticket,
                text,
                answer,
            } => {
                let reply = self.wait_for(Waiting::Console(answer));
                self.feed(Input::RepNote {
                    rep,
                    ticket,
                    text,
                    reply,
                });
            }
            RepCommand::Typing { rep, ticket } => self.feed(Input::RepTyping {
                rep,
                to: Addressee::Ticket(ticket),
            }),
            RepCommand::Life { rep } => self.feed(Input::RepLife { rep }),
            RepCommand::Ready { rep } => self.feed(Input::RepReady { rep }),
            RepCommand::Resume { rep } => self.feed(Input::Pause {
                rep,
                pause: None::<PauseFor>,
            }),
        }
    }

    /// Whether the ticket is offered to the rep, or open with the rep.
    fn in_hand(&self, rep: &RepId, ticket: &TicketId) -> bool {
        let view = self.helpdesk.seat_view(rep);
        view.is_some_and(|view| view.in_hand.iter().any(|held| held.ticket == *ticket))
    }
}
