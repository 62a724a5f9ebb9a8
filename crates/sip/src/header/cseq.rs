//! CSeq (RFC 3261 §20.16).

use nom::Parser;
use nom::combinator::verify;
use nom::sequence::separated_pair;

use crate::error::HeaderError;
use crate::grammar::{self, Parsed, blank, usual};
use crate::header_name::HeaderName;
use crate::headers::Headers;
use crate::message::Request;
use crate::method::Method;

/// The number that orders requests, and their method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Below 2^31.
    pub number: u32,
    /// The method.
    pub method: Method,
    /// The method as written.
    pub method_text: &'a str,
}

/// RFC 3261 §8.1.1.5: the number is less than 2^31.
const LIMIT: u32 = 1 << 31;

impl<'a> CSeq<'a> {
    /// Reads a CSeq value.
    ///
    /// # Errors
    /// Where it is outside the grammar, or its number is too large.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        match std::str::from_utf8(value).ok().and_then(Self::usual) {
            Some(cseq) => Ok(cseq),
            None => Self::by_grammar(value),
        }
    }

    pub(crate) fn by_grammar(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(cseq, value).ok_or(HeaderError::malformed(HeaderName::CSeq))
    }

    pub(crate) fn usual(value: &'a str) -> Option<Self> {
        let (number, rest) = usual::number(value)?;
        let method = rest.strip_prefix(' ')?;
        Some(Self {
            // Nine digits are less than the limit.
            number,
            method: Method::from_bytes(method.as_bytes()),
            method_text: usual::token(method)?,
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.number.to_string().as_bytes());
        out.push(b' ');
        out.extend(self.method_text.as_bytes());
    }
}

impl Request {
    /// The CSeq; most have the method that was read in the first line already.
    pub(crate) fn checked_cseq(&self) -> Result<CSeq<'_>, HeaderError> {
        let value = self.required(HeaderName::CSeq)?;
        let usual = value.text.and_then(|text| {
            let (number, rest) = usual::number(text)?;
            let method_text = rest.strip_prefix(' ')?;
            let is_same = method_text.as_bytes() == self.method_text();
            is_same.then(|| CSeq {
                number,
                method: self.method(),
                method_text,
            })
        });
        match usual {
            Some(cseq) => Ok(cseq),
            None => CSeq::parse(value.bytes),
        }
    }
}

impl Headers {
    /// The CSeq.
    ///
    /// # Errors
    /// Where it is missing, malformed, or there twice.
    pub fn cseq(&self) -> Result<CSeq<'_>, HeaderError> {
        if let Some(essentials) = self.essentials() {
            return Ok(essentials.cseq(self));
        }
        let value = self.required(HeaderName::CSeq)?;
        match value.text.and_then(CSeq::usual) {
            Some(cseq) => Ok(cseq),
            None => CSeq::by_grammar(value.bytes),
        }
    }
}

pub(super) fn cseq(input: &[u8]) -> Parsed<'_, CSeq<'_>> {
    separated_pair(
        verify(grammar::number, |number| *number < LIMIT),
        verify(blank, |blanks: &[u8]| !blanks.is_empty()),
        grammar::token,
    )
    .map(|(number, method_text)| CSeq {
        number,
        method: Method::from_bytes(method_text.as_bytes()),
        method_text,
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::CSeq;
    use crate::method::Method;

    #[test]
    fn reads_and_prints() {
        let cseq = CSeq::parse(b"009 \t PUBLISH").unwrap();
        assert_eq!((cseq.number, cseq.method), (9, Method::Publish));
        let mut out = Vec::new();
        cseq.write(&mut out);
        assert_eq!(out, b"9 PUBLISH");
    }

    #[test]
    fn unknown_methods_keep_their_text() {
        let cseq = CSeq::parse(b"1 NEWMETHOD").unwrap();
        assert_eq!(
            (cseq.method, cseq.method_text),
            (Method::Other, "NEWMETHOD")
        );
    }

    #[test]
    fn numbers_end_below_two_to_the_31() {
        assert!(CSeq::parse(b"2147483647 ACK").is_ok());
        for text in [
            "2147483648 ACK",
            "36893488147419103232 ACK",
            "-1 ACK",
            "+1 ACK",
            "1ACK",
            "ACK",
            "1",
            "1 A CK",
        ] {
            assert!(CSeq::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
