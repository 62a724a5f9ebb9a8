//! A case as a customer is told of it. Must not know how the journal is stored.

use helpdesk::{Case, CaseReason, CaseState};
use serde_json::{Value, json};

use super::story::time;

/// Everything that is kept of a case.
pub(super) fn whole(case: &Case) -> Value {
    let (closed_at, closed_by) = match &case.state {
        CaseState::Open => (None, None),
        CaseState::Closed { at_unix_ms, by } => (Some(time(*at_unix_ms)), by.as_ref()),
    };
    let reason = match case.reason {
        CaseReason::Offline => "offline",
        CaseReason::CallbackFailed => "callback-failed",
        CaseReason::Unfinished => "unfinished",
    };
    json!({
        "id": case.id.as_str(),
        "site": case.site.as_str(),
        "shopper": case.shopper,
        "name": case.name,
        "contact": case.contact,
        "skills": case.skills.iter().map(|skill| skill.as_str()).collect::<Vec<_>>(),
        "ticket": case.ticket.as_ref().map(|ticket| ticket.as_str()),
        "reason": reason,
        "words": case.words,
        "opened_at": time(case.opened_unix_ms),
        "closed_at": closed_at,
        "closed_by": closed_by.map(|rep| rep.as_str()),
        "rep": case.rep.as_ref().map(|rep| rep.as_str()),
    })
}
