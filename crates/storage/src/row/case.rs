//! The form of a case's body. A form, once released, is only ever added to. Must not know columns.

use helpdesk::{Case, CaseId, CaseReason, CaseState, RepId, SiteId, SkillId, TicketId};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) struct CaseV1 {
    site: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shopper: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    skills: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ticket: Option<String>,
    reason: CaseReasonV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    words: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rep: Option<String>,
    /// Unix milliseconds, as every time here.
    opened_at: i64,
    /// Absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CaseReasonV1 {
    Offline,
    CallbackFailed,
    Unfinished,
}

impl CaseV1 {
    pub(crate) fn from_case(case: &Case) -> Self {
        let (closed_at, closed_by) = match &case.state {
            CaseState::Open => (None, None),
            CaseState::Closed { at_unix_ms, by } => (Some(*at_unix_ms), by.as_ref()),
        };
        let rep = |rep: &RepId| rep.as_str().to_owned();
        Self {
            site: case.site.as_str().to_owned(),
            shopper: case.shopper.clone(),
            name: case.name.clone(),
            contact: case.contact.clone(),
            skills: case
                .skills
                .iter()
                .map(|skill| skill.as_str().to_owned())
                .collect(),
            ticket: case.ticket.as_ref().map(|id| id.as_str().to_owned()),
            reason: match case.reason {
                CaseReason::Offline => CaseReasonV1::Offline,
                CaseReason::CallbackFailed => CaseReasonV1::CallbackFailed,
                CaseReason::Unfinished => CaseReasonV1::Unfinished,
            },
            words: case.words.clone(),
            rep: case.rep.as_ref().map(rep),
            opened_at: case.opened_unix_ms,
            closed_at,
            closed_by: closed_by.map(rep),
        }
    }

    pub(crate) fn into_case(self, id: CaseId) -> Case {
        let by = self.closed_by.as_deref().map(RepId::new);
        Case {
            id,
            site: SiteId::new(&self.site),
            shopper: self.shopper,
            name: self.name,
            contact: self.contact,
            skills: self
                .skills
                .iter()
                .map(|skill| SkillId::new(skill))
                .collect(),
            ticket: self.ticket.as_deref().map(TicketId::new),
            reason: match self.reason {
                CaseReasonV1::Offline => CaseReason::Offline,
                CaseReasonV1::CallbackFailed => CaseReason::CallbackFailed,
                CaseReasonV1::Unfinished => CaseReason::Unfinished,
            },
            words: self.words,
            state: match self.closed_at {
                None => CaseState::Open,
                Some(at_unix_ms) => CaseState::Closed { at_unix_ms, by },
            },
            opened_unix_ms: self.opened_at,
            rep: self.rep.as_deref().map(RepId::new),
        }
    }
}
