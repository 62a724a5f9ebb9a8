//! What reps say: answers to offers, lines, commands.
//! Must not know how a message reached us.

use std::sync::Arc;

use crate::ask::NO_WISHES;
use crate::conversation::Speaker;
use crate::conversations::is_with;
use crate::desk::Helpdesk;
use crate::ids::{LineId, RepId, ReplyId, SkillId, TicketId};
use crate::io::{Addressee, Answer, Output, PauseFor, SayRefused, ShopperEvent};
use crate::offers::OfferEnd;
use crate::routing;
use crate::routing::fit::Wants;
use crate::said::{PauseCommand, Said};
use crate::ticket::CloseReason;
use crate::tickets::{Briefing, Stage};
use crate::words::{self, Seen};

/// The user part of the address that means a rep's own current conversation. Notes to a rep who has
/// none come from it.
const DESK: &str = "desk";

const NOT_TAKEN_YET: &str = "You have not taken it yet: reply to take it, then /phone calls.";
const CALLING: &str = "This one is being called. /no ends the call.";
const NO_ROOM: &str = "You have as many conversations as you may have; it waits on.";
const ENDED: &str = "This conversation has ended.";
const HOW_LONG: &str = "How long? /pause 15 is 15 minutes; 90s and 2h are understood, 24h at most. \
    /pause alone lasts until /resume.";

/// What a rep has to do with a ticket.
enum Relation {
    /// It is offered to the rep.
    Offered(Briefing),
    /// It was, until the rep let the offer lapse, and waits still.
    Lapsed,
    /// They are in conversation.
    Open,
    /// It is a call with the rep.
    Calling,
    /// Nothing, or no longer anything.
    Stranger,
}

impl Helpdesk {
    pub(crate) fn handle_rep_message(
        &mut self,
        rep: &RepId,
        to: &Addressee,
        line: Option<LineId>,
        text: &str,
        reply: ReplyId,
    ) {
        let text = words::plain(text);
        let text = text.trim();
        let is_nowhere = match to {
            Addressee::Ticket(ticket) => self.tickets.ticket(ticket).is_none(),
            Addressee::Desk => false,
        };
        let answer = if !is_nowhere {
            self.take_rep_message(rep, to, line, text);
            Answer::Heard
        } else if PauseCommand::read(text).is_some() {
            // It is about the rep, in whichever window of the phone it was written.
            self.take_rep_message(rep, &Addressee::Desk, line, text);
            Answer::Heard
        } else {
            self.show_life(rep);
            Answer::NoSuchConversation
        };
        self.push(Output::Reply { reply, answer });
    }

    /// Whoever writes is there, whatever the words are worth.
    pub(crate) fn show_life(&mut self, rep: &RepId) {
        let now = self.now;
        if let Some(seat) = self.roster.seat_mut(rep) {
            seat.show_life(now);
        }
    }

    pub(crate) fn handle_rep_typing(&mut self, rep: &RepId, to: &Addressee) {
        let ticket = match to {
            Addressee::Ticket(ticket) => Some(ticket.clone()),
            Addressee::Desk => self
                .roster
                .seat(rep)
                .and_then(|seat| seat.current().cloned()),
        };
        let Some(id) = ticket else {
            return;
        };
        let in_conversation = self
            .tickets
            .ticket(&id)
            .is_some_and(|ticket| is_with(ticket, rep));
        if in_conversation {
            self.push(Output::ToShopper {
                ticket: id,
                event: ShopperEvent::RepTyping,
            });
        }
    }

    /// Says something to a rep on Deskbell's own behalf.
    fn note(&mut self, rep: &RepId, ticket: &TicketId, text: &str) {
        self.send(rep, ticket, text.to_owned());
    }

