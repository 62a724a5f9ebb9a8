//! How every answer of this server begins, and the refusals that all methods share.
//! Must not know what is answered.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::LazyLock;

use sip::{HeaderName, Request, ResponseBuilder, StatusCode};
use sip_transport::{Exchange, Handling};

/// Begins an answer to `request`: Via with received and rport, and a To tag.
pub(super) fn answer<'a>(
    request: &'a Request,
    exchange: &Exchange<'_>,
    status: StatusCode,
) -> ResponseBuilder<'a> {
    answer_marked(request, exchange, fingerprint(request, exchange), status)
}

/// The same for whoever needs the [`fingerprint`] for something else too.
pub(super) fn answer_marked<'a>(
    request: &'a Request,
    exchange: &Exchange<'_>,
    fingerprint: u64,
    status: StatusCode,
) -> ResponseBuilder<'a> {
    ResponseBuilder::answer(request, status)
        .received_from(exchange.flow().remote)
        // RFC 3261 §19.3: 32 bits are enough.
        .to_tag(hexadecimal((fingerprint >> 32) as u32))
}

/// All eight digits, without the machinery of formats: every answer has one.
fn hexadecimal(number: u32) -> String {
    (0..8)
        .rev()
        .filter_map(|place| char::from_digit(number >> (place * 4) & 15, 16))
        .collect()
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

/// A number that is the same for every copy of one request and differs between requests; nobody outside can
/// foresee it. RFC 3261 §8.2.7: an answer that is not remembered must come out the same for a retransmission.
pub(super) fn fingerprint(request: &Request, exchange: &Exchange<'_>) -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let remote = exchange.flow().remote;
    // In one piece, which is hashed several times as quickly as many small ones.
    let mut material = Vec::with_capacity(USUAL_MATERIAL);
    match remote.ip() {
        IpAddr::V4(address) => material.extend(address.octets()),
        IpAddr::V6(address) => material.extend(address.octets()),
    }
    material.extend(remote.port().to_be_bytes());
    for name in [HeaderName::Via, HeaderName::CallId, HeaderName::CSeq] {
        material.extend_from_slice(request.header(name).unwrap_or_default());
        material.push(0);
    }
    KEYS.hash_one(&*material)
}

/// More bytes than what a fingerprint is usually made of.
const USUAL_MATERIAL: usize = 256;

#[cfg(test)]
mod tests {
    use super::hexadecimal;

    #[test]
    fn a_tag_has_all_its_digits() {
        for number in [0, 1, 0x0123_abcd, u32::MAX] {
            assert_eq!(hexadecimal(number), format!("{number:08x}"));
        }
    }
}
