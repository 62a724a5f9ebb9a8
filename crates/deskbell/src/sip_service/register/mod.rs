//! REGISTER: a rep's phone says where it can be reached (RFC 3261 §10.3). Must not know what is sent there.

mod contacts;

use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use sip::{HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use self::contacts::{Circumstances, Outbound, Unreadable, Wish};
use super::SipService;
use super::answer::{answer, bad, refuse};
use super::authentication::Proven;
use super::bindings::{Binding, OutOfOrder, Priority};
use super::directory::Resource;

/// The extensions of a registration that are supported (RFC 3327, RFC 5626).
pub(super) const EXTENSIONS: [&str; 2] = ["path", "outbound"];

/// The same, as a Supported header lists them.
pub(super) const SUPPORTED: &str = "path, outbound";

/// A phone that speaks outbound sends a keepalive at least so often, in seconds (RFC 5626 §4.4.1).
const FLOW_TIMER: &str = "120";

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

impl Lifetimes {
    fn granted(&self, wish: Option<Duration>) -> Duration {
        match wish {
            Some(Duration::ZERO) => Duration::ZERO,
            // Deviates from RFC 3261 §10.3 step 7: a short wish is lengthened, as phones answer a 423 badly.
            Some(wish) => wish.clamp(self.shortest, self.longest),
            None => self.default,
        }
    }
}

impl SipService {
    pub(super) fn handle_register(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        let Ok(place) = self.answers.place() else {
            return Handling::Overloaded;
        };
        match self.register(request, &exchange) {
            Ok((proven, outbound)) => {
                let response = self.list_contacts(request, &exchange, &proven, outbound);
                place.answer(exchange, response)
            }
            Err(refusal) => refusal,
        }
    }

    fn register(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
    ) -> Result<(Proven, Outbound), Handling> {
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
        let proven = self.login.prove(request, exchange)?;
        let resource = to
            .sip_uri()
            .and_then(|uri| self.directory.load().resource(uri));
        let Some(Resource::Rep(rep)) = resource else {
            return Err(refuse(fail(StatusCode::NOT_FOUND)));
        };
        // RFC 3261 §10.3 step 4.
        if proven.rep != rep {
            return Err(refuse(
                fail(StatusCode::FORBIDDEN).reason("You May Only Register Yourself"),
            ));
        }
        let now = exchange.now();
        let circumstances = Circumstances {
            flow: exchange.flow(),
            lifetimes: self.registration_lifetimes,
            now,
        };
        let (wish, outbound) =
            contacts::read(request, circumstances).map_err(|Unreadable(header)| bad(header))?;
        if outbound == Outbound::FirstHopLacksIt {
            return Err(refuse(fail(StatusCode::FIRST_HOP_LACKS_OUTBOUND_SUPPORT)));
        }
        let changed = match wish {
            Wish::List => return Ok((proven, outbound)),
            Wish::RemoveAll => {
                let call_id = request.call_id().map_err(|error| bad(error.header))?;
                let cseq = request.cseq().map_err(|error| bad(error.header))?;
                self.bindings
                    .remove_all(&rep, call_id.as_bytes(), cseq.number)
            }
            Wish::Bind(changes) => self.bindings.register(&rep, changes, now),
        };
        match changed {
            Ok(()) => {
                self.happenings.sip(|| {
                    let phones = self.bindings.phones(&rep, now).len();
                    format!(
                        "REGISTER: {rep} has {phones} phone{}",
                        if phones == 1 { "" } else { "s" }
                    )
                });
                Ok((proven, outbound))
            }
            // RFC 3261 §10.3 step 7.
            Err(OutOfOrder) => Err(refuse(
                fail(StatusCode::SERVER_INTERNAL_ERROR).reason("Out Of Order"),
            )),
        }
    }

    /// RFC 3261 §10.3 step 8: the answer lists every binding with the time it has left.
    fn list_contacts(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
        proven: &Proven,
        outbound: Outbound,
    ) -> Bytes {
        let now = exchange.now();
        let mut response = proven
            .success(request, exchange)
            .copied(HeaderName::Path)
            .header(HeaderName::Supported, SUPPORTED)
            .header(HeaderName::Date, date(Timestamp::now()));
        if outbound == Outbound::Applied {
            // RFC 5626 §6.
            response = response
                .header(HeaderName::Require, "outbound")
                .extension_header("Flow-Timer", FLOW_TIMER);
        }
        for phone in self.bindings.phones(&proven.rep, now) {
            response = response.header(HeaderName::Contact, listed(&phone, now));
        }
        response.build()
    }
}

fn listed(phone: &Binding, now: Instant) -> String {
    let left = seconds_left(phone.expires_at, now);
    let mut text = format!("<{}>;expires={left}", phone.contact);
    if phone.priority != Priority::HIGHEST {
        text.push_str(&format!(";q={}", phone.priority));
    }
    if let Some(instance) = &phone.instance {
        text.push_str(&format!(";+sip.instance=\"{instance}\""));
    }
    if let Some(reg_id) = phone.reg_id {
        text.push_str(&format!(";reg-id={reg_id}"));
    }
    text
}

/// Rounded up, so that a phone never refreshes a moment too late to matter.
fn seconds_left(expires_at: Instant, now: Instant) -> u64 {
    expires_at
        .saturating_duration_since(now)
        .as_secs_f64()
        .ceil() as u64
}

/// RFC 3261 §20.17.
fn date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_what_may_be_required() {
        assert_eq!(SUPPORTED, EXTENSIONS.join(", "));
    }

    #[test]
    fn a_date_is_that_of_the_standard() {
        let at = Timestamp::from_second(1_289_690_940).unwrap();
        assert_eq!(date(at), "Sat, 13 Nov 2010 23:29:00 GMT");
    }
}
