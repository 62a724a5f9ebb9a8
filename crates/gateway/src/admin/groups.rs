//! `GET /v1/admin/groups`: every group of every site, uncoarsened.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::authorisation::{Admin, MayRead};
use crate::face::Face;
use crate::wire::presence::PresenceDocument;

/// The presence document of each site.
pub(super) async fn list(_: Admin<MayRead>, State(face): State<Face>) -> Json<Value> {
    let snapshot = face.desk.snapshot();
    let sites: Vec<_> = snapshot
        .sites
        .iter()
        .map(|site| PresenceDocument::new(&site.site, &snapshot, site.groups.iter()))
        .collect();
    Json(json!({ "items": sites, "next": null }))
}
