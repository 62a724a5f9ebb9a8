//! How every answer of this server begins, and the refusals that all methods share.
//! Must not know what is answered.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

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
        .to_tag(fresh_tag())
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

/// RFC 3261 §19.3 asks for tags that are unique in the world for dialogs; these answers open none.
fn fresh_tag() -> String {
    static START: LazyLock<u64> =
        LazyLock::new(|| crate::random::bytes::<8>().map_or(0, u64::from_ne_bytes));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}", START.wrapping_add(count))
}
