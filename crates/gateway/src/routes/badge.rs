//! `GET /v1/sites/{site}/badge.svg`: the state as a picture, for pages and mails that take nothing else.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue};

use crate::face::Face;
use crate::headers::RESOURCE_POLICY;
use crate::mark::{self, escaped};
use crate::problem::Problem;
use crate::routes::conditional::Cacheable;
use crate::routes::presence::select;
use crate::selection::SelectionQuery;
use crate::words::Outlook;

/// The state of the groups asked for, as a pill with a mark and a line.
pub(super) async fn show(
    State(face): State<Face>,
    Path(site): Path<String>,
    query: Result<Query<SelectionQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let config = face.config();
    let selection = select(&face, &site, query)?.for_one_tier(&config);
    let outlook = Outlook::of(selection.groups(&face.desk.snapshot()));
    let subject = selection
        .skill
        .as_ref()
        .map(|skill| config.skill_name(skill));
    let cacheable = Cacheable {
        content_type: "image/svg+xml; charset=utf-8",
        cache_control: "public, max-age=5, stale-while-revalidate=30",
        body: picture(subject, outlook).into_bytes(),
    };
    let mut response = cacheable.answer(&headers);
    response
        .headers_mut()
        .insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    Ok(response)
}

fn picture(subject: Option<&str>, outlook: Outlook) -> String {
    let line = outlook.line();
    let title = match subject {
        Some(subject) => format!("{subject}: {line}"),
        None => line.clone(),
    };
    // A system font is about half as wide as it is high; the text is fitted to what is kept for it.
    let text_width = line.chars().count() * 7;
    format!(
        concat!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="28" "##,
            r##"role="img" aria-label="{title}" xml:lang="en"><title>{title}</title>"##,
            r##"<rect x=".5" y=".5" width="{inner}" height="27" rx="13.5" fill="#fff" "##,
            r##"stroke="#dfe2e8"/><g transform="translate(12 8)">{mark}</g>"##,
            r##"<text x="32" y="18.5" textLength="{text_width}" fill="#171a21" font-size="13" "##,
            r##"font-family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif">"##,
            r##"{line}</text></svg>"##
        ),
        width = text_width + 46,
        inner = text_width + 45,
        title = escaped(&title),
        mark = mark::svg(outlook),
        text_width = text_width,
        line = escaped(&line),
    )
}
