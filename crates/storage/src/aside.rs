//! Records that are no part of a ticket's chain: decisions and lessons, of which only the newest are kept, and newest
//! words about cases, pauses and promises kept. Must not know the database.

use std::sync::Arc;

use helpdesk::{CaseId, LESSONS_KEPT, PauseEnd, Record, RepId, TicketId};
use serde::{Deserialize, Serialize};

use crate::chain::{Digest, digest_of};
use crate::error::LoadError;
use crate::row::{CaseV1, DecisionV1, LessonV1, ScoreV1};
use crate::soft::{SoftChange, SoftKey, SoftKind, SoftValue};

/// Which of the tables that keep only so many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsideTable {
    /// Of each ticket so many, and they go with it.
    Decisions,
    /// So many in all.
    Lessons,
}

/// Decisions kept of a ticket: the first, and the latest.
pub(crate) const DECISIONS_OF_A_TICKET: i64 = 16;

/// Lessons kept.
pub(crate) const LESSONS: i64 = LESSONS_KEPT as i64;

impl AsideTable {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Lessons => "lessons",
        }
    }
}

/// A row of one of these tables. Neither says anything a shopper said, so that they are not sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aside {
    pub(crate) table: AsideTable,
    /// Empty for a lesson.
    pub(crate) ticket: String,
    pub(crate) at_unix_ms: i64,
    pub(crate) version: u32,
    /// JSON.
    pub(crate) body: String,
}

/// What becomes of a record that is no row of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    Aside(Aside),
    Word(SoftChange),
}

const VERSION: u32 = 1;

impl Kept {
    /// `None` for a record that is a row of a story.
    pub(crate) fn from_record(record: &Record) -> Result<Option<Self>, serde_json::Error> {
        let kept = match record {
            Record::Opened { .. }
            | Record::Line { .. }
            | Record::Offered { .. }
            | Record::OfferEnded { .. }
            | Record::Accepted { .. }
            | Record::Transferred { .. }
            | Record::Callback { .. }
            | Record::Closed { .. }
            | Record::Rated { .. }
            | Record::Noted { .. }
            | Record::Promised { .. } => return Ok(None),
            Record::Decided(decision) => Self::Aside(Aside {
                table: AsideTable::Decisions,
                ticket: decision.ticket.as_str().to_owned(),
                at_unix_ms: decision.at_unix_ms,
                version: VERSION,
                body: serde_json::to_string(&DecisionV1::from_decision(decision))?,
            }),
            Record::Learnt(lesson) => Self::Aside(Aside {
                table: AsideTable::Lessons,
                ticket: String::new(),
                at_unix_ms: lesson.at_unix_ms,
                version: VERSION,
                body: serde_json::to_string(&LessonV1::from_lesson(lesson))?,
            }),
            Record::Case(case) => {
                let body = serde_json::to_string(&CaseV1::from_case(case))?;
                let value = lasting(body, SoftValue::NEVER);
                word(SoftKind::Case, case.id.as_str(), Some(value))
            }
            Record::Paused {
                rep,
                pause,
                at_unix_ms,
            } => {
                let value = match pause {
                    None => None,
                    Some(pause) => {
                        let until = match pause {
                            PauseEnd::At(end) => Some(*end),
                            PauseEnd::WhenResumed => None,
                        };
                        let since = *at_unix_ms;
                        let body = serde_json::to_string(&PauseV1 { since, until })?;
                        Some(lasting(body, until.unwrap_or(SoftValue::NEVER)))
                    }
                };
                word(SoftKind::Pause, rep.as_str(), value)
            }
            Record::Scored {
                skill,
                tier,
                score,
                at_unix_ms,
            } => {
                let name = serde_json::to_string(&[skill.as_str(), tier.as_str()])?;
                let score = ScoreV1::from_score(skill, tier, score, *at_unix_ms);
                let body = serde_json::to_string(&score)?;
                let value = lasting(body, SoftValue::NEVER);
                word(SoftKind::Score, &name, Some(value))
            }
        };
        Ok(Some(kept))
    }
}

fn lasting(body: String, expires_at_unix_ms: i64) -> SoftValue {
    SoftValue {
        version: VERSION,
        expires_at_unix_ms,
        body,
    }
}

fn word(kind: SoftKind, name: &str, value: Option<SoftValue>) -> Kept {
    let name = name.to_owned();
    Kept::Word(SoftChange {
        key: SoftKey { kind, name },
        value,
    })
}

#[derive(Serialize, Deserialize)]
struct PauseV1 {
    since: i64,
    /// Absent where the rep will say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

/// The record that a word was written for; `Err` says what is wrong with it.
pub(crate) fn read_word(kind: SoftKind, name: &str, value: &SoftValue) -> Result<Record, String> {
    if value.version != VERSION {
        return Err("this program does not know it; a newer one wrote it".to_owned());
    }
    match kind {
        SoftKind::Case => {
            let case: CaseV1 = body(&value.body)?;
            Ok(Record::Case(Box::new(case.into_case(CaseId::new(name)))))
        }
        SoftKind::Pause => {
            let PauseV1 { since, until } = body(&value.body)?;
            Ok(Record::Paused {
                rep: RepId::new(name),
                pause: Some(until.map_or(PauseEnd::WhenResumed, PauseEnd::At)),
                at_unix_ms: since,
            })
        }
        SoftKind::Score => {
            let (skill, tier, score, at_unix_ms) = body::<ScoreV1>(&value.body)?.into_score();
            Ok(Record::Scored {
                skill,
                tier,
                score,
                at_unix_ms,
            })
        }
        SoftKind::Publications | SoftKind::Bindings | SoftKind::Subscription | SoftKind::Calls => {
            Err("it is no record".to_owned())
        }
    }
}

/// A row as read back, before anybody knows whether it makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredAside {
    pub(crate) position: i64,
    pub(crate) row: Aside,
    pub(crate) digest: Vec<u8>,
}

impl Aside {
    pub(crate) fn digest(&self) -> Digest {
        digest_of(&[
            self.table.as_str().as_bytes(),
            self.ticket.as_bytes(),
            &self.at_unix_ms.to_be_bytes(),
            &self.version.to_be_bytes(),
            self.body.as_bytes(),
        ])
    }
}

impl StoredAside {
    /// Whether it is what was written.
    pub(crate) fn is_sound(&self) -> bool {
        self.digest == self.row.digest()
    }

    /// The record the row was written for.
    pub(crate) fn into_record(self) -> Result<Record, LoadError> {
        let table = self.row.table.as_str();
        if !self.is_sound() {
            let name = format!("row {} of {table}", self.position);
            return Err(LoadError::Damaged(name));
        }
        let (position, version) = (self.position, self.row.version);
        self.row.read().map_err(|why| LoadError::Unreadable {
            position,
            kind: table.to_owned(),
            version,
            why,
        })
    }
}

impl Aside {
    fn read(self) -> Result<Record, String> {
        if self.version != VERSION {
            return Err("this program does not know it; a newer one wrote it".to_owned());
        }
        match self.table {
            AsideTable::Decisions => {
                let decision: DecisionV1 = body(&self.body)?;
                let ticket = TicketId::new(&self.ticket);
                let decision = decision.into_decision(ticket, self.at_unix_ms)?;
                Ok(Record::Decided(Arc::new(decision)))
            }
            AsideTable::Lessons => {
                let lesson: LessonV1 = body(&self.body)?;
                Ok(Record::Learnt(lesson.into_lesson(self.at_unix_ms)))
            }
        }
    }
}

fn body<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}
