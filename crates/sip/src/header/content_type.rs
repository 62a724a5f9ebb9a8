//! Content-Type (RFC 3261 §20.15).

use nom::Parser;
use nom::character::complete::char;
use nom::sequence::{delimited, separated_pair};

use crate::error::HeaderError;
use crate::grammar::{self, Params, Parsed, blank, usual};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// The media type of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentType<'a> {
    /// The type, such as `text`.
    pub kind: &'a str,
    /// The subtype, such as `plain`.
    pub subtype: &'a str,
    /// The parameters, such as `charset`.
    pub params: Params<'a>,
}

impl<'a> ContentType<'a> {
    /// Reads a Content-Type value.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(content_type, value)
            .ok_or(HeaderError::malformed(HeaderName::ContentType))
    }

    /// Without blanks and quotes.
    pub(crate) fn usual(value: &'a str) -> Option<Self> {
        let (kind, rest) = usual::leading_token(value)?;
        let (subtype, params) = usual::leading_token(rest.strip_prefix('/')?)?;
        Some(Self {
            kind,
            subtype,
            params: usual::params(params)?,
        })
    }

    /// Whether this is `kind/subtype`, in any case, whatever its parameters.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.kind.as_bytes());
        out.push(b'/');
        out.extend(self.subtype.as_bytes());
        for param in self.params.iter() {
            param.write(out);
        }
    }
}

impl Headers {
    /// The Content-Type, where there is one.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn content_type(&self) -> Result<Option<ContentType<'_>>, HeaderError> {
        let Some(value) = self.at_most_one(HeaderName::ContentType)? else {
            return Ok(None);
        };
        match value.text.and_then(ContentType::usual) {
            Some(content_type) => Ok(Some(content_type)),
            None => ContentType::parse(value.bytes).map(Some),
        }
    }
}

fn content_type(input: &[u8]) -> Parsed<'_, ContentType<'_>> {
    (media_type, grammar::params)
        .map(|((kind, subtype), params)| ContentType {
            kind,
            subtype,
            params,
        })
        .parse(input)
}

/// `m-type SLASH m-subtype`.
pub(super) fn media_type(input: &[u8]) -> Parsed<'_, (&str, &str)> {
    separated_pair(
        grammar::token,
        delimited(blank, char('/'), blank),
        grammar::token,
    )
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::ContentType;

    #[test]
    fn media_types_are_equal_without_case() {
        let pidf = ContentType::parse(b"Application / PIDF+xml").unwrap();
        assert!(pidf.is("application", "pidf+xml"));
        let text = ContentType::parse(b"text/plain;charset=\"utf-8\"").unwrap();
        assert!(text.is("text", "plain"));
        let charset = text.params.get("Charset").unwrap().unquoted().unwrap();
        assert_eq!(charset.as_ref(), b"utf-8");
        let mut out = Vec::new();
        text.write(&mut out);
        assert_eq!(out, b"text/plain;charset=\"utf-8\"");
    }

    #[test]
    fn malformed_media_types() {
        for text in [
            "",
            "text",
            "text/",
            "/plain",
            "text/plain charset=utf-8",
            "text/plain;",
        ] {
            assert!(ContentType::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
