//! Reason: why a request was sent (RFC 3326). Must not know the request.

use std::borrow::Cow;

use nom::Parser;

use crate::error::HeaderError;
use crate::grammar::{self, Params, Parsed};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// One reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// Whose causes these are: `SIP`, `Q.850`, or an extension's.
    pub protocol: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Reason<'a> {
    /// Reads one value of Reason.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(reason, value).ok_or(HeaderError::malformed(HeaderName::Reason))
    }

    /// The cause, for `SIP` a status code.
    pub fn cause(&self) -> Option<u16> {
        self.params.token("cause")?.parse().ok()
    }

    /// The text without quotes and escapes.
    pub fn text(&self) -> Option<Cow<'a, [u8]>> {
        self.params.get("text")?.unquoted()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.protocol.as_bytes());
        for param in self.params.iter() {
            param.write(out);
        }
    }
}

impl Headers {
    /// The reasons, in their order.
    pub fn reasons(&self) -> impl Iterator<Item = Result<Reason<'_>, HeaderError>> {
        self.values(HeaderName::Reason).map(Reason::parse)
    }
}

fn reason(input: &[u8]) -> Parsed<'_, Reason<'_>> {
    (grammar::token, grammar::params)
        .map(|(protocol, params)| Reason { protocol, params })
        .parse(input)
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn a_reason_has_a_cause_and_a_text() {
        let reason =
            Reason::parse(br#"SIP ;cause=200 ;text="Call completed, \"elsewhere\"""#).unwrap();
        assert_eq!((reason.protocol, reason.cause()), ("SIP", Some(200)));
        assert_eq!(
            reason.text().unwrap().as_ref(),
            br#"Call completed, "elsewhere""#
        );
        assert_eq!(Reason::parse(b"Q.850;cause=x").unwrap().cause(), None);
        assert!(Reason::parse(b";cause=1").is_err());
    }
}
