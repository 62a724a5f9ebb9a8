//! URIs, read in place: `sip:` and `sips:` here (RFC 3261 §19.1), other schemes in files of their own.
//! Must not know who they name.

mod equality;
pub(crate) mod mailbox;
pub(crate) mod params;
pub(crate) mod tel;

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
use crate::grammar::{Parsed, bytes, port, usual};
use crate::host::{Host, host};
use crate::text;
use crate::uri::mailbox::{MailboxUri, mailbox};
use crate::uri::params::{UriParams, uri_params};
use crate::uri::tel::{TelUri, tel};

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
    /// A telephone number.
    Tel(TelUri<'a>),
    /// Where a person's presence is, or their instant messages go.
    Mailbox(MailboxUri<'a>),
    /// Another absolute URI, such as `urn:`, as written.
    Other(&'a [u8]),
}

impl<'a> Uri<'a> {
    /// Reads a whole `sip:` or `sips:` URI.
    ///
    /// # Errors
    /// `UnsupportedScheme` for other absolute URIs, else `Malformed`.
    pub fn parse(text: &'a [u8]) -> Result<Self, UriError> {
        AnyUri::parse(text)?.into_sip()
    }

    /// The user part with its escapes undone; what is not UTF-8 becomes U+FFFD, which names nobody.
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        Some(match text::percent_decode(self.user?) {
            Cow::Borrowed(plain) => String::from_utf8_lossy(plain),
            Cow::Owned(plain) => Cow::Owned(String::from_utf8_lossy(&plain).into_owned()),
        })
    }
}

impl<'a> AnyUri<'a> {
    /// Reads a whole URI.
    ///
    /// # Errors
    /// `Malformed` where it is no absolute URI, or outside the grammar of its scheme where that is a known one.
    pub fn parse(text: &'a [u8]) -> Result<Self, UriError> {
        match std::str::from_utf8(text).ok().and_then(Self::usual) {
            Some(uri) => Ok(Self::Sip(uri)),
            None => Self::by_grammar(text),
        }
    }

    pub(crate) fn usual(text: &'a str) -> Option<Uri<'a>> {
        let rest = text.strip_prefix("sip:")?;
        let (user, rest) = usual::user(rest)?;
        let (host, port, rest) = usual::host_and_port(rest)?;
        rest.is_empty().then(|| Uri {
            scheme: Scheme::Sip,
            user,
            password: None,
            host,
            port,
            params: UriParams::default(),
            headers: None,
        })
    }

    pub(crate) fn by_grammar(text: &'a [u8]) -> Result<Self, UriError> {
        if let Some((b"sip:", rest)) = text.split_at_checked(4) {
            // As nearly all of them are written.
            let parsed = all_consuming(|rest| after_scheme(Scheme::Sip, rest)).parse(rest);
            return match parsed {
                Ok((_, uri)) => Ok(Self::Sip(uri)),
                Err(_) => Err(UriError::Malformed),
            };
        }
        let known = alt((sip, tel.map(Self::Tel), mailbox.map(Self::Mailbox)));
        if has_known_scheme(text) {
            let (_, uri) = all_consuming(known)
                .parse(text)
                .map_err(|_| UriError::Malformed)?;
            return Ok(uri);
        }
        match all_consuming(absolute_uri).parse(text) {
            Ok((_, text)) => Ok(Self::Other(text)),
            Err(_) => Err(UriError::Malformed),
        }
    }

    pub(crate) const fn into_sip(self) -> Result<Uri<'a>, UriError> {
        match self {
            Self::Sip(uri) => Ok(uri),
            Self::Tel(_) | Self::Mailbox(_) | Self::Other(_) => Err(UriError::UnsupportedScheme),
        }
    }

    /// The URI, if it is a SIP or SIPS one.
    pub const fn sip(&self) -> Option<&Uri<'a>> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Tel(_) | Self::Mailbox(_) | Self::Other(_) => None,
        }
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
        out.extend(self.params.as_bytes());
        if let Some(headers) = self.headers {
            out.push(b'?');
            out.extend(headers);
        }
    }
}

impl AnyUri<'_> {
    /// As it stands on the wire; what is in it need not be text.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Sip(uri) => uri.write(out),
            Self::Tel(uri) => uri.write(out),
            Self::Mailbox(uri) => uri.write(out),
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

fn has_known_scheme(text: &[u8]) -> bool {
    const KNOWN: [&[u8]; 5] = [b"sip", b"sips", b"tel", b"pres", b"im"];
    let scheme = text.split(|byte| *byte == b':').next().unwrap_or_default();
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

fn sip(input: &[u8]) -> Parsed<'_, AnyUri<'_>> {
    let (rest, scheme) = scheme(input)?;
    after_scheme(scheme, rest).map(|(rest, uri)| (rest, AnyUri::Sip(uri)))
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

pub(super) fn headers(input: &[u8]) -> Parsed<'_, &[u8]> {
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
    if !text.contains(&b'%') {
        return true;
    }
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
        for text in ["tel:+", "tel:x", "pres:alice", "im:@h", "pres:a@h@i"] {
            check(text, expect!["read a URI that is malformed"]);
        }
        check(
            "tel:+33123",
            expect!["read a URI that is of a scheme other than sip or sips"],
        );
    }
}
