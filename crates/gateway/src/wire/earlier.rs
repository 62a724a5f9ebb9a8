//! A conversation that a shopper had before, as the rep who helps now is shown it: short, whatever was said.
//! Must not know how it reaches the page.

use std::collections::HashMap;

use helpdesk::{Line, Record, RepId, Speaker};
use serde::Serialize;

use crate::config::Config;
use crate::wire::note::NoteDocument;
use crate::wire::presence::rfc_3339;

/// Conversations shown, the newest.
pub(crate) const SHOWN: usize = 6;

/// Lines of each, the last ones.
const LINES: usize = 10;

/// Notes of each, the newest.
const NOTES: usize = 2;

/// Characters of a line; what is longer ends with a mark.
const LINE_CHARS: usize = 300;

/// One conversation.
#[derive(Debug, Serialize)]
pub(crate) struct EarlierDocument {
    /// When help was asked for.
    at: String,
    /// Names of the skills.
    skills: Vec<String>,
    /// Names of the reps who helped, in order.
    reps: Vec<String>,
    ended: bool,
    rating: Option<u8>,
    notes: Vec<NoteDocument>,
    lines: Vec<EarlierLine>,
    /// Lines before those.
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct EarlierLine {
    from: &'static str,
    name: Option<String>,
    text: String,
}

impl EarlierDocument {
    /// The conversation as its records tell it; none where they tell of no beginning.
    pub(crate) fn of(
        records: &[Record],
        names_by_rep: &HashMap<RepId, String>,
        config: &Config,
    ) -> Option<Self> {
        let (ask, at_unix_ms) = records.iter().find_map(|record| {
            let Record::Opened { ask, at_unix_ms } = record else {
                return None;
            };
            Some((ask, *at_unix_ms))
        })?;
        let skill = |id| config.skill_name(id).to_owned();
        let mut document = Self {
            at: rfc_3339(at_unix_ms),
            skills: ask.skills.iter().map(skill).collect(),
            reps: Vec::new(),
            ended: false,
            rating: None,
            notes: Vec::new(),
            lines: Vec::new(),
            left_out: 0,
        };
        for record in records {
            document.take(record, names_by_rep);
        }
        document
            .notes
            .drain(..document.notes.len().saturating_sub(NOTES));
        document.left_out = document.lines.len().saturating_sub(LINES);
        document.lines.drain(..document.left_out);
        Some(document)
    }

    fn take(&mut self, record: &Record, names_by_rep: &HashMap<RepId, String>) {
        match record {
            Record::Line { line, .. } => self.lines.extend(EarlierLine::of(line)),
            Record::Accepted { rep, .. } => {
                let name = names_by_rep.get(rep).map_or(rep.as_str(), String::as_str);
                self.reps.push(name.to_owned());
            }
            Record::Closed { .. } => self.ended = true,
            Record::Rated { stars, .. } => self.rating = Some(*stars),
            Record::Noted {
                rep,
                text,
                at_unix_ms,
                ..
            } => NoteDocument::take(&mut self.notes, rep, text, *at_unix_ms),
            Record::Opened { .. }
            | Record::Offered { .. }
            | Record::OfferEnded { .. }
            | Record::Transferred { .. }
            | Record::Callback { .. }
            | Record::Promised { .. }
            | Record::Case(_)
            | Record::Decided(_)
            | Record::Paused { .. }
            | Record::Learnt(_)
            | Record::Scored { .. } => {}
        }
    }
}

impl EarlierLine {
    /// What the desk said of the conversation's course is not worth reading again.
    fn of(line: &Line) -> Option<Self> {
        let from = match line.from {
            Speaker::Shopper => "shopper",
            Speaker::Rep => "rep",
            Speaker::System => return None,
        };
        let mut text: String = line.text.chars().take(LINE_CHARS).collect();
        if text.len() < line.text.len() {
            text.push('\u{2026}');
        }
        Some(Self {
            from,
            name: line.name.as_deref().map(str::to_owned),
            text,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use helpdesk::{AccessDigest, Ask, Seq, SiteId, SkillId, TicketId, TierId};

    use super::*;

    fn opened() -> Record {
        let ask = Ask {
            ticket: TicketId::new("t"),
            access: AccessDigest([0; 32]),
            site: SiteId::new("shop"),
            skills: vec![SkillId::new("cameras")],
            wishes: helpdesk::Wishes::NONE,
            tier: TierId::new("standard"),
            rep: None,
            case: None,
            earlier: Vec::new(),
            name: None,
            phone: Some("+33123456789".to_owned()),
            message: None,
            details: Vec::new(),
            page: None,
            language: None,
            proof: helpdesk::Proof::None,
            channel: helpdesk::Channel::Page,
            im: None,
        };
        Record::Opened {
            ask: Box::new(ask),
            at_unix_ms: 0,
        }
    }

    fn said(seq: u64, from: Speaker, text: &str) -> Record {
        Record::Line {
            ticket: TicketId::new("t"),
            line: Line {
                seq: Seq(seq),
                id: None,
                from,
                name: None,
                text: Arc::from(text),
                at_unix_ms: 0,
            },
        }
    }

    #[test]
    fn whatever_was_said_the_document_fits_a_frame() {
        let ticket = || TicketId::new("t");
        let mut records = vec![opened()];
        let long = "\u{1}".repeat(8 * 1024);
        for seq in 0..100 {
            records.push(said(seq, Speaker::Shopper, &long));
            records.push(said(seq, Speaker::System, "Alice has joined."));
        }
        for rep in 0..9 {
            records.push(Record::Noted {
                ticket: ticket(),
                rep: RepId::new(&format!("rep{rep}")),
                text: "\u{1}".repeat(helpdesk::NOTE_CHARS).into(),
                at_unix_ms: 0,
            });
        }
        let config = Config::without_sites();
        let names = HashMap::new();
        let document = EarlierDocument::of(&records, &names, &config).unwrap();
        assert_eq!((document.lines.len(), document.left_out), (LINES, 90));
        assert!(document.lines[0].text.ends_with('\u{2026}'));
        assert_eq!(document.notes.len(), NOTES);
        let text = serde_json::to_string(&document).unwrap();
        assert!(!text.contains("joined") && !text.contains("+33"));
        // What one socket of a console may have waiting.
        assert!(SHOWN * text.len() < 4 * 64 * 1024, "{}", text.len());
        assert!(EarlierDocument::of(&records[1..], &names, &config).is_none());
    }
}
