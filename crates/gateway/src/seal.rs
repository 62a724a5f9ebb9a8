//! Sealed texts for cookies: what the gateway gives a browser to keep, which only the gateway can read or make.
//! Must not know what is sealed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use crate::random::NoRandom;

/// The keys that cookies are sealed with: the first seals, all open, so that keys are changed without a gap.
#[derive(Clone)]
pub struct CookieKeys(Vec<CookieKey>);

#[derive(Clone)]
struct CookieKey {
    /// Stands before what it sealed.
    id: String,
    cipher: XChaCha20Poly1305,
}

const NONCE_BYTES: usize = 24;

/// Bytes of a sealed text that are looked at; browsers keep 4096 with name and attributes (RFC 6265 §6.1).
const LONGEST: usize = 4096;

impl CookieKeys {
    /// Keys made of secrets, the newest first; without any nothing is sealed, and so nothing remembered.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let keys: Vec<CookieKey> = secrets.into_iter().map(CookieKey::new).collect();
        Self(keys)
    }

    /// Whether there is nothing to seal with: then nothing is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sealed text; it opens for the same `purpose` only. `None` without a key.
    pub(crate) fn seal(&self, text: &[u8], purpose: &str) -> Result<Option<String>, NoRandom> {
        let Some(key) = self.0.first() else {
            return Ok(None);
        };
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(NoRandom)?;
        let payload = Payload {
            msg: text,
            aad: purpose.as_bytes(),
        };
        // Fails only for texts of more than 256 GiB.
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload).ok();
        Ok(sealed.map(|sealed| {
            let bytes = [&nonce[..], &sealed].concat();
            format!("{}.{}", key.id, URL_SAFE_NO_PAD.encode(bytes))
        }))
    }

    /// The text that one of the keys sealed for this purpose.
    pub(crate) fn open(&self, sealed: &str, purpose: &str) -> Option<Vec<u8>> {
        if sealed.len() > LONGEST {
            return None;
        }
        let (id, text) = sealed.split_once('.')?;
        let key = self.0.iter().find(|key| key.id == id)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload {
            msg: sealed,
            aad: purpose.as_bytes(),
        };
        key.cipher.decrypt(&XNonce::from(nonce), payload).ok()
    }
}

impl CookieKey {
    fn new(secret: &[u8]) -> Self {
        let derive = |label: &str| -> [u8; 32] {
            let mut digest = Sha256::new();
            digest.update(label.as_bytes());
            digest.update(secret);
            digest.finalize().into()
        };
        let id = derive("deskbell cookie key id\0");
        Self {
            id: URL_SAFE_NO_PAD.encode(id.get(..6).unwrap_or_default()),
            cipher: XChaCha20Poly1305::new(&Key::from(derive("deskbell cookie key\0"))),
        }
    }
}

impl fmt::Debug for CookieKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CookieKeys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&str]) -> CookieKeys {
        CookieKeys::new(secrets.iter().map(|secret| secret.as_bytes()))
    }

    /// H9: flipped bits of a hundred cookies.
    #[test]
    fn no_flipped_bit_of_a_hundred_cookies_opens() {
        let keys = keys(&["first"]);
        let mut flips = 0;
        for number in 0..100 {
            let text = format!("visitor {number} with a name and a previous rep");
            let sealed = keys.seal(text.as_bytes(), "here").unwrap().unwrap();
            assert_eq!(keys.open(&sealed, "here").unwrap(), text.as_bytes());
            for place in 0..sealed.len() {
                for bit in 0..8 {
                    let mut bytes = sealed.clone().into_bytes();
                    bytes[place] ^= 1 << bit;
                    flips += 1;
                    let Ok(flipped) = String::from_utf8(bytes) else {
                        continue;
                    };
                    assert_eq!(keys.open(&flipped, "here"), None, "{place} {bit}");
                }
            }
        }
        assert!(flips > 80_000, "{flips}");
    }

    #[test]
    fn a_seal_opens_for_its_purpose_and_its_keys_alone() {
        let (old, new) = (keys(&["old"]), keys(&["new", "old"]));
        let sealed = old.seal(b"text", "one").unwrap().unwrap();
        assert_eq!(old.open(&sealed, "other"), None);
        // Changed keys still open what the old one sealed, and seal with the new one.
        assert_eq!(new.open(&sealed, "one").unwrap(), b"text");
        let newer = new.seal(b"text", "one").unwrap().unwrap();
        assert_eq!(old.open(&newer, "one"), None);
        assert_eq!(keys(&["new"]).open(&newer, "one").unwrap(), b"text");
        assert_eq!(keys(&[]).open(&newer, "one"), None);
        assert_eq!(keys(&[]).seal(b"text", "one").unwrap(), None);
        for odd in ["", ".", "x.", ".x", "no-key.AAAA", &"A".repeat(10_000)] {
            assert_eq!(new.open(odd, "one"), None);
        }
        assert_eq!(format!("{new:?}"), "CookieKeys(2)");
    }
}
