//! Inputs to start from, made of the fixtures. Must not judge them.

use bytes::Bytes;
use sip::{HeaderName, Message};
use sip_fixtures::{bad, odd, phones, torture};

/// Every target that starts from SIP messages, with its seeds.
pub fn all() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    vec![
        ("message", messages()),
        ("header", headers()),
        ("framing", streams()),
        ("uri", uris()),
        ("digest", credentials()),
        ("pidf", documents()),
    ]
}

/// Every message there is, of phones and of our own making.
pub fn messages() -> Vec<Vec<u8>> {
    let made = bad().into_iter().map(|bad| bad.message);
    let tortures = torture().into_iter().map(|case| case.message);
    phones()
        .into_iter()
        .chain(odd())
        .chain(made)
        .chain(tortures)
        .map(|fixture| fixture.bytes)
        .collect()
}

/// Every line of them that is a known header: the number of its name, then its value.
pub fn headers() -> Vec<Vec<u8>> {
    lines(|known, value| {
        let number = HeaderName::ALL.iter().position(|name| *name == known)?;
        Some([&[u8::try_from(number).ok()?], value].concat())
    })
}

/// Messages one after another, behind the bytes that say where the stream is cut.
pub fn streams() -> Vec<Vec<u8>> {
    let messages = messages();
    messages
        .chunks(2)
        .map(|pair| [&[3, 1, 200, 17], pair.concat().as_slice()].concat())
        .collect()
}

/// Request-URIs, and what stands in angle brackets.
pub fn uris() -> Vec<Vec<u8>> {
    let requested = messages().into_iter().filter_map(|bytes| {
        let end = bytes.iter().position(|byte| *byte == b'\r')?;
        let mut words = bytes.get(..end)?.split(|byte| *byte == b' ');
        words.nth(1).map(<[u8]>::to_vec)
    });
    let bracketed = lines(|_, value| {
        let open = value.iter().position(|byte| *byte == b'<')? + 1;
        let inside = value.get(open..)?;
        let close = inside.iter().position(|byte| *byte == b'>')?;
        inside.get(..close).map(<[u8]>::to_vec)
    });
    unique(requested.chain(bracketed).collect())
}

/// Credentials and challenges.
pub fn credentials() -> Vec<Vec<u8>> {
    lines(|known, value| {
        let is_login = matches!(
            known,
            HeaderName::Authorization
                | HeaderName::ProxyAuthorization
                | HeaderName::WwwAuthenticate
                | HeaderName::ProxyAuthenticate
                | HeaderName::AuthenticationInfo
        );
        is_login.then(|| value.to_vec())
    })
}

/// The bodies of all messages that have one.
pub fn documents() -> Vec<Vec<u8>> {
    let bodies = messages().into_iter().filter_map(|bytes| {
        let message = Message::parse(Bytes::from(bytes)).ok()?;
        let body = message.headers().body().to_vec();
        (!body.is_empty()).then_some(body)
    });
    unique(bodies.collect())
}

fn lines(take: impl Fn(HeaderName, &[u8]) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for bytes in messages() {
        let Ok(message) = Message::parse(Bytes::from(bytes)) else {
            continue;
        };
        let lines = message.headers().lines();
        found.extend(lines.filter_map(|(known, _, value)| take(known?, value)));
    }
    unique(found)
}

fn unique(mut seeds: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    seeds.sort();
    seeds.dedup();
    seeds
}
