//! WWW-Authenticate and Proxy-Authenticate: writing our challenges, reading a peer's.
//! Must not know who is challenged.

use std::borrow::Cow;
use std::fmt;

use crate::digest::algorithm::{Algorithm, Suite};
use crate::digest::params::{AuthParams, Name};
use crate::header_name::HeaderName;
use crate::message::Response;
use crate::text;

/// A digest challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The realm, without escapes.
    pub realm: String,
    /// The nonce as written between its quotes.
    pub nonce: String,
    /// The algorithm to answer with.
    pub suite: Suite,
    /// The credentials were right, but their nonce was used up: answer again without asking anybody.
    pub is_stale: bool,
    /// The kinds of protection to choose from; without any, the answer is that of RFC 2617.
    pub qualities: Vec<Qop>,
    /// To be given back as it is.
    pub opaque: Option<String>,
}

/// How much of a message a response protects: the quality of protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Qop {
    /// `auth`: the method and the URI.
    Auth,
    /// `auth-int`: the body, too.
    AuthInt,
}

impl Qop {
    /// The quality of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Auth, Self::AuthInt]
            .into_iter()
            .find(|quality| quality.as_str().eq_ignore_ascii_case(name))
    }

    /// The name used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

impl Challenge {
    /// Reads one value; `None` where it is no digest challenge that we can answer.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let params = AuthParams::read(value)?.ok()?;
        let text = |name| std::str::from_utf8(params.value(name)?).ok();
        let suite = match params.value(Name::Algorithm) {
            None => Algorithm::Md5.into(),
            Some(name) => Suite::from_name(std::str::from_utf8(name).ok()?)?,
        };
        let qualities: Vec<_> = match params.value(Name::Qop) {
            None => Vec::new(),
            Some(_) => text(Name::Qop)?
                .split(',')
                .filter_map(|name| Qop::from_name(name.trim()))
                .collect(),
        };
        if qualities.is_empty() && params.value(Name::Qop).is_some() {
            // Protection is asked for, and none of the kinds is known here.
            return None;
        }
        Some(Self {
            realm: match text::unescape(params.value(Name::Realm)?) {
                Cow::Borrowed(plain) => std::str::from_utf8(plain).ok()?.to_owned(),
                Cow::Owned(plain) => String::from_utf8(plain).ok()?,
            },
            nonce: text(Name::Nonce)?.to_owned(),
            suite,
            is_stale: text(Name::Stale).is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            qualities,
            opaque: text(Name::Opaque).map(str::to_owned),
        })
    }

    /// The topmost challenge of a 401 or 407 that we can answer (RFC 8760 §2.4), and the header its answer goes in.
    pub fn of(response: &Response) -> Option<(HeaderName, Self)> {
        [
            (HeaderName::WwwAuthenticate, HeaderName::Authorization),
            (
                HeaderName::ProxyAuthenticate,
                HeaderName::ProxyAuthorization,
            ),
        ]
        .into_iter()
        .find_map(|(asked, answered)| {
            let challenge = response.headers(asked).find_map(Self::parse)?;
            Some((answered, challenge))
        })
    }
}

/// The value of the header.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spelled = Spelled {
            quoted_realm: &quoted(&self.realm),
            nonce: &self.nonce,
            suite: self.suite,
            is_stale: self.is_stale,
            qualities: &self.qualities,
            opaque: self.opaque.as_deref(),
        };
        f.write_str(&spelled.text())
    }
}

/// A challenge whose parts need not be copied for it: one is written for each stranger.
pub(super) struct Spelled<'a> {
    /// As [`quoted`] has it.
    pub(super) quoted_realm: &'a str,
    pub(super) nonce: &'a str,
    pub(super) suite: Suite,
    pub(super) is_stale: bool,
    pub(super) qualities: &'a [Qop],
    pub(super) opaque: Option<&'a str>,
}

/// Bytes that a challenge has beside realm, nonce and opaque value, and seldom more.
const USUAL_LENGTH: usize = 96;

impl Spelled<'_> {
    /// The value of the header.
    pub(super) fn text(&self) -> String {
        let opaque = self.opaque.unwrap_or_default();
        let length = self.quoted_realm.len() + self.nonce.len() + opaque.len() + USUAL_LENGTH;
        let mut text = String::with_capacity(length);
        text.extend(["Digest realm=", self.quoted_realm, ", nonce=\"", self.nonce]);
        if self.opaque.is_some() {
            text.extend(["\", opaque=\"", opaque]);
        }
        text.push('"');
        if self.is_stale {
            text.push_str(", stale=true");
        }
        // RFC 7616 §3.3: the algorithm is no quoted string, the list of qualities is one.
        text.push_str(", algorithm=");
        text.extend(self.suite.name());
        for (place, quality) in self.qualities.iter().enumerate() {
            text.push_str(if place == 0 { ", qop=\"" } else { "," });
            text.push_str(quality.as_str());
        }
        if !self.qualities.is_empty() {
            text.push('"');
        }
        text
    }
}

/// A realm as it is written, with its quotes.
pub(super) fn quoted(realm: &str) -> String {
    let mut quoted = Vec::with_capacity(realm.len() + 2);
    text::quote(realm.as_bytes(), &mut quoted);
    String::from_utf8_lossy(&quoted).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Challenge, Qop};
    use crate::digest::{Algorithm, Keying, Suite};

    #[test]
    fn challenges_read_what_they_print() {
        for algorithm in Algorithm::ALL {
            for keying in [Keying::Password, Keying::Session] {
                for qualities in [
                    vec![],
                    vec![Qop::Auth],
                    vec![Qop::Auth, Qop::AuthInt],
                    vec![Qop::AuthInt],
                ] {
                    let challenge = Challenge {
                        realm: "a \"realm\"".to_owned(),
                        nonce: "abc".to_owned(),
                        suite: Suite { algorithm, keying },
                        is_stale: qualities.len() == 1,
                        opaque: (qualities.len() == 2).then(|| "o".to_owned()),
                        qualities,
                    };
                    assert_eq!(
                        Challenge::parse(challenge.to_string().as_bytes()),
                        Some(challenge)
                    );
                }
            }
        }
    }

    /// Not all phones read a challenge by the book: what every one of them reads is spelled like this.
    #[test]
    fn a_challenge_is_spelled_as_phones_expect_it() {
        let challenge = Challenge {
            realm: "shop.example".to_owned(),
            nonce: "abc".to_owned(),
            suite: Algorithm::Md5.into(),
            is_stale: true,
            qualities: vec![Qop::Auth],
            opaque: None,
        };
        assert_eq!(
            challenge.to_string(),
            r#"Digest realm="shop.example", nonce="abc", stale=true, algorithm=MD5, qop="auth""#
        );
    }

    #[test]
    fn what_cannot_be_answered_is_no_challenge() {
        for text in [
            "Basic realm=\"r\"",
            "Digest realm=\"r\"",
            "Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth-conf\"",
            "Digest realm=\"r\", nonce=\"n\", qop=\"\"",
        ] {
            assert_eq!(Challenge::parse(text.as_bytes()), None, "{text}");
        }
        let both =
            Challenge::parse(b"Digest realm=\"r\", nonce=\"n\", qop=\"auth-int, x,AUTH\"").unwrap();
        assert_eq!(both.qualities, [Qop::AuthInt, Qop::Auth]);
    }
}
