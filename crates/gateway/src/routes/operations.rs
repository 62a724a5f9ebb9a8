//! `/healthz`, `/readyz`, `/metrics`: for those who run the server.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::authorised::{Anyone, Authorised};
use crate::desk::Command;
use crate::desk::Recording;
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
    let sound = face.desk.recording() == Recording::Sound;
    face.metrics.recording.set(i64::from(sound));
    let scores = face
        .desk
        .call(|answer| Command::Report(Report::Estimates(answer)))
        .await?;
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
