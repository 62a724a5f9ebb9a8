//! OPTIONS: what this server can do (RFC 3261 §11.2). Must not know what the asker makes of it.

use sip::{HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::answer::{answer, refuse};
use super::directory::Resource;
use super::register::SUPPORTED;
use super::{ALLOW, ALLOW_EVENTS, SipService};

impl SipService {
    /// The server itself may be asked by anybody. Whether one of its users exists is told to reps alone.
    pub(super) fn handle_options(&self, request: &Request, exchange: &Exchange<'_>) -> Handling {
        let directory = self.directory.load();
        let uri = request.uri().ok();
        let resource = uri.and_then(|uri| directory.resource(&uri));
        let exists = match resource {
            Some(Resource::Domain) => true,
            // Of another domain nothing is known but that somebody asks here.
            None => uri.is_none_or(|uri| uri.user.is_none()),
            Some(_) if directory.open => true,
            Some(resource) => match self.login.authenticate(request, exchange) {
                Ok(_) => !matches!(resource, Resource::Other(_)),
                // Over UDP a challenge to so short a question is not sent, as it would amplify it. A sign of life is,
                // whether there is such a user or not.
                Err(Handling::AnswerStateless(refusal))
                    if refusal.len() > exchange.longest_answer() =>
                {
                    true
                }
                Err(refusal) => return refusal,
            },
        };
        if !exists {
            return refuse(answer(request, exchange, StatusCode::NOT_FOUND));
        }
        let full = answer(request, exchange, StatusCode::OK)
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::AllowEvents, ALLOW_EVENTS)
            .header(HeaderName::Supported, SUPPORTED)
            .header(HeaderName::AcceptEncoding, "identity")
            .header(HeaderName::Accept, "application/pidf+xml, text/plain")
            .build();
        // Not remembered: asked again, it is answered the same.
        if full.len() <= exchange.longest_answer() {
            return Handling::AnswerStateless(full);
        }
        // A short question is a sign of life; what RFC 3261 §11.2 wants told beside it would amplify it.
        refuse(answer(request, exchange, StatusCode::OK))
    }
}
