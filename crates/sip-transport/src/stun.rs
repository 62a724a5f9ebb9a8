//! STUN binding requests that phones send on a SIP socket to keep their way open and to see where they are
//! (RFC 5626 §3.5.2, RFC 8489). Must not know sockets.

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

/// What a datagram is that begins like STUN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stun {
    /// To be answered with these bytes.
    Answer(Bytes),
    /// STUN, and nothing to answer.
    Silence,
}

/// RFC 8489 §5.
const MAGIC_COOKIE: u32 = 0x2112_A442;
const HEADER: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
/// RFC 8489 §14.
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
/// RFC 8489 §6.3: below this an attribute that is not understood forbids an answer as if it were.
const FIRST_OPTIONAL: u16 = 0x8000;

/// What to do with a datagram of this source; `None` where it is not STUN.
pub(crate) fn judge(bytes: &[u8], source: SocketAddr) -> Option<Stun> {
    let (header, attributes) = bytes.split_first_chunk::<HEADER>()?;
    let [k0, k1, l0, l1, c0, c1, c2, c3, transaction @ ..] = *header;
    // RFC 8489 §5: two zero bits and the cookie tell STUN from SIP, whose first byte is a letter or a line end.
    if k0 & 0xC0 != 0 || u32::from_be_bytes([c0, c1, c2, c3]) != MAGIC_COOKIE {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if u16::from_be_bytes([k0, k1]) != BINDING_REQUEST || length != attributes.len() {
        return Some(Stun::Silence);
    }
    let Some(unknown) = unknown_attributes(attributes) else {
        return Some(Stun::Silence);
    };
    Some(Stun::Answer(if unknown.is_empty() {
        success(transaction, source)
    } else {
        refusal(transaction, &unknown)
    }))
}

/// The attributes that have to be understood and are not: here every one. `None` where they cannot be read.
fn unknown_attributes(mut attributes: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    while !attributes.is_empty() {
        let ([k0, k1, l0, l1], rest) = attributes.split_first_chunk::<4>()?;
        let kind = u16::from_be_bytes([*k0, *k1]);
        let length = usize::from(u16::from_be_bytes([*l0, *l1])).next_multiple_of(4);
        if kind < FIRST_OPTIONAL && !unknown.contains(&kind) {
            unknown.push(kind);
        }
        attributes = rest.get(length..)?;
    }
    Some(unknown)
}

fn success(transaction: [u8; 12], source: SocketAddr) -> Bytes {
    let [c0, c1, c2, c3] = MAGIC_COOKIE.to_be_bytes();
    // RFC 8489 §14.2: IPv4 is masked with the cookie, IPv6 with the cookie and the transaction.
    let mask = [c0, c1, c2, c3].into_iter().chain(transaction);
    let (family, address) = match source.ip() {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    let mut value = BytesMut::new();
    value.put_u16(family);
    value.put_u16(source.port() ^ u16::from_be_bytes([c0, c1]));
    value.extend(
        address
            .into_iter()
            .zip(mask)
            .map(|(byte, mask)| byte ^ mask),
    );
    message(
        BINDING_SUCCESS,
        transaction,
        &[(XOR_MAPPED_ADDRESS, &value)],
    )
}

fn refusal(transaction: [u8; 12], unknown: &[u16]) -> Bytes {
    // RFC 8489 §14.8: 420 as class and number; no reason, so that the answer stays short.
    let error = [0, 0, 4, 20];
    let mut list = BytesMut::new();
    // No longer than the attributes that were sent: each of those took four bytes at least.
    unknown.iter().for_each(|kind| list.put_u16(*kind));
    let attributes: [(u16, &[u8]); 2] = [(ERROR_CODE, &error), (UNKNOWN_ATTRIBUTES, &list)];
    message(BINDING_ERROR, transaction, &attributes)
}

fn message(kind: u16, transaction: [u8; 12], attributes: &[(u16, &[u8])]) -> Bytes {
    let mut body = BytesMut::new();
    for (kind, value) in attributes {
        body.put_u16(*kind);
        body.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        body.put_slice(value);
        body.put_bytes(0, value.len().next_multiple_of(4) - value.len());
    }
    let mut bytes = BytesMut::with_capacity(HEADER + body.len());
    bytes.put_u16(kind);
    bytes.put_u16(u16::try_from(body.len()).unwrap_or(u16::MAX));
    bytes.put_u32(MAGIC_COOKIE);
    bytes.put_slice(&transaction);
    bytes.put_slice(&body);
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::{Stun, judge};

    /// The transaction of RFC 5769 §2.
    const TRANSACTION: &[u8] = b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";

    fn request(attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
        [
            &b"\x00\x01"[..],
            &length,
            b"\x21\x12\xa4\x42",
            TRANSACTION,
            attributes,
        ]
        .concat()
    }

    #[track_caller]
    fn check_answer(request: &[u8], source: &str, kind: &[u8], attributes: &[u8]) {
        let Some(Stun::Answer(answer)) = judge(request, source.parse().unwrap()) else {
            panic!("not answered");
        };
        assert_eq!(&answer[..2], kind);
        assert_eq!(usize::from(answer[3]), attributes.len());
        assert_eq!(&answer[4..8], b"\x21\x12\xa4\x42");
        assert_eq!(&answer[8..20], TRANSACTION);
        assert_eq!(&answer[20..], attributes);
    }

    #[test]
    fn a_phone_is_told_its_address() {
        // The addresses and attributes of RFC 5769 §2.2 and §2.3.
        check_answer(
            &request(b""),
            "192.0.2.1:32853",
            b"\x01\x01",
            b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43",
        );
        check_answer(
            &request(b""),
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
            b"\x01\x01",
            b"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9",
        );
    }

    #[test]
    fn what_need_not_be_understood_is_passed_over() {
        let software = b"\x80\x22\x00\x05baresip\x00"[..12].to_vec();
        let answer = judge(&request(&software), "192.0.2.1:1".parse().unwrap());
        assert!(matches!(answer, Some(Stun::Answer(answer)) if answer[..2] == *b"\x01\x01"));
    }

    #[test]
    fn what_has_to_be_understood_is_refused_by_name() {
        // USERNAME, twice, and CHANGE-REQUEST.
        let attributes = b"\x00\x06\x00\x01a\0\0\0\x00\x06\x00\x00\x00\x03\x00\x04\0\0\0\0";
        check_answer(
            &request(attributes),
            "192.0.2.1:1",
            b"\x01\x11",
            b"\x00\x09\x00\x04\x00\x00\x04\x14\x00\x0a\x00\x04\x00\x06\x00\x03",
        );
    }

    #[test]
    fn what_is_no_request_or_broken_is_not_answered() {
        let source = "192.0.2.1:1".parse().unwrap();
        let mut response = request(b"");
        response[0] = 1;
        let mut longer = request(b"");
        longer[3] = 4;
        let cut = request(b"\x00\x06\x00\x08user");
        for bytes in [response, longer, cut, request(b"\x00\x06")] {
            assert_eq!(judge(&bytes, source), Some(Stun::Silence));
        }
        let mut classic = request(b"");
        classic[4] = 0;
        for other in [
            classic,
            b"\r\n\r\n".to_vec(),
            b"OPTIONS sip:a SIP/2.0\r\n".to_vec(),
        ] {
            assert_eq!(judge(&other, source), None);
        }
    }
}
