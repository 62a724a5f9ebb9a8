//! Bodies that come packed (Content-Encoding, RFC 3261 §20.12): Linphone packs its lists, others their documents.
//! Unpacks to a limit, so that a small request never becomes a large text. Must not know what is inside.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use sip::{HeaderName, Request};

/// What is unpacked, as an Accept-Encoding header lists it.
pub(super) const ACCEPT_ENCODING: &str = "identity, deflate, gzip";

/// Why a body stays packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackedError {
    /// By a method that is not known here, or by several; 415 with Accept-Encoding.
    UnknownEncoding,
    /// It is longer than the limit once unpacked; 413.
    TooLarge,
    /// It is not what it claims to be; 400.
    Broken,
}

/// The body as it was before it was packed. A body that is not packed is the caller's to measure.
pub(super) fn unpacked(request: &Request, limit: usize) -> Result<Cow<'_, [u8]>, PackedError> {
    let body = request.body_bytes();
    let mut encodings = request
        .values(HeaderName::ContentEncoding)
        .filter(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
    let Some(encoding) = encodings.next() else {
        return Ok(Cow::Borrowed(body));
    };
    if encodings.next().is_some() {
        return Err(PackedError::UnknownEncoding);
    }
    let unpacked = match encoding.to_ascii_lowercase().as_slice() {
        // Linphone's last SUBSCRIBE of a list names the encoding and has no body.
        b"deflate" | b"gzip" | b"x-gzip" if body.is_empty() => Vec::new(),
        b"deflate" if is_zlib(body) => read(ZlibDecoder::new(body), limit)?,
        // RFC 9110 §8.4.1.2: deflate means zlib, and some leave its frame away.
        b"deflate" => read(DeflateDecoder::new(body), limit)?,
        b"gzip" | b"x-gzip" => read(MultiGzDecoder::new(body), limit)?,
        _ => return Err(PackedError::UnknownEncoding),
    };
    Ok(Cow::Owned(unpacked))
}

fn read(unpacking: impl Read, limit: usize) -> Result<Vec<u8>, PackedError> {
    let mut unpacked = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match unpacking.take(most).read_to_end(&mut unpacked) {
        Ok(_) if unpacked.len() > limit => Err(PackedError::TooLarge),
        Ok(_) => Ok(unpacked),
        Err(_) => Err(PackedError::Broken),
    }
}

// RFC 1950 §2.2: compression method 8, and the two bytes as a number are a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    let [method, flags, ..] = *body else {
        return false;
    };
    method & 0x0f == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bytes::Bytes;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use sip::Message;

    use super::*;

    const LIMIT: usize = 16 * 1024;

    fn unpack(encoding: &str, body: &[u8], limit: usize) -> Result<Vec<u8>, PackedError> {
        let mut bytes = format!(
            "PUBLISH sip:alice@shop.example SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK1\r\n\
             Content-Encoding: {encoding}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        match Message::parse(Bytes::from(bytes)).unwrap() {
            Message::Request(request) => unpacked(&request, limit).map(Cow::into_owned),
            Message::Response(_) => panic!("a request is no response"),
        }
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut packing = ZlibEncoder::new(Vec::new(), Compression::best());
        packing.write_all(text).unwrap();
        packing.finish().unwrap()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packing = GzEncoder::new(Vec::new(), Compression::best());
        packing.write_all(text).unwrap();
        packing.finish().unwrap()
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut packing = DeflateEncoder::new(Vec::new(), Compression::best());
        packing.write_all(text).unwrap();
        packing.finish().unwrap()
    }

    #[test]
    fn what_was_packed_comes_out() {
        let text = b"<presence/>".as_slice();
        for (encoding, body) in [
            ("identity", text.to_vec()),
            ("deflate", zlib(text)),
            ("Deflate", deflate(text)),
            ("gzip", gzip(text)),
            ("identity, x-gzip", gzip(text)),
        ] {
            assert_eq!(unpack(encoding, &body, LIMIT).unwrap(), text, "{encoding}");
        }
        assert_eq!(unpack("deflate", b"", LIMIT).unwrap(), b"");
    }

    #[test]
    fn what_cannot_be_unpacked_is_told_apart() {
        let packed = zlib(b"<presence/>");
        for unknown in ["br", "gzip, deflate", "deflate, deflate"] {
            let refused = unpack(unknown, &packed, LIMIT);
            assert_eq!(refused, Err(PackedError::UnknownEncoding), "{unknown}");
        }
        let broken = packed.get(..packed.len() - 6).unwrap();
        assert_eq!(unpack("deflate", broken, LIMIT), Err(PackedError::Broken));
        assert_eq!(unpack("gzip", &packed, LIMIT), Err(PackedError::Broken));
    }

    /// Ten megabytes in ten kilobytes are refused after sixteen.
    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = vec![b' '; 10 * 1024 * 1024];
        for (encoding, body) in [("deflate", zlib(&bomb)), ("gzip", gzip(&bomb))] {
            assert!(body.len() < LIMIT);
            assert_eq!(unpack(encoding, &body, LIMIT), Err(PackedError::TooLarge));
        }
        let exactly = zlib(&vec![b' '; LIMIT]);
        assert_eq!(unpack("deflate", &exactly, LIMIT).unwrap().len(), LIMIT);
    }
}
