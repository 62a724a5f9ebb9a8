//! Authorization and Proxy-Authorization: reading what a client answers, writing what we answer.
//! Must not know whether the answer is right.

use std::borrow::Cow;

use nom::Parser;
use nom::bytes::complete::tag_no_case;
use nom::character::complete::char;
use nom::combinator::{recognize, verify};
use nom::multi::{many0_count, many1_count};
use nom::sequence::{delimited, preceded, separated_pair};

use crate::digest::algorithm::{Algorithm, Exchange, Ha1, HexHash, Quality};
use crate::digest::challenge::Challenge;
use crate::error::HeaderError;
use crate::grammar::{self, Param, Parsed, blank};
use crate::header_name::HeaderName;
use crate::headers::Headers;
use crate::text;

/// The digest credentials of one request. Values are as the client wrote them, without quotes.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    username: &'a [u8],
    realm: &'a [u8],
    nonce: &'a [u8],
    uri: &'a [u8],
    response: HexHash,
    algorithm: Option<&'a [u8]>,
    protection: Protection<'a>,
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
    /// Another `qop`, which we never offer.
    Other,
}

impl<'a> Credentials<'a> {
    /// Reads a value of Authorization; `None` where the scheme is not Digest.
    ///
    /// # Errors
    /// Where it is outside the grammar, or lacks a parameter that RFC 7616 §3.4 demands.
    pub fn parse(name: HeaderName, value: &'a [u8]) -> Result<Option<Self>, HeaderError> {
        let Some(params) = auth_params(value) else {
            return Ok(None);
        };
        Self::from_params(params)
            .map(Some)
            .ok_or(HeaderError::malformed(name))
    }

    /// The user name without escapes; what is not UTF-8 becomes U+FFFD, which names nobody.
    pub fn username(&self) -> Cow<'a, str> {
        match text::unescape(self.username) {
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
    pub fn algorithm(&self) -> Option<Algorithm> {
        match self.algorithm {
            None => Some(Algorithm::Md5),
            Some(name) => Algorithm::from_name(std::str::from_utf8(name).ok()?),
        }
    }

    /// How far the response protects the request.
    pub const fn protection(&self) -> Protection<'a> {
        self.protection
    }

    /// Whether whoever wrote this knows the secret; takes the same time for every wrong response.
    pub fn prove(&self, secret: &Ha1, method: &[u8]) -> bool {
        let quality = match self.protection {
            Protection::Legacy => None,
            Protection::Authentication {
                client_nonce,
                nonce_count,
            } => Some(Quality {
                nonce_count,
                client_nonce,
            }),
            Protection::Other => return false,
        };
        // What the client wrote is hashed, not what we make of it.
        let expected = secret.response(&Exchange {
            method,
            uri: self.uri,
            nonce: self.nonce,
            quality,
        });
        expected == self.response
    }

