//! Whether a request is sound enough to be served, and the answer it gets otherwise.
//! Must not know any one method's own rules.

use std::borrow::Cow;

use crate::error::{BadRequest, HeaderError, UriError};
use crate::essentials::{Essentials, Parts};
use crate::header::via::Noted;
use crate::header_name::HeaderName;
use crate::headers::{Announced, Defect};
use crate::message::{Request, Version};
use crate::status::StatusCode;
use crate::uri::{AnyUri, Uri};

/// The longest Request-URI taken, in bytes; a longer one is answered 414.
pub const MAX_URI_LENGTH: usize = 2048;

/// The most Vias a request may have; more is a loop or an attack, and each is sent back.
pub const MAX_VIAS: usize = 70;
/// The most media ranges Accept may have.
pub const MAX_ACCEPTS: usize = 32;

impl Request {
    /// Looks at all that every request must have (RFC 3261 §8.1.1), and at what the index found broken. What it has read
    /// of a sound request need not be read again.
    ///
    /// # Errors
    /// The answer to give; its reason phrase names the header at fault.
    pub fn check(&mut self) -> Result<(), BadRequest> {
        if self.essentials().is_none() {
            let essentials = self.read_essentials()?;
            self.remember(essentials);
        }
        Ok(())
    }

    fn read_essentials(&self) -> Result<Essentials, BadRequest> {
        // RFC 3261 §21.5.6: another version is answered 505, whatever else is wrong.
        if self.version() == Version::Unknown {
            return Err(plain(StatusCode::VERSION_NOT_SUPPORTED));
        }
        if let Some(defect) = self.defect() {
            return Err(BadRequest::from(defect));
        }
        let via = self.via()?;
        let Noted { branch, asks } = via.noted();
        if branch == Some(None) {
            return Err(HeaderError::malformed(HeaderName::Via).into());
        }
        self.check_count(HeaderName::Via, MAX_VIAS)?;
        self.check_count(HeaderName::Accept, MAX_ACCEPTS)?;
        let uri = self.check_uri();
        // Who publishes or registers writes one URI in three places; it need not be read three times.
        let known = |text| match &uri {
            Ok(uri) if str::as_bytes(text) == self.uri_text() => Some(*uri),
            Ok(_) | Err(_) => AnyUri::usual(text),
        };
        let (_, from_tag) = self.tagged(HeaderName::From, known)?;
        let (_, to_tag) = self.tagged(HeaderName::To, known)?;
        let call_id = self.call_id()?;
        let cseq = self.checked_cseq()?;
        // RFC 3261 §8.1.1.5: the method of the CSeq is that of the request.
        if cseq.method_text.as_bytes() != self.method_text() {
            return Err(HeaderError::malformed(HeaderName::CSeq).into());
        }
        self.check_length()?;
        let uri = uri?;
        // RFC 3261 §16.3: nobody forwards a request whose hops are used up. §8.1.1.6 demands the
        // header, but RFC 2543 peers leave it out, which harms nobody here.
        self.max_forwards()?;
        let parts = Parts {
            via,
            branch: branch.flatten(),
            asks,
            uri,
            from_tag,
            to_tag,
            call_id,
            cseq,
        };
        Ok(Essentials::of(&parts, self.bytes()))
    }

    fn check_count(&self, name: HeaderName, limit: usize) -> Result<(), BadRequest> {
        // With the comma or the end behind it, a value has two bytes or more.
        let bytes: usize = self.headers(name).map(|line| line.len() + 1).sum();
        if bytes <= 2 * limit {
            return Ok(());
        }
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
        if self.announced() == Announced::Whole {
            return Ok(());
        }
        match self.content_length()? {
            // RFC 3261 §18.3: a datagram shorter than it says is answered 400.
            Some(length) if length > self.body_bytes().len() => {
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
