//! `GET /v1/admin/groups`: every group of every site, uncoarsened.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::authorisation::{Admin, MayRead};
use crate::face::Face;
use crate::wire::presence::PresenceDocument;

/// All on one page.
#[derive(Debug, Serialize, ToSchema)]
struct SitesDocument<'a> {
    items: Vec<PresenceDocument<'a>>,
    next: Option<String>,
}

/// The presence document of each site.
#[utoipa::path(
    get,
    path = "/v1/admin/groups",
    tag = "admin",
    responses((status = 200, description = "Every site with its groups.", body = SitesDocument<'static>))
)]
pub(super) async fn list(_: Admin<MayRead>, State(face): State<Face>) -> Response {
    let snapshot = face.desk.snapshot();
    let items = snapshot
        .sites
        .iter()
        .map(|site| PresenceDocument::new(&site.site, &snapshot, site.groups.iter()))
        .collect();
    Json(SitesDocument { items, next: None }).into_response()
}
