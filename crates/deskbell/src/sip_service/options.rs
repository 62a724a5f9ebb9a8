//! OPTIONS: what this server can do (RFC 3261 §11.2). Must not know who asks.

use sip::{HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::answer::{answer, refuse};
use super::{ALLOW, ALLOW_EVENTS, SipService};

impl SipService {
    pub(super) fn handle_options(&self, request: &Request, exchange: &Exchange<'_>) -> Handling {
        let full = answer(request, exchange, StatusCode::OK)
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::AllowEvents, ALLOW_EVENTS)
            .header(HeaderName::AcceptEncoding, "identity")
            .header(HeaderName::Accept, "application/pidf+xml, text/plain")
            .build();
        // Not remembered: the answer is the same each time, and anybody may ask.
        if full.len() <= exchange.longest_answer() {
            return Handling::AnswerStateless(full);
        }
        // A short question is a sign of life; what RFC 3261 §11.2 wants told beside it would amplify it.
        refuse(answer(request, exchange, StatusCode::OK))
    }
}
