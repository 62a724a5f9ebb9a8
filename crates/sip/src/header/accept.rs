//! Accept: which media types an answer may have (RFC 3261 §20.1). Must not know which there are.

use nom::Parser;

use crate::error::HeaderError;
use crate::grammar::{self, Params, Parsed};
use crate::header::content_type::media_type;
use crate::header::quality::Quality;
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// One media range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept<'a> {
    /// The type, or `*`.
    pub kind: &'a str,
    /// The subtype, or `*`.
    pub subtype: &'a str,
    /// All parameters, `q` among them.
    pub params: Params<'a>,
    /// How welcome it is.
    pub quality: Quality,
}

impl<'a> Accept<'a> {
    /// Reads one value of Accept.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let malformed = HeaderError::malformed(HeaderName::Accept);
        let (kind, subtype, params) = grammar::read_all(accept_range, value).ok_or(malformed)?;
        if kind == ANY && subtype != ANY {
            return Err(malformed);
        }
        Ok(Self {
            kind,
            subtype,
            params,
            quality: Quality::of(&params).ok_or(malformed)?,
        })
    }

    /// Whether `kind/subtype` lies in this range, whatever its parameters.
    pub fn takes(&self, kind: &str, subtype: &str) -> bool {
        (self.kind == ANY || self.kind.eq_ignore_ascii_case(kind))
            && (self.subtype == ANY || self.subtype.eq_ignore_ascii_case(subtype))
    }

    /// RFC 2616 §14.1: the narrower range counts where several take a type.
    fn narrowness(&self) -> u8 {
        u8::from(self.kind != ANY) + u8::from(self.subtype != ANY)
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
    /// The media ranges of Accept, in their order.
    pub fn accepts(&self) -> impl Iterator<Item = Result<Accept<'_>, HeaderError>> {
        self.values(HeaderName::Accept).map(Accept::parse)
    }

    /// How welcome a body of this type is; `None` where there is no Accept, and the method's own types are meant.
    /// An Accept without a value takes nothing.
    ///
    /// # Errors
    /// Where a range is malformed.
    pub fn quality_of(&self, kind: &str, subtype: &str) -> Result<Option<Quality>, HeaderError> {
        if self.header(HeaderName::Accept).is_none() {
            return Ok(None);
        }
        let mut best: Option<Accept<'_>> = None;
        for range in self.accepts() {
            let range = range?;
            if range.takes(kind, subtype)
                && best.is_none_or(|best| best.narrowness() < range.narrowness())
            {
                best = Some(range);
            }
        }
        Ok(Some(best.map_or(Quality::NONE, |range| range.quality)))
    }
}

const ANY: &str = "*";

fn accept_range(input: &[u8]) -> Parsed<'_, (&str, &str, Params<'_>)> {
    (media_type, grammar::params)
        .map(|((kind, subtype), params)| (kind, subtype, params))
        .parse(input)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Accept;
    use crate::header::quality::Quality;
    use crate::message::Message;

    fn quality(accept: &str, kind: &str, subtype: &str) -> Option<u16> {
        let text = format!("OPTIONS sip:h SIP/2.0\r\n{accept}\r\n");
        let message = Message::parse(Bytes::from(text)).unwrap();
        let found = message.headers().quality_of(kind, subtype).unwrap();
        found.map(Quality::thousandths)
    }

    #[test]
    fn the_narrowest_range_counts() {
        let accept = "Accept: text/*;q=0.3, */*;q=0.1\r\nAccept: text/plain;charset=utf-8 ; q=0.9, text/html;q=0\r\n";
        assert_eq!(quality(accept, "text", "plain"), Some(900));
        assert_eq!(quality(accept, "TEXT", "Html"), Some(0));
        assert_eq!(quality(accept, "text", "enriched"), Some(300));
        assert_eq!(quality(accept, "application", "pidf+xml"), Some(100));
    }

    #[test]
    fn without_the_header_nothing_is_said_and_with_an_empty_one_all_is_refused() {
        assert_eq!(quality("", "text", "plain"), None);
        assert_eq!(quality("Accept: \r\n", "text", "plain"), Some(0));
        assert_eq!(
            quality("Accept: application/sdp\r\n", "text", "plain"),
            Some(0)
        );
    }

    #[test]
    fn malformed_ranges() {
        for text in [
            "",
            "text",
            "*/plain",
            "text/plain;q=2",
            "text/plain;q",
            "text/plain q=1",
        ] {
            assert!(Accept::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
