//! How much a range leaves out so that it holds what it says: learnt from what became of earlier ranges,
//! by adaptive conformal inference (Gibbs and Candes 2021). Must not know how a wait is forecast.

use super::CONFIDENCE;

/// How far one wait moves it: some hundreds of waits are remembered.
const STEP: f64 = 0.005;
/// A wait that few shoppers would have sat through counts for those who did not, up to so many.
const MOST_WEIGHT: f64 = 4.0;
/// What a range leaves out at least and at most, whatever was learnt.
const LEAST: f64 = 0.02;
const MOST: f64 = 0.5;

/// The share of its own draws that a range leaves out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Calibration {
    left_out: f64,
}

/// What became of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Yes,
    No,
}

impl Calibration {
    /// Where certain waits are common, which every range holds, or the model is a little wrong, ranges that
    /// leave out a fifth of their draws hold more or less than they say. `patient` is the share of shoppers
    /// who would have waited so long: those who leave never tell.
    pub(crate) fn learn(&mut self, held: Held, patient: f64) {
        let missed = match held {
            Held::Yes => 0.0,
            Held::No => 1.0,
        };
        let weight = (1.0 / patient.max(f64::MIN_POSITIVE)).min(MOST_WEIGHT);
        let moved = self.left_out + STEP * weight * (1.0 - CONFIDENCE - missed);
        self.left_out = moved.clamp(LEAST, MOST);
    }

    /// The share to leave out on either side.
    pub(crate) fn tail(self) -> f64 {
        self.left_out / 2.0
    }
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            left_out: 1.0 - CONFIDENCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Draws are normal, waits are normal of another width, and now and then certain.
    fn coverage(width: f64, certain: f64) -> f64 {
        let mut calibration = Calibration::default();
        let mut random = Random::new(1, 1);
        let mut held = 0;
        let waits = 40_000;
        for number in 0..waits {
            let high = -super::super::range::normal_quantile(calibration.tail());
            let is_held = random.unit() < certain || (random.normal() * width).abs() <= high;
            calibration.learn(if is_held { Held::Yes } else { Held::No }, 1.0);
            held += u32::from(is_held && number >= waits / 2);
        }
        f64::from(held) / f64::from(waits / 2)
    }

    #[test]
    fn ranges_come_to_hold_what_they_say() {
        for (width, certain) in [(1.0, 0.0), (1.3, 0.0), (0.8, 0.0), (1.0, 0.3)] {
            let held = coverage(width, certain);
            assert!((held - 0.8).abs() < 0.01, "{width}, {certain}: {held}");
        }
    }
}
