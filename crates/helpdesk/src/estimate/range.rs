//! A waiting time as a law: its mean, and the range that holds eight waits of ten.
//! Must not know where the law comes from.

use super::{CONFIDENCE, whole};
use crate::snapshot::Wait;

/// The standard normal quantile of 90 %; the range leaves out 10 % on either side.
const NORMAL_90: f64 = 1.281_551_565_544_600_4;

/// A forecast, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Forecast {
    pub(crate) mean: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Forecast {
    /// The gamma law of this mean and variance: exact for stages of one rate, close for others.
    pub(crate) fn gamma(mean: f64, variance: f64) -> Self {
        if mean <= 0.0 || variance <= 0.0 {
            return Self {
                mean,
                low: mean,
                high: mean,
            };
        }
        let shape = mean * mean / variance;
        let quantile = |normal| mean * gamma_quantile(shape, normal);
        Self {
            mean,
            low: quantile(-NORMAL_90),
            high: quantile(NORMAL_90),
        }
    }

    /// The law that these draws follow.
    pub(crate) fn of_draws(draws: &mut [f64]) -> Option<Self> {
        draws.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - CONFIDENCE) / 2.0;
        Some(Self {
            mean: draws.iter().sum::<f64>() / count(draws.len()),
            low: quantile(draws, tail)?,
            high: quantile(draws, 1.0 - tail)?,
        })
    }

    /// What people are told: rounded so that nobody counts seconds that are not known, and the range never
    /// narrower for it.
    pub(crate) fn promise(&self) -> Wait {
        let step = match self.mean {
            mean if mean < 60.0 => 5.0,
            mean if mean < 600.0 => 15.0,
            _ => 60.0,
        };
        Wait {
            seconds: whole((self.mean / step).round() * step),
            low: whole((self.low / step).floor() * step),
            high: whole((self.high / step).ceil() * step),
            confidence: CONFIDENCE,
        }
    }

    pub(crate) fn holds(&self, wait: f64) -> bool {
        (self.low..=self.high).contains(&wait)
    }
}

/// The quantile of a gamma law of mean 1, by Wilson and Hilferty (1931); below shape 1/3, where the cube
/// root has no more meaning at the low end, nothing lies below it.
fn gamma_quantile(shape: f64, normal: f64) -> f64 {
    let root = 1.0 - 1.0 / (9.0 * shape) + normal / (3.0 * shape.sqrt());
    root.max(0.0).powi(3)
}

/// Of sorted draws, with the ends spread so that the quantile is not narrower than the law.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = (share * count(sorted.len() + 1) - 1.0).clamp(0.0, count(last));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the places of the slice"
    )]
    let below = at as usize;
    let (one, next) = (sorted.get(below)?, sorted.get((below + 1).min(last))?);
    Some(one + (next - one) * at.fract())
}

#[expect(clippy::cast_precision_loss, reason = "a number of draws or tickets")]
pub(crate) fn count(of: usize) -> f64 {
    of as f64
}
