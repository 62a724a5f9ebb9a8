//! `POST /v1/sites/{site}/cases`: a message left while nobody is there, to be answered later.

use std::time::Instant;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use helpdesk::{CaseId, CaseReason, CaseRefused, NewCase};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tracing::info;
use utoipa::ToSchema;

use crate::authorised::{Anyone, Authorised};
use crate::body::JsonBody;
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::random::unguessable;
use crate::routes::tickets::{sentence, shopper_of, skills_of};
use crate::source::{Peer, source_of_request};
use crate::visitor::Visitor;
use crate::wire::ask::{AskBody, Asked};

#[derive(Debug, Serialize, ToSchema)]
struct LeftDocument {
    /// Names the case to those who answer it.
    id: String,
    /// `open`.
    state: &'static str,
}

/// Keeps the message. It takes words, and a way to answer them.
#[utoipa::path(
    post,
    path = "/v1/sites/{site}/cases",
    tag = "tickets",
    params(("site" = String, Path, description = "The site.")),
    request_body = AskBody,
    responses((status = 201, description = "It is kept and will be answered.", body = LeftDocument)),
    security((), ("shop_token" = []))
)]
pub(super) async fn leave(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Path(site): Path<String>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<AskBody>,
) -> Result<Response, Problem> {
    let config = face.config();
    let site = config
        .site(&site)
        .ok_or_else(|| Problem::not_found(format!("No site is called {site:?}.")))?;
    let known = Visitor::of_request(&headers, &site.id, &face);
    let source = source_of_request(peer, &headers, &face.options.proxies);
    face.clicks.take(
        &site.id,
        source,
        known.as_ref(),
        &face.options.clicks,
        Instant::now(),
    )?;
    let shopper = shopper_of(&headers, site);
    let body = body.bounded(&site.form)?;
    let words = words_of(&body)
        .ok_or_else(|| Problem::unprocessable("A message to be answered needs words."))?;
    let contact = (body.email.clone())
        .or(body.phone.clone())
        .or(shopper.phone.clone())
        .or_else(|| known.as_ref()?.phone.clone())
        .ok_or_else(|| {
            Problem::unprocessable("Give an email or a phone, so that you can be answered.")
        })?;
    let name = (shopper.name.clone())
        .or(body.name.clone())
        .or_else(|| known.as_ref()?.name.clone());
    let visitor = Visitor::to_remember(known, site.form.remember, body.remember)?;
    let case = NewCase {
        id: CaseId::new(&unguessable()?),
        site: site.id.clone(),
        shopper: (shopper.sub).or_else(|| Some(visitor.as_ref()?.id.clone())),
        name,
        contact: Some(contact),
        skills: skills_of(&body, site),
        ticket: None,
        reason: CaseReason::Offline,
        words: Some(words),
        rep: visitor.as_ref().and_then(Visitor::rep_id),
    };
    let visitor = visitor.map(|visitor| visitor.who_leaves(&case));
    let kept = match put(&face, case.clone()).await? {
        // The rep who helped last has left: whoever comes answers.
        Err(CaseRefused::UnknownRep(_)) => put(&face, NewCase { rep: None, ..case }).await?,
        kept => kept,
    };
    let case = kept.map_err(refusal)?;
    info!(site = %site.id, "a message was left");
    let document = LeftDocument {
        id: case.id.as_str().to_owned(),
        state: "open",
    };
    let mut response = (StatusCode::CREATED, Json(document)).into_response();
    if let Some(visitor) = visitor {
        visitor.attach(&site.id, &headers, &face.options, &mut response)?;
    }
    Ok(response)
}

async fn put(face: &Face, case: NewCase) -> Result<Result<helpdesk::Case, CaseRefused>, Problem> {
    let case = Box::new(case);
    Ok(face
        .desk
        .call(|answer| Command::OpenCase { case, answer })
        .await?)
}

/// The words with the answers to the site's own questions, as whoever comes reads them.
fn words_of(body: &Asked) -> Option<String> {
    let mut words = body.message.clone()?;
    for detail in &body.details {
        words.push_str(&format!("\n{}: {}", detail.label, detail.answer));
    }
    if let Some(page) = &body.page {
        words.push_str(&format!("\nPage: {page}"));
    }
    Some(words)
}

fn refusal(refused: CaseRefused) -> Problem {
    match &refused {
        CaseRefused::UnknownSite(_) => Problem::not_found(sentence(&refused)),
        CaseRefused::UnknownSkill(_)
        | CaseRefused::UnknownRep(_)
        | CaseRefused::UnknownTicket(_)
        | CaseRefused::UnknownCase(_)
        | CaseRefused::TooLong => Problem::unprocessable(sentence(&refused)),
        CaseRefused::CaseTaken => Problem::new(StatusCode::CONFLICT, sentence(&refused)),
        CaseRefused::TooMany => Problem::try_later(
            "So many messages wait already that we cannot promise to answer yours. Try again later.",
            3600,
        ),
    }
}
