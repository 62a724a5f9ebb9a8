//! `POST /v1/tickets/{id}/rating`: what the shopper thought of it.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use crate::body::JsonBody;
use crate::desk::Command;
use crate::face::Face;
use crate::key;
use crate::problem::Problem;
use crate::wire::rating::RatingBody;
use crate::wire::ticket::TicketDocument;

/// Takes the rating and answers with the ticket.
pub(super) async fn rate(
    State(face): State<Face>,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<RatingBody>,
) -> Result<Response, Problem> {
    let key = key::of_request(&id, &headers)?;
    let (stars, comment) = body.bounded()?;
    let view = face
        .desk
        .call(|answer| Command::Rate {
            key,
            stars,
            comment,
            answer,
        })
        .await?
        .ok_or_else(Problem::no_ticket)?;
    Ok(Json(TicketDocument::new(&view)).into_response())
}
