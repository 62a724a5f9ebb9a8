//! `GET /v1/sites/{site}/form`: what the panel asks before a conversation, and whom it knows again.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::authorised::{Anyone, Authorised};
use crate::face::Face;
use crate::form::{FormField, Need, Remember};
use crate::problem::Problem;
use crate::visitor::Visitor;

/// In which language the site's own words are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FormQuery {
    /// BCP 47 tag of the page's language.
    lang: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FormDocument<'a> {
    name: Need,
    phone: Need,
    email: Need,
    /// What giving a number agrees to.
    consent: Option<&'a str>,
    fields: Vec<FieldDocument<'a>>,
    remember: Remember,
    /// The shopper, where a cookie makes them known.
    you: Option<YouDocument<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FieldDocument<'a> {
    id: &'a str,
    label: &'a str,
    required: bool,
    choices: &'a [String],
}

#[derive(Debug, Serialize, ToSchema)]
struct YouDocument<'a> {
    name: Option<&'a str>,
    /// The last two digits, so that a script of the page learns no number.
    phone_ends: Option<String>,
    /// Who helped last.
    rep: Option<&'a str>,
}

/// The form in the page's language.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/form",
    tag = "tickets",
    params(("site" = String, Path, description = "The site."), FormQuery),
    responses((status = 200, description = "What the panel asks, and whom the request's cookie makes known.", body = FormDocument<'static>))
)]
pub(super) async fn show(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Path(site): Path<String>,
    query: Result<Query<FormQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) =
        query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("{error}.")))?;
    let config = face.config();
    let site = config
        .site(&site)
        .ok_or_else(|| Problem::not_found(format!("No site is called {site:?}.")))?;
    let form = &site.form;
    let tag = query.lang.as_deref();
    let visitor = Visitor::of_request(&headers, &site.id, &face);
    let document = FormDocument {
        name: form.name,
        phone: form.phone,
        email: form.email,
        consent: form.consent.as_ref().map(|words| words.spoken(tag)),
        fields: form
            .fields
            .iter()
            .map(|field| FieldDocument::of(field, tag))
            .collect(),
        remember: if face.options.cookie_keys.is_empty() {
            Remember::Never
        } else {
            form.remember
        },
        you: visitor.as_ref().map(YouDocument::of),
    };
    Ok(Json(document).into_response())
}

impl<'a> FieldDocument<'a> {
    fn of(field: &'a FormField, tag: Option<&str>) -> Self {
        Self {
            id: &field.id,
            label: field.label.spoken(tag),
            required: field.is_required,
            choices: &field.choices,
        }
    }
}

impl<'a> YouDocument<'a> {
    fn of(visitor: &'a Visitor) -> Self {
        let ends = |phone: &String| {
            let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
            digits.iter().skip(digits.len().saturating_sub(2)).collect()
        };
        Self {
            name: visitor.name.as_deref(),
            phone_ends: visitor.phone.as_ref().map(ends),
            rep: visitor.rep.as_ref().and_then(|(_, name)| name.as_deref()),
        }
    }
}
