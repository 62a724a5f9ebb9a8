//! Headers of one value whose grammar is a word or a number: Call-ID, Expires, Max-Forwards, SIP-If-Match.

use std::time::Duration;

use crate::error::HeaderError;
use crate::grammar;
use crate::header_name::HeaderName;
use crate::headers::Headers;

impl Headers {
    /// The Call-ID.
    ///
    /// # Errors
    /// Where it is missing, malformed, or there twice.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        grammar::read_all(grammar::word, self.required(HeaderName::CallId)?)
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
        grammar::read_all(grammar::number, value)
            .and_then(|hops| u8::try_from(hops).ok())
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

    /// The value of a header that may be there once at most.
    pub(crate) fn single(&self, name: HeaderName) -> Result<Option<&[u8]>, HeaderError> {
        let mut lines = self.headers(name);
        let Some(value) = lines.next() else {
            return Ok(None);
        };
        match lines.next() {
            None => Ok(Some(value)),
            Some(_) => Err(HeaderError::repeated(name)),
        }
    }

    /// The value of a header that must be there exactly once.
    pub(crate) fn required(&self, name: HeaderName) -> Result<&[u8], HeaderError> {
        self.single(name)?.ok_or(HeaderError::missing(name))
    }

    fn seconds(&self, name: HeaderName) -> Result<Option<Duration>, HeaderError> {
        let Some(value) = self.single(name)? else {
            return Ok(None);
        };
        grammar::read_all(grammar::delta_seconds, value)
            .map(|seconds| Some(Duration::from_secs(u64::from(seconds))))
            .ok_or(HeaderError::malformed(name))
    }

    fn token(&self, name: HeaderName) -> Result<Option<&str>, HeaderError> {
        let Some(value) = self.single(name)? else {
            return Ok(None);
        };
        grammar::read_all(grammar::token, value)
            .map(Some)
            .ok_or(HeaderError::malformed(name))
    }
}
