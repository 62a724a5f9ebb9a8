//! Where answers go, and the answers an endpoint gives itself. Must not know transactions.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::flow::Flow;
use crate::grammar::usual;
use crate::header::via::Via;
use crate::header_name::HeaderName;
use crate::message::{Message, Request};
use crate::status::StatusCode;
use crate::write::response::ResponseBuilder;

/// RFC 3261 §18.2.1: the port of a Via that names none.
const DEFAULT_PORT: u16 = 5060;

/// The path an answer to `request` takes, whose topmost Via is `via`.
pub(super) fn answer_flow(request: &Request, via: &Via<'_>, flow: Flow) -> Flow {
    if flow.transport.is_reliable() {
        return flow;
    }
    // RFC 3581 §4: back to the very source.
    if request.asks(via).port() {
        return flow;
    }
    // Deviates from RFC 3261 §18.2.2: maddr is not followed, because it would let anybody aim our answers.
    let port = via.port.unwrap_or(DEFAULT_PORT);
    Flow {
        remote: SocketAddr::new(flow.remote.ip(), port),
        ..flow
    }
}

/// The status of a response as it goes out.
pub(super) fn status_of(response: &[u8]) -> Option<StatusCode> {
    let digits = response.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    StatusCode::new(u16::try_from(usual::whole_number(digits)?).ok()?)
}

/// An answer to a request that was kept as bytes.
pub(super) fn answer_to_bytes(
    request: &Bytes,
    status: StatusCode,
    source: SocketAddr,
    tag: &str,
) -> Option<Bytes> {
    match Message::parse(request.clone()) {
        Ok(Message::Request(request)) => Some(answer(&request, status, source, tag)),
        Ok(Message::Response(_)) | Err(_) => None,
    }
}

/// An answer with nothing in it but a status.
pub(super) fn answer(
    request: &Request,
    status: StatusCode,
    source: SocketAddr,
    tag: &str,
) -> Bytes {
    let builder = ResponseBuilder::answer(request, status).received_from(source);
    if status == StatusCode::TRYING {
        // RFC 3261 §8.2.6.2: a 100 needs no tag.
        return builder.build();
    }
    builder.to_tag(tag).build()
}

/// The answer to a request that there is no time for.
pub(super) fn overload(
    request: &Request,
    source: SocketAddr,
    tag: &str,
    retry_after: Duration,
) -> Bytes {
    ResponseBuilder::answer(request, StatusCode::SERVICE_UNAVAILABLE)
        .received_from(source)
        .to_tag(tag)
        .header(
            HeaderName::RetryAfter,
            retry_after.as_secs().max(1).to_string(),
        )
        .build()
}
