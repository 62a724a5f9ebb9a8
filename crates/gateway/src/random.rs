//! Unguessable names: 128 random bits from the system, written in lower-case base 32 so that they
//! can stand in an address, a cookie, and the user part of a SIP URI.

use thiserror::Error;

/// The system gave no random bytes.
#[derive(Debug, Error)]
#[error("the system has no random bytes: {0}")]
pub(crate) struct NoRandom(pub(crate) getrandom::Error);

/// 26 letters and digits that nobody can guess.
pub(crate) fn unguessable() -> Result<String, NoRandom> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(NoRandom)?;
    Ok(base32(u128::from_be_bytes(bytes)))
}

// RFC 4648 §6: the alphabet, here in lower case.
const ALPHABET: [char; 32] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's',
    't', 'u', 'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7',
];

fn base32(bits: u128) -> String {
    (0..26)
        .map(|place| {
            // The first letter carries the top five bits; the last one the three that are left over.
            let shift = 123_i32 - 5 * place;
            let five = if shift >= 0 {
                bits >> shift
            } else {
                bits << -shift
            };
            ALPHABET
                .get((five & 31) as usize)
                .copied()
                .unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_writes_what_rfc_4648_writes() {
        let bits = u128::from_be_bytes(*b"foobarfoobarfoob");
        assert_eq!(base32(bits), "mzxw6ytbojtg633cmfzgm33pmi");
        assert_eq!(base32(0), "a".repeat(26));
    }

    #[test]
    fn two_names_are_never_the_same() {
        assert_ne!(unguessable().unwrap(), unguessable().unwrap());
    }
}
