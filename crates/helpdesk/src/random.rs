//! Random numbers by a named generator, xoshiro256++, whose sequence never changes: the same seed gives
//! the same answer on every machine. Must not know what is drawn for.

use std::f64::consts::TAU;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// One stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    generator: Xoshiro256PlusPlus,
}

impl Random {
    /// Streams of the same seed and different numbers do not meet.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mixed = seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
        Self {
            generator: Xoshiro256PlusPlus::seed_from_u64(mixed),
        }
    }

    /// Above 0, at most 1.
    pub(crate) fn unit(&mut self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "53 bits are all that a double holds"
        )]
        let steps = ((self.generator.next_u64() >> 11) + 1) as f64;
        steps * (0.5_f64).powi(53)
    }

    /// Below `limit`; 0 where there is nothing below it.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let product = u128::from(self.generator.next_u64()) * (limit as u128);
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// Exponential of mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -self.unit().ln()
    }

    /// Normal of mean 0 and variance 1, after Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        (2.0 * self.exponential()).sqrt() * (TAU * self.unit()).cos()
    }
}
