//! Accept-Encoding and Accept-Language: names with weights (RFC 3261 §20.2, §20.3). Must not know what they name.

use nom::Parser;

use crate::error::HeaderError;
use crate::grammar::{self, Params, Parsed};
use crate::header::quality::Quality;
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// A content coding or a language, and how welcome it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighted<'a> {
    /// Such as `gzip`, `identity`, `en-gb`, or `*`.
    pub name: &'a str,
    /// All parameters, `q` among them.
    pub params: Params<'a>,
    /// How welcome it is.
    pub quality: Quality,
}

impl<'a> Weighted<'a> {
    /// Reads one value of the header `name`.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(name: HeaderName, value: &'a [u8]) -> Result<Self, HeaderError> {
        let malformed = HeaderError::malformed(name);
        let (name, params) = grammar::read_all(weighted, value).ok_or(malformed)?;
        Ok(Self {
            name,
            params,
            quality: Quality::of(&params).ok_or(malformed)?,
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.name.as_bytes());
        for param in self.params.iter() {
            param.write(out);
        }
    }
}

impl Headers {
    /// The codings a body may have.
    pub fn accepted_encodings(&self) -> impl Iterator<Item = Result<Weighted<'_>, HeaderError>> {
        self.weighted(HeaderName::AcceptEncoding)
    }

    /// The languages that are understood.
    pub fn accepted_languages(&self) -> impl Iterator<Item = Result<Weighted<'_>, HeaderError>> {
        self.weighted(HeaderName::AcceptLanguage)
    }

    fn weighted(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<Weighted<'_>, HeaderError>> {
        self.values(name)
            .map(move |value| Weighted::parse(name, value))
    }
}

fn weighted(input: &[u8]) -> Parsed<'_, (&str, Params<'_>)> {
    (grammar::token, grammar::params).parse(input)
}

#[cfg(test)]
mod tests {
    use super::Weighted;
    use crate::header_name::HeaderName;

    #[test]
    fn codings_and_languages_have_weights() {
        let parse = |text: &'static str| {
            Weighted::parse(HeaderName::AcceptEncoding, text.as_bytes())
                .map(|it| (it.name, it.quality.thousandths()))
        };
        assert_eq!(parse("gzip"), Ok(("gzip", 1000)));
        assert_eq!(parse("en-gb ; q=0.8"), Ok(("en-gb", 800)));
        assert_eq!(parse("*;q=0"), Ok(("*", 0)));
        for text in ["", "gzip;q=x", "gzip, identity", ";q=1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
