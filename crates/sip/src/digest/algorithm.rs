//! The algorithms of digest by their names on the wire, and their hash functions. Must not know headers.

use std::fmt;

use md5::Md5;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512_256};
use subtle::ConstantTimeEq;

use crate::text::hex_digit;

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
///
/// Invariant: behind its length all are `0`.
#[derive(Clone, Copy)]
pub(crate) struct HexHash {
    digits: [u8; 64],
    length: usize,
}

/// A hash of what is taken in piece by piece, which can go on in several ways from one beginning.
#[derive(Clone)]
pub(crate) enum Hasher {
    Md5(Md5),
    Sha256(Sha256),
    Sha512Truncated(Sha512_256),
}

/// How a session algorithm's name ends.
const SESSION: &str = "-sess";

/// The bit that makes a letter lower case, and that digits have.
const LOWER: u8 = 0x20;

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

    pub(crate) fn hasher(self) -> Hasher {
        match self {
            Self::Md5 => Hasher::Md5(Md5::new()),
            Self::Sha256 => Hasher::Sha256(Sha256::new()),
            Self::Sha512Truncated => Hasher::Sha512Truncated(Sha512_256::new()),
        }
    }

    pub(crate) fn hash(self, parts: &[&[u8]]) -> HexHash {
        let mut hasher = self.hasher();
        hasher.update(parts);
        hasher.finish()
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

    /// Its name, in two pieces.
    pub(super) const fn name(self) -> [&'static str; 2] {
        let ending = match self.keying {
            Keying::Password => "",
            Keying::Session => SESSION,
        };
        [self.algorithm.as_str(), ending]
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
        self.name()
            .into_iter()
            .try_for_each(|piece| f.write_str(piece))
    }
}

impl Hasher {
    pub(crate) fn update(&mut self, parts: &[&[u8]]) {
        match self {
            Self::Md5(hasher) => parts.iter().for_each(|part| hasher.update(part)),
            Self::Sha256(hasher) => parts.iter().for_each(|part| hasher.update(part)),
            Self::Sha512Truncated(hasher) => parts.iter().for_each(|part| hasher.update(part)),
        }
    }

    pub(crate) fn finish(self) -> HexHash {
        match self {
            Self::Md5(hasher) => HexHash::of(&hasher.finalize()),
            Self::Sha256(hasher) => HexHash::of(&hasher.finalize()),
            Self::Sha512Truncated(hasher) => HexHash::of(&hasher.finalize()),
        }
    }
}

impl HexHash {
    /// Hexadecimal digits in either case; none if there are others, or too many.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let mut digits = [b'0'; 64];
        digits.get_mut(..text.len())?.copy_from_slice(text);
        // All at once, without an end that depends on what is read.
        let others = digits.iter().fold(0, |others, digit| {
            let is_decimal = digit.wrapping_sub(b'0') < 10;
            let is_letter = (digit | LOWER).wrapping_sub(b'a') < 6;
            others | u8::from(!(is_decimal | is_letter))
        });
        for digit in &mut digits {
            *digit |= LOWER;
        }
        (others == 0).then_some(Self {
            digits,
            length: text.len(),
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.length).unwrap_or_default()
    }

    /// Of as many bytes as there is room for.
    fn of(hash: &[u8]) -> Self {
        let mut digits = [b'0'; 64];
        let (pairs, _) = digits.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(hash) {
            *pair = [hex_digit(byte >> 4), hex_digit(byte & 15)];
        }
        let length = 2 * hash.len().min(pairs.len());
        Self { digits, length }
    }
}

/// Takes the same time wherever the two differ.
impl PartialEq for HexHash {
    fn eq(&self, other: &Self) -> bool {
        let [words, others] = [self, other].map(|hash| hash.digits.as_chunks::<8>().0);
        let are_equal = words.iter().zip(others).fold(
            self.length.ct_eq(&other.length),
            |so_far, (word, other)| {
                so_far & u64::from_ne_bytes(*word).ct_eq(&u64::from_ne_bytes(*other))
            },
        );
        are_equal.into()
    }
}

impl Eq for HexHash {}

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
