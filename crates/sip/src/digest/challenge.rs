//! WWW-Authenticate and Proxy-Authenticate: writing our challenges, reading a peer's.
//! Must not know who is challenged.

use std::borrow::Cow;
use std::fmt;

use crate::digest::algorithm::Algorithm;
use crate::digest::credentials::auth_params;
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
    pub algorithm: Algorithm,
    /// The credentials were right, but their nonce was used up: answer again without asking anybody.
    pub is_stale: bool,
    /// `qop=auth` is offered; without it the answer is that of RFC 2617.
    pub offers_authentication: bool,
    /// To be given back as it is.
    pub opaque: Option<String>,
}

impl Challenge {
    /// Reads one value; `None` where it is no digest challenge that we can answer.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let params = auth_params(value)?;
        let text = |name: &str| {
            let value = params.get(name)?;
            std::str::from_utf8(value).ok()
        };
        let algorithm = match params.get("algorithm") {
            None => Algorithm::Md5,
            Some(name) => Algorithm::from_name(std::str::from_utf8(name).ok()?)?,
        };
        let offers_authentication = match text("qop") {
            None => false,
            // Only auth-int is offered: not answerable without the body.
            Some(offered) if !offered.split(',').any(is_authentication) => return None,
            Some(_) => true,
        };
        Some(Self {
            realm: match text::unescape(params.get("realm")?) {
                Cow::Borrowed(plain) => std::str::from_utf8(plain).ok()?.to_owned(),
                Cow::Owned(plain) => String::from_utf8(plain).ok()?,
            },
            nonce: text("nonce")?.to_owned(),
            algorithm,
            is_stale: text("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            offers_authentication,
            opaque: text("opaque").map(str::to_owned),
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
        let mut realm = Vec::with_capacity(self.realm.len() + 2);
        text::quote(self.realm.as_bytes(), &mut realm);
        write!(
            f,
            "Digest realm={}, nonce=\"{}\"",
            String::from_utf8_lossy(&realm),
            self.nonce
        )?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque=\"{opaque}\"")?;
        }
        if self.is_stale {
            f.write_str(", stale=true")?;
        }
        // RFC 7616 §3.3: the algorithm is no quoted string, the list of qualities is one.
        write!(f, ", algorithm={}", self.algorithm)?;
        if self.offers_authentication {
            f.write_str(", qop=\"auth\"")?;
        }
        Ok(())
    }
}

fn is_authentication(quality: &str) -> bool {
    quality.trim().eq_ignore_ascii_case("auth")
}

#[cfg(test)]
mod tests {
    use super::Challenge;
    use crate::digest::Algorithm;

    #[test]
    fn challenges_read_what_they_print() {
        for algorithm in [
            Algorithm::Md5,
            Algorithm::Sha256,
            Algorithm::Sha512Truncated,
        ] {
            for is_stale in [true, false] {
                let challenge = Challenge {
                    realm: "a \"realm\"".to_owned(),
                    nonce: "abc".to_owned(),
                    algorithm,
                    is_stale,
                    offers_authentication: true,
                    opaque: is_stale.then(|| "o".to_owned()),
                };
                assert_eq!(
                    Challenge::parse(challenge.to_string().as_bytes()),
                    Some(challenge)
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_answered_is_no_challenge() {
        for text in [
            "Basic realm=\"r\"",
            "Digest realm=\"r\"",
            "Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
        ] {
            assert_eq!(Challenge::parse(text.as_bytes()), None, "{text}");
        }
        let both =
            Challenge::parse(b"Digest realm=\"r\", nonce=\"n\", qop=\"auth-int, auth\"").unwrap();
        assert!(both.offers_authentication);
    }
}
