//! The algorithms of digest by their names on the wire, and their hash functions. Must not know headers.

use std::fmt;

use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512_256};
use subtle::ConstantTimeEq;

/// A hash function of digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `MD5`: weak, and the only one of many phones.
    Md5,
    /// `SHA-256`.
    Sha256,
    /// `SHA-512-256`.
    Sha512Truncated,
}

/// What a challenge names as its algorithm: `MD5`, `SHA-256-sess`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Suite {
    /// The hash function.
    pub algorithm: Algorithm,
    /// What it is keyed with.
    pub keying: Keying,
}

/// What stands for the password in a response (RFC 7616 §3.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keying {
    /// The hash of user, realm and password.
    Password,
    /// That hash mixed with both nonces: `-sess`.
    Session,
}

/// A hash in lower-case hexadecimal digits.
#[derive(Clone, Copy)]
pub(crate) struct HexHash {
    digits: [u8; 64],
    length: usize,
}

/// How a session algorithm's name ends.
const SESSION: &str = "-sess";

impl Algorithm {
    /// Every one, the strongest first.
    pub const ALL: [Self; 3] = [Self::Sha512Truncated, Self::Sha256, Self::Md5];

    /// The algorithm of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
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

    /// How many hexadecimal digits a hash has.
    pub const fn hex_digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 | Self::Sha512Truncated => 64,
        }
    }

    pub(crate) fn hash(self, parts: &[&[u8]]) -> HexHash {
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

impl Suite {
    /// The suite of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let (algorithm, keying) = match name.len().checked_sub(SESSION.len()) {
            Some(end)
                if name
                    .get(end..)
                    .is_some_and(|tail| tail.eq_ignore_ascii_case(SESSION)) =>
            {
                (name.get(..end)?, Keying::Session)
            }
            Some(_) | None => (name, Keying::Password),
        };
        Some(Self {
            algorithm: Algorithm::from_name(algorithm)?,
            keying,
        })
    }
}

/// The hash function with the password as its key.
impl From<Algorithm> for Suite {
    fn from(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            keying: Keying::Password,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.as_str())?;
        match self.keying {
            Keying::Password => Ok(()),
            Keying::Session => f.write_str(SESSION),
        }
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
    use super::{Algorithm, Suite};

    #[test]
    fn suites_come_back_from_their_names() {
        for name in [
            "MD5",
            "MD5-sess",
            "SHA-256",
            "SHA-256-sess",
            "SHA-512-256",
            "SHA-512-256-sess",
        ] {
            let suite = Suite::from_name(name).unwrap();
            assert_eq!(suite.to_string(), name);
            assert_eq!(Suite::from_name(&name.to_lowercase()), Some(suite));
        }
        for other in [
            "",
            "-sess",
            "MD5-",
            "SHA-512",
            "AKAv1-MD5",
            "sess",
            "é-sess",
        ] {
            assert_eq!(Suite::from_name(other), None, "{other}");
        }
        assert_eq!(Suite::from(Algorithm::Md5).to_string(), "MD5");
    }
}
