//! Who a browser's session belongs to: a sealed cookie, which says nothing to whoever finds it. Must not know how a
//! session began.

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Options;

/// The cookie's name where it travels in clear; over TLS it has the prefix `__Host-` (RFC 6265bis §4.1.3.2).
const COOKIE: &str = "deskbell-staff";

/// The same name with the prefix.
const HOST_COOKIE: &str = "__Host-deskbell-staff";

/// A session is as long as a working day with its breaks.
const LIFETIME_MS: i64 = 12 * 60 * 60 * 1000;

/// Who is signed in, since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) who: Who,
    /// A digest of what proved it, so that a password that is changed ends its sessions.
    pub(crate) proof: [u8; 16],
    /// When it began, in milliseconds since the Unix epoch.
    pub(crate) since_unix_ms: i64,
}

/// Whom a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Who {
    /// A rep.
    Rep(String),
    /// Whoever holds the admin key of this name.
    Key(String),
}

impl Session {
    fn ends_unix_ms(&self) -> i64 {
        self.since_unix_ms.saturating_add(LIFETIME_MS)
    }
}

/// The cookie could not be made: there is no key, or the system has no random bytes.
#[derive(Debug)]
pub(crate) struct NotSealed;

/// The session that the request's cookie holds, if it is one of ours and not over.
pub(crate) fn presented(headers: &HeaderMap, options: &Options) -> Option<Session> {
    presented_at(headers, options, Timestamp::now().as_millisecond())
}

fn presented_at(headers: &HeaderMap, options: &Options, now_unix_ms: i64) -> Option<Session> {
    let jar = CookieJar::from_headers(headers);
    let cookie = jar.get(name(options))?;
    let text = options.cookie_keys.open(cookie.value(), COOKIE)?;
    let session: Session = serde_json::from_slice(&text).ok()?;
    (now_unix_ms < session.ends_unix_ms()).then_some(session)
}

/// Whether a browser sends a session along, good or not.
pub(crate) fn has_cookie(headers: &HeaderMap) -> bool {
    let jar = CookieJar::from_headers(headers);
    jar.get(COOKIE).is_some() || jar.get(HOST_COOKIE).is_some()
}

/// The value of `Set-Cookie`: the session, or without one the end of it.
pub(crate) fn cookie_of(session: Option<&Session>, options: &Options) -> Result<String, NotSealed> {
    let value = match session {
        Some(session) => {
            let text = serde_json::to_vec(session).map_err(|_| NotSealed)?;
            let sealed = options.cookie_keys.seal(&text, COOKIE);
            sealed.ok().flatten().ok_or(NotSealed)?
        }
        None => String::new(),
    };
    let mut cookie = Cookie::build((name(options), value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(is_secure(options))
        .build();
    if session.is_none() {
        cookie.make_removal();
    }
    Ok(cookie.to_string())
}

fn name(options: &Options) -> &'static str {
    if is_secure(options) {
        HOST_COOKIE
    } else {
        COOKIE
    }
}

fn is_secure(options: &Options) -> bool {
    options
        .public_origin
        .as_deref()
        .is_some_and(|origin| origin.starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;
    use crate::seal::CookieKeys;

    fn alice() -> Session {
        Session {
            who: Who::Rep("alice".to_owned()),
            proof: [7; 16],
            since_unix_ms: Timestamp::now().as_millisecond(),
        }
    }

    fn options(secret: &[u8]) -> Options {
        Options {
            cookie_keys: CookieKeys::new([secret]),
            ..Options::default()
        }
    }

    fn headers(cookie: &str) -> HeaderMap {
        let pair = cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, pair.parse().unwrap())])
    }

    #[test]
    fn only_who_has_the_key_makes_or_reads_a_session() {
        let options_ = options(b"a secret of ours");
        let cookie = cookie_of(Some(&alice()), &options_).unwrap();
        assert!(!cookie.contains("alice"));
        let sent = headers(&cookie);
        let found = presented(&sent, &options_).unwrap();
        assert_eq!(found.who, Who::Rep("alice".to_owned()));
        assert_eq!(presented(&sent, &options(b"another secret")), None);
        // What is sealed for another purpose is no session.
        let text = serde_json::to_vec(&alice()).unwrap();
        let other = options_.cookie_keys.seal(&text, "other").unwrap().unwrap();
        let other = headers(&format!("{COOKIE}={other}"));
        assert_eq!(presented(&other, &options_), None);
    }

    #[test]
    fn a_session_ends() {
        let options = options(b"a secret of ours");
        let session = alice();
        let sent = headers(&cookie_of(Some(&session), &options).unwrap());
        let end = session.since_unix_ms + LIFETIME_MS;
        assert!(presented_at(&sent, &options, end - 1).is_some());
        assert_eq!(presented_at(&sent, &options, end), None);
    }

    #[test]
    fn behind_https_the_cookie_is_bound_to_the_host() {
        let options = Options {
            public_origin: Some("https://help.example".to_owned()),
            ..options(b"a secret of ours")
        };
        let cookie = cookie_of(Some(&alice()), &options).unwrap();
        assert!(cookie.starts_with("__Host-deskbell-staff="), "{cookie}");
        for part in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"));
        assert!(presented(&headers(&cookie), &options).is_some());
        // A cookie that another host or plain HTTP could have set counts for nothing.
        let unbound = headers(cookie.strip_prefix("__Host-").unwrap());
        assert_eq!(presented(&unbound, &options), None);
        let gone = cookie_of(None, &options).unwrap();
        assert!(gone.contains("Max-Age=0"), "{gone}");
    }
}
