//! What must hold for every input of the SIP readers. A broken promise panics.

use bytes::Bytes;
use sip::digest::{Challenge, Credentials};
use sip::framing::{Frame, StreamFramer};
use sip::{
    AnyUri, AuthenticationInfo, HeaderName, Headers, MAX_HEADERS, Message, ResponseBuilder,
    StatusCode, Uri,
};

/// A datagram: everything in it is read, it is written anew, and a request is answered.
pub fn message(data: &[u8]) {
    let Ok(message) = Message::parse(Bytes::copy_from_slice(data)) else {
        return;
    };
    read_everything(message.headers());
    assert_is_canonical(&message);
    let Message::Request(mut request) = message else {
        return;
    };
    let is_sound = request.check().is_ok();
    let answer = ResponseBuilder::answer(&request, StatusCode::OK)
        .received_from(([192, 0, 2, 1], 5060).into())
        .to_tag("t")
        .build();
    let Ok(Message::Response(answer)) = Message::parse(answer) else {
        panic!("an answer that is no response");
    };
    if is_sound {
        for name in [HeaderName::From, HeaderName::CallId, HeaderName::CSeq] {
            assert_eq!(answer.header(name), request.header(name), "{name}");
        }
        assert_eq!(answer.vias().count(), request.vias().count());
        assert!(answer.to().is_ok_and(|to| to.tag().is_some()));
    }
}

/// The value of one header: the first byte says of which.
pub fn header(data: &[u8]) {
    let [number, value @ ..] = data else {
        return;
    };
    let count = HeaderName::ALL.len();
    let name = HeaderName::ALL
        .get(usize::from(*number) % count)
        .copied()
        .unwrap_or(HeaderName::Via);
    let head = format!("OPTIONS sip:h SIP/2.0\r\n{name}: ");
    let bytes = Bytes::from([head.as_bytes(), value, b"\r\n\r\n"].concat());
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    read_everything(message.headers());
    assert_is_canonical(&message);
}

/// A stream: the first byte counts the bytes that say where it is cut. Cuts change nothing.
pub fn framing(data: &[u8]) {
    let [count, rest @ ..] = data else {
        return;
    };
    let Some((sizes, stream)) = rest.split_at_checked(usize::from(*count % 16)) else {
        return;
    };
    let mut pieces = Vec::new();
    let mut uncut = stream;
    for size in sizes {
        let (piece, after) = uncut.split_at(usize::from(*size).min(uncut.len()));
        pieces.push(piece);
        uncut = after;
    }
    pieces.push(uncut);
    let whole = frames(&[stream]);
    assert_eq!(frames(&pieces), whole);
    let bytes: usize = whole.0.iter().map(Vec::len).sum();
    assert!(bytes <= stream.len());
}

/// A URI: it prints to what reads the same, and is equivalent to itself.
pub fn uri(data: &[u8]) {
    let Ok(uri) = AnyUri::parse(data) else {
        assert!(Uri::parse(data).is_err());
        return;
    };
    assert!(uri.is_equivalent(&uri));
    let printed = uri.to_bytes();
    let Ok(again) = AnyUri::parse(&printed) else {
        panic!("{uri:?} prints what is no URI");
    };
    assert_eq!(again, uri);
    assert!(again.is_equivalent(&uri));
    match uri {
        AnyUri::Sip(uri) => drop(uri.user_decoded()),
        AnyUri::Tel(uri) => drop(uri.digits()),
        AnyUri::Mailbox(_) | AnyUri::Other(_) => {}
    }
}

