//! `/healthz`, `/readyz`, `/metrics`: for those who run the server.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use helpdesk::EstimateScores;
use http::{StatusCode, header};

use crate::authorised::{Anyone, Authorised};
use crate::desk::{Command, DeskRefused, Recording};
use crate::face::Face;
use crate::problem::Problem;
use crate::report::Report;

/// The process runs.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, description = "The process runs.", content_type = "text/plain", body = String)))]
pub(super) async fn healthz(_: Authorised<Anyone>) -> &'static str {
    "ok\n"
}

/// The helpdesk takes clicks.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses((status = 200, description = "Clicks are taken.", content_type = "text/plain", body = String)))]
pub(super) async fn readyz(
    _: Authorised<Anyone>,
    State(face): State<Face>,
) -> Result<&'static str, Problem> {
    if face.stop.is_cancelled() || !face.desk.is_open() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server is starting or stopping.",
        ));
    }
    match face.desk.recording() {
        Recording::Sound => Ok("ready\n"),
        Recording::Scarce => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The disk of the journal is nearly full: no new tickets are taken.",
        )),
        Recording::Full => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The journal takes no records: the disk is full.",
        )),
        Recording::Away => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The journal takes no records: its database does not answer.",
        )),
    }
}

/// Counters and gauges in the OpenMetrics text format, which Prometheus reads.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, description = "Counters and gauges in the OpenMetrics text format.", content_type = "application/openmetrics-text", body = String)))]
pub(super) async fn metrics(
    _: Authorised<Anyone>,
    State(face): State<Face>,
) -> Result<Response, Problem> {
    let recording = face.desk.recording();
    face.metrics.recording.set(i64::from(recording.goes_on()));
    let has_room = !matches!(recording, Recording::Scarce | Recording::Full);
    face.metrics.disk_has_room.set(i64::from(has_room));
    let scores = face
        .desk
        .call(|answer| Command::Report(Report::Estimates(answer)))
        .await;
    let scores = match scores {
        Ok(scores) => scores,
        // That nothing is recorded is what these figures have to tell, with or without how good estimates are.
        Err(DeskRefused::NotRecording) => EstimateScores::default(),
        Err(refused @ DeskRefused::Closed) => return Err(refused.into()),
    };
    let text = face
        .metrics
        .text(&face.desk.snapshot(), &scores, &face.config().figures)
        .map_err(|error| {
            tracing::error!(%error, "metrics cannot be written");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The counters cannot be written down.",
            )
        })?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}
