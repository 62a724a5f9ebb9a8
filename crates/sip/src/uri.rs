//! `sip:` and `sips:` URIs, read in place (RFC 3261 §19.1). Must not know who they name.

use std::borrow::Cow;
use std::fmt;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::{all_consuming, opt, recognize, value, verify};
use nom::multi::many0_count;
use nom::sequence::{preceded, terminated};

use crate::error::UriError;
use crate::grammar::{Parsed, bytes, port};
use crate::host::{Host, host};
use crate::text;

/// Whether the way must be secured to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip`.
    Sip,
    /// `sips`.
    Sips,
}

/// A SIP or SIPS URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// `sip` or `sips`.
    pub scheme: Scheme,
    /// The user part as written, escapes kept.
    pub user: Option<&'a [u8]>,
    /// The password as written.
    pub password: Option<&'a [u8]>,
    /// The host.
    pub host: Host<'a>,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// The parameters.
    pub params: UriParams<'a>,
    /// What follows the question mark, as written.
    pub headers: Option<&'a [u8]>,
}

/// A URI of any scheme, as a name-addr may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnyUri<'a> {
    /// A SIP or SIPS URI.
    Sip(Uri<'a>),
    /// Another absolute URI (`tel:`, `urn:`), as written.
    Other(&'a [u8]),
}

/// The parameters of a URI, `;name=value`; a view that allocates nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UriParams<'a> {
    /// Invariant: in the grammar of `*( ";" uri-parameter )`.
    raw: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a whole `sip:` or `sips:` URI.
    ///
    /// # Errors
    /// `UnsupportedScheme` for other absolute URIs, else `Malformed`.
    pub fn parse(text: &'a [u8]) -> Result<Self, UriError> {
        match AnyUri::parse(text)? {
            AnyUri::Sip(uri) => Ok(uri),
            AnyUri::Other(_) => Err(UriError::UnsupportedScheme),
        }
    }

    /// The user part with its escapes undone; what is not UTF-8 becomes U+FFFD, which names nobody.
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        Some(match text::percent_decode(self.user?) {
            Cow::Borrowed(plain) => String::from_utf8_lossy(plain),
            Cow::Owned(plain) => Cow::Owned(String::from_utf8_lossy(&plain).into_owned()),
        })
    }

    /// Whether both name the same resource (RFC 3261 §19.1.4).
    pub fn is_equivalent(&self, other: &Uri<'_>) -> bool {
        self.scheme == other.scheme
            && self.user.map(text::percent_decode) == other.user.map(text::percent_decode)
            && self.password.map(text::percent_decode) == other.password.map(text::percent_decode)
            && self.host == other.host
            && self.port == other.port
            && self.params.agree_with(&other.params)
            && same_headers(self.headers, other.headers)
    }
}

impl<'a> AnyUri<'a> {
    /// Reads a whole URI.
    ///
    /// # Errors
    /// `Malformed` where it is no absolute URI, or a `sip:` one outside its grammar.
    pub fn parse(text: &'a [u8]) -> Result<Self, UriError> {
        if let Ok((rest, scheme)) = scheme(text) {
            return match all_consuming(|input| after_scheme(scheme, input)).parse(rest) {
                Ok((_, uri)) => Ok(Self::Sip(uri)),
                Err(_) => Err(UriError::Malformed),
            };
        }
        match all_consuming(absolute_uri).parse(text) {
            Ok((_, text)) => Ok(Self::Other(text)),
            Err(_) => Err(UriError::Malformed),
        }
    }

    /// The URI, if it is a SIP or SIPS one.
    pub const fn sip(&self) -> Option<&Uri<'a>> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Other(_) => None,
        }
    }
}

