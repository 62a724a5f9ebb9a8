//! A record as a row: the serialisable twin of [`helpdesk::Record`], each kind with its own version.
//! Must not know the database. A body's form, once released, is only ever added to by a new version.

mod body;
mod case;
mod decision;
mod learnt;

use std::sync::Arc;

use helpdesk::{Line, LineId, Record, RepId, Seq, SiteId, SkillId, TicketId, TierId};
use serde::Deserialize;

pub(crate) use self::case::CaseV1;
pub(crate) use self::decision::DecisionV1;
pub(crate) use self::learnt::{LessonV1, ScoreV1};

use self::body::{
    CallbackV1, ClosedV1, LineV1, NotedV1, OfferEndedV1, OpenedV1, RatedV1, RepV1, TransferredV1,
};
use self::learnt::PromisedV1;
use crate::chain::Columns;
use crate::seal::Keyring;

/// One row of the table `records`, and what the table `tickets` learns from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) ticket: TicketId,
    pub(crate) kind: Kind,
    pub(crate) version: u32,
    pub(crate) at_unix_ms: i64,
    /// A line's place and, where a browser chose one, its identity.
    pub(crate) line: Option<(Seq, Option<LineId>)>,
    /// JSON.
    pub(crate) body: String,
    /// The body as it is stored, where there is a key to seal it with.
    pub(crate) sealed: Option<String>,
}

/// What kind of fact a row is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Opened { site: SiteId, tier: TierId },
    Line,
    Offered,
    OfferEnded,
    Accepted,
    Transferred,
    Callback,
    Closed,
    Rated,
    Noted,
    Promised,
}

impl Kind {
    /// The kind as the table says it.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Opened { .. } => OPENED,
            Self::Line => LINE,
            Self::Offered => OFFERED,
            Self::OfferEnded => OFFER_ENDED,
            Self::Accepted => ACCEPTED,
            Self::Transferred => TRANSFERRED,
            Self::Callback => CALLBACK,
            Self::Closed => CLOSED,
            Self::Rated => RATED,
            Self::Noted => NOTED,
            Self::Promised => PROMISED,
        }
    }
}

/// A row as read back, before anybody knows whether it makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredRow {
    pub(crate) position: i64,
    pub(crate) ticket: String,
    pub(crate) kind: String,
    pub(crate) version: u32,
    pub(crate) at_unix_ms: i64,
    pub(crate) line: Option<i64>,
    pub(crate) line_id: Option<String>,
    /// Sealed or not.
    pub(crate) body: String,
    pub(crate) digest: Vec<u8>,
}

