//! Answers with a strong entity-tag, and 304 to those who have them already.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// A body that caches may keep.
pub(super) struct Cacheable {
    /// Its media type.
    pub(super) content_type: &'static str,
    /// How long it may be kept.
    pub(super) cache_control: &'static str,
    /// The bytes.
    pub(super) body: Bytes,
}

impl Cacheable {
    /// The body, or 304 if the request's `If-None-Match` names it.
    pub(super) fn answer(self, request: &HeaderMap) -> Response {
        let etag = crate::assets::etag(&self.body);
        let mut response = if is_known(&etag, request) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let content_type = HeaderValue::from_static(self.content_type);
            ([(header::CONTENT_TYPE, content_type)], self.body).into_response()
        };
        // RFC 9110 §15.4.5: a 304 carries the ETag and Cache-Control that a 200 would.
        let headers = response.headers_mut();
        if let Ok(etag) = HeaderValue::try_from(etag) {
            headers.insert(header::ETAG, etag);
        }
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static(self.cache_control),
        );
        response
    }
}

/// RFC 9110 §13.1.2: `*` or any listed tag, compared weakly.
pub(crate) fn is_known(etag: &str, request: &HeaderMap) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || opaque(tag) == opaque(etag))
}

/// The tag without its mark of weakness.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_is_read_as_a_list() {
        let check = |value: &str, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            assert_eq!(is_known("\"a\"", &headers), expected, "{value}");
        };
        check("\"a\"", true);
        check("*", true);
        check("W/\"a\"", true);
        check("\"b\", \"a\"", true);
        check("\"b\"", false);
        check("a", false);
        check("", false);
    }
}
