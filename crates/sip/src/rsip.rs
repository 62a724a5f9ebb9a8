//! Conversions to and from the types of the rsip crate, by way of bytes.
//! Must not be used on the wire: rsip loses what it does not know.

use bytes::Bytes;
use thiserror::Error;

use crate::error::ParseError;
use crate::message::Message;

/// A message that one of the two crates cannot express.
#[derive(Debug, Error)]
pub enum ConversionError {
    /// What rsip prints is no message.
    #[error("read what rsip printed")]
    FromRsip(#[from] ParseError),
    /// rsip cannot read the canonical spelling: an unknown method, an IPv6 reference, bytes that are
    /// not UTF-8, a quoted string with escapes.
    #[error("let rsip read the message: {0}")]
    IntoRsip(#[from] ::rsip::Error),
    /// rsip keeps the body as text when printing, so that a binary one would be altered.
    #[error("convert a body that is not UTF-8")]
    BinaryBody,
}

impl TryFrom<&Message> for ::rsip::SipMessage {
    type Error = ConversionError;

    /// rsip reads the canonical spelling, as it knows neither compact names nor folded lines.
    fn try_from(message: &Message) -> Result<Self, ConversionError> {
        Ok(Self::try_from(message.to_canonical().as_ref())?)
    }
}

impl TryFrom<&::rsip::SipMessage> for Message {
    type Error = ConversionError;

    fn try_from(message: &::rsip::SipMessage) -> Result<Self, ConversionError> {
        let body = match message {
            ::rsip::SipMessage::Request(request) => &request.body,
            ::rsip::SipMessage::Response(response) => &response.body,
        };
        if std::str::from_utf8(body).is_err() {
            return Err(ConversionError::BinaryBody);
        }
        Ok(Self::parse(Bytes::from(message.to_string()))?)
    }
}
