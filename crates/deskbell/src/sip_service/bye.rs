//! BYE of a peer: the end of a leg, or of nothing (RFC 3261 §15.1.2). Must not know what the other leg makes of it.

use sip::{Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::SipService;
use super::answer::{answer, refuse};

impl SipService {
    pub(super) fn handle_bye(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        match self.calls.handle_request(request, exchange) {
            Ok(handling) => handling,
            Err(exchange) => refuse(answer(
                request,
                &exchange,
                StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
            )),
        }
    }
}