    fn take_rep_message(&mut self, rep: &RepId, to: &Addressee, line: Option<LineId>, text: &str) {
        let now = self.now;
        let desk = || TicketId::new(DESK);
        let Some(seat) = self.roster.seat_mut(rep) else {
            self.note(rep, &desk(), "You are not set up as a rep here.");
            return;
        };
        seat.show_life(now);
        if text.is_empty() {
            return;
        }
        if let Some(command) = PauseCommand::read(text) {
            let from = match to {
                Addressee::Ticket(ticket) => ticket.clone(),
                Addressee::Desk => desk(),
            };
            let told = self.obey_pause(rep, command);
            self.note(rep, &from, &told);
            return;
        }
        let said = Said::read(text);
        let id = match to {
            Addressee::Ticket(ticket) => Some(ticket.clone()),
            Addressee::Desk => seat.current().or(seat.lapsed.as_ref()).cloned(),
        };
        let Some(id) = id else {
            let text = match said {
                Said::Help => words::HELP.to_owned(),
                Said::Line(_)
                | Said::Decline
                | Said::End
                | Said::HandOn(_)
                | Said::Callback
                | Said::Called
                | Said::Who
                | Said::Unknown(_) => format!("You have no conversation. {}", words::HELP),
            };
            self.note(rep, &desk(), &text);
            return;
        };
        match self.relation(rep, &id) {
            Relation::Offered(briefing) => self.answer_offer(rep, &id, line, &said, briefing),
            Relation::Lapsed => self.answer_late(rep, &id, line, &said),
            Relation::Open => self.converse(rep, &id, line, &said),
            Relation::Calling => self.write_beside_call(rep, &id, line, &said),
            Relation::Stranger => {
                let text = self.why_stranger(&id, &said);
                self.note(rep, &id, &text);
                return;
            }
        }
        match to {
            Addressee::Desk => self.tell_which(rep, &id),
            Addressee::Ticket(_) => {}
        }
    }

    /// Begins or ends a pause, wherever it is asked for; gives what to answer.
    fn obey_pause(&mut self, rep: &RepId, command: PauseCommand) -> String {
        match command {
            PauseCommand::Pause(pause) => {
                self.handle_pause(rep, Some(pause));
                match pause {
                    PauseFor::Time(time) => {
                        format!(
                            "You have a pause of {}; /resume ends it.",
                            words::length(time)
                        )
                    }
                    PauseFor::Good => "You have a pause until /resume.".to_owned(),
                }
            }
            PauseCommand::Unclear => HOW_LONG.to_owned(),
            PauseCommand::Resume => {
                let was_paused = self.roster.seat(rep).is_some_and(|seat| seat.is_paused());
                self.handle_pause(rep, None);
                if was_paused {
                    "Your pause is over.".to_owned()
                } else {
                    "You have no pause.".to_owned()
                }
            }
        }
    }

    fn answer_offer(
        &mut self,
        rep: &RepId,
        id: &TicketId,
        line: Option<LineId>,
        said: &Said<'_>,
        briefing: Briefing,
    ) {
        match said {
            Said::Line(text) => {
                self.accept(id, rep, briefing);
                self.say_as_rep(rep, id, line, text);
            }
            Said::Decline => self.end_offer(id, OfferEnd::Declined),
            Said::End | Said::HandOn(_) => {
                self.note(
                    rep,
                    id,
                    "You have not taken it yet: reply to take it, /no to pass.",
                );
            }
            Said::Callback | Said::Called => self.note(rep, id, NOT_TAKEN_YET),
            Said::Who => self.show_card(rep, id),
            Said::Help => self.note(rep, id, words::HELP),
            Said::Unknown(command) => self.note_unknown(rep, id, command),
        }
    }

    fn answer_late(&mut self, rep: &RepId, id: &TicketId, line: Option<LineId>, said: &Said<'_>) {
        let has_room = self.roster.seat(rep).is_some_and(|seat| seat.has_room());
        match said {
            Said::Line(_) if !has_room => {
                self.note(rep, id, NO_ROOM);
            }
            Said::Line(text) => {
                self.accept(id, rep, Briefing::Cut);
                self.say_as_rep(rep, id, line, text);
            }
            Said::Decline => self.forget_lapsed(rep),
            Said::End | Said::HandOn(_) => {
                self.note(
                    rep,
                    id,
                    "You have not taken it. A reply takes it while it waits.",
                );
            }
            Said::Callback | Said::Called => self.note(rep, id, NOT_TAKEN_YET),
            Said::Who => self.show_card(rep, id),
            Said::Help => self.note(rep, id, words::HELP),
            Said::Unknown(command) => self.note_unknown(rep, id, command),
        }
    }

    fn converse(&mut self, rep: &RepId, id: &TicketId, line: Option<LineId>, said: &Said<'_>) {
        match said {
            Said::Line(text) => self.say_as_rep(rep, id, line, text),
            Said::Decline => {
                self.note(
                    rep,
                    id,
                    "You have taken it already. /end ends it, /to hands it on.",
                );
            }
            Said::End => {
                let name = self.rep_name(rep);
                self.say_as_system(id, &format!("{name} has ended the conversation."));
                self.close(id, CloseReason::Rep);
                self.note(rep, id, "Ended.");
            }
            Said::HandOn(target) => self.hand_on_to(rep, id, target),
            Said::Callback => {
                if let Some(told) = self.call_for_rep(rep, id) {
                    self.note(rep, id, &told);
                }
            }
            Said::Called => {
                let told = self.confirm_call(rep, id);
                self.note(rep, id, &told);
            }
            Said::Who => self.show_card(rep, id),
            Said::Help => self.note(rep, id, words::HELP),
            Said::Unknown(command) => self.note_unknown(rep, id, command),
        }
    }

