//! Brings tickets back from the journal after a restart.
//! Must not know how records are kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::callback::{PastCall, Plan};
use crate::clock::Moment;
use crate::conversation::Speaker;
use crate::desk::Helpdesk;
use crate::ids::{RepId, TicketId};
use crate::io::Output;
use crate::knowledge::PauseEnd;
use crate::lesson::{self, Lesson};
use crate::offers::OfferEnd;
use crate::promised::Promised;
use crate::record::{CallbackFact, Record};
use crate::roster::Pause;
use crate::tickets::Stage;

/// Whether stories teach: not where what they taught is on record by itself.
#[derive(Clone, Copy)]
enum Stories {
    Told,
    Taught,
}

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
    /// What the desk has learnt comes back by the lessons on record; a journal without any teaches by its
    /// stories.
    pub fn restore(&mut self, records: impl IntoIterator<Item = Record>, now: Instant) {
        let records: Vec<Record> = records.into_iter().collect();
        let has_lessons = records
            .iter()
            .any(|record| matches!(record, Record::Learnt(_)));
        let stories = if has_lessons {
            Stories::Told
        } else {
            Stories::Taught
        };
        let mut offered = BTreeMap::new();
        for record in records {
            self.replay(record, stories, &mut offered);
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

    fn replay(
        &mut self,
        record: Record,
        stories: Stories,
        offered: &mut BTreeMap<TicketId, RepId>,
    ) {
        match record {
            Record::Opened { ask, at_unix_ms } => {
                if self.tickets.ticket(&ask.ticket).is_none() {
                    let at = Moment(at_unix_ms);
                    let ticket = self.tickets.open(*ask, at);
                    let lesson = lesson::of_arrival(ticket, at);
                    self.replay_lessons(lesson, stories);
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
                self.replay_acceptance(&ticket, rep, stories, Moment(at_unix_ms));
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
                let at = Moment(at_unix_ms);
                self.replay_lessons(self.lessons_of_end(&ticket, at), stories);
                self.end(&ticket, reason, at);
            }
            Record::Callback { ticket, fact, .. } => {
                if let Some(known) = self.tickets.ticket_mut(&ticket) {
                    match fact {
                        CallbackFact::Wanted { number, by } => {
                            known.plan = Some(Plan::new(number, by));
                        }
                        CallbackFact::Withdrawn => known.plan = None,
                        // The calls of the last day tell whether it still is.
                        CallbackFact::Tripped { .. } => {}
                    }
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
            // Read where it is asked for.
            Record::Noted { .. } => {}
            Record::Promised {
                ticket,
                promise,
                at_unix_ms,
            } => {
                if let Some(ticket) = self.tickets.ticket_mut(&ticket) {
                    let at = Moment(at_unix_ms);
                    ticket.promised = Some(Promised::restore(ticket.promised, promise, at));
                }
            }
            Record::Decided(decision) => self.decisions.add(decision),
            Record::Case(case) => self.cases.put(*case),
            Record::Paused { rep, pause, .. } => {
                if let Some(seat) = self.roster.seat_mut(&rep) {
                    seat.pause = pause.map(|pause| match pause {
                        PauseEnd::At(end) => Pause::Until(Moment(end)),
                        PauseEnd::WhenResumed => Pause::UntilResumed,
                    });
                }
            }
            Record::Learnt(lesson) => self.learnt.learn(&lesson),
            Record::Scored {
                skill, tier, score, ..
            } => self.scores.restore(skill, tier, score),
        }
    }

    fn replay_lessons(&mut self, lessons: impl IntoIterator<Item = Lesson>, stories: Stories) {
        match stories {
            Stories::Told => {}
            Stories::Taught => lessons
                .into_iter()
                .for_each(|lesson| self.learnt.learn(&lesson)),
        }
    }

    fn replay_acceptance(&mut self, id: &TicketId, rep: RepId, stories: Stories, at: Moment) {
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
        self.replay_lessons(self.lessons_of_service(id, at), stories);
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
