//! Randomness of the operating system, for secrets and identities. Must not know what they are for.

/// Letters and digits that people do not mistake for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A random word of `N` letters and digits, 5 bits each.
pub(crate) fn word<const N: usize>() -> Result<String, getrandom::Error> {
    Ok(bytes::<N>()?
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)))
        .map(|letter| char::from(*letter))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_length_and_differ() {
        let (one, other) = (word::<20>().unwrap(), word::<20>().unwrap());
        assert_eq!(one.len(), 20);
        assert_ne!(one, other);
    }
}
