//! The names of publications (RFC 3903 §4.1): fresh with every PUBLISH, never used again, not to be guessed.
//! Must not know what a publication holds.

use std::{
    fmt,
    hash::Hasher,
    sync::atomic::{AtomicU64, Ordering},
};

use siphasher::sip128::{Hasher128, SipHasher24};

/// Names one state of one publication. As text: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntityTag(u128);

/// Of its text.
const DIGITS: usize = 32;

impl EntityTag {
    /// Reads the text of SIP-If-Match; `None` if no store ever gave out such a tag.
    pub fn read(text: &str) -> Option<Self> {
        let digits: &[u8; DIGITS] = text.as_bytes().try_into().ok()?;
        let (first, second) = digits.split_at(DIGITS / 2);
        Some(Self(
            u128::from(read_half(first)?) << u64::BITS | u128::from(read_half(second)?),
        ))
    }
}

/// Of each byte the value as a hexadecimal digit; beyond 15 if it is none that a tag is spelt with.
const VALUES: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    #[expect(
        clippy::indexing_slicing,
        reason = "checked when it is compiled, where no iterator runs"
    )]
    while value < 16 {
        values[HEX[value] as usize] = value as u8;
        value += 1;
    }
    values
};

const HEX: &[u8; 16] = b"0123456789abcdef";

fn read_half(digits: &[u8]) -> Option<u64> {
    let mut seen = 0;
    let half = digits.iter().fold(0_u64, |half, digit| {
        let value = VALUES.get(usize::from(*digit)).copied().unwrap_or(u8::MAX);
        seen |= value;
        half << 4 | u64::from(value & 15)
    });
    (seen < 16).then_some(half)
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'0'; DIGITS];
        let (pairs, _) = text.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(self.0.to_be_bytes()) {
            *pair = [byte >> 4, byte & 15].map(|value| match value {
                0..=9 => b'0' + value,
                _ => b'a' - 10 + value,
            });
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntityTag({self})")
    }
}

/// Makes entity-tags: a counter hashed by SipHash-2-4 under a secret seed, which is a function that nobody without the seed
/// can foretell: neither another tag nor the tags of an earlier run tell anything about the next one.
pub(crate) struct EntityTags {
    hasher: SipHasher24,
    made: AtomicU64,
}

impl EntityTags {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self {
            hasher: SipHasher24::new_with_key(&seed),
            made: AtomicU64::new(0),
        }
    }

    pub(crate) fn next(&self) -> EntityTag {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let mut hasher = self.hasher;
        hasher.write_u64(number);
        EntityTag(hasher.finish128().as_u128())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{EntityTag, EntityTags};

    #[test]
    fn a_tag_reads_back_from_its_text() {
        let tag = EntityTags::new([7; 16]).next();
        assert_eq!(EntityTag::read(&tag.to_string()), Some(tag));
        for number in [
            0,
            1,
            u128::MAX,
            0x0123_4567_89ab_cdef << 64 | 0xfedc_ba98_7654_3210,
        ] {
            let tag = EntityTag(number);
            assert_eq!(tag.to_string(), format!("{number:032x}"));
            assert_eq!(EntityTag::read(&tag.to_string()), Some(tag));
        }
    }

    #[test]
    fn tags_repeat_neither_within_a_run_nor_after_a_restart() {
        let mut seen = HashSet::new();
        for seed in 0..10 {
            let tags = EntityTags::new([seed; 16]);
            for _ in 0..1000 {
                assert!(seen.insert(tags.next()));
            }
        }
    }

    #[test]
    fn only_the_spelling_given_out_is_a_tag() {
        let text = EntityTags::new([7; 16]).next().to_string();
        for wrong in [
            "",
            "etag1",
            &text.to_uppercase(),
            &text[1..],
            &format!("+{}", &text[1..]),
            &format!("{text}0"),
        ] {
            assert_eq!(EntityTag::read(wrong), None, "{wrong}");
        }
    }
}