impl Row {
    /// The record as a row of the newest version of its kind; `None` of one that is no part of a story.
    pub(crate) fn from_record(record: &Record) -> Result<Option<Self>, serde_json::Error> {
        let (ticket, kind, at_unix_ms, line, body) = match record {
            Record::Opened { ask, at_unix_ms } => {
                let kind = Kind::Opened {
                    site: ask.site.clone(),
                    tier: ask.tier.clone(),
                };
                (
                    &ask.ticket,
                    kind,
                    at_unix_ms,
                    None,
                    serde_json::to_string(&OpenedV1::from_ask(ask)),
                )
            }
            Record::Line { ticket, line } => {
                let place = Some((line.seq, line.id.clone()));
                let body = LineV1 {
                    from: line.from.into(),
                    name: line.name.clone(),
                    text: Arc::clone(&line.text),
                };
                (
                    ticket,
                    Kind::Line,
                    &line.at_unix_ms,
                    place,
                    serde_json::to_string(&body),
                )
            }
            Record::Offered {
                ticket,
                rep,
                at_unix_ms,
            } => (
                ticket,
                Kind::Offered,
                at_unix_ms,
                None,
                serde_json::to_string(&RepV1::from_id(rep)),
            ),
            Record::OfferEnded {
                ticket,
                rep,
                why,
                at_unix_ms,
            } => {
                let body = OfferEndedV1 {
                    rep: rep.as_str().to_owned(),
                    why: Arc::clone(why),
                };
                (
                    ticket,
                    Kind::OfferEnded,
                    at_unix_ms,
                    None,
                    serde_json::to_string(&body),
                )
            }
            Record::Accepted {
                ticket,
                rep,
                at_unix_ms,
            } => (
                ticket,
                Kind::Accepted,
                at_unix_ms,
                None,
                serde_json::to_string(&RepV1::from_id(rep)),
            ),
            Record::Transferred {
                ticket,
                from,
                skills,
                to,
                at_unix_ms,
            } => {
                let body = TransferredV1 {
                    rep: from.as_str().to_owned(),
                    skills: skills
                        .iter()
                        .map(|skill| skill.as_str().to_owned())
                        .collect(),
                    to: to.as_ref().map(|rep| rep.as_str().to_owned()),
                };
                (
                    ticket,
                    Kind::Transferred,
                    at_unix_ms,
                    None,
                    serde_json::to_string(&body),
                )
            }
            Record::Callback {
                ticket,
                fact,
                at_unix_ms,
            } => (
                ticket,
                Kind::Callback,
                at_unix_ms,
                None,
                serde_json::to_string(&CallbackV1::from_fact(fact)),
            ),
            Record::Closed {
                ticket,
                reason,
                at_unix_ms,
            } => {
                let body = ClosedV1 {
                    reason: (*reason).into(),
                };
                (
                    ticket,
                    Kind::Closed,
                    at_unix_ms,
                    None,
                    serde_json::to_string(&body),
                )
            }
            Record::Rated {
                ticket,
                stars,
                comment,
                at_unix_ms,
            } => {
                let body = RatedV1 {
                    stars: *stars,
                    comment: comment.clone(),
                };
                (
                    ticket,
                    Kind::Rated,
                    at_unix_ms,
                    None,
                    serde_json::to_string(&body),
                )
            }
            Record::Noted {
                ticket,
                rep,
                text,
                at_unix_ms,
            } => {
                let body = NotedV1 {
                    rep: rep.as_str().to_owned(),
                    text: text.as_ref().to_owned(),
                };
                (
                    ticket,
                    Kind::Noted,
                    at_unix_ms,
                    None,
                    serde_json::to_string(&body),
                )
            }
            Record::Promised {
                ticket,
                promise,
                at_unix_ms,
            } => (
                ticket,
                Kind::Promised,
                at_unix_ms,
                None,
                serde_json::to_string(&PromisedV1::from_promise(promise)),
            ),
            Record::Decided(_)
            | Record::Case(_)
            | Record::Paused { .. }
            | Record::Learnt(_)
            | Record::Scored { .. } => return Ok(None),
        };
        Ok(Some(Self {
            ticket: ticket.clone(),
            kind,
            version: 1,
            at_unix_ms: *at_unix_ms,
            line,
            body: body?,
            sealed: None,
        }))
    }

    /// Seals the body for its place, where there is a key.
    pub(crate) fn seal(&mut self, keyring: &Keyring) -> Result<(), String> {
        let place = place(self.ticket.as_str(), self.kind.as_str(), self.at_unix_ms);
        self.sealed = keyring
            .seal(&self.body, &place)
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    /// The row as stored; `None` for a line beyond what a database counts to.
    pub(crate) fn columns(&self) -> Option<Columns<'_>> {
        let (line, line_id) = match &self.line {
            Some((seq, id)) => (Some(i64::try_from(seq.0).ok()?), id.as_ref()),
            None => (None, None),
        };
        Some(Columns {
            ticket: self.ticket.as_str(),
            kind: self.kind.as_str(),
            version: self.version,
            at_unix_ms: self.at_unix_ms,
            line,
            line_id: line_id.map(LineId::as_str),
            body: self.sealed.as_deref().unwrap_or(&self.body),
        })
    }

