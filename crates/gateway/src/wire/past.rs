//! A shopper's own data: what is kept of them, in a document that they can save.
//! Must not know where it is kept.

use helpdesk::{
    CallbackFact, CloseReason, Line, Record, RepId, SiteId, SkillId, Speaker, TicketId,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::visitor::Visitor;
use crate::wire::note::NoteDocument;
use crate::wire::presence::rfc_3339;

/// All that a site keeps of one shopper.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeDocument<'a> {
    site: &'a str,
    /// Whether the request's cookie makes anybody known.
    known: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    im: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    /// Who helped last.
    #[serde(skip_serializing_if = "Option::is_none")]
    rep: Option<&'a str>,
    cases: &'a [String],
    conversations: Vec<PastDocument<'a>>,
}

impl<'a> MeDocument<'a> {
    /// Of a request that proves nobody.
    pub(crate) fn nobody(site: &'a SiteId) -> Self {
        Self {
            site: site.as_str(),
            known: false,
            name: None,
            phone: None,
            im: None,
            language: None,
            rep: None,
            cases: &[],
            conversations: Vec::new(),
        }
    }

    /// Of a visitor.
    pub(crate) fn of(
        site: &'a SiteId,
        visitor: &'a Visitor,
        conversations: Vec<PastDocument<'a>>,
    ) -> Self {
        let rep = visitor.rep.as_ref();
        Self {
            site: site.as_str(),
            known: true,
            name: visitor.name.as_deref(),
            phone: visitor.phone.as_deref(),
            im: visitor.im.as_deref(),
            language: visitor.lang.as_deref(),
            rep: rep.map(|(id, name)| name.as_deref().unwrap_or(id)),
            cases: &visitor.cases,
            conversations,
        }
    }
}

/// One conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PastDocument<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<AskedDocument<'a>>,
    /// Identities of the reps who answered, in order.
    answered_by: Vec<&'a str>,
    lines: Vec<SaidDocument<'a>>,
    /// Telephone numbers at which the shopper was to be called.
    numbers: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<RatingDocument<'a>>,
    /// What reps wrote down for whoever helps next.
    notes: Vec<NoteDocument>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AskedDocument<'a> {
    at: String,
    skills: Vec<&'a str>,
    tier: &'a str,
    name: Option<&'a str>,
    phone: Option<&'a str>,
    page: Option<&'a str>,
    language: Option<&'a str>,
    case: Option<&'a str>,
    /// A rep asked for by name.
    rep: Option<&'a str>,
    /// The shopper's own SIP messenger.
    im: Option<&'a str>,
    details: Vec<(&'a str, &'a str)>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SaidDocument<'a> {
    at: String,
    from: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    text: &'a str,
}

#[derive(Debug, Serialize, ToSchema)]
struct EndDocument {
    at: String,
    by: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct RatingDocument<'a> {
    stars: u8,
    comment: Option<&'a str>,
}

impl<'a> PastDocument<'a> {
    /// The conversation as its records tell it.
    pub(crate) fn of(ticket: &'a TicketId, records: &'a [Record]) -> Self {
        let mut past = Self {
            id: ticket.as_str(),
            asked: None,
            answered_by: Vec::new(),
            lines: Vec::new(),
            numbers: Vec::new(),
            ended: None,
            rating: None,
            notes: Vec::new(),
        };
        for record in records {
            past.take(record);
        }
        past
    }

    fn take(&mut self, record: &'a Record) {
        match record {
            Record::Opened { ask, at_unix_ms } => {
                self.asked = Some(AskedDocument {
                    at: rfc_3339(*at_unix_ms),
                    skills: ask.skills.iter().map(SkillId::as_str).collect(),
                    tier: ask.tier.as_str(),
                    name: ask.name.as_deref(),
                    phone: ask.phone.as_deref(),
                    page: ask.page.as_deref(),
                    language: ask.language.as_deref(),
                    case: ask.case.as_deref(),
                    rep: ask.rep.as_ref().map(RepId::as_str),
                    im: ask.im.as_deref(),
                    details: ask
                        .details
                        .iter()
                        .map(|detail| (detail.label.as_str(), detail.answer.as_str()))
                        .collect(),
                });
            }
            Record::Line { line, .. } => self.lines.push(SaidDocument::of(line)),
            Record::Callback {
                fact: CallbackFact::Wanted { number, .. },
                ..
            } => {
                if !self.numbers.contains(&number.as_str()) {
                    self.numbers.push(number.as_str());
                }
            }
            Record::Accepted { rep, .. } => self.answered_by.push(rep.as_str()),
            Record::Closed {
                reason, at_unix_ms, ..
            } => {
                self.ended = Some(EndDocument {
                    at: rfc_3339(*at_unix_ms),
                    by: match reason {
                        CloseReason::Shopper | CloseReason::Abandoned => "shopper",
                        CloseReason::Rep | CloseReason::Called => "rep",
                        CloseReason::Unreached => "desk",
                    },
                });
            }
            Record::Rated { stars, comment, .. } => {
                self.rating = Some(RatingDocument {
                    stars: *stars,
                    comment: comment.as_deref(),
                });
            }
            Record::Noted {
                rep,
                text,
                at_unix_ms,
                ..
            } => NoteDocument::take(&mut self.notes, rep, text, *at_unix_ms),
            Record::Offered { .. }
            | Record::OfferEnded { .. }
            | Record::Transferred { .. }
            | Record::Callback {
                fact: CallbackFact::Withdrawn | CallbackFact::Tripped { .. },
                ..
            }
            | Record::Case(_)
            | Record::Promised { .. }
            | Record::Decided(_)
            | Record::Paused { .. }
            | Record::Learnt(_)
            | Record::Scored { .. } => {}
        }
    }
}

impl<'a> SaidDocument<'a> {
    fn of(line: &'a Line) -> Self {
        Self {
            at: rfc_3339(line.at_unix_ms),
            from: match line.from {
                Speaker::Shopper => "shopper",
                Speaker::Rep => "rep",
                Speaker::System => "system",
            },
            name: line.name.as_deref(),
            text: &line.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use helpdesk::{CallbackFact, PhoneNumber, PlannedBy, Record, TicketId};
    use serde_json::json;

    use super::PastDocument;

    #[test]
    fn each_number_to_be_called_is_told_once() {
        let ticket = TicketId::new("a");
        let wanted = |number| Record::Callback {
            ticket: ticket.clone(),
            fact: CallbackFact::Wanted {
                number: PhoneNumber::read(number, None).unwrap(),
                by: PlannedBy::Shopper,
            },
            at_unix_ms: 0,
        };
        let records = [wanted("+33 123 45 67 89"), wanted("0033 123456789")];
        let past = serde_json::to_value(PastDocument::of(&ticket, &records)).unwrap();
        assert_eq!(past["numbers"], json!(["+33123456789"]));
    }
}
