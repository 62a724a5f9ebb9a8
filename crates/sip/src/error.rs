//! What can be wrong with a message, and whose fault it is. Must not know how it is answered on a wire.

use std::borrow::Cow;

use thiserror::Error;

use crate::header_name::HeaderName;
use crate::status::StatusCode;

/// Bytes that are no SIP message, or not enough of one to be answered; they are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Nothing but line ends: a keepalive.
    #[error("read an empty message")]
    Empty,
    /// The first line is neither a request line nor a status line.
    #[error("read a first line that is not SIP")]
    NotSip,
    /// The bytes end before the empty line that closes the header block.
    #[error("read a header block without its end")]
    Truncated,
    /// Longer than [`crate::MAX_MESSAGE_LENGTH`].
    #[error("read a message of more than 64 KiB")]
    TooLong,
}

/// A header that cannot be read as what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("read the header {header}: it is {fault}")]
pub struct HeaderError {
    /// Which header.
    pub header: HeaderName,
    /// What is wrong with it.
    pub fault: HeaderFault,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderFault {
    /// Required, but not there.
    #[error("missing")]
    Missing,
    /// There, but not in its grammar.
    #[error("malformed")]
    Malformed,
    /// There more often than allowed, with different values.
    #[error("repeated")]
    Repeated,
}

/// The Request-URI cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("read a URI that is {}", match self { Self::Malformed => "malformed", Self::UnsupportedScheme => "of a scheme other than sip or sips" })]
pub enum UriError {
    /// Not in the grammar of RFC 3261 §25.
    Malformed,
    /// Well-formed as a URI, but neither `sip` nor `sips`.
    UnsupportedScheme,
}

/// A request the peer must mend before sending it again, with the answer it deserves.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("accept the request: {status} {reason}")]
pub struct BadRequest {
    /// The status to answer with.
    pub status: StatusCode,
    /// The reason phrase; it names the header at fault.
    pub reason: Cow<'static, str>,
}

impl HeaderError {
    pub(crate) const fn missing(header: HeaderName) -> Self {
        Self {
            header,
            fault: HeaderFault::Missing,
        }
    }

    pub(crate) const fn malformed(header: HeaderName) -> Self {
        Self {
            header,
            fault: HeaderFault::Malformed,
        }
    }

    pub(crate) const fn repeated(header: HeaderName) -> Self {
        Self {
            header,
            fault: HeaderFault::Repeated,
        }
    }
}

impl From<HeaderError> for BadRequest {
    fn from(error: HeaderError) -> Self {
        let fault = match error.fault {
            HeaderFault::Missing => "Missing",
            HeaderFault::Malformed => "Bad",
            HeaderFault::Repeated => "Repeated",
        };
        Self {
            status: StatusCode::BAD_REQUEST,
            reason: Cow::Owned(format!("{fault} {}", error.header)),
        }
    }
}

impl From<UriError> for BadRequest {
    fn from(error: UriError) -> Self {
        match error {
            UriError::Malformed => Self {
                status: StatusCode::BAD_REQUEST,
                reason: Cow::Borrowed("Bad Request-URI"),
            },
            UriError::UnsupportedScheme => Self {
                status: StatusCode::UNSUPPORTED_URI_SCHEME,
                reason: Cow::Borrowed(StatusCode::UNSUPPORTED_URI_SCHEME.reason()),
            },
        }
    }
}
