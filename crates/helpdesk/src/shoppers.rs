//! What shoppers do: ask, say, end, rate.
//! Must not know how a rep is found.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ask::{Ask, AskRefused, Preference};
use crate::callback::Origin;
use crate::conversation::Speaker;
use crate::desk::Helpdesk;
use crate::ids::{Level, LineId, ReplyId, Seq, SkillId, TicketId};
use crate::io::{Answer, Output, SayRefused};
use crate::look_alike::look_alike;
use crate::record::Record;
use crate::routing::{self, Prospect};
use crate::ticket::{CloseReason, TicketView};
use crate::tickets::{Stage, Ticket};
use crate::transcript::LINE_LIMIT;
use crate::words;

/// The longest comment kept of a rating, in characters.
const COMMENT_CHARS: usize = 2_000;

impl Helpdesk {
    pub(crate) fn handle_ask(&mut self, ask: Ask, reply: ReplyId) {
        self.roster.sync();
        let answer = match self.take_ask(ask) {
            Ok(view) => Answer::Ticket(view),
            Err(refused) => Answer::Refused(refused),
        };
        self.push(Output::Reply { reply, answer });
    }

    pub(crate) fn handle_shopper_line(
        &mut self,
        id: &TicketId,
        line: LineId,
        text: Arc<str>,
        reply: ReplyId,
    ) {
        let answer = match self.take_shopper_line(id, line, text) {
            Ok(seq) => Answer::Said(seq),
            Err(refused) => Answer::NotSaid(refused),
        };
        self.push(Output::Reply { reply, answer });
    }

    pub(crate) fn handle_shopper_typing(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        if let Stage::Open { rep, .. } = &ticket.stage {
            self.push(Output::TypingToRep {
                rep: rep.clone(),
                ticket: id.clone(),
            });
        }
    }

    pub(crate) fn handle_shopper_end(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        let name = words::shopper(&ticket.ask);
        match ticket.stage.clone() {
            Stage::Waiting => self.close(id, CloseReason::Abandoned),
            Stage::Offered { rep, .. } => {
                self.close(id, CloseReason::Abandoned);
                self.send(&rep, id, format!("{name} has left. Nothing to do."));
            }
            Stage::Open { rep, .. } => {
                self.close(id, CloseReason::Shopper);
                self.send(&rep, id, format!("{name} has ended the conversation."));
            }
            Stage::Callback(calling) => {
                let reason = match calling.origin {
                    Origin::Queue => CloseReason::Abandoned,
                    Origin::Conversation { .. } => CloseReason::Shopper,
                };
                self.close(id, reason);
                let text = format!("{name} does not want to be called any more.");
                self.send(&calling.rep, id, text);
            }
            Stage::Ended { .. } => {}
        }
    }

    pub(crate) fn handle_rating(&mut self, id: &TicketId, stars: u8, comment: Option<String>) {
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        let comment = comment.map(|text| text.chars().take(COMMENT_CHARS).collect::<String>());
        let rating = Some((stars, comment.clone()));
        match ticket.stage {
            Stage::Waiting | Stage::Offered { .. } | Stage::Open { .. } | Stage::Callback(_) => {
                return;
            }
            Stage::Ended { .. } if !(1..=5).contains(&stars) || ticket.rating == rating => return,
            Stage::Ended { .. } => ticket.rating = rating,
        }
        self.push(Output::Record(Record::Rated {
            ticket: id.clone(),
            stars,
            comment,
            at_unix_ms: self.now.0,
        }));
    }

    fn take_ask(&mut self, mut ask: Ask) -> Result<TicketView, AskRefused> {
        if let Some(known) = self.tickets.ticket(&ask.ticket) {
            // The same click again: the ticket it made is its answer.
            return if known.ask.access == ask.access {
                Ok(known.told.clone())
            } else {
                Err(AskRefused::TicketTaken)
            };
        }
        self.tell_apart(&mut ask);
        self.prefer_what_it_is_about(&mut ask);
        self.complete(&mut ask)?;
        self.prefer_who_knows(&mut ask);
        self.admit(&ask)?;
        self.admit_call(&ask)?;

        let id = ask.ticket.clone();
        self.push(Output::Record(Record::Opened {
            ask: Box::new(ask.clone()),
            at_unix_ms: self.now.0,
        }));
        let message = ask.message.clone().filter(|text| !text.trim().is_empty());
        let name = ask.name.as_deref().map(Arc::from);
        self.tickets.open(ask, self.now);
        self.teach_arrival(&id);
        if let Some(message) = message {
            let said = self.say(&id, Speaker::Shopper, name, None, Arc::from(message));
            debug_assert!(said.is_ok(), "the length was checked on admission");
        }
        self.plan_asked(&id);
        self.drain_queue();
        self.take_views_as_told([id.clone()]);
        // The ticket was opened a few lines up and nothing forgets it in between.
        self.ticket(&id).ok_or(AskRefused::Closed)
    }

