//! MESSAGE from a rep's phone: a line or a command of a conversation (RFC 3428 §7). It is answered 200
//! only after what it says is on record. Must not know what the words mean.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use helpdesk::{Addressee, LineId, TicketId};
use sha2::{Digest as _, Sha256};
use sip::{HeaderName, Request, StatusCode, Uri};
use sip_transport::{Exchange, Handling};
use tokio::sync::mpsc::error::TrySendError;

use super::SipService;
use super::answer::{answer, bad, is_encoded, refuse};
use super::authentication::Proven;
use super::directory::Resource;
use crate::desk::{RepSays, ShopperSays};

/// When a phone that met a busy desk may try again, in seconds.
const RETRY_AFTER: &str = "2";

/// Of longer Call-IDs a digest is kept: a line's identity is found by an index, whose keys no database takes at any
/// length.
const LONGEST_PLAIN_ID: usize = 200;

/// The reason phrase of a 404 to a MESSAGE.
const NO_SUCH_CONVERSATION: &str = "No Such Conversation";

impl SipService {
    pub(super) fn handle_message(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        // Nothing that is said could be recorded: the phone keeps it and tries again.
        if !self.health.borrow().takes_records() {
            return Handling::Overloaded;
        }
        if let Some((ticket, from)) = self.messenger_conversation(request) {
            return self.handle_messenger(request, exchange, ticket, from);
        }
        let (proven, to, text) = match self.read_message(request, &exchange) {
            Ok(read) => read,
            Err(refusal) => return refusal,
        };
        let heard = proven.success(request, &exchange).build();
        let rep = proven.rep;
        self.bindings.handle_use(&rep, exchange.flow());
        self.happenings
            .sip(|| format!("MESSAGE: {rep} writes {} characters", text.chars().count()));
        let unheard = answer(request, &exchange, StatusCode::NOT_FOUND)
            .reason(NO_SUCH_CONVERSATION)
            .build();
        let overloaded = answer(request, &exchange, StatusCode::SERVICE_UNAVAILABLE)
            .header(HeaderName::RetryAfter, RETRY_AFTER)
            .build();
        let Ok(pending) = exchange.defer() else {
            return Handling::Overloaded;
        };
        let says = RepSays {
            rep,
            to,
            text,
            pending,
            heard,
            unheard,
        };
        if let Err(TrySendError::Full(says) | TrySendError::Closed(says)) =
            self.rep_says.try_send(says)
        {
            says.pending.answer(overloaded);
        }
        Handling::Later
    }

    /// The conversation that a shopper's own messenger answers. It is no user of ours, so that it has nothing to prove
    /// itself by but that it was sent a line of a conversation whose address nobody can guess, and that it is the one
    /// that the shop's token named.
    fn messenger_conversation(&self, request: &Request) -> Option<(TicketId, Arc<str>)> {
        let resource = self.directory.load().resource(&request.uri().ok()?)?;
        let ticket = match resource {
            Resource::Other(user) => TicketId::new(&user),
            Resource::Desk | Resource::Domain | Resource::Rep(_) | Resource::Group(_) => {
                return None;
            }
        };
        let address = self.messengers.address(&ticket)?;
        let from = request.from().ok()?;
        let (sender, expected) = (from.uri.sip()?, Uri::parse(address.as_bytes()).ok()?);
        let same_user = sender.user_decoded() == expected.user_decoded();
        let (host, named) = (sender.host.to_string(), expected.host.to_string());
        (same_user && host.eq_ignore_ascii_case(&named)).then_some((ticket, address))
    }

    fn handle_messenger(
        &self,
        request: &Request,
        exchange: Exchange<'_>,
        ticket: TicketId,
        from: Arc<str>,
    ) -> Handling {
        let text = match read_text(request, &exchange) {
            Ok(text) => text,
            Err(refusal) => return refusal,
        };
        let (Ok(call_id), Ok(cseq)) = (request.call_id(), request.cseq()) else {
            return bad(request, &exchange, HeaderName::CSeq);
        };
        let id = line_id(call_id, cseq.number);
        let heard = answer(request, &exchange, StatusCode::OK).build();
        let unheard = answer(request, &exchange, StatusCode::NOT_FOUND)
            .reason(NO_SUCH_CONVERSATION)
            .build();
        let overloaded = answer(request, &exchange, StatusCode::SERVICE_UNAVAILABLE)
            .header(HeaderName::RetryAfter, RETRY_AFTER)
            .build();
        let Ok(pending) = exchange.defer() else {
            return Handling::Overloaded;
        };
        self.happenings
            .sip(|| "MESSAGE: a shopper's messenger writes".to_owned());
        let says = ShopperSays {
            from,
            ticket,
            id,
            text,
            pending,
            heard,
            unheard,
        };
        if let Err(TrySendError::Full(says) | TrySendError::Closed(says)) =
            self.shopper_says.try_send(says)
        {
            says.pending.answer(overloaded);
        }
        Handling::Later
    }

    fn read_message(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
    ) -> Result<(Proven, Addressee, Arc<str>), Handling> {
        let fail = |status| answer(request, exchange, status);
        let sender = self.login.prove(request, exchange)?;
        let resource = request
            .uri()
            .ok()
            .and_then(|uri| self.directory.load().resource(&uri));
        let to = match resource {
            Some(Resource::Desk) => Addressee::Desk,
            Some(Resource::Other(user)) => Addressee::Ticket(TicketId::new(&user)),
            Some(Resource::Domain | Resource::Rep(_) | Resource::Group(_)) | None => {
                return Err(refuse(
                    fail(StatusCode::NOT_FOUND).reason(NO_SUCH_CONVERSATION),
                ));
            }
        };
        Ok((sender, to, read_text(request, exchange)?))
    }
}

/// The identity of the line that a request brings: the same for one that is sent once more, however it came.
fn line_id(call_id: &str, cseq: u32) -> LineId {
    if call_id.len() <= LONGEST_PLAIN_ID {
        return LineId::new(&format!("{call_id} {cseq}"));
    }
    let digest = Sha256::digest(call_id);
    let digest = URL_SAFE_NO_PAD.encode(digest);
    LineId::new(&format!("{digest} {cseq}"))
}

/// The plain text in a request.
fn read_text(request: &Request, exchange: &Exchange<'_>) -> Result<Arc<str>, Handling> {
    let fail = |status| answer(request, exchange, status);
    let content_type = request
        .content_type()
        .map_err(|error| bad(request, exchange, error.header))?;
    if !content_type.is_some_and(|found| found.is("text", "plain")) {
        return Err(refuse(
            fail(StatusCode::UNSUPPORTED_MEDIA_TYPE).header(HeaderName::Accept, "text/plain"),
        ));
    }
    if is_encoded(request) {
        return Err(refuse(
            fail(StatusCode::UNSUPPORTED_MEDIA_TYPE).header(HeaderName::AcceptEncoding, "identity"),
        ));
    }
    Ok(Arc::from(String::from_utf8_lossy(request.body_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_short_identity_however_long_its_call_id() {
        assert_eq!(line_id("a@b", 7).as_str(), "a@b 7");
        let long = "x".repeat(8_000);
        let (one, other) = (format!("{long}1"), format!("{long}2"));
        assert_eq!(line_id(&one, 7), line_id(&one, 7));
        assert_ne!(line_id(&one, 7), line_id(&other, 7));
        assert_ne!(line_id(&one, 7), line_id(&one, 8));
        assert!(line_id(&one, u32::MAX).as_str().len() <= LONGEST_PLAIN_ID);
    }
}