    /// During a call the rep may write to the page, and end the call.
    fn write_beside_call(
        &mut self,
        rep: &RepId,
        id: &TicketId,
        line: Option<LineId>,
        said: &Said<'_>,
    ) {
        match said {
            Said::Line(text) => self.say_as_rep(rep, id, line, text),
            Said::Decline => self.pass_call(id, rep),
            Said::End => self.call_off(id, rep),
            Said::HandOn(_) | Said::Callback | Said::Called => self.note(rep, id, CALLING),
            Said::Who => self.show_card(rep, id),
            Said::Help => self.note(rep, id, words::HELP),
            Said::Unknown(command) => self.note_unknown(rep, id, command),
        }
    }

    /// Takes an offer, or one that has lapsed and waits still, without a word.
    pub(crate) fn handle_rep_take(&mut self, rep: &RepId, id: &TicketId, reply: ReplyId) {
        self.show_life(rep);
        let has_room = self.roster.seat(rep).is_some_and(|seat| seat.has_room());
        let answer = if self.tickets.ticket(id).is_none() {
            Answer::NoSuchConversation
        } else {
            match self.relation(rep, id) {
                Relation::Offered(briefing) => self.accept(id, rep, briefing),
                Relation::Lapsed if has_room => self.accept(id, rep, Briefing::Cut),
                Relation::Lapsed => self.note(rep, id, NO_ROOM),
                Relation::Open | Relation::Calling => {}
                Relation::Stranger => {
                    let text = self.why_stranger(id, &Said::Line(""));
                    self.note(rep, id, &text);
                }
            }
            Answer::Heard
        };
        self.push(Output::Reply { reply, answer });
    }

    /// The rep is rested.
    pub(crate) fn handle_rep_ready(&mut self, rep: &RepId) {
        self.show_life(rep);
        if let Some(seat) = self.roster.seat_mut(rep) {
            seat.wrap_ups.clear();
        }
    }

    fn say_as_rep(&mut self, rep: &RepId, id: &TicketId, line: Option<LineId>, text: &str) {
        let name = self.rep_name(rep);
        if let Some(seat) = self.roster.seat_mut(rep) {
            seat.spoken_in = Some(id.clone());
        }
        if let Some(ticket) = self.tickets.ticket_mut(id) {
            ticket.told_out_of_reach = false;
            let is_said = |line: &LineId| ticket.transcript.place_of(line).is_some();
            if line.as_ref().is_some_and(is_said) {
                return;
            }
        }
        let said = self.say(
            id,
            Speaker::Rep,
            Some(Arc::from(name)),
            line,
            Arc::from(text),
        );
        match said {
            Ok(_) => {}
            Err(refused @ (SayRefused::TooLong | SayRefused::Full)) => {
                self.note(rep, id, &format!("Not said: {refused}."));
            }
            Err(SayRefused::UnknownTicket | SayRefused::Ended) => {
                self.note(rep, id, ENDED);
            }
        }
    }

    /// Hands a conversation on to a skill or a rep, unless nobody could take it there.
    fn hand_on_to(&mut self, rep: &RepId, id: &TicketId, target: &str) {
        let from = self.rep_name(rep);
        let told = match self.find_target(rep, id, target) {
            Err(why) => why,
            Ok((skills, to)) => {
                let whom = match (&to, skills.first()) {
                    (Some(to), _) => self.rep_name(to),
                    (None, Some(skill)) => self.skill_name(skill).to_owned(),
                    (None, None) => String::new(),
                };
                self.say_as_system(id, &format!("{from} hands you on to {whom}."));
                self.hand_on(id, rep, skills, to);
                format!("Handed on to {whom}.")
            }
        };
        self.note(rep, id, &told);
    }

