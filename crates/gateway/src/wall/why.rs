//! What a supervisor asks the wall: why a ticket went where it went, why a rep is shown so, and the hours before.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::sign_in::{Supervisor, console};
use crate::admin::{DecisionsDocument, PresentityDocument};
use crate::authorised::Authorised;
use crate::face::Face;
use crate::problem::Problem;

/// Minutes, oldest first.
pub(super) async fn history(_: Authorised<Supervisor>, State(face): State<Face>) -> Json<Value> {
    Json(json!({ "minutes": face.wall.minutes() }))
}

/// The decisions about one ticket.
pub(super) async fn decisions(
    _: Authorised<Supervisor>,
    State(face): State<Face>,
    Path(ticket): Path<String>,
) -> Result<Json<DecisionsDocument>, Problem> {
    DecisionsDocument::of(&face, ticket).await.map(Json)
}

/// One rep's state with its reasons.
pub(super) async fn presentity(
    _: Authorised<Supervisor>,
    State(face): State<Face>,
    Path(rep): Path<String>,
) -> Result<Json<PresentityDocument>, Problem> {
    let console = console(&face)?;
    PresentityDocument::of(&face, &rep, console.presentities())
        .await
        .map(Json)
}