/// Credentials, a challenge, or what a server says after a login.
pub fn digest(data: &[u8]) {
    for bytes in [data.to_vec(), [b"Digest ", data].concat()] {
        if let Ok(Some(credentials)) = Credentials::parse(HeaderName::Authorization, &bytes) {
            let _ = (credentials.username(), credentials.realm());
            let _ = (credentials.suite(), credentials.protection().nonce_count());
        }
        Challenge::parse(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let is_printable =
            !text.bytes().any(|byte| byte.is_ascii_control()) && text.as_bytes() == bytes;
        if let Some(challenge) = Challenge::parse(&bytes).filter(|_| is_printable) {
            let printed = challenge.to_string();
            assert_eq!(Challenge::parse(printed.as_bytes()), Some(challenge));
        }
        if let Ok(info) = AuthenticationInfo::parse(&bytes) {
            let _ = (info.next_nonce(), info.response_auth());
        }
    }
}

fn read_everything(headers: &Headers) {
    for name in HeaderName::ALL {
        headers.values(*name).count();
        headers.name_addrs(*name).count();
        headers.routes(*name).count();
        headers.tokens(*name).count();
    }
    let _ = (headers.vias().count(), headers.from(), headers.to());
    let _ = (headers.cseq(), headers.call_id(), headers.max_forwards());
    let _ = (headers.expires(), headers.min_expires(), headers.event());
    let _ = (
        headers.if_match(),
        headers.entity_tag(),
        headers.suppress_if_match(),
    );
    let _ = (
        headers.content_type(),
        headers.content_length(),
        headers.content_disposition(),
    );
    let _ = (
        headers.accepts().count(),
        headers.quality_of("text", "plain"),
    );
    let _ = (
        headers.accepted_encodings().count(),
        headers.accepted_languages().count(),
    );
    let _ = (
        headers.subscription_state(),
        headers.authentication_info(),
        headers.retry_after(),
    );
    let _ = (
        headers.date(),
        headers.warnings().count(),
        headers.reasons().count(),
    );
    let _ = (
        headers.rack(),
        headers.rseq(),
        headers.session_expires(),
        headers.min_session_expires(),
    );
    let _ = (headers.user_agent(), headers.server());
    let _ = (
        headers.authorizations().count(),
        headers.proxy_authorizations().count(),
    );
    for contact in headers.contacts().flatten() {
        let _ = (
            contact.expires(),
            contact.quality(),
            contact.instance(),
            contact.reg_id(),
        );
    }
    for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
        headers
            .headers(name)
            .for_each(|value| drop(Challenge::parse(value)));
    }
}

/// The canonical spelling is read, is its own, and has the same body.
fn assert_is_canonical(message: &Message) {
    let once = message.to_canonical();
    let Ok(again) = Message::parse(once.clone()) else {
        panic!("a canonical spelling that cannot be read");
    };
    assert_eq!(again.headers().body(), message.headers().body());
    // A control character is written as a blank, which may mend the value it broke. A value a line and a
    // Content-Length may be more lines than are read.
    let is_broken = |value: &[u8]| value.iter().any(u8::is_ascii_control);
    let has_all_lines = again.headers().lines().count() < MAX_HEADERS;
    if has_all_lines
        && !message
            .headers()
            .lines()
            .any(|(_, _, value)| is_broken(value))
    {
        assert_eq!(again.to_canonical(), once);
    }
}

/// The messages of a stream, and whether it was lost.
fn frames(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
    let mut framer = StreamFramer::new();
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.poll_frame() {
                Ok(Some(Frame::Message(framed))) => {
                    let parsed = Message::parse(framed.bytes().clone());
                    assert!(parsed.is_ok(), "a frame that is no message");
                    found.push(framed.bytes().to_vec());
                    // What was read of it to find its end is what is read of it later.
                    assert_eq!(format!("{:?}", framed.read()), format!("{parsed:?}"));
                }
                Ok(Some(Frame::KeepAlive)) => found.push(b"\r\n\r\n".to_vec()),
                Ok(None) => break,
                Err(error) => {
                    if let Some(head) = error.head {
                        assert!(
                            Message::parse(head).is_ok(),
                            "a head that cannot be answered"
                        );
                    }
                    return (found, true);
                }
            }
        }
    }
    (found, false)
}
