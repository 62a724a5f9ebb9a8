//! `GET /v1/admin/presentities/{rep}`: why a rep is shown as available, busy or away: every source and the one
//! that decided.

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use presence::{Presentity, PresentityId, Publication, Source, Store};
use serde::Serialize;

use super::authorisation::{Admin, MayRead};
use super::page::{Listed, Page};
use super::reps::{seconds, word};
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::report::Report;

#[derive(Debug, Serialize)]
pub(super) struct PresentityDocument {
    rep: String,
    state: &'static str,
    /// `hand`, `line`, `computer`, `desk`, or null if nothing is published.
    decided_by: Option<&'static str>,
    activity: Option<String>,
    note: Option<String>,
    /// How long it has been so.
    for_s: Option<f64>,
    /// How long it holds unless somebody refreshes.
    good_for_s: Option<f64>,
    version: Option<u64>,
    sources: Vec<SourceDocument>,
}

#[derive(Debug, Serialize)]
struct SourceDocument {
    kind: Option<&'static str>,
    state: &'static str,
    activity: Option<String>,
    note: Option<String>,
    for_s: f64,
    expires_in_s: f64,
}

/// Every rep's state with its reasons.
pub(super) async fn list(
    admin: Admin<MayRead>,
    State(face): State<Face>,
    page: Page,
) -> Result<Json<Listed<PresentityDocument>>, Problem> {
    let reps = face
        .desk
        .call(|answer| Command::Report(Report::Reps(answer)))
        .await?;
    let documents = reps
        .iter()
        .map(|report| document(report.rep.as_str(), &admin.face.presentities))
        .collect();
    Ok(Json(
        page.of(documents, |presentity: &PresentityDocument| &presentity.rep),
    ))
}

/// One rep's state with its reasons.
pub(super) async fn show(
    admin: Admin<MayRead>,
    State(face): State<Face>,
    Path(rep): Path<String>,
) -> Result<Json<PresentityDocument>, Problem> {
    let reps = face
        .desk
        .call(|answer| Command::Report(Report::Reps(answer)))
        .await?;
    if !reps.iter().any(|report| report.rep.as_str() == rep) {
        return Err(Problem::not_found("No rep has this name."));
    }
    Ok(Json(document(&rep, &admin.face.presentities)))
}

fn document(rep: &str, store: &Store) -> PresentityDocument {
    let now = Instant::now();
    match store.presentity(&PresentityId::new(rep)) {
        Some(presentity) => published(rep, &presentity, now),
        None => PresentityDocument {
            rep: rep.to_owned(),
            state: "offline",
            decided_by: None,
            activity: None,
            note: None,
            for_s: None,
            good_for_s: None,
            version: None,
            sources: Vec::new(),
        },
    }
}

fn published(rep: &str, presentity: &Presentity, now: Instant) -> PresentityDocument {
    let composed = presentity.composed();
    PresentityDocument {
        rep: rep.to_owned(),
        state: word(composed.availability),
        decided_by: kind(composed.source),
        activity: composed.activity.as_ref().map(ToString::to_string),
        note: composed.note.as_deref().map(str::to_owned),
        for_s: composed
            .since
            .map(|since| seconds(now.saturating_duration_since(since))),
        good_for_s: presentity
            .valid_until()
            .map(|end| seconds(end.saturating_duration_since(now))),
        version: Some(presentity.version()),
        sources: presentity
            .publications()
            .iter()
            .map(|publication| source(publication, now))
            .collect(),
    }
}

fn source(publication: &Publication, now: Instant) -> SourceDocument {
    let document = publication.document();
    SourceDocument {
        kind: kind(document.source()),
        state: word(document.availability()),
        activity: document.activity().map(ToString::to_string),
        note: document.note.as_deref().map(str::to_owned),
        for_s: seconds(now.saturating_duration_since(publication.since())),
        expires_in_s: seconds(publication.expires_at().saturating_duration_since(now)),
    }
}

fn kind(source: Source) -> Option<&'static str> {
    match source {
        Source::Hand => Some("hand"),
        Source::Line => Some("line"),
        Source::Computer => Some("computer"),
        Source::Desk => Some("desk"),
        Source::Nothing => None,
    }
}