    /// Checks the names in an ask, and fills in the skill that a site of one skill means.
    fn complete(&self, ask: &mut Ask) -> Result<(), AskRefused> {
        let config = &self.config;
        let Some(site) = config.sites.iter().find(|site| site.id == ask.site) else {
            return Err(AskRefused::UnknownSite(ask.site.clone()));
        };
        if ask.skills.is_empty() {
            let [only] = site.skills.as_slice() else {
                return Err(AskRefused::NoSkill);
            };
            ask.skills.push(only.clone());
        }
        let mut seen = BTreeSet::new();
        ask.skills.retain(|skill| seen.insert(skill.clone()));
        let known = |id: &SkillId| config.skills.iter().find(|skill| skill.id == *id);
        let offers = |id: &SkillId| {
            let is_language = known(id).is_some_and(|skill| skill.language.is_some());
            site.skills.contains(id) || is_language
        };
        let preferred = ask.wishes.preferred.iter().map(|wish| &wish.skill);
        let mut wanted = ask.skills.iter().chain(preferred);
        let unknown = wanted.find(|skill| !offers(skill));
        let routed_by = ask
            .skills
            .first()
            .filter(|skill| !site.skills.contains(skill));
        if let Some(unknown) = unknown.or(routed_by) {
            return Err(AskRefused::UnknownSkill(unknown.clone()));
        }
        let of_page = ask
            .language
            .as_deref()
            .and_then(|tag| tag.split('-').next());
        let spoken = config.skills.iter().filter(|skill| {
            let language = skill.language.as_deref();
            language
                .zip(of_page)
                .is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
        });
        for language in spoken {
            let is_wished = ask.skills.contains(&language.id)
                || ask
                    .wishes
                    .preferred
                    .iter()
                    .any(|wish| wish.skill == language.id);
            if !is_wished {
                ask.wishes.preferred.push(Preference {
                    skill: language.id.clone(),
                    weight: Level::MAX,
                    least_level: None,
                });
            }
        }
        if !config.tiers.iter().any(|tier| tier.id == ask.tier) {
            return Err(AskRefused::UnknownTier(ask.tier.clone()));
        }
        let too_long = |text: &String| text.len() > LINE_LIMIT;
        if ask.message.as_ref().is_some_and(too_long) {
            return Err(AskRefused::TooLong);
        }
        Ok(())
    }

    /// Whether the ask can be answered at this hour and by the reps there are, and has a place.
    fn admit(&self, ask: &Ask) -> Result<(), AskRefused> {
        let mut sites = self.config.sites.iter();
        if let Some(site) = sites.find(|site| site.id == ask.site) {
            let openness = site.openness(&ask.skills, self.now.0);
            if !openness.is_open {
                return Err(AskRefused::OutsideHours {
                    opens_unix_ms: openness.opens,
                });
            }
        }
        let newcomer = Ticket::new(ask.clone(), 0, self.now);
        let routing = &self.config.routing;
        let demand = newcomer.demand(routing.sticky_for, self.now);
        if let Some(rep) = &ask.rep {
            let fits = self
                .roster
                .seat(rep)
                .is_some_and(|seat| routing::could_serve(&demand, seat, routing));
            if !fits {
                return Err(AskRefused::UnknownRep(rep.clone()));
            }
        }
        let asks_much = ask.skills.len() > 1 || !ask.wishes.least_levels.is_empty();
        let mut seats = self.roster.seats();
        if asks_much && !seats.any(|seat| routing::could_serve(&demand, seat, routing)) {
            return Err(AskRefused::BeyondReach(words::wanted(ask)));
        }
        match routing::prospect(&demand, &self.roster, routing, self.now) {
            Prospect::Offer => Ok(()),
            Prospect::Wait => {
                let is_full = self.tickets.waiting_count() >= self.config.routing.queue_limit;
                if is_full {
                    Err(AskRefused::QueueFull)
                } else {
                    Ok(())
                }
            }
            Prospect::Closed => Err(AskRefused::Closed),
        }
    }

    /// A shopper whose name could be taken for a rep's is called a shopper wherever the name stands.
    fn tell_apart(&self, ask: &mut Ask) {
        let Some(name) = &ask.name else {
            return;
        };
        let is_like_a_rep = self
            .roster
            .seats()
            .any(|seat| look_alike(name, &seat.rep.name) || look_alike(name, seat.rep.id.as_str()));
        if is_like_a_rep {
            ask.name = Some(format!("{name} (shopper)"));
        }
    }

    pub(crate) fn take_shopper_line(
        &mut self,
        id: &TicketId,
        line: LineId,
        text: Arc<str>,
    ) -> Result<Seq, SayRefused> {
        let Some(ticket) = self.tickets.ticket(id) else {
            return Err(SayRefused::UnknownTicket);
        };
        if let Some(seq) = ticket.transcript.place_of(&line) {
            return Ok(seq);
        }
        let listener = match &ticket.stage {
            Stage::Waiting => None,
            Stage::Offered { rep, .. } | Stage::Open { rep, .. } => Some(rep.clone()),
            Stage::Callback(calling) => Some(calling.rep.clone()),
            Stage::Ended { .. } => return Err(SayRefused::Ended),
        };
        let name = ticket.ask.name.as_deref().map(Arc::from);
        let shown = listener.map(|rep| (rep, words::plain(&text).into_owned()));
        let seq = self.say(id, Speaker::Shopper, name, Some(line), text)?;
        if let Some((rep, shown)) = shown
            && !shown.trim().is_empty()
        {
            self.send_lines(&rep, id, shown, Some(seq));
        }
        Ok(seq)
    }
}
