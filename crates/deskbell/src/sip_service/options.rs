//! OPTIONS: what this server can do (RFC 3261 §11.2). Must not know who asks.

use sip::{HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::answer::{answer, refuse};
use super::{ALLOW, ALLOW_EVENTS, SipService};

impl SipService {
    pub(super) fn handle_options(&self, request: &Request, exchange: &Exchange<'_>) -> Handling {
        // Not remembered: the answer is the same each time, and anybody may ask.
        refuse(
            answer(request, exchange, StatusCode::OK)
                .header(HeaderName::Allow, ALLOW)
                .header(HeaderName::AllowEvents, ALLOW_EVENTS)
                .header(HeaderName::AcceptEncoding, "identity")
                .header(HeaderName::Accept, "application/pidf+xml, text/plain"),
        )
    }
}
