//! Random numbers from a seed: the same leg with the same seed does the same. Must not be used for lasting secrets.

/// A keyed counter, hashed.
#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
    key: u64,
}

impl Random {
    pub(crate) const fn new([state, key]: [u64; 2]) -> Self {
        Self { state, key }
    }

    /// A number less than `end`.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    /// Thirty-two hexadecimal digits.
    pub(crate) fn token(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    /// SplitMix64 over a counter, with the key mixed in.
    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state ^ self.key;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
