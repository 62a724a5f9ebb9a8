//! Refuses a request that asks for an extension of SIP which this server does not have (RFC 3261 §8.2.2.3).
//! Must not know what a method does.

use sip::{HeaderName, Method, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::answer::{answer, refuse};
use super::register::EXTENSIONS;

/// The option-tags that a request may require.
const fn supported(method: Method) -> &'static [&'static str] {
    match method {
        Method::Register => &EXTENSIONS,
        // RFC 4662, RFC 5367.
        Method::Subscribe => &["eventlist", "recipient-list-subscribe"],
        Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Info
        | Method::Invite
        | Method::Message
        | Method::Notify
        | Method::Options
        | Method::Other
        | Method::Prack
        | Method::Publish
        | Method::Refer
        | Method::Update => &[],
    }
}

/// The answer to a request that requires what is not supported. Methods that are refused anyway are not looked at,
/// nor is ACK: it has no answer.
pub(super) fn refusal(request: &Request, exchange: &Exchange<'_>) -> Option<Handling> {
    match request.method() {
        Method::Register
        | Method::Publish
        | Method::Message
        | Method::Options
        | Method::Subscribe => {}
        Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Info
        | Method::Invite
        | Method::Notify
        | Method::Other
        | Method::Prack
        | Method::Refer
        | Method::Update => return None,
    }
    let unsupported: Vec<_> = request
        .values(HeaderName::Require)
        .map(String::from_utf8_lossy)
        .filter(|required| {
            !supported(request.method())
                .iter()
                .any(|supported| supported.eq_ignore_ascii_case(required))
        })
        .collect();
    if unsupported.is_empty() {
        return None;
    }
    // RFC 3261 §8.2.2.3: the answer lists what was required and is not there.
    Some(refuse(
        answer(request, exchange, StatusCode::BAD_EXTENSION)
            .header(HeaderName::Unsupported, unsupported.join(", ")),
    ))
}
