//! `GET` and `DELETE /v1/tickets/{id}`: look at a ticket, cancel it.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use crate::desk::Command;
use crate::face::Face;
use crate::key;
use crate::problem::Problem;
use crate::wire::ticket::TicketDocument;

/// The ticket as it stands.
pub(super) async fn show(
    State(face): State<Face>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = key::of_request(&id, &headers)?;
    let view = face
        .desk
        .call(|answer| Command::View { key, answer })
        .await?
        .ok_or_else(Problem::no_ticket)?;
    Ok(Json(TicketDocument::new(&view)).into_response())
}

/// Ends the conversation or leaves the queue; a second time changes nothing.
pub(super) async fn cancel(
    State(face): State<Face>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = key::of_request(&id, &headers)?;
    let view = face
        .desk
        .call(|answer| Command::End { key, answer })
        .await?
        .ok_or_else(Problem::no_ticket)?;
    Ok(Json(TicketDocument::new(&view)).into_response())
}
