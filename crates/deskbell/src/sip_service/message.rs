//! MESSAGE from a rep's phone: a line or a command of a conversation (RFC 3428 §7). It is answered 200
//! only after what it says is on record. Must not know what the words mean.

use std::sync::Arc;

use helpdesk::{Addressee, RepId, TicketId};
use sip::{HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};
use tokio::sync::mpsc::error::TrySendError;

use super::SipService;
use super::answer::{answer, bad, is_encoded, refuse};
use super::directory::Resource;
use crate::desk::RepSays;

/// When a phone that met a busy desk may try again, in seconds.
const RETRY_AFTER: &str = "2";

/// The reason phrase of a 404 to a MESSAGE.
const NO_SUCH_CONVERSATION: &str = "No Such Conversation";

impl SipService {
    pub(super) fn handle_message(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        // Nothing that is said could be recorded: the phone keeps it and tries again.
        if !self.health.borrow().is_sound() {
            return Handling::Overloaded;
        }
        let (rep, to, text) = match self.read_message(request, &exchange) {
            Ok(read) => read,
            Err(refusal) => return refusal,
        };
        self.bindings.handle_use(&rep, exchange.flow());
        self.happenings
            .sip(|| format!("MESSAGE: {rep} writes {} characters", text.chars().count()));
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

    fn read_message(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
    ) -> Result<(RepId, Addressee, Arc<str>), Handling> {
        let fail = |status| answer(request, exchange, status);
        let sender = self.login.authenticate(request, exchange)?;
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
                fail(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                    .header(HeaderName::AcceptEncoding, "identity"),
            ));
        }
        let text = String::from_utf8_lossy(request.body());
        Ok((sender, to, Arc::from(text)))
    }
}