impl<'a> UriParams<'a> {
    /// Names and values in order, as written.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        self.raw.split(|byte| *byte == b';').skip(1).map(|param| {
            match memchr::memchr(b'=', param) {
                Some(at) => (
                    param.get(..at).unwrap_or_default(),
                    Some(param.get(at + 1..).unwrap_or_default()),
                ),
                None => (param, None),
            }
        })
    }

    /// The parameter of this name, in any case and escaped or not: `Some(None)` for a flag such as `;lr`.
    pub fn get(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.find(name.as_bytes())
    }

    fn find(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.iter()
            .find(|(found, _)| text::percent_decode(found).eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn agree_with(&self, other: &UriParams<'_>) -> bool {
        // RFC 3261 §19.1.4: these five count even when only one side has them.
        const DECISIVE: [&str; 5] = ["transport", "user", "ttl", "method", "maddr"];
        let decisive = DECISIVE
            .iter()
            .all(|name| self.get(name).is_some() == other.get(name).is_some());
        decisive
            && self.iter().all(|(name, value)| {
                other
                    .find(&text::percent_decode(name))
                    .is_none_or(|theirs| match (value, theirs) {
                        (None, None) => true,
                        (Some(one), Some(two)) => text::percent_decode(one)
                            .eq_ignore_ascii_case(&text::percent_decode(two)),
                        (None, Some(_)) | (Some(_), None) => false,
                    })
            })
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
        })
    }
}

impl Uri<'_> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(match self.scheme {
            Scheme::Sip => &b"sip:"[..],
            Scheme::Sips => b"sips:",
        });
        if let Some(user) = self.user {
            out.extend(user);
            if let Some(password) = self.password {
                out.push(b':');
                out.extend(password);
            }
            out.push(b'@');
        }
        out.extend(self.host.to_string().as_bytes());
        if let Some(port) = self.port {
            out.push(b':');
            out.extend(port.to_string().as_bytes());
        }
        out.extend(self.params.raw);
        if let Some(headers) = self.headers {
            out.push(b'?');
            out.extend(headers);
        }
    }
}

impl AnyUri<'_> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Sip(uri) => uri.write(out),
            Self::Other(text) => out.extend(*text),
        }
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

fn same_headers(one: Option<&[u8]>, two: Option<&[u8]>) -> bool {
    let sorted = |headers: Option<&[u8]>| {
        let mut pairs: Vec<Vec<u8>> = headers
            .unwrap_or_default()
            .split(|byte| *byte == b'&')
            .map(|pair| text::percent_decode(pair).to_ascii_lowercase())
            .collect();
        pairs.sort();
        pairs
    };
    one == two || sorted(one) == sorted(two)
}

fn scheme(input: &[u8]) -> Parsed<'_, Scheme> {
    alt((
        value(Scheme::Sip, tag_no_case("sip:")),
        value(Scheme::Sips, tag_no_case("sips:")),
    ))
    .parse(input)
}

fn after_scheme(scheme: Scheme, input: &[u8]) -> Parsed<'_, Uri<'_>> {
    (
        opt(terminated(
            (user, opt(preceded(char(':'), password))),
            char('@'),
        )),
        host,
        port,
        uri_params,
        opt(preceded(char('?'), headers)),
    )
        .map(|(userinfo, host, port, params, headers)| Uri {
            scheme,
            user: userinfo.map(|(user, _)| user),
            password: userinfo.and_then(|(_, password)| password),
            host,
            port,
            params,
            headers,
        })
        .parse(input)
}

fn user(input: &[u8]) -> Parsed<'_, &[u8]> {
    verify(take_while1(bytes::is_user), escapes_are_whole).parse(input)
}

fn password(input: &[u8]) -> Parsed<'_, &[u8]> {
    verify(take_while(bytes::is_user), escapes_are_whole).parse(input)
}

fn uri_params(input: &[u8]) -> Parsed<'_, UriParams<'_>> {
    recognize(many0_count((
        char(';'),
        take_while1(bytes::is_uri_param),
        opt(preceded(char('='), take_while1(bytes::is_uri_param))),
    )))
    .map(|raw| UriParams { raw })
    .parse(input)
}

