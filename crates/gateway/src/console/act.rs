//! What a frame of a console does. Must not know how frames travel.

use std::sync::Arc;
use std::time::Instant;

use helpdesk::{AccessDigest, LineId, NOTE_CHARS, RepId, TicketId};
use presence::UserInput;

use super::ConsoleFace;
use super::call::{ConsoleCall, ConsoleId, RepCommand};
use super::sign_in::ask;
use crate::desk::Command;
use crate::face::Face;
use crate::key;
use crate::pace::Act;
use crate::problem::Problem;
use crate::wire::console::FromConsole;
use crate::wire::frame::spoken;

/// One page of a rep.
pub(super) struct Seat<'a> {
    pub(super) face: &'a Face,
    pub(super) console: &'a ConsoleFace,
    pub(super) rep: RepId,
    pub(super) id: ConsoleId,
    /// Whose pace is counted.
    pacer: AccessDigest,
}

/// What is answered to a frame.
pub(super) enum Done {
    /// Nothing.
    Quietly,
    /// A pulse.
    Alive,
    /// The line or the taking of this name has been recorded.
    Recorded(String),
    /// What the shopper of this ticket had before is to be told.
    LooksBack(TicketId),
}

impl<'a> Seat<'a> {
    pub(super) fn new(face: &'a Face, console: &'a ConsoleFace, rep: RepId, id: ConsoleId) -> Self {
        let pacer = key::digest(&format!("console {rep}"));
        Self {
            face,
            console,
            rep,
            id,
            pacer,
        }
    }

    /// Does what the frame asks for.
    pub(super) async fn act(&self, frame: &FromConsole) -> Result<Done, Problem> {
        let rep = self.rep.clone();
        match frame {
            FromConsole::Open { .. } => Err(Problem::unprocessable("The console is open.")),
            FromConsole::Say { ticket, id, text } => {
                let (line, text) = spoken(id, text)?;
                self.pace(Act::Say)?;
                self.say(ticket_id(ticket)?, line, text).await?;
                Ok(Done::Recorded(id.clone()))
            }
            FromConsole::Take { ticket, id } => {
                self.pace(Act::Say)?;
                let ticket = ticket_id(ticket)?;
                let taken = self.face.desk.call(|answer| {
                    Command::Rep(RepCommand::Take {
                        rep,
                        ticket,
                        answer,
                    })
                });
                if taken.await? {
                    Ok(Done::Recorded(id.clone()))
                } else {
                    Err(no_conversation())
                }
            }
            FromConsole::Note { ticket, id, text } => {
                self.pace(Act::Say)?;
                self.note(ticket_id(ticket)?, text).await?;
                Ok(Done::Recorded(id.clone()))
            }
            FromConsole::Past { ticket } => {
                self.pace(Act::Say)?;
                Ok(Done::LooksBack(ticket_id(ticket)?))
            }
            FromConsole::Typing { ticket } => {
                self.pace(Act::Type)?;
                let ticket = ticket_id(ticket)?;
                self.send(RepCommand::Typing { rep, ticket }).await
            }
            FromConsole::Here {} => self.send(RepCommand::Life { rep }).await,
            FromConsole::Ready {} => self.send(RepCommand::Ready { rep }).await,
            FromConsole::Resume {} => self.send(RepCommand::Resume { rep }).await,
            FromConsole::Hand { state } => {
                let console = self.id.clone();
                let hand = (*state).into();
                ask(self.console, ConsoleCall::Set { rep, console, hand }).await?;
                Ok(Done::Quietly)
            }
            FromConsole::Use { idle } => {
                let console = self.id.clone();
                let user_input = if *idle {
                    UserInput::Idle
                } else {
                    UserInput::Active
                };
                let call = ConsoleCall::Use {
                    rep,
                    console,
                    user_input,
                };
                ask(self.console, call).await?;
                Ok(Done::Alive)
            }
            FromConsole::Got { delivery } => {
                let delivery = helpdesk::DeliveryId(*delivery);
                ask(self.console, ConsoleCall::Got { rep, delivery }).await?;
                Ok(Done::Quietly)
            }
        }
    }

    async fn say(&self, ticket: TicketId, id: LineId, text: Arc<str>) -> Result<(), Problem> {
        let rep = self.rep.clone();
        let said = self.face.desk.call(|answer| {
            Command::Rep(RepCommand::Say {
                rep,
                ticket,
                id,
                text,
                answer,
            })
        });
        if said.await? {
            Ok(())
        } else {
            Err(no_conversation())
        }
    }

    async fn note(&self, ticket: TicketId, text: &str) -> Result<(), Problem> {
        if text.chars().count() > NOTE_CHARS {
            return Err(Problem::unprocessable(format!(
                "A note may have {NOTE_CHARS} characters."
            )));
        }
        let (rep, text) = (self.rep.clone(), Arc::from(text));
        let noted = self.face.desk.call(|answer| {
            Command::Rep(RepCommand::Note {
                rep,
                ticket,
                text,
                answer,
            })
        });
        if noted.await? {
            Ok(())
        } else {
            Err(no_conversation())
        }
    }

    pub(super) async fn send(&self, command: RepCommand) -> Result<Done, Problem> {
        self.face.desk.send(Command::Rep(command)).await?;
        Ok(Done::Quietly)
    }

    fn pace(&self, act: Act) -> Result<(), Problem> {
        let taken = self.face.paces.take(self.pacer, act, Instant::now());
        taken.map_err(|wait| {
            let words = format!(
                "That was faster than can be passed on. Wait {}, then do it again.",
                wait.text()
            );
            Problem::too_fast(words, wait.seconds())
        })
    }
}

/// A ticket as a page may name one.
fn ticket_id(text: &str) -> Result<TicketId, Problem> {
    key::new(text, "")
        .map(|key| key.ticket)
        .ok_or_else(no_conversation)
}

pub(super) fn no_conversation() -> Problem {
    Problem::not_found("There is no such conversation, or not any more.")
}
