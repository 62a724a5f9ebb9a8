//! How every answer of this server begins, and the refusals that all methods share.
//! Must not know what is answered.

use sip::{HeaderName, Request, ResponseBuilder, StatusCode};
use sip_transport::{Exchange, Handling};

/// Begins an answer to `request`: Via with received and rport, and a To tag.
pub(super) fn answer<'a>(
    request: &'a Request,
    exchange: &Exchange<'_>,
    status: StatusCode,
) -> ResponseBuilder<'a> {
    ResponseBuilder::answer(request, status)
        .received_from(exchange.flow().remote)
        .numbered_to_tag((exchange.fingerprint() >> 32) as u32)
}

/// Refuses without remembering it: asked again, the same request is refused again.
pub(super) fn refuse(response: ResponseBuilder<'_>) -> Handling {
    Handling::AnswerStateless(response.build())
}

/// Refuses a request with a header that cannot be read, by the header's name.
pub(super) fn bad(request: &Request, exchange: &Exchange<'_>, header: HeaderName) -> Handling {
    refuse(
        answer(request, exchange, StatusCode::BAD_REQUEST)
            .reason(format!("Bad {}", header.as_str())),
    )
}

/// Whether the body is packed in a way this server does not unpack (RFC 3261 §20.12).
pub(super) fn is_encoded(request: &Request) -> bool {
    request
        .values(HeaderName::ContentEncoding)
        .any(|encoding| !encoding.eq_ignore_ascii_case(b"identity"))
}