    /// Whether a stored body of the same place says what this row's says.
    pub(crate) fn says(&self, stored: String, keyring: &Keyring) -> bool {
        let place = place(self.ticket.as_str(), self.kind.as_str(), self.at_unix_ms);
        keyring
            .open(stored, &place)
            .is_ok_and(|body| body == self.body)
    }
}

impl StoredRow {
    pub(crate) fn columns(&self) -> Columns<'_> {
        Columns {
            ticket: &self.ticket,
            kind: &self.kind,
            version: self.version,
            at_unix_ms: self.at_unix_ms,
            line: self.line,
            line_id: self.line_id.as_deref(),
            body: &self.body,
        }
    }

    /// The row with its body in the clear.
    pub(crate) fn opened(mut self, keyring: &Keyring) -> Result<Self, String> {
        let place = place(&self.ticket, &self.kind, self.at_unix_ms);
        self.body = keyring
            .open(self.body, &place)
            .map_err(|error| error.to_string())?;
        Ok(self)
    }

    /// The row with its body sealed by the newest key.
    pub(crate) fn resealed(&self, keyring: &Keyring) -> Result<Self, String> {
        let mut row = self.clone().opened(keyring)?;
        let place = place(&row.ticket, &row.kind, row.at_unix_ms);
        let sealed = keyring
            .seal(&row.body, &place)
            .map_err(|error| error.to_string())?;
        row.body = sealed.unwrap_or(row.body);
        Ok(row)
    }

    /// The record the row was written for; `Err` says what is wrong with the row.
    pub(crate) fn into_record(self) -> Result<Record, String> {
        let ticket = TicketId::new(&self.ticket);
        let at_unix_ms = self.at_unix_ms;
        match (self.kind.as_str(), self.version) {
            (OPENED, 1) => {
                let ask = body::<OpenedV1>(&self.body)?.into_ask(ticket)?;
                Ok(Record::Opened {
                    ask: Box::new(ask),
                    at_unix_ms,
                })
            }
            (LINE, 1) => {
                let LineV1 { from, name, text } = body(&self.body)?;
                let seq = self
                    .line
                    .and_then(|seq| u64::try_from(seq).ok())
                    .ok_or("the line has no place")?;
                let id = self.line_id.as_deref().map(LineId::new);
                let line = Line {
                    seq: Seq(seq),
                    id,
                    from: from.into(),
                    name,
                    text,
                    at_unix_ms,
                };
                Ok(Record::Line { ticket, line })
            }
            (OFFERED, 1) => {
                let RepV1 { rep } = body(&self.body)?;
                Ok(Record::Offered {
                    ticket,
                    rep: RepId::new(&rep),
                    at_unix_ms,
                })
            }
            (OFFER_ENDED, 1) => {
                let OfferEndedV1 { rep, why } = body(&self.body)?;
                Ok(Record::OfferEnded {
                    ticket,
                    rep: RepId::new(&rep),
                    why,
                    at_unix_ms,
                })
            }
            (ACCEPTED, 1) => {
                let RepV1 { rep } = body(&self.body)?;
                Ok(Record::Accepted {
                    ticket,
                    rep: RepId::new(&rep),
                    at_unix_ms,
                })
            }
            (TRANSFERRED, 1) => {
                let TransferredV1 { rep, skills, to } = body(&self.body)?;
                Ok(Record::Transferred {
                    ticket,
                    from: RepId::new(&rep),
                    skills: skills.iter().map(|skill| SkillId::new(skill)).collect(),
                    to: to.as_deref().map(RepId::new),
                    at_unix_ms,
                })
            }
            (CALLBACK, 1) => {
                let fact = body::<CallbackV1>(&self.body)?.into_fact()?;
                Ok(Record::Callback {
                    ticket,
                    fact,
                    at_unix_ms,
                })
            }
            (CLOSED, 1) => {
                let ClosedV1 { reason } = body(&self.body)?;
                Ok(Record::Closed {
                    ticket,
                    reason: reason.into(),
                    at_unix_ms,
                })
            }
            (RATED, 1) => {
                let RatedV1 { stars, comment } = body(&self.body)?;
                Ok(Record::Rated {
                    ticket,
                    stars,
                    comment,
                    at_unix_ms,
                })
            }
            (NOTED, 1) => {
                let NotedV1 { rep, text } = body(&self.body)?;
                Ok(Record::Noted {
                    ticket,
                    rep: RepId::new(&rep),
                    text: text.into(),
                    at_unix_ms,
                })
            }
            (PROMISED, 1) => Ok(Record::Promised {
                ticket,
                promise: body::<PromisedV1>(&self.body)?.into_promise(),
                at_unix_ms,
            }),
            _ => Err("this program does not know it; a newer one wrote it".to_owned()),
        }
    }
}

