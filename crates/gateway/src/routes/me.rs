//! `GET` and `DELETE /v1/sites/{site}/me`: all that is kept of the shopper whom the cookie makes known, and its end.

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use helpdesk::{CaseId, SiteId, TicketId};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tracing::info;

use crate::authorised::{Anyone, Authorised};
use crate::desk::Command;
use crate::errand::{Errand, ErrandFailed};
use crate::face::Face;
use crate::problem::Problem;
use crate::visitor::{self, Visitor};
use crate::wire::past::{MeDocument, PastDocument};

/// Everything that is kept, as one document to save.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/me",
    tag = "tickets",
    params(("site" = String, Path, description = "The site.")),
    responses((status = 200, description = "All that is kept of the shopper whom the request's cookie makes known.", body = MeDocument<'static>))
)]
pub(super) async fn show(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Path(site): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let site = site_of(&face, &site)?;
    let Some(visitor) = Visitor::of_request(&headers, &site, &face) else {
        return Ok(Json(MeDocument::nobody(&site)).into_response());
    };
    face.clicks.take_errand(&visitor.id, Instant::now())?;
    let tickets = visitor.ticket_ids();
    let past = face
        .desk
        .errand(|answer| Errand::Show { tickets, answer })
        .await
        .map_err(not_now)?;
    let past = past
        .iter()
        .map(|(ticket, records)| PastDocument::of(ticket, records))
        .collect();
    let mut response = Json(MeDocument::of(&site, &visitor, past)).into_response();
    response.headers_mut().insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"my-data.json\""),
    );
    Ok(response)
}

/// Ends and erases the conversations, and takes the cookie away; a copy of it is worth nothing from then on.
#[utoipa::path(
    delete,
    path = "/v1/sites/{site}/me",
    tag = "tickets",
    params(("site" = String, Path, description = "The site.")),
    responses((status = 204, description = "Nothing is kept any more."))
)]
pub(super) async fn forget(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Path(site): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let site = site_of(&face, &site)?;
    if let Some(visitor) = Visitor::of_request(&headers, &site, &face) {
        face.clicks.take_errand(&visitor.id, Instant::now())?;
        let erased = erase(&face, visitor.ticket_ids(), visitor.case_ids()).await?;
        face.forgotten.insert(&visitor.id, Instant::now());
        info!(%site, erased, "a shopper was forgotten at their wish");
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    for cookie in visitor::farewells(&site, &face.options) {
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    Ok(response)
}

async fn erase(face: &Face, tickets: Vec<TicketId>, cases: Vec<CaseId>) -> Result<u64, Problem> {
    let ending = tickets.clone();
    face.desk
        .call(|answer| Command::Forget {
            tickets: ending,
            cases,
            answer,
        })
        .await?;
    face.desk
        .errand(|answer| Errand::Erase { tickets, answer })
        .await
        .map_err(not_now)
}

fn site_of(face: &Face, site: &str) -> Result<SiteId, Problem> {
    face.config()
        .site(site)
        .map(|site| site.id.clone())
        .ok_or_else(|| Problem::not_found(format!("No site is called {site:?}.")))
}

fn not_now(_: ErrandFailed) -> Problem {
    Problem::try_later(
        "What was written down cannot be reached just now. Try again in a minute.",
        60,
    )
}
