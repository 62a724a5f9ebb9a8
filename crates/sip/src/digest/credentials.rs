//! Authorization and Proxy-Authorization: reading what a client answers, writing what we answer.
//! Must not know whether the answer is right.

use std::borrow::Cow;

use crate::digest::algorithm::{Algorithm, HexHash, Keying, Suite};
use crate::digest::challenge::{Challenge, Qop};
use crate::digest::params::{AuthParams, Name};
use crate::digest::secret::{Exchange, Ha1, Quality};
use crate::error::HeaderError;
use crate::header_name::HeaderName;
use crate::headers::Headers;
use crate::text;

/// The digest credentials of one request. Values are as the client wrote them, without quotes.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    username: Username<'a>,
    realm: &'a [u8],
    nonce: &'a [u8],
    uri: &'a [u8],
    response: HexHash,
    suite: Option<Suite>,
    protection: Protection<'a>,
}

/// The request that credentials are for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// The Request-URI.
    pub uri: &'a str,
    /// The body, empty where there is none.
    pub body: &'a [u8],
}

/// A user name as it is written.
#[derive(Clone, Copy)]
enum Username<'a> {
    /// `username`, with its escapes.
    Quoted(&'a [u8]),
    /// `username*` (RFC 7616 §3.4): UTF-8 in percent signs.
    Extended(&'a [u8]),
}

/// How far the response protects the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection<'a> {
    /// No `qop`, as in RFC 2069 and 2617.
    Legacy,
    /// `qop=auth`.
    Authentication {
        /// `cnonce`.
        client_nonce: &'a [u8],
        /// `nc` as written, eight hexadecimal digits.
        nonce_count: &'a [u8],
    },
    /// `qop=auth-int`: the body is protected, too.
    Integrity {
        /// `cnonce`.
        client_nonce: &'a [u8],
        /// `nc` as written, eight hexadecimal digits.
        nonce_count: &'a [u8],
    },
    /// Another `qop`, which we never offer.
    Other,
}

impl<'a> Protection<'a> {
    /// What was chosen of the kinds that a challenge offers; `None` where it is none of them.
    pub const fn quality(&self) -> Option<Qop> {
        match self {
            Self::Authentication { .. } => Some(Qop::Auth),
            Self::Integrity { .. } => Some(Qop::AuthInt),
            Self::Legacy | Self::Other => None,
        }
    }

    /// `nc` as a number: how often the nonce was used, this time included.
    pub fn nonce_count(&self) -> Option<u32> {
        match self {
            Self::Authentication { nonce_count, .. } | Self::Integrity { nonce_count, .. } => {
                nonce_count.iter().try_fold(0_u32, |number, digit| {
                    let digit = char::from(*digit).to_digit(16)?;
                    Some(number.checked_mul(16)? | digit)
                })
            }
            Self::Legacy | Self::Other => None,
        }
    }

    /// The values that are hashed into a response, for a message with this body.
    pub(crate) const fn hashed(&self, body: &'a [u8]) -> Option<Quality<'a>> {
        match *self {
            Self::Legacy | Self::Other => None,
            Self::Authentication {
                client_nonce,
                nonce_count,
            } => Some(Quality {
                nonce_count,
                client_nonce,
                body: None,
            }),
            Self::Integrity {
                client_nonce,
                nonce_count,
            } => Some(Quality {
                nonce_count,
                client_nonce,
                body: Some(body),
            }),
        }
    }
}

impl<'a> Credentials<'a> {
    /// Reads a value of Authorization; `None` where the scheme is not Digest.
    ///
    /// # Errors
    /// Where it is outside the grammar, or lacks a parameter that RFC 7616 §3.4 demands.
    pub fn parse(name: HeaderName, value: &'a [u8]) -> Result<Option<Self>, HeaderError> {
        let Some(params) = AuthParams::read(value) else {
            return Ok(None);
        };
        params
            .ok()
            .and_then(|params| Self::from_params(&params))
            .map(Some)
            .ok_or(HeaderError::malformed(name))
    }

    /// The user name without escapes; what is not UTF-8 becomes U+FFFD, which names nobody.
    pub fn username(&self) -> Cow<'a, str> {
        let plain = match self.username {
            Username::Quoted(quoted) => text::unescape(quoted),
            Username::Extended(escaped) => text::percent_decode(escaped),
        };
        match plain {
            Cow::Borrowed(plain) => String::from_utf8_lossy(plain),
            Cow::Owned(plain) => Cow::Owned(String::from_utf8_lossy(&plain).into_owned()),
        }
    }