    fn find_target(
        &self,
        from: &RepId,
        id: &TicketId,
        target: &str,
    ) -> Result<(Vec<SkillId>, Option<RepId>), String> {
        let is = |id: &str, name: &str| {
            id.eq_ignore_ascii_case(target) || name.to_lowercase() == target.to_lowercase()
        };
        let config = &self.config;
        let Some(ticket) = self.tickets.ticket(id) else {
            return Err(ENDED.to_owned());
        };
        if target.is_empty() {
            return Err("Whom to? Write /to and a skill or a rep.".to_owned());
        }
        if let Some(skill) = config.skills.iter().find(|s| is(s.id.as_str(), &s.name)) {
            let skills = vec![skill.id.clone()];
            let mut demand = ticket.demand(config.routing.sticky_for, self.now);
            demand.wants = Wants {
                skills: &skills,
                tier: demand.wants.tier,
                wishes: &NO_WISHES,
            };
            demand.named = None;
            return if routing::could_others(&demand, from, &self.roster, &config.routing) {
                Ok((skills, None))
            } else {
                Err(format!(
                    "Nobody else at work can help with {}. The conversation stays with you.",
                    skill.name
                ))
            };
        }
        let Some(seat) = self
            .roster
            .seats()
            .find(|seat| is(seat.rep.id.as_str(), &seat.rep.name))
        else {
            return Err(format!("There is no skill or rep called {target}."));
        };
        if seat.rep.id == *from {
            return Err("You have it already.".to_owned());
        }
        if seat.is_on_duty() {
            Ok((ticket.skills.clone(), Some(seat.rep.id.clone())))
        } else {
            Err(format!(
                "{} is off duty. The conversation stays with you.",
                seat.rep.name
            ))
        }
    }

    fn show_card(&mut self, rep: &RepId, id: &TicketId) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        let seen = if ticket.transcript.seen() == ticket.transcript.last() {
            Seen::All
        } else {
            Seen::NotAll
        };
        let waited = self.now.since(ticket.asked_at);
        let card = words::card(&ticket.ask, &self.skill_names(ticket), waited, seen);
        self.send(rep, id, card);
    }

    fn note_unknown(&mut self, rep: &RepId, id: &TicketId, command: &str) {
        self.note(
            rep,
            id,
            &format!("There is no command {command}. {}", words::HELP),
        );
    }

    /// Tells a rep with several conversations, once per change, which one `desk` meant.
    fn tell_which(&mut self, rep: &RepId, id: &TicketId) {
        let Some(seat) = self.roster.seat_mut(rep) else {
            return;
        };
        if seat.desk_told.as_ref() == Some(id) || !seat.conversations.contains(id) {
            return;
        }
        seat.desk_told = Some(id.clone());
        if seat.conversations.len() < 2 {
            return;
        }
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        let text = words::went_to(&ticket.ask, &self.skill_names(ticket));
        self.note(rep, id, &text);
    }

    fn forget_lapsed(&mut self, rep: &RepId) {
        if let Some(seat) = self.roster.seat_mut(rep) {
            seat.lapsed = None;
        }
    }

    fn relation(&self, to: &RepId, id: &TicketId) -> Relation {
        let Some(ticket) = self.tickets.ticket(id) else {
            return Relation::Stranger;
        };
        match &ticket.stage {
            Stage::Offered { rep, briefing, .. } if rep == to => Relation::Offered(*briefing),
            Stage::Open { rep, .. } if rep == to => Relation::Open,
            Stage::Callback(calling) if calling.rep == *to => Relation::Calling,
            Stage::Waiting => {
                let lapsed = self.roster.seat(to).and_then(|seat| seat.lapsed.as_ref());
                if lapsed == Some(id) {
                    Relation::Lapsed
                } else {
                    Relation::Stranger
                }
            }
            Stage::Offered { .. }
            | Stage::Open { .. }
            | Stage::Callback(_)
            | Stage::Ended { .. } => Relation::Stranger,
        }
    }

    fn why_stranger(&self, id: &TicketId, said: &Said<'_>) -> String {
        match said {
            Said::Help => return words::HELP.to_owned(),
            Said::Line(_)
            | Said::Decline
            | Said::End
            | Said::HandOn(_)
            | Said::Callback
            | Said::Called
            | Said::Who
            | Said::Unknown(_) => {}
        }
        let why = match self.tickets.ticket(id).map(|ticket| &ticket.stage) {
            None | Some(Stage::Ended { .. }) => ENDED,
            Some(Stage::Waiting) => "It is not yours: it waits for somebody.",
            Some(Stage::Offered { .. } | Stage::Open { .. } | Stage::Callback(_)) => {
                "It is not yours: it has gone to somebody else."
            }
        };
        format!("{why} Nothing was passed on.")
    }

    pub(crate) fn rep_name(&self, rep: &RepId) -> String {
        self.roster
            .seat(rep)
            .map_or_else(|| rep.to_string(), |seat| seat.rep.name.clone())
    }
}
