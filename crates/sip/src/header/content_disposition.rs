//! Content-Disposition: what a body is for (RFC 3261 §20.11). Must not know any body.

use nom::Parser;

use crate::error::HeaderError;
use crate::grammar::{self, Params, Parsed};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// What a body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentDisposition<'a> {
    /// Such as `render`, `session` or `icon`.
    pub kind: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

/// What to do where the body is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyHandling {
    /// Refuse the message with 415.
    Required,
    /// Pass over the body.
    Optional,
}

impl<'a> ContentDisposition<'a> {
    /// Reads a Content-Disposition value.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(disposition, value)
            .ok_or(HeaderError::malformed(HeaderName::ContentDisposition))
    }

    /// What to do where the body is not understood; `Required` where nothing is said, or nothing known.
    pub fn handling(&self) -> BodyHandling {
        match self.params.token("handling") {
            Some(handling) if handling.eq_ignore_ascii_case("optional") => BodyHandling::Optional,
            Some(_) | None => BodyHandling::Required,
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.kind.as_bytes());
        for param in self.params.iter() {
            param.write(out);
        }
    }
}

impl Headers {
    /// What the body is for, where that is said.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn content_disposition(&self) -> Result<Option<ContentDisposition<'_>>, HeaderError> {
        self.single(HeaderName::ContentDisposition)?
            .map(ContentDisposition::parse)
            .transpose()
    }
}

fn disposition(input: &[u8]) -> Parsed<'_, ContentDisposition<'_>> {
    (grammar::token, grammar::params)
        .map(|(kind, params)| ContentDisposition { kind, params })
        .parse(input)
}

#[cfg(test)]
mod tests {
    use super::{BodyHandling, ContentDisposition};

    #[test]
    fn a_body_must_be_understood_unless_that_is_optional() {
        let parse = |text: &'static str| ContentDisposition::parse(text.as_bytes()).unwrap();
        assert_eq!(parse("session").handling(), BodyHandling::Required);
        assert_eq!(
            parse("icon;handling=Optional").handling(),
            BodyHandling::Optional
        );
        assert_eq!(
            parse("icon ; handling=maybe").handling(),
            BodyHandling::Required
        );
        assert_eq!(parse("icon ; handling=optional").kind, "icon");
        assert!(ContentDisposition::parse(b"").is_err());
        assert!(ContentDisposition::parse(b"a b").is_err());
    }
}