    /// The realm without escapes.
    pub fn realm(&self) -> Cow<'a, [u8]> {
        text::unescape(self.realm)
    }

    /// The nonce.
    pub const fn nonce(&self) -> &'a [u8] {
        self.nonce
    }

    /// The URI the client hashed, which need not be the Request-URI to the letter.
    pub const fn uri(&self) -> &'a [u8] {
        self.uri
    }

    /// The algorithm, MD5 where none is named; `None` for one we do not know.
    pub const fn suite(&self) -> Option<Suite> {
        self.suite
    }

    /// How far the response protects the request.
    pub const fn protection(&self) -> Protection<'a> {
        self.protection
    }

    /// Whether whoever wrote this knows the secret, for a request of this method and body; takes the same time for
    /// every wrong response. Without `auth-int` the body does not matter.
    pub fn prove(&self, secret: &Ha1, method: &[u8], body: &[u8]) -> bool {
        match (self.suite(), self.protection) {
            (None, _) | (_, Protection::Other) => false,
            (Some(suite), _) => self.hash(secret, suite, method, body) == self.response,
        }
    }

    pub(crate) fn is_response(&self, expected: &HexHash) -> bool {
        self.response == *expected
    }

    /// What is hashed into a response beside what is the same for each use of a nonce, where there is nothing else.
    pub(crate) const fn quality_alone(&self, suite: Suite) -> Option<Quality<'a>> {
        match (suite.keying, self.protection) {
            (Keying::Password, Protection::Authentication { .. }) => self.protection.hashed(b""),
            (Keying::Session, Protection::Authentication { .. })
            | (
                Keying::Password | Keying::Session,
                Protection::Legacy | Protection::Integrity { .. } | Protection::Other,
            ) => None,
        }
    }

    /// What a server proves that it knows the secret with, in an answer with this body (RFC 7616 §3.5).
    pub(crate) fn server_response(&self, secret: &Ha1, suite: Suite, body: &[u8]) -> HexHash {
        self.hash(secret, suite, b"", body)
    }

    /// The value that answers `challenge`; of the kinds of protection it offers the least, which every server means.
    /// `client_nonce` is random, `nonce_count` how often this nonce was answered, this time included.
    pub fn answer(
        challenge: &Challenge,
        user: &str,
        secret: &Ha1,
        asked: &Asked<'_>,
        client_nonce: &str,
        nonce_count: u32,
    ) -> String {
        let Asked { method, uri, body } = asked;
        let nonce_count = format!("{nonce_count:08x}");
        let quality = match challenge.qualities.as_slice() {
            [] => None,
            offered if offered.contains(&Qop::Auth) => Some(Qop::Auth),
            [..] => Some(Qop::AuthInt),
        };
        let response = secret.response(&Exchange {
            method: method.as_bytes(),
            uri: uri.as_bytes(),
            nonce: challenge.nonce.as_bytes(),
            keying: challenge.suite.keying,
            quality: quality.map(|quality| Quality {
                nonce_count: nonce_count.as_bytes(),
                client_nonce: client_nonce.as_bytes(),
                body: (quality == Qop::AuthInt).then_some(*body),
            }),
        });
        let mut value = b"Digest username=".to_vec();
        text::quote(user.as_bytes(), &mut value);
        value.extend(b", realm=");
        text::quote(challenge.realm.as_bytes(), &mut value);
        for (name, raw) in [("nonce", challenge.nonce.as_str()), ("uri", uri)] {
            value.extend(format!(", {name}=\"{raw}\"").as_bytes());
        }
        value.extend(b", response=\"");
        value.extend(response.as_bytes());
        value.extend(format!("\", algorithm={}", challenge.suite).as_bytes());
        if let Some(quality) = quality {
            let quality = quality.as_str();
            value.extend(
                format!(", qop={quality}, nc={nonce_count}, cnonce=\"{client_nonce}\"").as_bytes(),
            );
        }
        if let Some(opaque) = &challenge.opaque {
            value.extend(format!(", opaque=\"{opaque}\"").as_bytes());
        }
        String::from_utf8_lossy(&value).into_owned()
    }

    /// What the client wrote is hashed, not what we make of it.
    fn hash(&self, secret: &Ha1, suite: Suite, method: &[u8], body: &[u8]) -> HexHash {
        secret.response(&Exchange {
            method,
            uri: self.uri,
            nonce: self.nonce,
            keying: suite.keying,
            quality: self.protection.hashed(body),
        })
    }

    fn from_params(params: &AuthParams<'a>) -> Option<Self> {
        let nonce_count = params.value(Name::NonceCount);
        let client_nonce = params.value(Name::ClientNonce);
        let protection = match params.value(Name::Qop) {
            None => Protection::Legacy,
            Some(qop) => {
                let quality = std::str::from_utf8(qop).ok().and_then(Qop::from_name);
                match quality {
                    None => Protection::Other,
                    Some(Qop::Auth) => Protection::Authentication {
                        client_nonce: client_nonce?,
                        nonce_count: nonce_count.filter(is_count)?,
                    },
                    Some(Qop::AuthInt) => Protection::Integrity {
                        client_nonce: client_nonce?,
                        nonce_count: nonce_count.filter(is_count)?,
                    },
                }
            }
        };
        let quoted = params.value(Name::Username);
        let username = match (quoted, params.value(Name::ExtendedUsername)) {
            (Some(quoted), None) => Username::Quoted(quoted),
            (None, Some(extended)) => Username::Extended(in_utf8(extended)?),
            // RFC 7616 §3.4: never both.
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let suite = match params.value(Name::Algorithm) {
            None => Some(Algorithm::Md5.into()),
            Some(name) => std::str::from_utf8(name).ok().and_then(Suite::from_name),
        };
        Some(Self {
            username,
            realm: params.value(Name::Realm)?,
            nonce: params.value(Name::Nonce)?,
            uri: params.value(Name::Uri)?,
            response: HexHash::read(params.value(Name::Response)?)?,
            suite,
            protection,
        })
    }
}

