//! Session-Expires and Min-SE: how long a call lasts without a sign of life (RFC 4028 §4, §5). Must not know calls.

use std::time::Duration;

use nom::Parser;

use crate::error::HeaderError;
use crate::grammar::{self, Params, Parsed};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// How long a call lasts, and who refreshes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires<'a> {
    /// Without a refresh the call ends after this.
    pub interval: Duration,
    /// The parameters.
    pub params: Params<'a>,
}

/// Who refreshes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request.
    Client,
    /// Who answers it.
    Server,
}

impl<'a> SessionExpires<'a> {
    /// Reads a Session-Expires or Min-SE value.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(name: HeaderName, value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(session_expires, value).ok_or(HeaderError::malformed(name))
    }

    /// Who refreshes the call, where that is decided.
    pub fn refresher(&self) -> Option<Refresher> {
        match self.params.token("refresher")? {
            client if client.eq_ignore_ascii_case("uac") => Some(Refresher::Client),
            server if server.eq_ignore_ascii_case("uas") => Some(Refresher::Server),
            _ => None,
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.interval.as_secs().to_string().as_bytes());
        for param in self.params.iter() {
            param.write(out);
        }
    }
}

impl Headers {
    /// How long the call lasts without a refresh.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn session_expires(&self) -> Result<Option<SessionExpires<'_>>, HeaderError> {
        let name = HeaderName::SessionExpires;
        let value = self.single(name)?;
        value
            .map(|value| SessionExpires::parse(name, value))
            .transpose()
    }

    /// The shortest time between refreshes that the peer takes.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn min_session_expires(&self) -> Result<Option<Duration>, HeaderError> {
        let name = HeaderName::MinSe;
        let Some(value) = self.single(name)? else {
            return Ok(None);
        };
        Ok(Some(SessionExpires::parse(name, value)?.interval))
    }
}

fn session_expires(input: &[u8]) -> Parsed<'_, SessionExpires<'_>> {
    (grammar::delta_seconds, grammar::params)
        .map(|(seconds, params)| SessionExpires {
            interval: Duration::from_secs(u64::from(seconds)),
            params,
        })
        .parse(input)
}

#[cfg(test)]
mod tests {
    use super::{Refresher, SessionExpires};
    use crate::header_name::HeaderName;

    #[test]
    fn an_interval_may_name_its_refresher() {
        let parse =
            |text: &'static str| SessionExpires::parse(HeaderName::SessionExpires, text.as_bytes());
        let session = parse("1800 ; Refresher=UAS").unwrap();
        assert_eq!(
            (session.interval.as_secs(), session.refresher()),
            (1800, Some(Refresher::Server))
        );
        assert_eq!(
            parse("90;refresher=uac").unwrap().refresher(),
            Some(Refresher::Client)
        );
        assert_eq!(parse("90").unwrap().refresher(), None);
        for text in ["", "x", "-90", "90 90"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
