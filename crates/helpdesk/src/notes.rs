//! What a rep writes down about a conversation, for whoever helps the same shopper next. It is kept with the story of the
//! ticket and read from there. Must not know who reads it.

use std::sync::Arc;

use crate::desk::Helpdesk;
use crate::ids::{RepId, ReplyId, TicketId};
use crate::io::{Answer, Output};
use crate::record::Record;

/// The longest note, in characters; what is longer is cut.
pub const NOTE_CHARS: usize = 1_000;

impl Helpdesk {
    pub(crate) fn handle_rep_note(&mut self, rep: RepId, id: TicketId, text: &str, reply: ReplyId) {
        self.show_life(&rep);
        let ticket = self.tickets.ticket(&id);
        let answer = if ticket.is_some_and(|ticket| ticket.last_rep.as_ref() == Some(&rep)) {
            let text: String = text.trim().chars().take(NOTE_CHARS).collect();
            self.push(Output::Record(Record::Noted {
                ticket: id,
                rep,
                text: Arc::from(text),
                at_unix_ms: self.now.0,
            }));
            Answer::Heard
        } else {
            Answer::NoSuchConversation
        };
        self.push(Output::Reply { reply, answer });
    }
}
