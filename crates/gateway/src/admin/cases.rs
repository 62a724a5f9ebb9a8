//! `/v1/admin/cases`: what is left to do for shoppers, and that nothing is.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use helpdesk::{Case, CaseId, CaseReason, CaseRefused, CaseState, RepId};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead, MayWrite};
use super::page::{Asked, Listed, Page};
use crate::body::JsonBody;
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::repeats::Repeat;
use crate::report::Report;
use crate::routes::tickets::sentence;
use crate::wire::presence::rfc_3339;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Case)]
pub(super) struct CaseDocument {
    case: String,
    site: String,
    /// `open` or `closed`.
    state: &'static str,
    /// `offline`, `callback_failed` or `unfinished`.
    reason: &'static str,
    opened: String,
    /// Null while it is open.
    closed: Option<String>,
    /// The rep who closed it; null where nobody in particular did.
    closed_by: Option<String>,
    /// What it is about.
    skills: Vec<String>,
    name: Option<String>,
    /// How the shopper can be answered: a telephone number, a mail or a SIP address.
    contact: Option<String>,
    words: Option<String>,
    /// The conversation it comes from, or the last that was about it.
    ticket: Option<String>,
    /// The rep who knows it.
    rep: Option<String>,
}

/// Which cases.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those that stand so. Closed ones are shown for half an hour.
    #[param(inline)]
    state: Option<Word>,
    /// Those of one site.
    site: Option<String>,
}

/// How a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Open,
    Closed,
}

/// Who closes it.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CloseBody {
    /// The rep who has seen to it; without it nobody in particular has.
    rep: Option<String>,
}

/// Every case that is open, and those closed a short while ago.
#[utoipa::path(
    get,
    path = "/v1/admin/cases",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of cases.", body = Listed<CaseDocument>))
)]
pub(super) async fn list(
    _: Admin<MayRead>,
    State(face): State<Face>,
    page: Page<Filter>,
) -> Result<Json<Listed<CaseDocument>>, Problem> {
    let cases = face
        .desk
        .call(|answer| Command::Report(Report::Cases(answer)))
        .await?;
    let documents = cases
        .into_iter()
        .filter(|case| {
            let state = page.filter.state;
            state.is_none_or(|state| (state == Word::Open) == case.is_open())
        })
        .filter(|case| {
            let site = page.filter.site.as_deref();
            site.is_none_or(|site| site == case.site.as_str())
        })
        .map(CaseDocument::from)
        .collect();
    Ok(Json(page.of(documents, |case: &CaseDocument| &case.case)))
}

/// Closes a case; one that is closed stays as it is. A repeated `Idempotency-Key` is answered with the first answer.
#[utoipa::path(
    post,
    path = "/v1/admin/cases/{case}/close",
    tag = "admin",
    params(
        ("case" = String, Path, description = "The case."),
        ("Idempotency-Key" = Option<String>, Header, description = "Up to 255 printable ASCII characters of the caller's choice.", max_length = 255, pattern = "^[!-~]+$")
    ),
    request_body = CloseBody,
    responses((status = 200, description = "The case as it stands.", body = CaseDocument))
)]
pub(super) async fn close(
    admin: Admin<MayWrite>,
    State(face): State<Face>,
    Path(case): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<CloseBody>,
) -> Result<Response, Problem> {
    let asked = format!("close {case} {body:?}");
    let place = match face.repeats.begin(&admin.key, &headers, &asked)? {
        Repeat::Known(response) => return Ok(response),
        Repeat::First(place) => place,
    };
    let by = body.rep.as_deref().map(RepId::new);
    let closed = face
        .desk
        .call(|answer| Command::CloseCase {
            case: CaseId::new(&case),
            by,
            answer,
        })
        .await?;
    let case = closed.map_err(refusal)?;
    tracing::info!(key = %admin.key, case = %case.id, "a case is closed");
    Ok(place.keep(&CaseDocument::from(case)).into_response())
}

fn refusal(refused: CaseRefused) -> Problem {
    match &refused {
        CaseRefused::UnknownCase(_) => Problem::not_found(sentence(&refused)),
        CaseRefused::UnknownRep(_)
        | CaseRefused::UnknownSite(_)
        | CaseRefused::UnknownSkill(_)
        | CaseRefused::UnknownTicket(_)
        | CaseRefused::CaseTaken
        | CaseRefused::TooLong
        | CaseRefused::TooMany => Problem::unprocessable(sentence(&refused)),
    }
}

impl From<Case> for CaseDocument {
    fn from(case: Case) -> Self {
        let (state, closed, closed_by) = match &case.state {
            CaseState::Open => ("open", None, None),
            CaseState::Closed { at_unix_ms, by } => {
                let by = by.as_ref().map(|rep| rep.as_str().to_owned());
                ("closed", Some(rfc_3339(*at_unix_ms)), by)
            }
        };
        let skills = case.skills.iter();
        Self {
            case: case.id.as_str().to_owned(),
            site: case.site.as_str().to_owned(),
            state,
            reason: match case.reason {
                CaseReason::Offline => "offline",
                CaseReason::CallbackFailed => "callback_failed",
                CaseReason::Unfinished => "unfinished",
            },
            opened: rfc_3339(case.opened_unix_ms),
            closed,
            closed_by,
            skills: skills.map(|skill| skill.as_str().to_owned()).collect(),
            name: case.name,
            contact: case.contact,
            words: case.words,
            ticket: case.ticket.map(|ticket| ticket.as_str().to_owned()),
            rep: case.rep.map(|rep| rep.as_str().to_owned()),
        }
    }
}
