//! Security row S7: Authorization headers as nobody should write them (CVE-2025-57767, CVE-2023-28098). None is
//! taken for a proof, none panics, and what cannot be read is answered by its header's name.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking; an Instant can only be had from the clock"
)]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::digest::{
    Algorithm, Asked, Authenticator, Challenge, Credentials, Freshness, Ha1, NonceKeeper, Occasion,
    Offer, Qop, Verdict,
};
use sip::{HeaderError, HeaderName, Message, Request};

const REALM: &str = "shop.example";
const URI: &str = "sip:alice@shop.example";

struct Desk {
    authenticator: Authenticator,
    offer: Offer,
    occasion: Occasion,
}

impl Desk {
    fn new() -> Self {
        let now = Instant::now();
        let suites = [Algorithm::Sha256, Algorithm::Md5].map(Into::into);
        Self {
            authenticator: Authenticator::new(REALM, NonceKeeper::new([7; 32], now)),
            offer: Offer {
                suites: suites.to_vec(),
                qualities: vec![Qop::Auth, Qop::AuthInt],
                nonce_lifetime: Duration::from_secs(60),
            },
            occasion: Occasion {
                source: Ipv4Addr::LOCALHOST.into(),
                now,
            },
        }
    }

    fn last_challenge(&self) -> Challenge {
        let mut challenges =
            self.authenticator
                .challenges(&self.offer, Freshness::First, 1, self.occasion);
        Challenge::parse(challenges.by_ref().last().unwrap().as_bytes()).unwrap()
    }

    fn judge(&self, request: &Request) -> Result<Verdict, HeaderError> {
        let secret = |user: &str, algorithm| {
            (user == "alice").then(|| Ha1::derive(algorithm, user, REALM, "wonder"))
        };
        self.authenticator
            .judge(request, secret, &self.offer, self.occasion)
    }
}

fn request(name: &str, value: &[u8]) -> Request {
    let head = format!(
        "REGISTER {URI} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <{URI}>;tag=1\r\nTo: <{URI}>\r\n\
         Call-ID: c\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n{name}: "
    );
    let bytes = Bytes::from([head.as_bytes(), value, b"\r\n\r\n"].concat());
    match Message::parse(bytes).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response"),
    }
}

/// The parameters of credentials that are right but for the password.
fn params(nonce: &str) -> Vec<(&'static str, String)> {
    vec![
        ("username", "\"alice\"".to_owned()),
        ("realm", format!("\"{REALM}\"")),
        ("nonce", format!("\"{nonce}\"")),
        ("uri", format!("\"{URI}\"")),
        ("response", format!("\"{}\"", "0".repeat(32))),
        ("algorithm", "MD5".to_owned()),
        ("qop", "auth".to_owned()),
        ("nc", "00000001".to_owned()),
        ("cnonce", "\"c\"".to_owned()),
    ]
}

fn printed(scheme: &str, params: &[(&str, String)]) -> Vec<u8> {
    let params: Vec<_> = params
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{scheme} {}", params.join(", ")).into_bytes()
}

/// More than 500: each parameter left out, doubled, renamed, and given every odd value; and odd wholes.
fn odd_headers(nonce: &str) -> Vec<Vec<u8>> {
    let good = params(nonce);
    let long = "x".repeat(7_000);
    let quoted_long = format!("\"{long}\"");
    let values: Vec<&str> = vec![
        "",
        "\"\"",
        "\"",
        "\"\\\"",
        "\\",
        "x",
        "\"x\"",
        "\"a\\\"b\"",
        "\"a,b=c\"",
        "0",
        "-1",
        "\"%00\"",
        "ffffffff",
        "100000000",
        "0000000g",
        "\"auth,auth-int\"",
        "auth-int",
        "AUTH",
        "\"MD5-sess\"",
        "SHA-512-256",
        "SHA-256",
        "\"caf\u{e9}\"",
        "\"\u{1f514}\"",
        "<x>",
        "[::1]",
        "\"sip:\"",
        "sip:alice@shop.example",
        "(x)",
        "\"x",
        "x y",
        "\"x\"y",
        "=",
        "==",
        "\"\t\"",
        "{x}",
        "*",
        "\"*\"",
        "999999999999999999999999",
        "\"\\\\\"",
        "\"a\\",
        "\"a\r\n b\"",
        "0x1",
        "1e9",
        "NULL",
        "\"NULL\"",
        "\"%s%s%s%n\"",
        "../../etc/passwd",
        "\"' OR 1=1 --\"",
    ];
    let mut headers = Vec::new();
    for at in 0..good.len() {
        let mut without = good.clone();
        let (name, value) = without.remove(at);
        headers.push(printed("Digest", &without));
        let mut twice = good.clone();
        twice.push((name, value));
        headers.push(printed("Digest", &twice));
        let mut renamed = good.clone();
        renamed.push((name, "\"other\"".to_owned()));
        renamed.swap_remove(at);
        headers.push(printed("Digest", &renamed));
        for odd in values
            .iter()
            .copied()
            .chain([long.as_str(), quoted_long.as_str()])
        {
            let mut changed = good.clone();
            if let Some(param) = changed.get_mut(at) {
                param.1 = odd.to_owned();
            }
            headers.push(printed("Digest", &changed));
        }
    }
    let line = printed("Digest", &good);
    headers.extend(
        (0..line.len())
            .step_by(3)
            .filter_map(|end| line.get(..end).map(<[u8]>::to_vec)),
    );
    headers.extend(
        [
            "",
            "Digest",
            "Digest ",
            "Digest,",
            "Digest ,,,",
            "Digest =",
            "Basic YWxpY2U6eA==",
            "Bearer x",
            "digest",
            "DigestX a=b",
            "Digest Digest a=b",
            "NoOneKnowsThisScheme opaque-data=here",
            "Digest a",
            "Digest \"a\"=b",
            "Digest a=b c=d",
            "\"Digest\" a=b",
        ]
        .map(|text| text.as_bytes().to_vec()),
    );
    headers.push(b"Digest username=\"\xff\xfe\", realm=\"\xe9\"".to_vec());
    headers.push(b"Digest username=\"a\0b\"".to_vec());
    headers
}

#[test]
fn odd_credentials_prove_nobody() {
    let desk = Desk::new();
    let headers = odd_headers(&desk.last_challenge().nonce);
    assert!(headers.len() >= 500, "{}", headers.len());
    for value in &headers {
        let shown = String::from_utf8_lossy(value);
        let request = request("Authorization", value);
        match desk.judge(&request) {
            Err(error) => assert_eq!(error.header, HeaderName::Authorization, "{shown}"),
            Ok(Verdict::Good { .. } | Verdict::Stale { .. }) => panic!("{shown} proves somebody"),
            Ok(Verdict::Missing | Verdict::Wrong { .. }) => {}
        }
    }
}

/// The same parameters with the right response are good, so that the test above tests something.
#[test]
fn the_same_credentials_with_the_password_prove_alice() {
    let desk = Desk::new();
    let secret = Ha1::derive(Algorithm::Md5, "alice", REALM, "wonder");
    let asked = Asked {
        method: "REGISTER",
        uri: URI,
        body: b"",
    };
    let value = Credentials::answer(&desk.last_challenge(), "alice", &secret, &asked, "c", 1);
    let verdict = desk.judge(&request("Authorization", value.as_bytes()));
    assert!(matches!(verdict, Ok(Verdict::Good { user, .. }) if user == "alice"));
}
