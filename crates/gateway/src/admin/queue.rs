//! `GET /v1/admin/queue`: every ticket that is not ended, those that wait first, in their order.

use axum::Json;
use axum::extract::State;
use helpdesk::{TicketReport, TicketState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead};
use super::page::{Asked, Listed, Page};
use super::reps::seconds;
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::report::Report;
use crate::wire::ticket::state_word;
use crate::wire::wait::WaitDocument;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueuedTicket)]
pub(super) struct TicketDocument {
    ticket: String,
    site: String,
    skills: Vec<String>,
    tier: String,
    state: &'static str,
    rep: Option<String>,
    age_s: f64,
    position: Option<u32>,
    wait: Option<WaitDocument>,
}

/// Which tickets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those of this site.
    site: Option<String>,
    /// Those that need this.
    skill: Option<String>,
    /// Those of this tier.
    tier: Option<String>,
    /// Those that stand so.
    #[param(inline)]
    state: Option<Word>,
    /// Those offered to or held by this rep.
    rep: Option<String>,
}

/// How a ticket that is not ended stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Queued,
    Offered,
    Open,
    Callback,
}

/// Tickets in hand or waiting.
#[utoipa::path(
    get,
    path = "/v1/admin/queue",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of tickets.", body = Listed<TicketDocument>))
)]
pub(super) async fn list(
    _: Admin<MayRead>,
    State(face): State<Face>,
    page: Page<Filter>,
) -> Result<Json<Listed<TicketDocument>>, Problem> {
    let queue = face
        .desk
        .call(|answer| Command::Report(Report::Queue(answer)))
        .await?;
    let fits = |report: &TicketReport| page.filter.fits(report);
    let documents = queue.into_iter().filter(fits);
    let documents = documents.map(TicketDocument::from).collect();
    Ok(Json(
        page.of(documents, |ticket: &TicketDocument| &ticket.ticket),
    ))
}

impl Filter {
    fn fits(&self, report: &TicketReport) -> bool {
        let Self {
            site,
            skill,
            tier,
            state,
            rep,
        } = self;
        site.as_ref()
            .is_none_or(|site| report.site.as_str() == site)
            && skill.as_ref().is_none_or(|skill| {
                let mut needed = report.skills.iter();
                needed.any(|needed| needed.as_str() == skill)
            })
            && tier
                .as_ref()
                .is_none_or(|tier| report.tier.as_str() == tier)
            && state.is_none_or(|word| TicketState::from(word) == report.state)
            && rep.as_ref().is_none_or(|rep| {
                let holder = report.rep.as_ref();
                holder.is_some_and(|holder| holder.as_str() == rep)
            })
    }
}

impl From<Word> for TicketState {
    fn from(word: Word) -> Self {
        match word {
            Word::Queued => Self::Queued,
            Word::Offered => Self::Offered,
            Word::Open => Self::Open,
            Word::Callback => Self::Callback,
        }
    }
}

impl From<TicketReport> for TicketDocument {
    fn from(report: TicketReport) -> Self {
        let skills = report.skills.iter();
        Self {
            ticket: report.ticket.as_str().to_owned(),
            site: report.site.as_str().to_owned(),
            skills: skills.map(|skill| skill.as_str().to_owned()).collect(),
            tier: report.tier.as_str().to_owned(),
            state: state_word(report.state),
            rep: report.rep.map(|rep| rep.as_str().to_owned()),
            age_s: seconds(report.age),
            position: report.position,
            wait: report.wait.map(WaitDocument::from),
        }
    }
}
