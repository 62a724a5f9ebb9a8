//! REGISTER: a rep's phone says where it can be reached (RFC 3261 §10.3). Must not know what is sent there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use helpdesk::RepId;
use sip::{HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::SipService;
use super::answer::{answer, bad, refuse};
use super::bindings::{Binding, OutOfOrder};
use super::directory::Resource;

/// How long a registration may last. A shorter or longer wish is adjusted, never refused: phones answer a
/// 423 badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// The shortest.
    pub(crate) shortest: Duration,
    /// Of a REGISTER that names none.
    pub(crate) default: Duration,
    /// The longest.
    pub(crate) longest: Duration,
}

impl SipService {
    pub(super) fn handle_register(&self, request: &Request, exchange: &Exchange<'_>) -> Handling {
        match self.register(request, exchange) {
            Ok(rep) => Handling::Answer(self.list_contacts(request, exchange, &rep)),
            Err(refusal) => refusal,
        }
    }

    fn register(&self, request: &Request, exchange: &Exchange<'_>) -> Result<RepId, Handling> {
        let fail = |status| answer(request, exchange, status);
        let bad = |header| bad(request, exchange, header);
        // RFC 3261 §10.3 step 1: a registrar of another domain is asked for.
        if request
            .uri()
            .ok()
            .and_then(|uri| self.directory.load().resource(&uri))
            .is_none()
        {
            return Err(refuse(fail(StatusCode::NOT_FOUND)));
        }
        // RFC 3261 §10.3 step 5: the address of record is in To, and is a SIP or SIPS URI. What no registrar can
        // serve is refused before anybody is asked for a password.
        let to = request.to().map_err(|error| bad(error.header))?;
        if to.sip_uri().is_none() {
            return Err(bad(HeaderName::To));
        }
        if let Some(error) = request.contacts().find_map(Result::err) {
            return Err(bad(error.header));
        }
        let sender = self.login.authenticate(request, exchange)?;
        let resource = to
            .sip_uri()
            .and_then(|uri| self.directory.load().resource(uri));
        let Some(Resource::Rep(rep)) = resource else {
            return Err(refuse(fail(StatusCode::NOT_FOUND)));
        };
        // RFC 3261 §10.3 step 4.
        if sender != rep {
            return Err(refuse(
                fail(StatusCode::FORBIDDEN).reason("You May Only Register Yourself"),
            ));
        }
        let now = exchange.now();
        let expires = request.expires().map_err(|error| bad(error.header))?;
        let cseq = request.cseq().map_err(|error| bad(error.header))?;
        let call_id = request.call_id().map_err(|error| bad(error.header))?;
        let domain: Arc<str> = Arc::from(registrar_of(request).unwrap_or_default());
        let mut changes = Vec::new();
        for contact in request.contacts() {
            let contact = contact.map_err(|error| bad(error.header))?;
            let Some(address) = contact.address() else {
                // RFC 3261 §10.3 step 6: `*` goes alone, and only with Expires: 0.
                if expires != Some(Duration::ZERO) || request.contacts().count() > 1 {
                    return Err(bad(HeaderName::Contact));
                }
                self.bindings.remove_all(&rep);
                return Ok(rep);
            };
            let uri = address.sip_uri().ok_or_else(|| bad(HeaderName::Contact))?;
            changes.push(Binding {
                contact: Arc::from(uri.to_string()),
                domain: domain.clone(),
                flow: exchange.flow(),
                call_id: Arc::from(call_id.as_bytes()),
                cseq: cseq.number,
                expires_at: now + self.granted(contact.expires().or(expires)),
            });
        }
        match self.bindings.register(&rep, changes, now) {
            Ok(()) => {
                self.happenings.sip(|| {
                    let phones = self.bindings.phones(&rep, now).len();
                    format!(
                        "REGISTER: {rep} has {phones} phone{}",
                        if phones == 1 { "" } else { "s" }
                    )
                });
                Ok(rep)
            }
            // RFC 3261 §10.3 step 7.
            Err(OutOfOrder) => Err(refuse(
                fail(StatusCode::SERVER_INTERNAL_ERROR).reason("Out Of Order"),
            )),
        }
    }

    fn granted(&self, wish: Option<Duration>) -> Duration {
        let lifetimes = &self.registration_lifetimes;
        match wish {
            Some(Duration::ZERO) => Duration::ZERO,
            Some(wish) => wish.clamp(lifetimes.shortest, lifetimes.longest),
            None => lifetimes.default,
        }
    }

    /// RFC 3261 §10.3 step 8: the answer lists every binding with the time it has left.
    fn list_contacts(&self, request: &Request, exchange: &Exchange<'_>, rep: &RepId) -> Bytes {
        let now = exchange.now();
        let mut response = answer(request, exchange, StatusCode::OK);
        for phone in self.bindings.phones(rep, now) {
            response = response.header(
                HeaderName::Contact,
                format!(
                    "<{}>;expires={}",
                    phone.contact,
                    seconds_left(phone.expires_at, now)
                ),
            );
        }
        response.build()
    }
}

/// Rounded up, so that a phone never refreshes a moment too late to matter.
fn seconds_left(expires_at: Instant, now: Instant) -> u64 {
    expires_at
        .saturating_duration_since(now)
        .as_secs_f64()
        .ceil() as u64
}

/// Host and port by which the phone knows its registrar: what a From of ours must name, so that the
/// phone's answers come back here.
fn registrar_of(request: &Request) -> Option<String> {
    let uri = request.uri().ok()?;
    Some(match uri.port {
        Some(port) => format!("{}:{port}", uri.host),
        None => uri.host.to_string(),
    })
}
