//! Who a browser's session belongs to: a sealed cookie, which says nothing to whoever finds it. Must not know how a
//! session began.

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Options;

/// What a session opens. Each has a cookie of its own, so that who leaves one stays at the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The rep's desk.
    Console,
    /// The supervisor's wall.
    Wall,
}

impl Door {
    /// The cookie's name where it travels in clear.
    const fn plain_cookie(self) -> &'static str {
        match self {
            Self::Console => "deskbell-staff",
            Self::Wall => "deskbell-wall",
        }
    }

    /// The same name over TLS, bound to the host (RFC 6265bis §4.1.3.2).
    const fn host_cookie(self) -> &'static str {
        match self {
            Self::Console => "__Host-deskbell-staff",
            Self::Wall => "__Host-deskbell-wall",
        }
    }

    fn cookie(self, options: &Options) -> &'static str {
        if options.is_secure() {
            self.host_cookie()
        } else {
            self.plain_cookie()
        }
    }
}

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
        ends_unix_ms(self.since_unix_ms)
    }
}

/// When a session that began at `since_unix_ms` is over; both in milliseconds since the Unix epoch.
pub(crate) fn ends_unix_ms(since_unix_ms: i64) -> i64 {
    since_unix_ms.saturating_add(LIFETIME_MS)
}

/// The cookie could not be made: there is no key, or the system has no random bytes.
#[derive(Debug)]
pub(crate) struct NotSealed;

/// The session for `door` that the request's cookie holds, if it is one of ours and not over.
pub(crate) fn presented(door: Door, headers: &HeaderMap, options: &Options) -> Option<Session> {
    presented_at(door, headers, options, Timestamp::now().as_millisecond())
}

fn presented_at(
    door: Door,
    headers: &HeaderMap,
    options: &Options,
    now_unix_ms: i64,
) -> Option<Session> {
    let jar = CookieJar::from_headers(headers);
    let cookie = jar.get(door.cookie(options))?;
    let text = options
        .cookie_keys
        .open(cookie.value(), door.plain_cookie())?;
    let session: Session = serde_json::from_slice(&text).ok()?;
    (now_unix_ms < session.ends_unix_ms()).then_some(session)
}

/// Whether a browser sends a session for `door` along, good or not.
pub(crate) fn has_cookie(door: Door, headers: &HeaderMap) -> bool {
    let jar = CookieJar::from_headers(headers);
    jar.get(door.plain_cookie()).is_some() || jar.get(door.host_cookie()).is_some()
}

/// What `Set-Cookie` does to a session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    /// It begins.
    Begin(&'a Session),
    /// It ends.
    End,
    /// It ends, and no session of another door opens this one from now on.
    Bar,
}

/// The value of `Set-Cookie`.
pub(crate) fn cookie_of(
    door: Door,
    change: Change<'_>,
    options: &Options,
) -> Result<String, NotSealed> {
    let value = match change {
        Change::Begin(session) => {
            let text = serde_json::to_vec(session).map_err(|_| NotSealed)?;
            let sealed = options.cookie_keys.seal(&text, door.plain_cookie());
            sealed.ok().flatten().ok_or(NotSealed)?
        }
        Change::End => String::new(),
        Change::Bar => "left".to_owned(),
    };
    let mut cookie = Cookie::build((door.cookie(options), value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(options.is_secure())
        .build();
    if matches!(change, Change::End) {
        cookie.make_removal();
    }
    Ok(cookie.to_string())
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
        let cookie = cookie_of(Door::Console, Change::Begin(&alice()), &options_).unwrap();
        assert!(!cookie.contains("alice"));
        let sent = headers(&cookie);
        let found = presented(Door::Console, &sent, &options_).unwrap();
        assert_eq!(found.who, Who::Rep("alice".to_owned()));
        assert_eq!(
            presented(Door::Console, &sent, &options(b"another secret")),
            None
        );
        // What is sealed for another purpose is no session.
        let text = serde_json::to_vec(&alice()).unwrap();
        let other = options_.cookie_keys.seal(&text, "other").unwrap().unwrap();
        let other = headers(&format!("deskbell-staff={other}"));
        assert_eq!(presented(Door::Console, &other, &options_), None);
        // Nor is a session for one door one for the other.
        let moved = cookie.replace("deskbell-staff", "deskbell-wall");
        assert_eq!(presented(Door::Wall, &headers(&moved), &options_), None);
    }

    #[test]
    fn a_session_ends() {
        let options = options(b"a secret of ours");
        let session = alice();
        let sent = headers(&cookie_of(Door::Console, Change::Begin(&session), &options).unwrap());
        let end = session.since_unix_ms + LIFETIME_MS;
        assert!(presented_at(Door::Console, &sent, &options, end - 1).is_some());
        assert_eq!(presented_at(Door::Console, &sent, &options, end), None);
    }

    #[test]
    fn behind_https_the_cookie_is_bound_to_the_host() {
        let options = Options {
            public_origin: Some("https://help.example".to_owned()),
            ..options(b"a secret of ours")
        };
        let cookie = cookie_of(Door::Console, Change::Begin(&alice()), &options).unwrap();
        assert!(cookie.starts_with("__Host-deskbell-staff="), "{cookie}");
        for part in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"));
        assert!(presented(Door::Console, &headers(&cookie), &options).is_some());
        // A cookie that another host or plain HTTP could have set counts for nothing.
        let unbound = headers(cookie.strip_prefix("__Host-").unwrap());
        assert_eq!(presented(Door::Console, &unbound, &options), None);
        let gone = cookie_of(Door::Console, Change::End, &options).unwrap();
        assert!(gone.contains("Max-Age=0"), "{gone}");
    }
}
