//! Name-addr and addr-spec, as in From, To, Contact and Route (RFC 3261 §20.10).
//! Must not know what an address stands for.

use std::borrow::Cow;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::character::complete::char;
use nom::combinator::{map_opt, opt, recognize, verify};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, terminated};

use crate::error::HeaderError;
use crate::grammar::bytes::{self, position};
use crate::grammar::{self, Params, Parsed, blank, usual};
use crate::header_name::HeaderName;
use crate::headers::Headers;
use crate::text;
use crate::uri::{AnyUri, Uri};

/// A display name, a URI and the header's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as written, with its quotes if it has some.
    pub display: Option<&'a [u8]>,
    /// The address.
    pub uri: AnyUri<'a>,
    /// The parameters outside the angle brackets.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads a value of the header `name`.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(name: HeaderName, value: &'a [u8]) -> Result<Self, HeaderError> {
        let usual = |text| Self::usual(text, AnyUri::usual);
        match std::str::from_utf8(value).ok().and_then(usual) {
            Some(address) => Ok(address),
            None => Self::by_grammar(name, value),
        }
    }

    pub(crate) fn by_grammar(name: HeaderName, value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(name_addr, value).ok_or(HeaderError::malformed(name))
    }

    /// The URI is read with `uri`.
    pub(crate) fn usual(
        value: &'a str,
        uri: impl FnOnce(&'a str) -> Option<Uri<'a>>,
    ) -> Option<Self> {
        let (display, behind) = match value.strip_prefix('"') {
            Some(inside) => {
                let end = inside
                    .bytes()
                    .position(|byte| !bytes::is_quoted_text(byte))?;
                let (quoted, rest) = value.split_at_checked(end + 2)?;
                if !quoted.ends_with('"') {
                    return None;
                }
                let rest = rest.trim_start_matches([' ', '\t']);
                (Some(quoted.as_bytes()), rest)
            }
            None => (None, value),
        };
        let inside = behind.strip_prefix('<')?;
        let (address, rest) = inside.split_at_checked(position(b'>', inside.as_bytes())?)?;
        Some(Self {
            display,
            uri: AnyUri::Sip(uri(address)?),
            params: usual::params(rest.get(1..)?)?,
        })
    }

    /// The tag.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.token("tag")
    }

    /// The URI, if it is a SIP or SIPS one.
    pub const fn sip_uri(&self) -> Option<&Uri<'a>> {
        self.uri.sip()
    }

    /// The display name without quotes and escapes; what is not UTF-8 becomes U+FFFD.
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        let plain = match self.display? {
            [b'"', inner @ .., b'"'] => text::unescape(inner),
            bare => Cow::Borrowed(bare),
        };
        Some(match plain {
            Cow::Borrowed(plain) => String::from_utf8_lossy(plain),
            Cow::Owned(plain) => Cow::Owned(String::from_utf8_lossy(&plain).into_owned()),
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if let Some(display) = self.display {
            out.extend(display);
            out.push(b' ');
        }
        out.push(b'<');
        self.uri.write(out);
        out.push(b'>');
        for param in self.params.iter() {
            param.write(out);
        }
    }
}

impl Headers {
    /// The From.
    ///
    /// # Errors
    /// Where it is missing, malformed, or there twice.
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        Ok(self.tagged(HeaderName::From, AnyUri::usual)?.0)
    }

    /// The To.
    ///
    /// # Errors
    /// Where it is missing, malformed, or there twice.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        Ok(self.tagged(HeaderName::To, AnyUri::usual)?.0)
    }

    /// The tag of the From.
    ///
    /// # Errors
    /// Where the From is missing, malformed, or there twice.
    pub fn from_tag(&self) -> Result<Option<&str>, HeaderError> {
        match self.essentials() {
            Some(essentials) => Ok(essentials.tag_of_from(self)),
            None => Ok(self.tagged(HeaderName::From, AnyUri::usual)?.1),
        }
    }

    /// The tag of the To; one that has none belongs to no dialog yet.
    ///
    /// # Errors
    /// Where the To is missing, malformed, or there twice.
    pub fn to_tag(&self) -> Result<Option<&str>, HeaderError> {
        match self.essentials() {
            Some(essentials) => Ok(essentials.tag_of_to(self)),
            None => Ok(self.tagged(HeaderName::To, AnyUri::usual)?.1),
        }
    }

    /// The address with its tag; the usual URI in it is read with `uri`.
    pub(crate) fn tagged<'a>(
        &'a self,
        name: HeaderName,
        uri: impl FnOnce(&'a str) -> Option<Uri<'a>>,
    ) -> Result<(NameAddr<'a>, Option<&'a str>), HeaderError> {
        let value = self.required(name)?;
        let usual = value.text.and_then(|text| NameAddr::usual(text, uri));
        let address = match usual {
            Some(address) => address,
            None => NameAddr::by_grammar(name, value.bytes)?,
        };
        match address.params.text("tag") {
            None => Ok((address, None)),
            Some(Some(tag)) => Ok((address, Some(tag))),
            // RFC 3261 §25.1: a tag is a token, so one that cannot be read is no tag; nor is it none.
            Some(None) => Err(HeaderError::malformed(name)),
        }
    }

    /// The values of a header made of name-addrs, such as Route or P-Asserted-Identity.
    pub fn name_addrs(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.values(name)
            .map(move |value| NameAddr::parse(name, value))
    }
}

