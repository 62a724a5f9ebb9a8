//! The proof that a request may open a ticket: its bearer token, in a cookie, a header or a first frame.
//! Must not know what the ticket holds.

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use helpdesk::{AccessDigest, TicketId};
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};

use crate::config::Options;
use crate::desk::TicketKey;
use crate::problem::Problem;
use crate::visitor;

/// The cookie that holds a ticket's token; its path keeps the cookies of several tickets apart.
const COOKIE: &str = "deskbell-ticket";

/// The key that the request's headers present for the ticket, or the 404 of a wrong one.
pub(crate) fn of_request(ticket: &str, headers: &HeaderMap) -> Result<TicketKey, Problem> {
    presented(headers)
        .and_then(|token| new(ticket, &token))
        .ok_or_else(Problem::no_ticket)
}

/// The key made of a ticket's id and a token; `None` if the id cannot be one of ours.
pub(crate) fn new(ticket: &str, token: &str) -> Option<TicketKey> {
    let is_ours = ticket.len() == 26
        && ticket
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    is_ours.then(|| TicketKey {
        ticket: TicketId::new(ticket),
        access: digest(token),
    })
}

/// What the helpdesk keeps of a token.
pub(crate) fn digest(token: &str) -> AccessDigest {
    AccessDigest(Sha256::digest(token.as_bytes()).into())
}

/// The token in `Authorization`, else the one in the cookie.
pub(crate) fn presented(headers: &HeaderMap) -> Option<String> {
    bearer(headers).map(str::to_owned).or_else(|| {
        CookieJar::from_headers(headers)
            .get(COOKIE)
            .map(|cookie| cookie.value().to_owned())
    })
}

/// Whether nothing but a cookie of ours speaks for the sender: what a browser sends along unasked.
pub(crate) fn is_by_cookie(headers: &HeaderMap) -> bool {
    let is_ours = |cookie: &Cookie<'_>| cookie.name() == COOKIE || visitor::is_ours(cookie.name());
    bearer(headers).is_none() && CookieJar::from_headers(headers).iter().any(is_ours)
}

/// RFC 6750 §2.1: the token of `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    // RFC 9110 §11.1: the scheme is case-insensitive.
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// The cookie that brings the token back to the ticket's own addresses and to no other.
pub(crate) fn cookie(ticket: &str, token: &str, options: &Options) -> String {
    Cookie::build((COOKIE, token))
        .path(format!("/v1/tickets/{ticket}"))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(options.is_secure())
        .build()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_goes_before_the_cookie() {
        let mut headers = HeaderMap::new();
        assert_eq!(presented(&headers), None);
        headers.insert(
            header::COOKIE,
            "a=b; deskbell-ticket=cookie".parse().unwrap(),
        );
        assert_eq!(presented(&headers).as_deref(), Some("cookie"));
        assert!(is_by_cookie(&headers));
        headers.insert(header::AUTHORIZATION, "bEARER header".parse().unwrap());
        assert_eq!(presented(&headers).as_deref(), Some("header"));
        assert!(!is_by_cookie(&headers));
        headers.insert(header::AUTHORIZATION, "Basic header".parse().unwrap());
        assert_eq!(presented(&headers).as_deref(), Some("cookie"));
    }

    #[test]
    fn the_cookie_is_secure_behind_https_only() {
        let mut options = Options::default();
        let cookie_text = cookie("t", "x", &options);
        assert_eq!(
            cookie_text,
            "deskbell-ticket=x; HttpOnly; SameSite=Lax; Path=/v1/tickets/t"
        );
        options.public_origin = Some("https://help.example".to_owned());
        assert!(cookie("t", "x", &options).contains("; Secure"));
    }

    #[test]
    fn an_id_that_is_not_ours_is_no_key() {
        assert!(new(&"a".repeat(26), "x").is_some());
        for id in ["", "a", &"A".repeat(26), &"1".repeat(26), &"a".repeat(27)] {
            assert!(new(id, "x").is_none(), "{id}");
        }
    }
}
