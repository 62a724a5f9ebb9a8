//! Changes inputs at random, but the same way every time. Must not know what they are.

/// Makes new inputs of old ones.
pub struct Mutator {
    state: u64,
}

/// What tells the pieces of a message apart, and what nothing is made of.
const TELLING: &[u8] = b"\r\n \t:;,<>\"\\@?=&%[](){}*/+-.\0\x01\x7f\x80\xff019azSIP";

impl Mutator {
    /// One that makes the same changes as every other of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed | 1 }
    }

    /// Runs `target` on every seed as it is, and on so many changed ones.
    pub fn run(mut self, seeds: &[Vec<u8>], count: usize, target: fn(&[u8])) {
        assert!(!seeds.is_empty());
        seeds.iter().for_each(|seed| target(seed));
        for _ in 0..count {
            let mut input = self.pick(seeds).clone();
            for _ in 0..=self.below(6) {
                self.change(&mut input, seeds);
            }
            target(&input);
        }
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(12)).min(input.len());
        match self.below(7) {
            0 => {
                let byte = *self.pick(TELLING);
                input.insert(at, byte);
            }
            1 => {
                let byte = *self.pick(TELLING);
                if let Some(place) = input.get_mut(at) {
                    *place = byte;
                }
            }
            2 => drop(input.drain(at..end)),
            3 => {
                let copy = input
                    .get(at..end)
                    .unwrap_or_default()
                    .repeat(1 + self.below(20));
                input.splice(at..at, copy);
            }
            4 => input.truncate(at),
            5 => {
                if let Some(place) = input.get_mut(at) {
                    *place ^= 1 << self.below(8);
                }
            }
            _ => {
                let other = self.pick(seeds);
                let from = self.below(other.len() + 1);
                let to = (from + self.below(40)).min(other.len());
                input.splice(
                    at..end.max(at),
                    other.get(from..to).unwrap_or_default().iter().copied(),
                );
            }
        }
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn below(&mut self, limit: usize) -> usize {
        // Marsaglia's xorshift64*.
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let random = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(random).unwrap_or_default() % limit.max(1)
    }
}
