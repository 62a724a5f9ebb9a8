//! Who a browser's session belongs to: a cookie that only this server can make or read, and that says nothing to
//! whoever finds it. Must not know how a session began.

use std::fmt;

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Options;
use crate::random::NoRandom;

/// The cookie's name where it travels in clear; over TLS it has the prefix `__Host-` (RFC 6265bis §4.1.3.2).
const COOKIE: &str = "deskbell-staff";

/// The same name with the prefix.
const HOST_COOKIE: &str = "__Host-deskbell-staff";

/// A session is as long as a working day with its breaks.
const LIFETIME_MS: i64 = 12 * 60 * 60 * 1000;

const NONCE_BYTES: usize = 24;

/// Seals sessions.
pub(crate) struct Sealer(XChaCha20Poly1305);

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

impl Sealer {
    /// Seals with a key that nobody else has.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&Key::from(*key)))
    }

    fn seal(&self, session: &Session) -> Result<String, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError)?;
        let body = serde_json::to_vec(session).map_err(|_| SealError)?;
        let payload = Payload {
            msg: &body,
            aad: COOKIE.as_bytes(),
        };
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    fn open(&self, text: &str, now_unix_ms: i64) -> Option<Session> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: sealed,
            aad: COOKIE.as_bytes(),
        };
        let body = self.0.decrypt(&XNonce::from(*nonce), payload).ok()?;
        let session: Session = serde_json::from_slice(&body).ok()?;
        (now_unix_ms < session.ends_unix_ms()).then_some(session)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

/// The cookie could not be made: the system has no random bytes.
#[derive(Debug)]
pub(crate) struct SealError;

impl From<NoRandom> for SealError {
    fn from(_: NoRandom) -> Self {
        Self
    }
}

/// The session that the request's cookie holds, if it is one of ours and not over.
pub(crate) fn presented(
    sealer: &Sealer,
    headers: &HeaderMap,
    options: &Options,
) -> Option<Session> {
    let jar = CookieJar::from_headers(headers);
    let cookie = jar.get(name(options))?;
    sealer.open(cookie.value(), Timestamp::now().as_millisecond())
}

/// Whether a browser sends a session along, good or not.
pub(crate) fn has_cookie(headers: &HeaderMap) -> bool {
    let jar = CookieJar::from_headers(headers);
    jar.get(COOKIE).is_some() || jar.get(HOST_COOKIE).is_some()
}

/// The value of `Set-Cookie`: the session, or without one the end of it.
pub(crate) fn cookie_of(
    sealer: &Sealer,
    session: Option<&Session>,
    options: &Options,
) -> Result<String, SealError> {
    let value = match session {
        Some(session) => sealer.seal(session)?,
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

    fn alice() -> Session {
        Session {
            who: Who::Rep("alice".to_owned()),
            proof: [7; 16],
            since_unix_ms: Timestamp::now().as_millisecond(),
        }
    }

    fn headers(cookie: &str) -> HeaderMap {
        let pair = cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, pair.parse().unwrap())])
    }

    #[test]
    fn only_who_has_the_key_makes_or_reads_a_session() {
        let (sealer, options) = (Sealer::new(&[1; 32]), Options::default());
        let cookie = cookie_of(&sealer, Some(&alice()), &options).unwrap();
        assert!(!cookie.contains("alice"));
        let sent = headers(&cookie);
        let found = presented(&sealer, &sent, &options).unwrap();
        assert_eq!(found.who, Who::Rep("alice".to_owned()));
        assert_eq!(presented(&Sealer::new(&[2; 32]), &sent, &options), None);
        let mut broken = cookie.clone().into_bytes();
        broken[COOKIE.len() + 40] ^= 1;
        let broken = headers(&String::from_utf8(broken).unwrap());
        assert_eq!(presented(&sealer, &broken, &options), None);
    }

    #[test]
    fn a_session_ends() {
        let sealer = Sealer::new(&[1; 32]);
        let session = alice();
        let text = sealer.seal(&session).unwrap();
        assert!(sealer.open(&text, session.ends_unix_ms() - 1).is_some());
        assert_eq!(sealer.open(&text, session.ends_unix_ms()), None);
    }

    #[test]
    fn behind_https_the_cookie_is_bound_to_the_host() {
        let sealer = Sealer::new(&[1; 32]);
        let options = Options {
            public_origin: Some("https://help.example".to_owned()),
            ..Options::default()
        };
        let cookie = cookie_of(&sealer, Some(&alice()), &options).unwrap();
        assert!(cookie.starts_with("__Host-deskbell-staff="), "{cookie}");
        for part in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"));
        assert!(presented(&sealer, &headers(&cookie), &options).is_some());
        // A cookie that another host or plain HTTP could have set counts for nothing.
        let unbound = headers(cookie.strip_prefix("__Host-").unwrap());
        assert_eq!(presented(&sealer, &unbound, &options), None);
        let gone = cookie_of(&sealer, None, &options).unwrap();
        assert!(gone.contains("Max-Age=0"), "{gone}");
    }
}
