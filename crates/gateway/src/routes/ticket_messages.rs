//! `POST /v1/tickets/{id}/messages`: one frame of the conversation, where WebSocket is blocked.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::authorised::{Authorised, Holder};
use crate::body::JsonBody;
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::routes::conversation::{Done, act};
use crate::wire::frame::FromBrowser;
use crate::wire::ticket::TicketDocument;

/// Where a line stands.
#[derive(Debug, Serialize, ToSchema)]
struct SaidDocument {
    seq: u64,
}

/// What a frame is answered with.
#[expect(
    dead_code,
    reason = "what the document says; the answers are built one by one"
)]
#[derive(ToSchema)]
#[serde(untagged)]
enum TakenDocument<'a> {
    /// A line.
    Said(SaidDocument),
    /// The ticket as it stands after its end, or after a wish to be called.
    Stands(Box<TicketDocument<'a>>),
}

/// Takes one frame.
#[utoipa::path(
    post,
    path = "/v1/tickets/{id}/messages",
    tag = "tickets",
    params(("id" = String, Path, description = "The ticket.")),
    request_body = FromBrowser,
    responses(
        (status = 200, description = "Where the line stands, or the ticket that ended or is to be called.", body = TakenDocument<'static>),
        (status = 202, description = "A sign that needs no answer was taken.")
    )
)]
pub(super) async fn post(
    holder: Authorised<Holder>,
    State(face): State<Face>,
    JsonBody(frame): JsonBody<FromBrowser>,
) -> Result<Response, Problem> {
    let key = holder.into_right().into_key();
    if matches!(frame, FromBrowser::Typing {} | FromBrowser::Ack { .. }) {
        // Signs are not answered by the desk, but whoever may not send them is told so.
        let key = key.clone();
        face.desk
            .call(|answer| Command::View { key, answer })
            .await?
            .ok_or_else(Problem::no_ticket)?;
    }
    Ok(match act(&face, &key, &frame).await? {
        Done::Said(seq) => Json(SaidDocument { seq: seq.0 }).into_response(),
        Done::Signed => StatusCode::ACCEPTED.into_response(),
        Done::Stands(view) => Json(TicketDocument::new(&view)).into_response(),
    })
}