/// What a sealed body belongs to: it opens nowhere else.
fn place(ticket: &str, kind: &str, at_unix_ms: i64) -> String {
    format!("record {ticket} {kind} {at_unix_ms}")
}

const OPENED: &str = "opened";
const LINE: &str = "line";
const OFFERED: &str = "offered";
const OFFER_ENDED: &str = "offer-ended";
const ACCEPTED: &str = "accepted";
const TRANSFERRED: &str = "transferred";
const CALLBACK: &str = "callback";
const CLOSED: &str = "closed";
const RATED: &str = "rated";
const NOTED: &str = "noted";
const PROMISED: &str = "promised";

fn body<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use helpdesk::CloseReason;

    use super::body::{hexadecimal, read_digest};
    use super::*;

    fn stored(kind: &str, version: u32, body: &str) -> Result<Record, String> {
        StoredRow {
            position: 1,
            ticket: "t1".to_owned(),
            kind: kind.to_owned(),
            version,
            at_unix_ms: 5,
            line: None,
            line_id: None,
            body: body.to_owned(),
            digest: Vec::new(),
        }
        .into_record()
    }

    #[test]
    fn digests_are_written_and_read_back() {
        let digest: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 8).unwrap());
        assert_eq!(read_digest(&hexadecimal(&digest)), Some(digest));
        assert_eq!(read_digest("00ff"), None);
        assert_eq!(read_digest(&"x".repeat(64)), None);
        assert_eq!(read_digest(&"0".repeat(65)), None);
        assert_eq!(read_digest(&"+0".repeat(32)), None);
    }

    #[test]
    fn unknown_kinds_and_versions_are_named_not_guessed() {
        assert!(
            stored("accepted", 2, r#"{"rep":"alice"}"#)
                .unwrap_err()
                .contains("newer")
        );
        assert!(stored("sung", 1, "{}").unwrap_err().contains("newer"));
        assert!(stored("accepted", 1, "{").is_err());
        assert!(
            stored("line", 1, r#"{"from":"rep","text":"hi"}"#)
                .unwrap_err()
                .contains("place")
        );
        let opened = r#"{"access":"00","site":"s","skills":[],"tier":"t"}"#;
        assert!(stored("opened", 1, opened).unwrap_err().contains("digest"));
    }

    #[test]
    fn first_version_of_a_body_stays_readable() {
        assert_eq!(
            stored("rated", 1, r#"{"stars":4,"comment":"kind"}"#),
            Ok(Record::Rated {
                ticket: TicketId::new("t1"),
                stars: 4,
                comment: Some("kind".to_owned()),
                at_unix_ms: 5
            })
        );
        assert_eq!(
            stored("closed", 1, r#"{"reason":"abandoned"}"#),
            Ok(Record::Closed {
                ticket: TicketId::new("t1"),
                reason: CloseReason::Abandoned,
                at_unix_ms: 5
            })
        );
    }
}
