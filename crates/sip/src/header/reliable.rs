//! RSeq and RAck: which provisional response a PRACK acknowledges (RFC 3262 §7). Must not know calls.

use nom::Parser;
use nom::combinator::verify;
use nom::sequence::{preceded, terminated};

use crate::error::HeaderError;
use crate::grammar::{self, Parsed, blank};
use crate::header::cseq::{CSeq, cseq};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// What a PRACK acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck<'a> {
    /// The RSeq of the response.
    pub response: u32,
    /// The CSeq of the response.
    pub cseq: CSeq<'a>,
}

impl<'a> RAck<'a> {
    /// Reads a RAck value.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(rack, value).ok_or(HeaderError::malformed(HeaderName::RAck))
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.response.to_string().as_bytes());
        out.push(b' ');
        self.cseq.write(out);
    }
}

impl Headers {
    /// What the PRACK acknowledges.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn rack(&self) -> Result<Option<RAck<'_>>, HeaderError> {
        self.single(HeaderName::RAck)?.map(RAck::parse).transpose()
    }

    /// The number of a provisional response that is sent until it is acknowledged.
    ///
    /// # Errors
    /// Where it is no number from 1 on, or there twice.
    pub fn rseq(&self) -> Result<Option<u32>, HeaderError> {
        let Some(value) = self.single(HeaderName::RSeq)? else {
            return Ok(None);
        };
        grammar::read_all(response_number, value)
            .map(Some)
            .ok_or(HeaderError::malformed(HeaderName::RSeq))
    }
}

fn rack(input: &[u8]) -> Parsed<'_, RAck<'_>> {
    let blanks = verify(blank, |blanks: &[u8]| !blanks.is_empty());
    (terminated(response_number, blanks), preceded(blank, cseq))
        .map(|(response, cseq)| RAck { response, cseq })
        .parse(input)
}

/// RFC 3262 §7.1: from 1 to 2^32 - 1.
fn response_number(input: &[u8]) -> Parsed<'_, u32> {
    verify(grammar::number, |number| *number > 0).parse(input)
}

#[cfg(test)]
mod tests {
    use super::RAck;
    use crate::method::Method;

    #[test]
    fn a_rack_names_response_and_request() {
        let rack = RAck::parse(b"776656  1 INVITE").unwrap();
        assert_eq!(
            (rack.response, rack.cseq.number, rack.cseq.method),
            (776_656, 1, Method::Invite)
        );
        for text in [
            "",
            "1",
            "1 2",
            "0 1 INVITE",
            "4294967296 1 INVITE",
            "1 INVITE",
        ] {
            assert!(RAck::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
