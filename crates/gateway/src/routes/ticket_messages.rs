//! `POST /v1/tickets/{id}/messages`: one frame of the conversation, where WebSocket is blocked.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::body::JsonBody;
use crate::desk::Command;
use crate::face::Face;
use crate::key;
use crate::problem::Problem;
use crate::routes::conversation::{Done, act};
use crate::wire::frame::FromBrowser;
use crate::wire::ticket::TicketDocument;

/// Where a line stands.
#[derive(Debug, Serialize)]
struct SaidDocument {
    seq: u64,
}

/// Takes one frame.
pub(super) async fn post(
    State(face): State<Face>,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonBody(frame): JsonBody<FromBrowser>,
) -> Result<Response, Problem> {
    let key = key::of_request(&id, &headers)?;
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
