//! `GET /v1/admin/queue`: every ticket that is not ended, those that wait first, in their order.

use axum::Json;
use axum::extract::State;
use helpdesk::TicketReport;
use serde::Serialize;
use utoipa::ToSchema;

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

/// Every ticket in hand or waiting.
#[utoipa::path(
    get,
    path = "/v1/admin/queue",
    tag = "admin",
    params(Asked),
    responses((status = 200, description = "A page of tickets.", body = Listed<TicketDocument>))
)]
pub(super) async fn list(
    _: Admin<MayRead>,
    State(face): State<Face>,
    page: Page,
) -> Result<Json<Listed<TicketDocument>>, Problem> {
    let queue = face
        .desk
        .call(|answer| Command::Report(Report::Queue(answer)))
        .await?;
    let documents = queue.into_iter().map(TicketDocument::from).collect();
    Ok(Json(
        page.of(documents, |ticket: &TicketDocument| &ticket.ticket),
    ))
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
