//! Headers of one value whose grammar is a word or a number: Call-ID, Expires, Min-Expires, Max-Forwards,
//! SIP-ETag, SIP-If-Match and Suppress-If-Match. Must not know what they do.

use std::time::Duration;

use crate::error::HeaderError;
use crate::grammar::{self, usual};
use crate::header_name::HeaderName;
use crate::headers::{Headers, Value};

/// Which state a watcher need not be told (RFC 5839 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressIfMatch<'a> {
    /// None at all: the subscription goes on without a body.
    Any,
    /// The one with this entity-tag.
    EntityTag(&'a str),
}

impl Headers {
    /// The Call-ID.
    ///
    /// # Errors
    /// Where it is missing, malformed, or there twice.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        if let Some(essentials) = self.essentials() {
            return Ok(essentials.call_id(self));
        }
        let value = self.required(HeaderName::CallId)?;
        let usual = value.text.and_then(usual::word);
        usual
            .or_else(|| grammar::read_all(grammar::word, value.bytes))
            .ok_or(HeaderError::malformed(HeaderName::CallId))
    }

    /// The Expires header, where there is one.
    ///
    /// # Errors
    /// Where it is not a number of seconds, or there twice.
    pub fn expires(&self) -> Result<Option<Duration>, HeaderError> {
        self.seconds(HeaderName::Expires)
    }

    /// The Min-Expires header, where there is one.
    ///
    /// # Errors
    /// Where it is not a number of seconds, or there twice.
    pub fn min_expires(&self) -> Result<Option<Duration>, HeaderError> {
        self.seconds(HeaderName::MinExpires)
    }

    /// How many hops are left, where the header is there.
    ///
    /// # Errors
    /// Where it is not a number of at most 255, or there twice.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        let Some(value) = self.single(HeaderName::MaxForwards)? else {
            return Ok(None);
        };
        let hops = usual::whole_number(value).or_else(|| grammar::read_all(grammar::number, value));
        hops.and_then(|hops| u8::try_from(hops).ok())
            .map(Some)
            .ok_or(HeaderError::malformed(HeaderName::MaxForwards))
    }

    /// The entity-tag of the publication a PUBLISH is about (RFC 3903 §11.3.2).
    ///
    /// # Errors
    /// Where it is not a token, or there twice.
    pub fn if_match(&self) -> Result<Option<&str>, HeaderError> {
        self.token(HeaderName::SipIfMatch)
    }

    /// The entity-tag a 200 to a PUBLISH gives (RFC 3903 §11.3.1).
    ///
    /// # Errors
    /// Where it is not a token, or there twice.
    pub fn entity_tag(&self) -> Result<Option<&str>, HeaderError> {
        self.token(HeaderName::SipEtag)
    }

    /// The state that a watcher has and need not be told again (RFC 5839 §4).
    ///
    /// # Errors
    /// Where it is neither a token nor `*`, or there twice.
    pub fn suppress_if_match(&self) -> Result<Option<SuppressIfMatch<'_>>, HeaderError> {
        // `*` is a token too.
        Ok(match self.token(HeaderName::SuppressIfMatch)? {
            Some("*") => Some(SuppressIfMatch::Any),
            other => other.map(SuppressIfMatch::EntityTag),
        })
    }

    /// The value of a header that may be there once at most.
    pub(crate) fn single(&self, name: HeaderName) -> Result<Option<&[u8]>, HeaderError> {
        Ok(self.at_most_one(name)?.map(|value| value.bytes))
    }

    /// The same, as text where the message is.
    pub(crate) fn at_most_one(&self, name: HeaderName) -> Result<Option<Value<'_>>, HeaderError> {
        if self.is_repeated(name) {
            return Err(HeaderError::repeated(name));
        }
        Ok(self.first_value(name))
    }

    /// The value of a header that must be there exactly once.
    pub(crate) fn required(&self, name: HeaderName) -> Result<Value<'_>, HeaderError> {
        self.at_most_one(name)?.ok_or(HeaderError::missing(name))
    }

    fn seconds(&self, name: HeaderName) -> Result<Option<Duration>, HeaderError> {
        let Some(value) = self.single(name)? else {
            return Ok(None);
        };
        usual::whole_number(value)
            .or_else(|| grammar::read_all(grammar::delta_seconds, value))
            .map(|seconds| Some(Duration::from_secs(u64::from(seconds))))
            .ok_or(HeaderError::malformed(name))
    }

    fn token(&self, name: HeaderName) -> Result<Option<&str>, HeaderError> {
        let Some(value) = self.at_most_one(name)? else {
            return Ok(None);
        };
        let usual = value.text.and_then(usual::token);
        usual
            .or_else(|| grammar::read_all(grammar::token, value.bytes))
            .map(Some)
            .ok_or(HeaderError::malformed(name))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::SuppressIfMatch;
    use crate::error::{HeaderError, HeaderFault};
    use crate::header_name::HeaderName;
    use crate::message::Message;

    fn message(headers: &str) -> Message {
        Message::parse(Bytes::from(format!("SIP/2.0 200 OK\r\n{headers}\r\n"))).unwrap()
    }

    #[test]
    fn entity_tags_are_tokens() {
        let tagged = message("SIP-ETag: a~1\r\nSIP-If-Match: b.2\r\nSuppress-If-Match: c3\r\n");
        let headers = tagged.headers();
        assert_eq!(headers.entity_tag(), Ok(Some("a~1")));
        assert_eq!(headers.if_match(), Ok(Some("b.2")));
        assert_eq!(
            headers.suppress_if_match(),
            Ok(Some(SuppressIfMatch::EntityTag("c3")))
        );
        let any = message("Suppress-If-Match: *\r\n");
        assert_eq!(
            any.headers().suppress_if_match(),
            Ok(Some(SuppressIfMatch::Any))
        );
        assert_eq!(message("").headers().suppress_if_match(), Ok(None));
        assert!(
            message("SIP-If-Match: a, b\r\n")
                .headers()
                .if_match()
                .is_err()
        );
    }

    #[test]
    fn seconds_beyond_all_reckoning_are_the_most_there_are() {
        let long = message("Expires: 99999999999\r\nMin-Expires: 0060\r\n");
        let seconds =
            |found: Result<Option<std::time::Duration>, _>| found.unwrap().unwrap().as_secs();
        assert_eq!(seconds(long.headers().expires()), u64::from(u32::MAX));
        assert_eq!(seconds(long.headers().min_expires()), 60);
        assert!(message("Expires: -1\r\n").headers().expires().is_err());
    }

    #[test]
    fn what_is_there_twice_is_told_from_what_is_malformed() {
        let fault = |headers: &str| {
            message(headers)
                .headers()
                .call_id()
                .map_err(|error| error.fault)
                .err()
        };
        assert_eq!(fault(""), Some(HeaderFault::Missing));
        assert_eq!(fault("i: a b\r\n"), Some(HeaderFault::Malformed));
        assert_eq!(fault("i: a\r\nCall-ID: a\r\n"), Some(HeaderFault::Repeated));
        assert_eq!(
            message("Max-Forwards: 256\r\n").headers().max_forwards(),
            Err(HeaderError::malformed(HeaderName::MaxForwards))
        );
    }
}
