//! Seals the bodies of records at rest: what shoppers say and how they are reached. Which key sealed a body stands
//! in front of it, so that keys can be changed one after the other. Must not know the database.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

/// The keys that bodies are sealed with: the first seals, all open. Without any, bodies are kept as they are.
#[derive(Clone, Default)]
pub struct Keyring {
    keys: Vec<SealingKey>,
}

#[derive(Clone)]
struct SealingKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// Why a text holds no keys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// A line is no key.
    #[error(
        "line {line} is no key; write 64 hexadecimal digits, for example from `openssl rand -hex 32`"
    )]
    Malformed {
        /// From 1.
        line: usize,
    },
    /// It has no line with a key.
    #[error(
        "it holds no key; write 64 hexadecimal digits, for example from `openssl rand -hex 32`"
    )]
    Empty,
}

/// Why a body could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum OpenSealError {
    #[error("it is sealed with key {0}, which is not among the keys given")]
    UnknownKey(String),
    #[error("its seal is broken")]
    Broken,
    #[error("it could not be sealed")]
    NotSealed,
}

/// What a sealed body begins with; no JSON does.
const MARK: &str = "sealed1:";

const NONCE_LENGTH: usize = 24;

impl Keyring {
    /// Reads keys, one a line in 64 hexadecimal digits, the newest first. Empty lines and what follows a `#` do not count.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let digits = line.split('#').next().unwrap_or_default().trim();
            if digits.is_empty() {
                continue;
            }
            let key = read_key(digits).ok_or(KeyError::Malformed { line: number })?;
            keys.push(SealingKey::new(&key));
        }
        if keys.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self { keys })
    }

    /// Whether there is nothing to seal with.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The sealed body, or `None` without a key. `place` says what the body belongs to; it opens nowhere else.
    pub(crate) fn seal(&self, body: &str, place: &str) -> Result<Option<String>, OpenSealError> {
        let Some(key) = self.keys.first() else {
            return Ok(None);
        };
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).map_err(|_| OpenSealError::NotSealed)?;
        let payload = Payload {
            msg: body.as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = key
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| OpenSealError::NotSealed)?;
        let bytes = [&nonce[..], &sealed].concat();
        Ok(Some(format!(
            "{MARK}{}:{}",
            key.id,
            STANDARD_NO_PAD.encode(bytes)
        )))
    }

    /// The body that was sealed for this place; one that never was is given back as it is.
    pub(crate) fn open(&self, stored: String, place: &str) -> Result<String, OpenSealError> {
        let Some(sealed) = stored.strip_prefix(MARK) else {
            return Ok(stored);
        };
        let (id, text) = sealed.split_once(':').ok_or(OpenSealError::Broken)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.id == id)
            .ok_or_else(|| OpenSealError::UnknownKey(id.to_owned()))?;
        let bytes = STANDARD_NO_PAD
            .decode(text)
            .map_err(|_| OpenSealError::Broken)?;
        let (nonce, sealed) = bytes
            .split_first_chunk::<NONCE_LENGTH>()
            .ok_or(OpenSealError::Broken)?;
        let payload = Payload {
            msg: sealed,
            aad: place.as_bytes(),
        };
        let body = key
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| OpenSealError::Broken)?;
        String::from_utf8(body).map_err(|_| OpenSealError::Broken)
    }

    /// What a body sealed by the newest key begins with; `None` without a key.
    pub(crate) fn newest_mark(&self) -> Option<String> {
        let key = self.keys.first()?;
        Some(format!("{MARK}{}:", key.id))
    }
}

/// The same keys in the same order, by their ids.
impl PartialEq for Keyring {
    fn eq(&self, other: &Self) -> bool {
        let ids = |keyring: &Self| -> Vec<String> {
            keyring.keys.iter().map(|key| key.id.clone()).collect()
        };
        ids(self) == ids(other)
    }
}

impl Eq for Keyring {}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|key| key.id.as_str()).collect();
        f.debug_tuple("Keyring").field(&ids).finish()
    }
}

impl SealingKey {
    fn new(key: &[u8; 32]) -> Self {
        let hash = Sha256::digest(key);
        let id = hash.iter().take(4).map(|byte| format!("{byte:02x}"));
        Self {
            id: id.collect(),
            cipher: XChaCha20Poly1305::new(&Key::from(*key)),
        }
    }
}

fn read_key(digits: &str) -> Option<Zeroizing<[u8; 32]>> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let mut key = Zeroizing::new([0; 32]);
    if pairs.len() != key.len() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? * 16 + low?).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const NEW: &str = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn a_body_opens_in_its_own_place_alone() {
        let keys = Keyring::read(OLD).unwrap();
        let sealed = keys.seal("{\"phone\":\"+331\"}", "t1").unwrap().unwrap();
        assert!(!sealed.contains("331"), "{sealed}");
        assert_ne!(
            keys.seal("{\"phone\":\"+331\"}", "t1").unwrap(),
            Some(sealed.clone())
        );
        assert_eq!(
            keys.open(sealed.clone(), "t1").unwrap(),
            "{\"phone\":\"+331\"}"
        );
        assert_eq!(keys.open(sealed, "t2"), Err(OpenSealError::Broken));
    }

    #[test]
    fn every_changed_sign_breaks_the_seal() {
        let keys = Keyring::read(OLD).unwrap();
        let sealed = keys.seal("{}", "t1").unwrap().unwrap();
        for place in MARK.len()..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(keys.open(changed, "t1").is_err(), "{place}");
        }
    }

    #[test]
    fn the_newest_key_seals_and_all_open() {
        let old = Keyring::read(OLD).unwrap();
        let both = Keyring::read(&format!("{NEW} # this year\n\n{OLD}\n")).unwrap();
        let by_old = old.seal("{}", "t1").unwrap().unwrap();
        let by_new = both.seal("{}", "t1").unwrap().unwrap();
        assert!(by_new.starts_with(&both.newest_mark().unwrap()));
        assert_eq!(both.open(by_old, "t1").unwrap(), "{}");
        assert!(matches!(
            old.open(by_new, "t1"),
            Err(OpenSealError::UnknownKey(_))
        ));
        assert_eq!(
            old.open("{\"never\":\"sealed\"}".to_owned(), "t1").unwrap(),
            "{\"never\":\"sealed\"}"
        );
    }

    #[test]
    fn what_is_no_key_is_named_by_its_line_and_never_printed() {
        assert_eq!(Keyring::read("\n# none\n").unwrap_err(), KeyError::Empty);
        assert_eq!(
            Keyring::read(&format!("{OLD}\nabc\n")).unwrap_err(),
            KeyError::Malformed { line: 2 }
        );
        let printed = format!("{:?}", Keyring::read(OLD).unwrap());
        assert!(!printed.contains("00112233"), "{printed}");
    }
}