    /// The value that answers `challenge`. `client_nonce` is random, `nonce_count` how often this
    /// nonce was answered, this time included.
    pub fn answer(
        challenge: &Challenge,
        user: &str,
        secret: &Ha1,
        method: &str,
        uri: &str,
        client_nonce: &str,
        nonce_count: u32,
    ) -> String {
        let nonce_count = format!("{nonce_count:08x}");
        let quality = challenge.offers_authentication.then_some(Quality {
            nonce_count: nonce_count.as_bytes(),
            client_nonce: client_nonce.as_bytes(),
        });
        let response = secret.response(&Exchange {
            method: method.as_bytes(),
            uri: uri.as_bytes(),
            nonce: challenge.nonce.as_bytes(),
            quality,
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
        value.extend(format!("\", algorithm={}", secret.algorithm()).as_bytes());
        if quality.is_some() {
            value.extend(
                format!(", qop=auth, nc={nonce_count}, cnonce=\"{client_nonce}\"").as_bytes(),
            );
        }
        if let Some(opaque) = &challenge.opaque {
            value.extend(format!(", opaque=\"{opaque}\"").as_bytes());
        }
        String::from_utf8_lossy(&value).into_owned()
    }

    fn from_params(params: AuthParams<'a>) -> Option<Self> {
        let nonce_count = params.get("nc");
        let client_nonce = params.get("cnonce");
        let protection = match params.get("qop") {
            None => Protection::Legacy,
            Some(qop) if qop.eq_ignore_ascii_case(b"auth") => Protection::Authentication {
                client_nonce: client_nonce?,
                nonce_count: nonce_count
                    .filter(|count| count.len() == 8 && count.iter().all(u8::is_ascii_hexdigit))?,
            },
            Some(_) => Protection::Other,
        };
        Some(Self {
            username: params.get("username")?,
            realm: params.get("realm")?,
            nonce: params.get("nonce")?,
            uri: params.get("uri")?,
            response: HexHash::read(params.get("response")?)?,
            algorithm: params.get("algorithm"),
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

/// The parameters of a challenge or of credentials.
#[derive(Clone, Copy)]
pub(super) struct AuthParams<'a> {
    /// `None` where they are outside the grammar.
    raw: Option<&'a [u8]>,
}

impl<'a> AuthParams<'a> {
    /// The value of the first parameter of this name, without quotes but with its escapes.
    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        let mut rest = self.raw?;
        loop {
            let (after, param) = listed_param(rest).ok()?;
            rest = after;
            if param.name.eq_ignore_ascii_case(name) {
                return match param.value? {
                    [b'"', inner @ .., b'"'] => Some(inner),
                    token => Some(token),
                };
            }
        }
    }
}

/// The parameters after `Digest`; `None` where the scheme is another.
pub(super) fn auth_params(value: &[u8]) -> Option<AuthParams<'_>> {
    let (rest, _) = scheme(value).ok()?;
    Some(AuthParams {
        raw: grammar::read_all(
            |input| recognize((many1_count(listed_param), many0_count(separator))).parse(input),
            rest,
        ),
    })
}

fn scheme(input: &[u8]) -> Parsed<'_, &[u8]> {
    delimited(
        blank,
        tag_no_case("Digest"),
        verify(blank, |blanks: &[u8]| !blanks.is_empty()),
    )
    .parse(input)
}

/// RFC 7616 §3.4 parts the parameters with commas; empty elements between them are passed over.
fn listed_param(input: &[u8]) -> Parsed<'_, Param<'_>> {
    preceded(many0_count(separator), auth_param).parse(input)
}

fn separator(input: &[u8]) -> Parsed<'_, char> {
    delimited(blank, char(','), blank).parse(input)
}

fn auth_param(input: &[u8]) -> Parsed<'_, Param<'_>> {
    separated_pair(
        preceded(blank, grammar::token),
        delimited(blank, char('='), blank),
        grammar::param_value,
    )
    .map(|(name, value)| Param {
        name,
        value: Some(value),
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::{Credentials, Protection};
    use crate::digest::{Algorithm, Challenge, Ha1};
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
            assert_eq!(credentials.algorithm(), Some(Algorithm::Md5));
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
        for algorithm in [
            Algorithm::Md5,
            Algorithm::Sha256,
            Algorithm::Sha512Truncated,
        ] {
            for offers_authentication in [true, false] {
                let challenge = Challenge {
                    realm: "trunk \"one\"".to_owned(),
                    nonce: "n/1=".to_owned(),
                    algorithm,
                    is_stale: false,
                    offers_authentication,
                    opaque: Some("o".to_owned()),
                };
                let secret = Ha1::derive(algorithm, "desk", &challenge.realm, "wonder");
                let value = Credentials::answer(
                    &challenge, "desk", &secret, "MESSAGE", "sip:a@h", "c1", 26,
                );
                let credentials = parse(&value).unwrap();
                assert!(credentials.prove(&secret, b"MESSAGE"), "{value}");
                assert!(!credentials.prove(&secret, b"INVITE"));
                assert_eq!(credentials.realm().as_ref(), challenge.realm.as_bytes());
                assert_eq!(value.contains("nc=0000001a"), offers_authentication);
                assert!(value.ends_with("opaque=\"o\""));
            }
        }
    }
}
