//! Event (RFC 6665 §8.2.1).

use nom::Parser;

use crate::error::HeaderError;
use crate::grammar::{self, Params, Parsed, usual};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// The event package a PUBLISH, SUBSCRIBE or NOTIFY is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The package with its templates, such as `presence` or `presence.winfo`; case-sensitive.
    pub package: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    /// Reads an Event value.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(event, value).ok_or(HeaderError::malformed(HeaderName::Event))
    }

    /// Without blanks and quotes.
    pub(crate) fn usual(value: &'a str) -> Option<Self> {
        let (package, params) = usual::leading_token(value)?;
        Some(Self {
            package,
            params: usual::params(params)?,
        })
    }

    /// The `id` parameter, which tells subscriptions in one dialog apart.
    pub fn id(&self) -> Option<&'a str> {
        self.params.token("id")
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.package.as_bytes());
        for param in self.params.iter() {
            param.write(out);
        }
    }
}

impl Headers {
    /// The Event, where there is one.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn event(&self) -> Result<Option<Event<'_>>, HeaderError> {
        let Some(value) = self.at_most_one(HeaderName::Event)? else {
            return Ok(None);
        };
        match value.text.and_then(Event::usual) {
            Some(event) => Ok(Some(event)),
            None => Event::parse(value.bytes).map(Some),
        }
    }
}

fn event(input: &[u8]) -> Parsed<'_, Event<'_>> {
    (grammar::token, grammar::params)
        .map(|(package, params)| Event { package, params })
        .parse(input)
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn packages_with_templates_and_parameters() {
        let event = Event::parse(b"presence.winfo ; id=7").unwrap();
        assert_eq!((event.package, event.id()), ("presence.winfo", Some("7")));
        let mut out = Vec::new();
        event.write(&mut out);
        assert_eq!(out, b"presence.winfo;id=7");
    }

    #[test]
    fn malformed_events() {
        for text in ["", ";id=7", "presence dialog", "presence,dialog"] {
            assert!(Event::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
