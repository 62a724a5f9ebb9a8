//! `/wall/webhooks`: programs of the shop that could not be told, and their events sent once more.
//! Must not know where events are kept.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::sign_in::{Changer, Supervisor};
use crate::admin::{AdminFace, find, reports, revive};
use crate::authorised::Authorised;
use crate::body::JsonBody;
use crate::face::Face;
use crate::problem::Problem;

#[derive(Debug, Serialize)]
pub(super) struct ProgramsDocument {
    /// This wall may send events again.
    may_replay: bool,
    items: Vec<ProgramDocument>,
}

#[derive(Debug, Serialize)]
struct ProgramDocument {
    id: String,
    waiting: usize,
    failing: usize,
    dead: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct ReplayedDocument {
    replayed: usize,
}

/// Every program that is told.
pub(super) async fn list(
    supervisor: Authorised<Supervisor>,
    State(face): State<Face>,
) -> Result<Json<ProgramsDocument>, Problem> {
    let admin = face.config().admin.clone();
    let reports = match &admin {
        Some(admin) => reports(admin).await?,
        None => Vec::new(),
    };
    let items = reports.into_iter().map(|report| ProgramDocument {
        id: report.id,
        waiting: report.waiting,
        failing: report.failing,
        dead: report.dead,
    });
    Ok(Json(ProgramsDocument {
        may_replay: supervisor.may_change,
        items: items.collect(),
    }))
}

/// Everything that was given up is meant: there is nothing to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayAsked {}

/// Has everything that was given up for a program sent once more.
pub(super) async fn replay(
    changer: Authorised<Changer>,
    State(face): State<Face>,
    Path(webhook): Path<String>,
    JsonBody(ReplayAsked {}): JsonBody<ReplayAsked>,
) -> Result<Json<ReplayedDocument>, Problem> {
    let admin = admin(&face)?;
    find(&admin, &webhook).await?;
    info!(by = %changer.name, webhook, "events are replayed");
    let replayed = revive(&admin, webhook, None).await?;
    Ok(Json(ReplayedDocument { replayed }))
}

fn admin(face: &Face) -> Result<AdminFace, Problem> {
    let admin = face.config().admin.clone();
    admin.ok_or_else(|| Problem::not_found("No webhook has this name."))
}