fn headers(input: &[u8]) -> Parsed<'_, &[u8]> {
    let part = |byte: u8| bytes::is_uri_param(byte) && byte != b'&' || byte == b'?';
    let pair = || (take_while1(part), char('='), take_while(part));
    recognize((pair(), many0_count((char('&'), pair())))).parse(input)
}

fn absolute_uri(input: &[u8]) -> Parsed<'_, &[u8]> {
    recognize((
        verify(
            take_while1(|byte: u8| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
            }),
            |scheme: &[u8]| scheme.first().is_some_and(u8::is_ascii_alphabetic),
        ),
        char(':'),
        take_while1(bytes::is_uri),
    ))
    .parse(input)
}

fn escapes_are_whole(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'%')
        .skip(1)
        .all(|after| matches!(after, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::Uri;

    fn check(text: &str, expected: Expect) {
        let shown = match Uri::parse(text.as_bytes()) {
            Ok(uri) => {
                let printed = uri.to_string();
                assert_eq!(Uri::parse(printed.as_bytes()), Ok(uri));
                format!(
                    "{printed} user {:?} params {}",
                    uri.user_decoded(),
                    uri.params.iter().count()
                )
            }
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn uris_of_real_phones() {
        check(
            "sip:127.0.0.1:5080",
            expect!["sip:127.0.0.1:5080 user None params 0"],
        );
        check(
            "sip:alice-0x55e0f6715740@127.0.0.1:5091;transport=TCP;ob",
            expect![[
                r#"sip:alice-0x55e0f6715740@127.0.0.1:5091;transport=TCP;ob user Some("alice-0x55e0f6715740") params 2"#
            ]],
        );
        check(
            "SIPS:a.b%2Ec@Frank.Invalid;transport=ws?Route=x&Subject=",
            expect![[
                r#"sips:a.b%2Ec@Frank.Invalid;transport=ws?Route=x&Subject= user Some("a.b.c") params 1"#
            ]],
        );
        check(
            "sip:1234;phone-context=+33:pw@[2001:db8::1]:5061",
            expect![[
                r#"sip:1234;phone-context=+33:pw@[2001:db8::1]:5061 user Some("1234;phone-context=+33") params 0"#
            ]],
        );
    }

    #[test]
    fn malformed_and_foreign_uris() {
        for text in [
            "",
            "sip:",
            "sip:@h",
            "sip:a@",
            "sip:a@h:",
            "sip:a@h:99999",
            "sip:a@h;",
            "sip:a@h;x=",
            "sip:a@h?",
            "sip:a@h?x",
            "sip:a b@h",
            "sip:a%4@h",
            "sip:a@h@i",
            "alice",
            "1ab:c",
            "<sip:a@h>",
        ] {
            check(text, expect!["read a URI that is malformed"]);
        }
        check(
            "tel:+33123",
            expect!["read a URI that is of a scheme other than sip or sips"],
        );
    }

    /// The examples of RFC 3261 §19.1.4.
    #[test]
    fn equivalence_is_that_of_the_standard() {
        let equal = |one: &str, two: &str| {
            let (one, two) = (
                Uri::parse(one.as_bytes()).unwrap(),
                Uri::parse(two.as_bytes()).unwrap(),
            );
            assert_eq!(one.is_equivalent(&two), two.is_equivalent(&one));
            one.is_equivalent(&two)
        };
        for (one, two) in [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;newparam=5",
            ),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ] {
            assert!(equal(one, two), "{one} {two}");
        }
        for (one, two) in [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            (
                "sip:bob@biloxi.com;transport=udp",
                "sip:bob@biloxi.com:6000;transport=tcp",
            ),
            (
                "sip:carol@chicago.com",
                "sip:carol@chicago.com?Subject=next%20meeting",
            ),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
        ] {
            assert!(!equal(one, two), "{one} {two}");
        }
    }
}
