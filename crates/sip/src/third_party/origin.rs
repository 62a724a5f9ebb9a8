//! The `o=` line of a session (RFC 8866 §5.2), the one thing of a description that a controller has to know.
//! Must not know anything else of it.

use bytes::Bytes;

use crate::call::Body;

const SDP: &str = "application/sdp";

/// Whose session it is, in all descriptions of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    id: u64,
    /// Invariant: rises with every description.
    version: u64,
    address: Box<str>,
}

impl Origin {
    /// A session of ours; `id` was never used before, `address` is an address of ours.
    pub fn new(id: u64, address: std::net::IpAddr) -> Self {
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        Self {
            // RFC 3264 §5: a number that fits a signed integer of 64 bits.
            id: id >> 1,
            version: 0,
            address: format!("{family} {address}").into(),
        }
    }

    /// An offer in which nobody is heard yet.
    ///
    /// Deviates from RFC 3725 §4.4: not without media, but with sound that is held (RFC 3264 §8.4), because phones
    /// such as baresip refuse a session in which there is nothing. The line is the one that calls have.
    pub(super) fn hold(&mut self) -> Body {
        let line = self.next_line();
        let nowhere = unspecified(&self.address);
        let text = format!(
            "v=0\r\n{line}\r\ns=-\r\nc={nowhere}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\n\
             a=rtpmap:0 PCMU/8000\r\na=inactive\r\n"
        );
        Body {
            content_type: SDP.into(),
            bytes: Bytes::from(text),
        }
    }

    /// Somebody else's description as the next one of ours (RFC 3725 §4.4: only the origin changes).
    pub(super) fn restate(&mut self, body: &Body) -> Body {
        let is_sdp = body
            .content_type
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(SDP));
        if !is_sdp {
            return body.clone();
        }
        let line = self.next_line();
        let mut restated = Vec::with_capacity(body.bytes.len() + line.len());
        let mut is_done = false;
        for text in body.bytes.split_inclusive(|byte| *byte == b'\n') {
            if !is_done && text.starts_with(b"o=") {
                is_done = true;
                restated.extend_from_slice(line.as_bytes());
                restated.extend_from_slice(b"\r\n");
            } else {
                restated.extend_from_slice(text);
            }
        }
        Body {
            content_type: body.content_type.clone(),
            bytes: Bytes::from(restated),
        }
    }

    fn next_line(&mut self) -> String {
        self.version += 1;
        format!("o=- {} {} IN {}", self.id, self.version, self.address)
    }
}

fn unspecified(address: &str) -> &'static str {
    if address.starts_with("IP6") {
        "IN IP6 ::"
    } else {
        "IN IP4 0.0.0.0"
    }
}
