//! The names of publications (RFC 3903 §4.1): fresh with every PUBLISH, never used again, not to be guessed.
//! Must not know what a publication holds.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest, Sha256};

/// Names one state of one publication. As text: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntityTag(u128);

/// Of its text.
const DIGITS: usize = 32;

impl EntityTag {
    /// Reads the text of SIP-If-Match; `None` if no store ever gave out such a tag.
    pub fn read(text: &str) -> Option<Self> {
        let digits: &[u8; DIGITS] = text.as_bytes().try_into().ok()?;
        let tag = digits.iter().try_fold(0, |tag: u128, digit| {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            Some(tag << 4 | u128::from(value))
        });
        tag.map(Self)
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'0'; DIGITS];
        let values = (0..u128::BITS)
            .step_by(4)
            .map(|shift| (self.0 >> shift) as u8 & 15);
        for (digit, value) in text.iter_mut().rev().zip(values) {
            *digit = match value {
                0..=9 => b'0' + value,
                _ => b'a' - 10 + value,
            };
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntityTag({self})")
    }
}

/// Makes entity-tags: a hash of a secret seed and a counter, so that neither another tag nor the
/// tags of an earlier run tell anything about the next one.
pub(crate) struct EntityTags {
    seed: [u8; 16],
    made: AtomicU64,
}

impl EntityTags {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self {
            seed,
            made: AtomicU64::new(0),
        }
    }

    pub(crate) fn next(&self) -> EntityTag {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let hash = Sha256::new()
            .chain_update(self.seed)
            .chain_update(number.to_be_bytes())
            .finalize();
        let tag = hash
            .iter()
            .take(16)
            .fold(0, |tag: u128, byte| tag << 8 | u128::from(*byte));
        EntityTag(tag)
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
