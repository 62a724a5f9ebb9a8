//! Randomness from the operating system. Must not know what it is used for beyond its form.

use std::cell::RefCell;

/// The system gave no randomness, without which nothing can be sent safely.
#[derive(Debug, thiserror::Error)]
#[error("read randomness from the operating system")]
pub struct NoRandomness(#[source] getrandom::Error);

/// A branch parameter: the magic cookie of RFC 3261 §8.1.1.7 and 128 random bits. Of several sockets at one address each
/// has a place of its own, which stands for the first eight of them.
pub(crate) fn branch(place: Option<u8>) -> Result<String, NoRandomness> {
    let bits = POOL.with_borrow_mut(|pool| {
        if pool.is_empty() {
            let mut drawn = [0; BITS * DRAWN_AT_ONCE];
            getrandom::fill(&mut drawn).map_err(NoRandomness)?;
            let (pieces, _) = drawn.as_chunks();
            pool.extend(pieces.iter().copied().map(u128::from_ne_bytes));
        }
        Ok(pool.pop().unwrap_or_default())
    })?;
    let mut branch = String::with_capacity(COOKIE.len() + 2 * BITS);
    branch.push_str(COOKIE);
    let mut bytes = bits.to_be_bytes();
    if let Some(place) = place {
        let [first, ..] = &mut bytes;
        *first = place;
    }
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            branch.extend(char::from_digit(digit.into(), 16));
        }
    }
    Ok(branch)
}

/// The place that a branch was made for, if it was made for one.
pub(crate) fn place_of(branch: &str) -> Option<u8> {
    let digits = branch.strip_prefix(COOKIE)?.get(..2)?;
    u8::from_str_radix(digits, 16).ok()
}

const COOKIE: &str = "z9hG4bK";
/// Bytes of a branch.
const BITS: usize = 16;
/// A system call for each of many branches would take longer than all else that is done for one.
const DRAWN_AT_ONCE: usize = 64;

thread_local! {
    /// Drawn from the system and not used yet.
    static POOL: RefCell<Vec<u128>> = const { RefCell::new(Vec::new()) };
}

/// The secret of an endpoint.
pub(crate) fn secret() -> Result<[u64; 2], NoRandomness> {
    let high = getrandom::u64().map_err(NoRandomness)?;
    let low = getrandom::u64().map_err(NoRandomness)?;
    Ok([high, low])
}

/// A number less than `end`, for choices that nobody gains by guessing; 0 where the system gives no randomness.
pub(crate) fn below(end: u64) -> u64 {
    getrandom::u64().map_or(0, |number| number % end.max(1))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{DRAWN_AT_ONCE, branch, place_of};

    #[test]
    fn no_branch_comes_twice() {
        let branches: HashSet<_> = (0..3 * DRAWN_AT_ONCE)
            .map(|_| branch(None).unwrap())
            .collect();
        assert_eq!(branches.len(), 3 * DRAWN_AT_ONCE);
        assert!(
            branches
                .iter()
                .all(|it| it.len() == 39 && it.starts_with("z9hG4bK"))
        );
        assert!(!branches.contains("z9hG4bK00000000000000000000000000000000"));
    }

    #[test]
    fn a_branch_tells_its_place_and_nothing_else_does() {
        for place in [0, 1, 63, 255] {
            let branches = [branch(Some(place)).unwrap(), branch(Some(place)).unwrap()];
            assert_ne!(branches[0], branches[1]);
            for branch in branches {
                assert_eq!(branch.len(), 39);
                assert_eq!(place_of(&branch), Some(place));
            }
        }
        for other in [
            "",
            "z9hG4bK",
            "z9hG4bK1",
            "00112233",
            "z9hG4bKzz",
            "z9hG4bK1é",
        ] {
            assert_eq!(place_of(other), None, "{other}");
        }
    }
}
