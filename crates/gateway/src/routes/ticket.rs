//! `GET` and `DELETE /v1/tickets/{id}`: look at a ticket, cancel it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use helpdesk::TicketView;
use http::HeaderMap;

use crate::authorised::{Authorised, Holder};
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::visitor::Visitor;
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
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = holder.into_right().into_key();
    let view = face
        .desk
        .call(|answer| Command::View { key, answer })
        .await?
        .ok_or_else(Problem::no_ticket)?;
    let mut response = Json(TicketDocument::new(&view)).into_response();
    remember_rep(&face, &view, &headers, &mut response)?;
    Ok(response)
}

/// The page of a shopper who is known asks once somebody has answered: from then on the cookie says who.
fn remember_rep(
    face: &Face,
    view: &TicketView,
    headers: &HeaderMap,
    response: &mut Response,
) -> Result<(), Problem> {
    if view.answered_by.is_none() {
        return Ok(());
    }
    for site in &face.config().sites {
        let visitor = Visitor::of_request(headers, &site.id, face);
        let theirs = |visitor: &Visitor| visitor.tickets.iter().any(|id| id == view.id.as_str());
        let Some(mut visitor) = visitor.filter(theirs) else {
            continue;
        };
        let known = visitor.rep.clone();
        visitor.take_view(view);
        if visitor.rep != known {
            visitor.attach(&site.id, headers, &face.options, response)?;
        }
    }
    Ok(())
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
