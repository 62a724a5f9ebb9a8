//! The laws that handling times and patience follow. Must not know which is which.

use crate::random::Random;

/// A law of times, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    /// Exponential: the past says nothing of the rest.
    Exponential {
        /// Its mean.
        mean: f64,
    },
    /// Log-normal: what handling times look like in practice.
    LogNormal {
        /// Its mean.
        mean: f64,
        /// Its standard deviation over its mean.
        cv: f64,
    },
    /// Always the same.
    Constant {
        /// The value.
        mean: f64,
    },
}

impl Law {
    /// The mean, in seconds.
    pub fn mean(self) -> f64 {
        match self {
            Self::Exponential { mean } | Self::LogNormal { mean, .. } | Self::Constant { mean } => {
                mean
            }
        }
    }

    pub(crate) fn draw(self, random: &mut Random) -> f64 {
        match self {
            Self::Exponential { mean } => mean * random.exponential(),
            Self::LogNormal { mean, cv } => {
                let variance = (1.0 + cv * cv).ln();
                mean * (random.normal() * variance.sqrt() - variance / 2.0).exp()
            }
            Self::Constant { mean } => mean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_has_its_mean_and_spread() {
        let laws = [
            (Law::Exponential { mean: 3.0 }, 1.0),
            (Law::LogNormal { mean: 3.0, cv: 0.5 }, 0.5),
            (Law::LogNormal { mean: 3.0, cv: 1.5 }, 1.5),
            (Law::Constant { mean: 3.0 }, 0.0),
        ];
        let mut random = Random::new(1, 1);
        let count = 400_000;
        for (law, cv) in laws {
            let draws: Vec<f64> = (0..count).map(|_| law.draw(&mut random)).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(count);
            let variance =
                draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / f64::from(count);
            assert!((mean / 3.0 - 1.0).abs() < 0.01, "{law:?}: {mean}");
            assert!(
                (variance.sqrt() / 3.0 - cv).abs() < 0.04,
                "{law:?}: {variance}"
            );
        }
    }
}