pub(crate) fn name_addr(input: &[u8]) -> Parsed<'_, NameAddr<'_>> {
    (alt((bracketed, bare)), grammar::params)
        .map(|((display, uri), params)| NameAddr {
            display,
            uri,
            params,
        })
        .parse(input)
}

/// Name and URI in brackets.
pub(super) fn bracketed(input: &[u8]) -> Parsed<'_, (Option<&[u8]>, AnyUri<'_>)> {
    (
        opt(terminated(display_name, blank)),
        delimited(
            char('<'),
            map_opt(take_while1(bytes::is_uri), |uri| AnyUri::parse(uri).ok()),
            char('>'),
        ),
    )
        .parse(input)
}

/// RFC 3261 §20: without brackets, a semicolon starts the parameters of the header;
/// a comma or a question mark may not stand in the URI.
fn bare(input: &[u8]) -> Parsed<'_, (Option<&[u8]>, AnyUri<'_>)> {
    map_opt(
        take_while1(|byte| bytes::is_uri(byte) && !matches!(byte, b';' | b',' | b'?')),
        |uri| Some((None, AnyUri::parse(uri).ok()?)),
    )
    .parse(input)
}

/// A quoted string, or tokens with blanks between; bytes above ASCII are tolerated in them.
fn display_name(input: &[u8]) -> Parsed<'_, &[u8]> {
    let part = || take_while1(|byte: u8| bytes::is_token(byte) || byte >= 0x80);
    let blanks = || verify(blank, |blanks: &[u8]| !blanks.is_empty());
    alt((
        recognize(grammar::quoted),
        recognize((part(), many0_count(preceded(blanks(), part())))),
    ))
    .parse(input)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::NameAddr;
    use crate::header_name::HeaderName;

    fn check(text: &[u8], expected: Expect) {
        let shown = match NameAddr::parse(HeaderName::From, text) {
            Ok(address) => {
                let mut printed = Vec::new();
                address.write(&mut printed);
                assert_eq!(NameAddr::parse(HeaderName::From, &printed), Ok(address));
                format!(
                    "{} | name {:?} user {:?} tag {:?}",
                    String::from_utf8_lossy(&printed),
                    address.display_name(),
                    address.sip_uri().and_then(|uri| uri.user_decoded()),
                    address.tag()
                )
            }
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn with_and_without_brackets() {
        check(
            b"\"Carol\" <sip:carol@127.0.0.1>;tag=Ezukuvin7",
            expect![[r#"
                "Carol" <sip:carol@127.0.0.1>;tag=Ezukuvin7 | name Some("Carol") user Some("carol") tag Some("Ezukuvin7")"#]],
        );
        check(
            b"sip:erin@127.0.0.1;tag=9",
            expect![[r#"<sip:erin@127.0.0.1>;tag=9 | name None user Some("erin") tag Some("9")"#]],
        );
        check(
            b"A. G. Bell <sip:agb@bell-telephone.com> ; tag = a48s",
            expect![[r#"
                A. G. Bell <sip:agb@bell-telephone.com>;tag=a48s | name Some("A. G. Bell") user Some("agb") tag Some("a48s")"#]],
        );
    }

    #[test]
    fn quoted_names_with_escapes_and_latin_1() {
        check(
            br#""a \" <b>, c" <sip:x@h>"#,
            expect![[
                r#""a \" <b>, c" <sip:x@h> | name Some("a \" <b>, c") user Some("x") tag None"#
            ]],
        );
        check(
            b"caf\xe9 <sip:x@h>",
            expect![[r#"caf� <sip:x@h> | name Some("caf�") user Some("x") tag None"#]],
        );
    }

    #[test]
    fn brackets_inside_quoted_parameters() {
        check(
            br#"<sip:a@h;transport=TCP>;+sip.instance="<urn:uuid:6ff4>";expires=30"#,
            expect![[
                r#"<sip:a@h;transport=TCP>;+sip.instance="<urn:uuid:6ff4>";expires=30 | name None user Some("a") tag None"#
            ]],
        );
    }

    #[test]
    fn other_schemes_and_escapes() {
        check(
            b"<tel:+358-555-1234567>",
            expect!["<tel:+358-555-1234567> | name None user None tag None"],
        );
        check(
            b"<sip:al%2Eice@h>",
            expect![[r#"<sip:al%2Eice@h> | name None user Some("al.ice") tag None"#]],
        );
    }

    #[test]
    fn malformed_addresses() {
        for text in [
            "",
            "<>",
            "alice",
            "<sip:a@h",
            "sip:a@h>",
            "\"open <sip:a@h>",
            "<sip:a@h>;tag=",
            "<sip:a@h> x",
            "sip:a@h?subject=x",
            "<sip:a@h>;;tag=1",
            "<sip:a b@h>",
        ] {
            assert!(
                NameAddr::parse(HeaderName::From, text.as_bytes()).is_err(),
                "{text}"
            );
        }
    }
}
