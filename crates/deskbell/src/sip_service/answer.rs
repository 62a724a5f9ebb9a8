//! How every answer of this server begins: Via with received and rport, and a To tag.
//! Must not know what is answered.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sip::{Request, ResponseBuilder, StatusCode};
use sip_transport::Exchange;

/// Begins an answer to `request`.
pub(super) fn answer<'a>(
    request: &'a Request,
    exchange: &Exchange<'_>,
    status: StatusCode,
) -> ResponseBuilder<'a> {
    ResponseBuilder::answer(request, status)
        .received_from(exchange.flow().remote)
        .to_tag(fresh_tag())
}

/// RFC 3261 §19.3 asks for global uniqueness of dialogs' tags; these answers open none.
fn fresh_tag() -> String {
    static START: LazyLock<u64> = LazyLock::new(|| {
        crate::random::bytes::<8>().map_or(0, u64::from_ne_bytes)
    });
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{:x}", START.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)))
}
