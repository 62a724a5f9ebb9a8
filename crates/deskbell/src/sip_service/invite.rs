//! INVITE and what else peers send within a call of ours. Nobody calls us: an INVITE outside of a call is refused,
//! whoever it comes from, a trunk included. Must not know what a leg makes of what belongs to it.

use sip::{HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::answer::{answer, refuse};
use super::{ALLOW, SipService};

impl SipService {
    pub(super) fn handle_invite(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        match self.calls.handle_request(request, exchange) {
            Ok(handling) => handling,
            Err(exchange) => Self::refuse_method(request, &exchange),
        }
    }

    /// Not remembered: an INVITE's refusal would be sent again and again to whoever seems to have sent it.
    pub(super) fn refuse_method(request: &Request, exchange: &Exchange<'_>) -> Handling {
        refuse(
            answer(request, exchange, StatusCode::METHOD_NOT_ALLOWED)
                .header(HeaderName::Allow, ALLOW),
        )
    }
}
