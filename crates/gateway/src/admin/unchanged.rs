//! An entity-tag on what the admin addresses show, and 304 to those who have it already. Must not know what is shown.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::Value;

use crate::assets::etag;
use crate::problem::Problem;
use crate::routes::is_known;

/// Members that run on by themselves while nothing happens: how long something has lasted.
const AGES: [&str; 3] = ["age_s", "idle_for_s", "for_s"];

/// Members that run out by themselves: how long something lasts still. When it ends is what is said.
const LEFT: [&str; 6] = [
    "doubted_for_s",
    "wrap_up_for_s",
    "paused_for_s",
    "good_for_s",
    "expires_in_s",
    "again_in_s",
];

/// Two ends closer than this, in seconds, may pass for the same.
const GRAIN: f64 = 30.0;

/// Tags the answer to a GET, or answers 304 where the request's `If-None-Match` names it.
pub(super) async fn tag(request: Request, next: Next) -> Response {
    let is_read = request.method() == Method::GET;
    let asked = request.headers().clone();
    let response = next.run(request).await;
    if !is_read || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return Problem::for_status(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    };
    let body = body.to_bytes();
    let now_s = Timestamp::now().as_duration().as_secs_f64();
    let Some(tag) = tag_of(&body, now_s) else {
        return Response::from_parts(parts, Body::from(body));
    };
    let is_unchanged = is_known(&tag, &asked);
    let mut response = if is_unchanged {
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.status = StatusCode::NOT_MODIFIED;
        Response::from_parts(parts, Body::empty())
    } else {
        Response::from_parts(parts, Body::from(body))
    };
    dress(response.headers_mut(), &tag);
    response
}

/// RFC 9110 §15.4.5: a 304 carries the ETag and Cache-Control that a 200 would.
fn dress(headers: &mut HeaderMap, tag: &str) {
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    // To be kept by whoever asked, and by nobody between, and used only after asking again.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
}

/// RFC 9110 §8.8.1: weak, since two documents that differ only in how far time has gone on are equivalent.
fn tag_of(body: &[u8], now_s: f64) -> Option<String> {
    let mut document: Value = serde_json::from_slice(body).ok()?;
    still(&mut document, now_s);
    Some(format!("W/{}", etag(document.to_string().as_bytes())))
}

/// The document without what time alone changes.
fn still(value: &mut Value, now_s: f64) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| still(item, now_s)),
        Value::Object(members) => {
            members.retain(|name, _| !AGES.contains(&name.as_str()));
            for (name, member) in members.iter_mut() {
                match member.as_f64() {
                    Some(left) if LEFT.contains(&name.as_str()) => {
                        *member = Value::from(((now_s + left) / GRAIN).round());
                    }
                    Some(_) | None => still(member, now_s),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: &str, one_at_s: f64, other: &str, other_at_s: f64, is_same: bool) {
        let tags = (
            tag_of(one.as_bytes(), one_at_s).unwrap(),
            tag_of(other.as_bytes(), other_at_s).unwrap(),
        );
        assert_eq!(tags.0 == tags.1, is_same, "{one} {other}");
        assert!(tags.0.starts_with("W/\""));
    }

    #[test]
    fn time_alone_makes_no_new_tag() {
        check(
            r#"{"items":[{"rep":"alice","idle_for_s":4}],"next":null}"#,
            0.0,
            r#"{"items":[{"rep":"alice","idle_for_s":9}],"next":null}"#,
            5.0,
            true,
        );
        check(
            r#"{"paused_for_s":600}"#,
            0.0,
            r#"{"paused_for_s":595}"#,
            5.0,
            true,
        );
    }

    #[test]
    fn whatever_happens_makes_one() {
        let rep = r#"{"rep":"alice","free":true,"paused_for_s":600}"#;
        for other in [
            r#"{"rep":"alice","free":false,"paused_for_s":600}"#,
            r#"{"rep":"bob","free":true,"paused_for_s":600}"#,
            r#"{"rep":"alice","free":true,"paused_for_s":1200}"#,
            r#"{"rep":"alice","free":true,"paused_for_s":null}"#,
        ] {
            check(rep, 0.0, other, 0.0, false);
        }
    }
}
