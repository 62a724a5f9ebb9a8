//! Whether a request is sound enough to be served, and the answer it gets otherwise.
//! Must not know any one method's own rules.

use std::borrow::Cow;

use crate::error::{BadRequest, HeaderError, UriError};
use crate::essentials::Parts;
use crate::header_name::HeaderName;
use crate::headers::Defect;
use crate::message::{Request, Version};
use crate::status::StatusCode;
use crate::uri::Uri;

/// The longest Request-URI taken, in bytes; a longer one is answered 414.
pub const MAX_URI_LENGTH: usize = 2048;

/// The most Vias a request may have; more is a loop or an attack, and each is sent back.
pub const MAX_VIAS: usize = 70;
/// The most media ranges Accept may have.
pub const MAX_ACCEPTS: usize = 32;

impl Request {
    /// Looks at all that every request must have (RFC 3261 §8.1.1), and at what the index found broken.
    ///
    /// # Errors
    /// The answer to give; its reason phrase names the header at fault.
    pub fn check(&self) -> Result<(), BadRequest> {
        // RFC 3261 §21.5.6: another version is answered 505, whatever else is wrong.
        if self.version() == Version::Unknown {
            return Err(plain(StatusCode::VERSION_NOT_SUPPORTED));
        }
        if let Some(defect) = self.defect() {
            return Err(BadRequest::from(defect));
        }
        if self.essentials().is_some() {
            return Ok(());
        }
        let via = self.via()?;
        if via.branch().is_none() && via.params.get("branch").is_some() {
            return Err(HeaderError::malformed(HeaderName::Via).into());
        }
        self.check_count(HeaderName::Via, MAX_VIAS)?;
        self.check_count(HeaderName::Accept, MAX_ACCEPTS)?;
        let (from, to) = (self.from()?, self.to()?);
        let call_id = self.call_id()?;
        let cseq = self.cseq()?;
        // RFC 3261 §8.1.1.5: the method of the CSeq is that of the request.
        if cseq.method_text.as_bytes() != self.method_text() {
            return Err(HeaderError::malformed(HeaderName::CSeq).into());
        }
        self.check_length()?;
        let uri = self.check_uri()?;
        // RFC 3261 §16.3: nobody forwards a request whose hops are used up. §8.1.1.6 demands the
        // header, but RFC 2543 peers leave it out, which harms nobody here.
        self.max_forwards()?;
        self.remember(&Parts {
            via,
            uri,
            from,
            to,
            call_id,
            cseq,
        });
        Ok(())
    }

    fn check_count(&self, name: HeaderName, limit: usize) -> Result<(), BadRequest> {
        match self.values(name).nth(limit) {
            None => Ok(()),
            Some(_) => Err(BadRequest {
                status: StatusCode::BAD_REQUEST,
                reason: Cow::Owned(format!("Too Many {name} Values")),
            }),
        }
    }

    fn check_uri(&self) -> Result<Uri<'_>, BadRequest> {
        if self.uri_text().len() > MAX_URI_LENGTH {
            return Err(plain(StatusCode::REQUEST_URI_TOO_LONG));
        }
        // RFC 3261 §19.1.1, table 1: a Request-URI has no headers.
        let uri = self.uri()?;
        if uri.headers.is_some() {
            return Err(UriError::Malformed.into());
        }
        Ok(uri)
    }

    fn check_length(&self) -> Result<(), BadRequest> {
        match self.content_length()? {
            // RFC 3261 §18.3: a datagram shorter than it says is answered 400.
            Some(length) if length > self.body().len() => {
                Err(HeaderError::malformed(HeaderName::ContentLength).into())
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl From<Defect> for BadRequest {
    fn from(defect: Defect) -> Self {
        let reason = match defect {
            Defect::FirstLine => Cow::Borrowed("Bad Request-Line"),
            Defect::NoHeader(Some(name)) | Defect::ControlCharacter(Some(name)) => {
                Cow::Owned(format!("Bad {name}"))
            }
            Defect::NoHeader(None) | Defect::ControlCharacter(None) => {
                Cow::Borrowed("Bad Header Line")
            }
            Defect::TooManyLines => Cow::Borrowed("Too Many Headers"),
            Defect::LineTooLong(Some(name)) => Cow::Owned(format!("{name} Too Long")),
            Defect::LineTooLong(None) => Cow::Borrowed("Header Too Long"),
        };
        Self {
            status: StatusCode::BAD_REQUEST,
            reason,
        }
    }
}

fn plain(status: StatusCode) -> BadRequest {
    BadRequest {
        status,
        reason: Cow::Borrowed(status.reason()),
    }
}
