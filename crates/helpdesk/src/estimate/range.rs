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

/// What a range leaves out on either side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tail {
    /// Of all waits, up to a half.
    pub(super) share: f64,
    /// The quantile of the standard normal law below which as many lie.
    normal: f64,
}

impl Tail {
    pub(super) fn of(share: f64) -> Self {
        Self {
            share,
            normal: normal_quantile(share),
        }
    }
}

impl Forecast {
    /// The gamma law of this mean and variance, with a range that leaves out `tail` on either side.
    pub(super) fn gamma_leaving(mean: f64, variance: f64, tail: Tail) -> Self {
        Self::gamma_between(mean, variance, tail.normal)
    }

    /// The gamma law of this mean and variance: exact for stages of one rate, close for others.
    pub(crate) fn gamma(mean: f64, variance: f64) -> Self {
        Self::gamma_between(mean, variance, -NORMAL_90)
    }

    /// Between this quantile of the normal law, below 0, and its mirror image.
    fn gamma_between(mean: f64, variance: f64, normal: f64) -> Self {
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
            low: quantile(normal),
            high: quantile(-normal),
        }
    }

    /// The law that these draws follow, with a range that leaves out `tail` on either side.
    pub(crate) fn of_draws(draws: &mut [f64], tail: f64) -> Option<Self> {
        draws.sort_unstable_by(f64::total_cmp);
        let (low, high) = (quantile(draws, tail)?, quantile(draws, 1.0 - tail)?);
        // Where many draws are one and the same wait, such as the end of a rest, an end of the range that
        // falls on it holds more than its share; the other end gives way by as much.
        let share = |draws: usize, of: usize| count(draws) / count(of);
        let below = share(draws.partition_point(|&draw| draw < low), draws.len());
        let within = draws.partition_point(|&draw| draw <= high);
        let above = share(draws.len() - within, draws.len());
        Some(Self {
            mean: draws.iter().sum::<f64>() / count(draws.len()),
            low: quantile(draws, tail + (tail - above).max(0.0))?.min(high),
            high: quantile(draws, 1.0 - tail - (tail - below).max(0.0))?.max(low),
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

/// The quantile of the standard normal law below which `share` lies, up to a half: Abramowitz and Stegun
/// 26.2.23, wrong by less than 0.00045.
pub(super) fn normal_quantile(share: f64) -> f64 {
    let t = (-2.0 * share.clamp(f64::MIN_POSITIVE, 0.5).ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    above / below - t
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
