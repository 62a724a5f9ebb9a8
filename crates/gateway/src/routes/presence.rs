//! `GET /v1/sites/{site}/presence`: the groups of a site as they stand.

use axum::extract::rejection::QueryRejection;
use axum::extract::{MatchedPath, Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::authorised::{Anyone, Authorised};
use crate::face::Face;
use crate::language::Language;
use crate::problem::Problem;
use crate::ready::Repeatable;
use crate::routes::conditional::Cacheable;
use crate::selection::{Selection, SelectionQuery};
use crate::wire::presence::PresenceDocument;

/// The groups asked for.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/presence",
    tag = "presence",
    params(("site" = String, Path, description = "The site."), SelectionQuery),
    responses(
        (status = 200, description = "The groups asked for.", body = PresenceDocument<'static>),
        (status = 304, description = "They have not changed.")
    )
)]
pub(super) async fn show(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Path(site): Path<String>,
    query: Result<Query<SelectionQuery>, QueryRejection>,
    headers: HeaderMap,
    route: MatchedPath,
) -> Result<Response, Problem> {
    let selection = select(&face, &site, query)?;
    let body = Bytes::from(document(&face, &selection)?);
    let cacheable = Cacheable {
        content_type: "application/json",
        cache_control: "public, max-age=1, stale-while-revalidate=5",
        body: body.clone(),
    };
    let mut response = cacheable.answer(&headers);
    response.extensions_mut().insert(Repeatable { body, route });
    Ok(response)
}

/// The language that the query asks for.
pub(super) fn spoken_in(query: &Result<Query<SelectionQuery>, QueryRejection>) -> Language {
    let tag = query.as_ref().ok().and_then(|query| query.lang.as_deref());
    Language::of_tag(tag)
}

/// What the path and the query ask for.
pub(super) fn select(
    face: &Face,
    site: &str,
    query: Result<Query<SelectionQuery>, QueryRejection>,
) -> Result<Selection, Problem> {
    let Query(query) =
        query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("{error}.")))?;
    Selection::new(site, &query, &face.config())
}

fn document(face: &Face, selection: &Selection) -> Result<Vec<u8>, Problem> {
    let snapshot = face.desk.snapshot();
    let document = PresenceDocument::new(&selection.site, &snapshot, selection.groups(&snapshot));
    serde_json::to_vec(&document).map_err(|error| {
        tracing::error!(%error, "presence does not become JSON");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The state of this site cannot be written down.",
        )
    })
}
