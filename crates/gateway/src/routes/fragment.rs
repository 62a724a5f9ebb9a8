//! `GET /v1/sites/{site}/fragment`: one line of HTML for server-side includes, without script or style.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use helpdesk::SkillId;
use http::{HeaderMap, HeaderValue, header};

use crate::authorised::{Anyone, Authorised};
use crate::face::Face;
use crate::language::Language;
use crate::mark::{self, escaped};
use crate::problem::Problem;
use crate::routes::conditional::Cacheable;
use crate::routes::presence::{select, spoken_in};
use crate::selection::{Selection, SelectionQuery};
use crate::words::Outlook;

/// The state of the groups asked for, in one element.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/fragment",
    tag = "presence",
    params(("site" = String, Path, description = "The site."), SelectionQuery),
    responses(
        (status = 200, description = "The state as HTML, to be put into a page.", content_type = "text/html", body = String),
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
    let cacheable = Cacheable {
        content_type: "text/html; charset=utf-8",
        cache_control: "public, max-age=5, stale-while-revalidate=30",
        body: markup(&selection, outlook, language).into(),
    };
    let mut response = cacheable.answer(&headers);
    response.headers_mut().insert(
        header::CONTENT_LANGUAGE,
        HeaderValue::from_static(language.tag()),
    );
    Ok(response)
}

fn markup(selection: &Selection, outlook: Outlook, language: Language) -> String {
    let skill = selection.skill.as_ref().map_or("", SkillId::as_str);
    let range = outlook
        .range(language)
        .map(|range| format!(r#" title="{}""#, escaped(&range)))
        .unwrap_or_default();
    format!(
        concat!(
            r#"<span class="deskbell" lang="{language}" dir="{direction}" data-site="{site}" data-skill="{skill}" "#,
            r#"data-state="{state}"{range}>"#,
            r#"<svg class="deskbell-mark" viewBox="0 0 12 12" width="12" height="12" "#,
            r#"aria-hidden="true">{mark}</svg> "#,
            r#"<span class="deskbell-line">{line}</span></span>"#
        ),
        language = language.tag(),
        direction = language.direction(),
        site = escaped(selection.site.as_str()),
        skill = escaped(skill),
        state = outlook.state(),
        range = range,
        mark = mark::svg(outlook),
        line = escaped(&outlook.line(language)),
    )
}
