//! `GET` and `DELETE /v1/tickets/{id}`: look at a ticket, cancel it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::authorised::{Authorised, Holder};
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::wire::ticket::TicketDocument;

/// The ticket as it stands.
#[utoipa::path(
    get,
    path = "/v1/tickets/{id}",
    tag = "tickets",
    params(("id" = String, Path, description = "The ticket.")),
    responses((status = 200, description = "The ticket.", body = TicketDocument<'static>))
)]
pub(super) async fn show(
    holder: Authorised<Holder>,
    State(face): State<Face>,
) -> Result<Response, Problem> {
    let key = holder.into_right().into_key();
    let view = face
        .desk
        .call(|answer| Command::View { key, answer })
        .await?
        .ok_or_else(Problem::no_ticket)?;
    Ok(Json(TicketDocument::new(&view)).into_response())
}

/// Ends the conversation or leaves the queue; a second time changes nothing.
#[utoipa::path(
    delete,
    path = "/v1/tickets/{id}",
    tag = "tickets",
    params(("id" = String, Path, description = "The ticket.")),
    responses((status = 200, description = "The ticket, which has ended.", body = TicketDocument<'static>))
)]
pub(super) async fn cancel(
    holder: Authorised<Holder>,
    State(face): State<Face>,
) -> Result<Response, Problem> {
    let key = holder.into_right().into_key();
    let view = face
        .desk
        .call(|answer| Command::End { key, answer })
        .await?
        .ok_or_else(Problem::no_ticket)?;
    Ok(Json(TicketDocument::new(&view)).into_response())
}