impl Headers {
    /// The digest credentials in Authorization; other schemes are passed over.
    pub fn authorizations(&self) -> impl Iterator<Item = Result<Credentials<'_>, HeaderError>> {
        self.credentials(HeaderName::Authorization)
    }

    /// The digest credentials in Proxy-Authorization; other schemes are passed over.
    pub fn proxy_authorizations(
        &self,
    ) -> impl Iterator<Item = Result<Credentials<'_>, HeaderError>> {
        self.credentials(HeaderName::ProxyAuthorization)
    }

    fn credentials(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<Credentials<'_>, HeaderError>> {
        self.headers(name)
            .filter_map(move |value| Credentials::parse(name, value).transpose())
    }
}

/// RFC 7616 §3.4: the count is eight hexadecimal digits.
fn is_count(text: &&[u8]) -> bool {
    text.len() == 8 && text.iter().all(u8::is_ascii_hexdigit)
}

/// What follows charset and language of an extended value (RFC 5987 §3.2.1); RFC 7616 §3.4 allows UTF-8 alone.
fn in_utf8(value: &[u8]) -> Option<&[u8]> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let charset = parts.next()?;
    let _language = parts.next()?;
    charset
        .eq_ignore_ascii_case(b"UTF-8")
        .then(|| parts.next())?
}

#[cfg(test)]
mod tests {
    use super::{Asked, Credentials, Protection};
    use crate::digest::{Algorithm, Challenge, Ha1, Keying, Qop, Suite};
    use crate::header_name::HeaderName;

