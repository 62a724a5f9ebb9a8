//! The weight of an alternative, `q` (RFC 3261 §25.1, qvalue). Must not know what is weighed.

use std::fmt;

use crate::grammar::Params;

/// A weight from 0, which is a refusal, to 1, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality(u16);

impl Quality {
    /// 0: not at all.
    pub const NONE: Self = Self(0);
    /// 1, which is meant where none is written.
    pub const FULL: Self = Self(1000);

    /// In thousandths.
    pub const fn thousandths(self) -> u16 {
        self.0
    }

    /// The weight that `q` among these parameters gives; `None` where it is malformed.
    pub(crate) fn of(params: &Params<'_>) -> Option<Self> {
        match params.get("q") {
            None => Some(Self::FULL),
            Some(param) => Self::read(param.value?),
        }
    }

    fn read(text: &[u8]) -> Option<Self> {
        let (whole, decimals) = match text {
            [whole] => (whole, &[][..]),
            [whole, b'.', decimals @ ..] => (whole, decimals),
            _ => return None,
        };
        if decimals.len() > 3 || !decimals.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let padded = decimals.iter().chain([b'0'; 3].iter()).take(3);
        let thousandths = padded.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        match (whole, thousandths) {
            (b'0', below_one) => Some(Self(below_one)),
            (b'1', 0) => Some(Self::FULL),
            _ => None,
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1000 => f.write_str("1"),
            0 => f.write_str("0"),
            below_one => {
                let decimals = format!("{below_one:03}");
                write!(f, "0.{}", decimals.trim_end_matches('0'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Quality;

    #[test]
    fn weights_have_three_decimals_at_most_and_end_at_one() {
        for (text, thousandths) in [
            ("0", 0),
            ("0.", 0),
            ("0.5", 500),
            ("0.07", 70),
            ("0.333", 333),
            ("1", 1000),
            ("1.000", 1000),
        ] {
            assert_eq!(
                Quality::read(text.as_bytes()),
                Some(Quality(thousandths)),
                "{text}"
            );
        }
        for text in ["", ".5", "0.3333", "1.001", "2", "-1", "0,5", "0.x", "10"] {
            assert_eq!(Quality::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_weight_reads_what_it_prints() {
        for thousandths in 0..=1000 {
            let quality = Quality(thousandths);
            assert_eq!(Quality::read(quality.to_string().as_bytes()), Some(quality));
        }
    }
}
