//! What the desk learns from as things happen, and puts on record so that a restart forgets nothing.
//! Must not know what is made of a lesson.

use crate::clock::Moment;
use crate::desk::Helpdesk;
use crate::ids::TicketId;
use crate::io::Output;
use crate::lesson::{self, Lesson, WaitEnd};
use crate::record::Record;
use crate::tickets::Stage;

impl Helpdesk {
    /// A ticket came in.
    pub(crate) fn teach_arrival(&mut self, id: &TicketId) {
        let ticket = self.tickets.ticket(id);
        let lesson = ticket.and_then(|ticket| lesson::of_arrival(ticket, self.now));
        self.teach(lesson);
    }

    /// A rep takes a ticket.
    pub(crate) fn teach_service(&mut self, id: &TicketId) {
        if let Some(ticket) = self.tickets.ticket(id) {
            self.scores.end(ticket, WaitEnd::Served, self.now);
        }
        let lessons = self.lessons_of_service(id, self.now);
        self.teach(lessons);
    }

    /// A ticket is about to end.
    pub(crate) fn teach_end(&mut self, id: &TicketId) {
        if let Some(ticket) = self.tickets.ticket(id) {
            match &ticket.stage {
                Stage::Waiting | Stage::Offered { .. } => {
                    self.scores.end(ticket, WaitEnd::Left, self.now);
                }
                Stage::Callback(calling) if !calling.is_taken_up() => {
                    self.scores.end(ticket, WaitEnd::Left, self.now);
                }
                Stage::Open { .. } | Stage::Callback(_) | Stage::Ended { .. } => {}
            }
        }
        let lessons = self.lessons_of_end(id, self.now);
        self.teach(lessons);
    }

    /// What a rep's taking a ticket teaches.
    pub(crate) fn lessons_of_service(&self, id: &TicketId, at: Moment) -> Vec<Lesson> {
        let Some(ticket) = self.tickets.ticket(id) else {
            return Vec::new();
        };
        let end = WaitEnd::Served;
        let wait = lesson::of_wait(ticket, end, at);
        wait.into_iter()
            .chain(lesson::of_range(ticket, end, at))
            .collect()
    }

    /// What a ticket's end teaches.
    pub(crate) fn lessons_of_end(&self, id: &TicketId, at: Moment) -> Vec<Lesson> {
        let Some(ticket) = self.tickets.ticket(id) else {
            return Vec::new();
        };
        let end = WaitEnd::Left;
        let wait = || {
            lesson::of_wait(ticket, end, at)
                .into_iter()
                .chain(lesson::of_range(ticket, end, at))
                .collect()
        };
        let handling = |since| lesson::of_handling(ticket, since, at).into_iter().collect();
        match &ticket.stage {
            Stage::Waiting | Stage::Offered { .. } => wait(),
            Stage::Open { since, .. } => handling(*since),
            Stage::Callback(calling) => match calling.talks_since() {
                Some(since) => handling(since),
                None if calling.is_taken_up() => Vec::new(),
                None => wait(),
            },
            Stage::Ended { .. } => Vec::new(),
        }
    }

    /// Puts the scores that have changed on record.
    pub(crate) fn record_scores(&mut self) {
        let at_unix_ms = self.now.0;
        for (skill, tier, score) in self.scores.take_changed() {
            self.push(Output::Record(Record::Scored {
                skill,
                tier,
                score,
                at_unix_ms,
            }));
        }
    }

    fn teach(&mut self, lessons: impl IntoIterator<Item = Lesson>) {
        for lesson in lessons {
            self.learnt.learn(&lesson);
            self.push(Output::Record(Record::Learnt(lesson)));
        }
    }
}
