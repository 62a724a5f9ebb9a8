//! The hash algorithms of digest, and the secret that stands for a password. Must not know headers.

use std::fmt;

use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512_256};
use subtle::ConstantTimeEq;

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `MD5`: weak, and the only one of many phones.
    Md5,
    /// `SHA-256`.
    Sha256,
    /// `SHA-512-256`.
    Sha512Truncated,
}

/// `H(user:realm:password)`: all that a server needs to keep, and as secret as the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    algorithm: Algorithm,
    hash: HexHash,
}

/// A hash in lower-case hexadecimal digits.
#[derive(Clone, Copy)]
pub(crate) struct HexHash {
    digits: [u8; 64],
    length: usize,
}

/// What a response is computed over, beside the secret.
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) uri: &'a [u8],
    pub(crate) nonce: &'a [u8],
    pub(crate) quality: Option<Quality<'a>>,
}

/// The values that exist with `qop=auth` only.
#[derive(Clone, Copy)]
pub(crate) struct Quality<'a> {
    pub(crate) nonce_count: &'a [u8],
    pub(crate) client_nonce: &'a [u8],
}

impl Algorithm {
    /// The algorithm of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256, Self::Sha512Truncated]
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
    }

    /// The name used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512Truncated => "SHA-512-256",
        }
    }

    const fn hash_length(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 | Self::Sha512Truncated => 64,
        }
    }

    fn hash(self, parts: &[&[u8]]) -> HexHash {
        match self {
            Self::Md5 => HexHash::of::<Md5>(parts),
            Self::Sha256 => HexHash::of::<Sha256>(parts),
            Self::Sha512Truncated => HexHash::of::<Sha512_256>(parts),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Ha1 {
    /// The secret of a user, from the password (RFC 7616 §3.4.2).
    pub fn derive(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> Self {
        let parts = [
            user.as_bytes(),
            b":",
            realm.as_bytes(),
            b":",
            password.as_bytes(),
        ];
        Self {
            algorithm,
            hash: algorithm.hash(&parts),
        }
    }

    /// A secret from its hexadecimal digits, where there are as many as the algorithm has.
    pub fn from_hex(algorithm: Algorithm, digits: &str) -> Option<Self> {
        let hash = HexHash::read(digits.as_bytes())?;
        (hash.length == algorithm.hash_length()).then_some(Self { algorithm, hash })
    }

    /// Its hexadecimal digits, for storing. To be handled like a password.
    pub fn to_hex(&self) -> String {
        String::from_utf8_lossy(self.hash.as_bytes()).into_owned()
    }

    /// The algorithm it is made with, which is the only one it serves.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `response` of RFC 7616 §3.4.1; without a quality that of RFC 2617 §3.2.2.1.
    pub(crate) fn response(&self, exchange: &Exchange<'_>) -> HexHash {
        let ha2 = self.algorithm.hash(&[exchange.method, b":", exchange.uri]);
        let ha1 = self.hash.as_bytes();
        match exchange.quality {
            Some(quality) => self.algorithm.hash(&[
                ha1,
                b":",
                exchange.nonce,
                b":",
                quality.nonce_count,
                b":",
                quality.client_nonce,
                b":auth:",
                ha2.as_bytes(),
            ]),
            None => self
                .algorithm
                .hash(&[ha1, b":", exchange.nonce, b":", ha2.as_bytes()]),
        }
    }
}

/// Shows the algorithm alone: the digits are a secret.
impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({})", self.algorithm)
    }
}

impl HexHash {
    /// Hexadecimal digits in either case; none if there are others, or too many.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let mut digits = [0; 64];
        let place = digits.get_mut(..text.len())?;
        if !text.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        place.copy_from_slice(text);
        place.make_ascii_lowercase();
        Some(Self {
            digits,
            length: text.len(),
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.length).unwrap_or_default()
    }

    fn of<D: Digest>(parts: &[&[u8]]) -> Self {
        let mut hasher = D::new();
        for part in parts {
            hasher.update(part);
        }
        let mut digits = [0; 64];
        let mut length = 0;
        for (pair, byte) in digits.chunks_exact_mut(2).zip(hasher.finalize()) {
            pair.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
            length += 2;
        }
        Self { digits, length }
    }
}

/// Takes the same time wherever the two differ.
impl PartialEq for HexHash {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for HexHash {}

pub(crate) const fn hex_digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0' + value,
        _ => b'a' + value - 10,
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Exchange, Ha1, Quality};

    /// RFC 7616 §3.9.1.
    #[test]
    fn the_example_of_rfc_7616() {
        let response = |algorithm| {
            let ha1 = Ha1::derive(
                algorithm,
                "Mufasa",
                "http-auth@example.org",
                "Circle of Life",
            );
            let hash = ha1.response(&Exchange {
                method: b"GET",
                uri: b"/dir/index.html",
                nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                quality: Some(Quality {
                    nonce_count: b"00000001",
                    client_nonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                }),
            });
            String::from_utf8(hash.as_bytes().to_vec()).unwrap()
        };
        assert_eq!(response(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            response(Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    /// RFC 2069 §2.4 with its erratum: what a client without qop computes.
    #[test]
    fn the_example_without_a_quality() {
        let ha1 = Ha1::derive(
            Algorithm::Md5,
            "Mufasa",
            "testrealm@host.com",
            "CircleOfLife",
        );
        let hash = ha1.response(&Exchange {
            method: b"GET",
            uri: b"/dir/index.html",
            nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
            quality: None,
        });
        assert_eq!(hash.as_bytes(), b"1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn secrets_come_back_from_their_digits_and_hide_in_debug() {
        for algorithm in [
            Algorithm::Md5,
            Algorithm::Sha256,
            Algorithm::Sha512Truncated,
        ] {
            let secret = Ha1::derive(algorithm, "alice", "shop.example", "wonder");
            let digits = secret.to_hex();
            assert_eq!(
                Ha1::from_hex(algorithm, &digits.to_uppercase()),
                Some(secret.clone())
            );
            assert!(!format!("{secret:?}").contains(&digits));
        }
        assert_eq!(Ha1::from_hex(Algorithm::Sha256, &"0".repeat(32)), None);
        assert_eq!(Ha1::from_hex(Algorithm::Md5, &"g".repeat(32)), None);
        assert_eq!(Ha1::from_hex(Algorithm::Md5, &"0".repeat(100)), None);
    }
}
