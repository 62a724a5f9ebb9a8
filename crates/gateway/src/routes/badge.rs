//! `GET /v1/sites/{site}/badge.svg`: the state as a picture, for pages and mails that take nothing else.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};

use crate::authorised::{Anyone, Authorised};
use crate::face::Face;
use crate::headers::RESOURCE_POLICY;
use crate::language::Language;
use crate::mark::{self, escaped};
use crate::problem::Problem;
use crate::routes::conditional::Cacheable;
use crate::routes::presence::{select, spoken_in};
use crate::selection::SelectionQuery;
use crate::words::Outlook;

/// The state of the groups asked for, as a pill with a mark and a line.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/badge.svg",
    tag = "presence",
    params(("site" = String, Path, description = "The site."), SelectionQuery),
    responses(
        (status = 200, description = "The state as a picture.", content_type = "image/svg+xml", body = String),
        (status = 304, description = "It has not changed.")
    )
)]
pub(super) async fn show(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Path(site): Path<String>,
    query: Result<Query<SelectionQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let config = face.config();
    let language = spoken_in(&query);
    let selection = select(&face, &site, query)?.for_one_tier(&config);
    let outlook = Outlook::of(selection.groups(&face.desk.snapshot()));
    let subject = selection
        .skill
        .as_ref()
        .map(|skill| config.skill_name(skill));
    let cacheable = Cacheable {
        content_type: "image/svg+xml; charset=utf-8",
        cache_control: "public, max-age=5, stale-while-revalidate=30",
        body: picture(subject, outlook, language).into(),
    };
    let mut response = cacheable.answer(&headers);
    let own = response.headers_mut();
    own.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    own.insert(
        header::CONTENT_LANGUAGE,
        HeaderValue::from_static(language.tag()),
    );
    Ok(response)
}

fn picture(subject: Option<&str>, outlook: Outlook, language: Language) -> String {
    let line = outlook.line(language);
    let title = match subject {
        Some(subject) => format!("{subject}: {line}"),
        None => line.clone(),
    };
    // A system font is about half as wide as it is high; the text is fitted to what is kept for it.
    let text_width = line.chars().count() * 7;
    // Text that runs to the left starts at its right end, with the mark before it.
    let (mark_at, text_at) = match language {
        Language::Arabic => (text_width + 22, text_width + 14),
        Language::English
        | Language::German
        | Language::French
        | Language::Spanish
        | Language::Turkish => (12, 32),
    };
    format!(
        concat!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="28" "##,
            r##"role="img" aria-label="{title}" xml:lang="{language}"><title>{title}</title>"##,
            r##"<rect x=".5" y=".5" width="{inner}" height="27" rx="13.5" fill="#fff" "##,
            r##"stroke="#dfe2e8"/><g transform="translate({mark_at} 8)">{mark}</g>"##,
            r##"<text x="{text_at}" y="18.5" direction="{direction}" textLength="{text_width}" fill="#171a21" font-size="13" "##,
            r##"font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif">"##,
            r##"{line}</text></svg>"##
        ),
        width = text_width + 46,
        inner = text_width + 45,
        title = escaped(&title),
        language = language.tag(),
        direction = language.direction(),
        mark_at = mark_at,
        text_at = text_at,
        mark = mark::svg(outlook),
        text_width = text_width,
        line = escaped(&line),
    )
}
