//! `POST /v1/tickets/{id}/rating`: what the shopper thought of it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::authorised::{Authorised, Holder};
use crate::body::JsonBody;
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::wire::rating::RatingBody;
use crate::wire::ticket::TicketDocument;

/// Takes the rating and answers with the ticket.
#[utoipa::path(
    post,
    path = "/v1/tickets/{id}/rating",
    tag = "tickets",
    params(("id" = String, Path, description = "The ticket.")),
    request_body = RatingBody,
    responses((status = 200, description = "The ticket.", body = TicketDocument<'static>))
)]
pub(super) async fn rate(
    holder: Authorised<Holder>,
    State(face): State<Face>,
    JsonBody(body): JsonBody<RatingBody>,
) -> Result<Response, Problem> {
    let key = holder.into_right().into_key();
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