    fn parse(value: &str) -> Option<Credentials<'_>> {
        Credentials::parse(HeaderName::Authorization, value.as_bytes()).unwrap()
    }

    fn is_malformed(value: &str) -> bool {
        Credentials::parse(HeaderName::Authorization, value.as_bytes()).is_err()
    }

    const RESPONSE: &str = "62d82bf69abfbef8405b6be2b19678dc";

    #[test]
    fn every_spacing_and_order_of_real_phones() {
        for text in [
            format!(
                "Digest username=\"henry@\", uri=\"sip:h\", algorithm=MD5, realm=\"r\", nonce=\"n\", qop=auth, nc=00000001, cnonce=\"c\", response=\"{RESPONSE}\""
            ),
            format!(
                "Digest username=\"henry@\",realm=\"r\",nonce=\"n\",uri=\"sip:h\",response=\"{RESPONSE}\",algorithm=MD5,cnonce=\"c\",qop=auth,nc=00000001"
            ),
            format!(
                "  digest  algorithm = MD5 ,, qop=\"auth\",  username = \"henry@\" , realm=\"r\", nonce=\"n\", uri=\"sip:h\", response=\"{}\", cnonce=\"c\", nc=00000001 ,",
                RESPONSE.to_uppercase()
            ),
        ] {
            let credentials = parse(&text).unwrap();
            assert_eq!(credentials.username(), "henry@");
            assert_eq!(credentials.realm().as_ref(), b"r");
            assert_eq!(credentials.nonce(), b"n");
            assert_eq!(credentials.uri(), b"sip:h");
            assert_eq!(credentials.suite(), Some(Algorithm::Md5.into()));
            assert_eq!(
                credentials.protection(),
                Protection::Authentication {
                    client_nonce: b"c",
                    nonce_count: b"00000001"
                }
            );
            assert_eq!(credentials.response.as_bytes(), RESPONSE.as_bytes());
        }
    }

    #[test]
    fn quoted_pairs_in_user_names() {
        let text = format!(
            r#"Digest username="a\"b\\c, d", realm="r", nonce="n", uri="u", response="{RESPONSE}""#
        );
        let credentials = parse(&text).unwrap();
        assert_eq!(credentials.username(), r#"a"b\c, d"#);
        assert_eq!(credentials.protection(), Protection::Legacy);
    }

    #[test]
    fn other_schemes_are_not_ours() {
        assert!(parse("Basic YWxpY2U6eA==").is_none());
        assert!(parse("DigestX a=b").is_none());
    }

    #[test]
    fn incomplete_credentials_are_malformed() {
        let whole =
            format!("username=\"u\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"{RESPONSE}\"");
        assert!(parse(&format!("Digest {whole}")).is_some());
        for missing in ["username=\"u\", ", "realm=\"r\", ", "nonce=\"n\", "] {
            assert!(
                is_malformed(&format!("Digest {}", whole.replace(missing, ""))),
                "{missing}"
            );
        }
        for more in [
            ", qop=auth",
            ", qop=auth, nc=1, cnonce=\"c\"",
            ", qop=auth, nc=0000000g, cnonce=\"c\"",
            " x",
            ", =x",
            ", a=\"open",
        ] {
            assert!(is_malformed(&format!("Digest {whole}{more}")), "{more}");
        }
        assert!(is_malformed("Digest "));
        assert!(is_malformed(
            &whole
                .replace("username", "Digest username")
                .replace(RESPONSE, "not hexadecimal")
        ));
    }

    #[test]
    fn what_we_answer_is_proven_by_our_own_reading() {
        for algorithm in Algorithm::ALL {
            for keying in [Keying::Password, Keying::Session] {
                for qualities in [vec![], vec![Qop::AuthInt, Qop::Auth], vec![Qop::AuthInt]] {
                    check_answer(Suite { algorithm, keying }, qualities);
                }
            }
        }
    }

    #[track_caller]
    fn check_answer(suite: Suite, qualities: Vec<Qop>) {
        let challenge = Challenge {
            realm: "trunk \"one\"".to_owned(),
            nonce: "n/1=".to_owned(),
            suite,
            is_stale: false,
            qualities,
            opaque: Some("o".to_owned()),
        };
        let (user, uri, body) = ("desk", "sip:a@h", &b"hello"[..]);
        let secret = Ha1::derive(suite.algorithm, user, &challenge.realm, "wonder");
        let method = "MESSAGE";
        let asked = Asked { method, uri, body };
        let value = Credentials::answer(&challenge, user, &secret, &asked, "c1", 26);
        let credentials = parse(&value).unwrap();
        assert_eq!(credentials.suite(), Some(suite));
        assert!(credentials.prove(&secret, b"MESSAGE", body), "{value}");
        assert!(!credentials.prove(&secret, b"INVITE", body));
        // Nothing but auth-int looks at the body.
        let protects_body = credentials.protection().quality() == Some(Qop::AuthInt);
        assert_eq!(protects_body, challenge.qualities == [Qop::AuthInt]);
        assert_eq!(
            credentials.prove(&secret, b"MESSAGE", b"hello!"),
            !protects_body
        );
        assert_eq!(credentials.realm().as_ref(), challenge.realm.as_bytes());
        let counts = !challenge.qualities.is_empty();
        assert_eq!(value.contains("nc=0000001a"), counts);
        assert_eq!(credentials.protection().nonce_count(), counts.then_some(26));
        assert!(value.ends_with("opaque=\"o\""));
    }

    /// RFC 7616 §3.9.2 without its hashed user name.
    #[test]
    fn an_extended_user_name_is_utf_8() {
        let whole = format!(
            "Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, realm=\"r\", nonce=\"n\", uri=\"u\", response=\"{RESPONSE}\""
        );
        assert_eq!(parse(&whole).unwrap().username(), "J\u{e4}s\u{f8}n Doe");
        for (wrong, text) in [
            ("another charset", whole.replace("UTF-8", "ISO-8859-1")),
            ("no charset", whole.replace("UTF-8''", "")),
            (
                "both names",
                whole.replace("realm", "username=\"u\", realm"),
            ),
        ] {
            assert!(is_malformed(&text), "{wrong}");
        }
        let odd = whole.replace("%C3", "%FF");
        assert!(parse(&odd).unwrap().username().contains('\u{fffd}'));
    }
}
