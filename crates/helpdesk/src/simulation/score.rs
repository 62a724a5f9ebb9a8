//! Scores promises against what came to be. Must not know how a promise was made.

use super::report::{EstimatorReport, NextRepReport, PromiseReport};
use super::rivals::{Forecasts, NAMES};
use super::tally::{share, whole};
use crate::estimate::Forecast;
use crate::estimate::forward::Likely;

/// The scores of all estimators.
#[derive(Debug, Clone, Default)]
pub(super) struct Scores {
    quoted: Score,
    quoted_by_class: Vec<Score>,
    simple: [Score; NAMES.len()],
    /// The same over those tickets only that were quoted.
    beside_quoted: [Score; NAMES.len()],
    promises: Vec<Promises>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Score {
    count: u64,
    unknown: u64,
    error: f64,
    square: f64,
    held: u64,
}

/// Quoted waits within one half of a doubling.
#[derive(Debug, Clone, Copy, Default)]
struct Promises {
    count: u64,
    sum: Forecast,
    actual: f64,
}

/// Whether a ticket's wait was quoted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sample {
    Quoted,
    #[default]
    NotQuoted,
}

/// How often the rep took a ticket who was likely to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NextReps {
    named: u64,
    right: u64,
    expected: f64,
}

impl NextReps {
    pub(super) fn add(&mut self, likely: Likely, taker: usize) {
        self.named += 1;
        self.right += u64::from(likely.rep == taker);
        self.expected += likely.share;
    }

    pub(super) fn report(self) -> NextRepReport {
        NextRepReport {
            named: self.named,
            right: share(whole(self.right), self.named),
            expected: share(self.expected, self.named),
        }
    }
}

impl Scores {
    pub(super) fn new(classes: usize) -> Self {
        Self {
            quoted_by_class: vec![Score::default(); classes],
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, class: usize, forecasts: &Forecasts, sample: Sample, wait: f64) {
        for (score, forecast) in self.simple.iter_mut().zip(&forecasts.simple) {
            score.add(*forecast, wait);
        }
        match sample {
            Sample::NotQuoted => {}
            Sample::Quoted => {
                self.quoted.add(forecasts.quoted, wait);
                if let Some(score) = self.quoted_by_class.get_mut(class) {
                    score.add(forecasts.quoted, wait);
                }
                for (score, forecast) in self.beside_quoted.iter_mut().zip(&forecasts.simple) {
                    score.add(*forecast, wait);
                }
                if let Some(forecast) = forecasts.quoted {
                    self.keep_promise(forecast, wait);
                }
            }
        }
    }

    pub(super) fn report(&self) -> Vec<(&'static str, EstimatorReport)> {
        named(&self.quoted, &self.simple)
    }

    /// The estimators over those tickets only that were quoted: a comparison on equal terms.
    pub(super) fn report_beside_quoted(&self) -> Vec<(&'static str, EstimatorReport)> {
        named(&self.quoted, &self.beside_quoted)
    }

    /// The quoted one alone, by class.
    pub(super) fn report_by_class(&self) -> Vec<EstimatorReport> {
        self.quoted_by_class.iter().map(Score::report).collect()
    }

    pub(super) fn promises(&self) -> Vec<PromiseReport> {
        let kept = self.promises.iter().filter(|promises| promises.count > 0);
        kept.map(Promises::report).collect()
    }

    fn keep_promise(&mut self, forecast: Forecast, wait: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to a hundred classes"
        )]
        let class = (2.0 * (forecast.mean.max(1e-6).log2() + 20.0)).clamp(0.0, 100.0) as usize;
        if self.promises.len() <= class {
            self.promises.resize(class + 1, Promises::default());
        }
        if let Some(promises) = self.promises.get_mut(class) {
            promises.count += 1;
            promises.sum.mean += forecast.mean;
            promises.sum.low += forecast.low;
            promises.sum.high += forecast.high;
            promises.actual += wait;
        }
    }
}

fn named(quoted: &Score, simple: &[Score; NAMES.len()]) -> Vec<(&'static str, EstimatorReport)> {
    let rivals = NAMES.into_iter().zip(simple.iter().map(Score::report));
    std::iter::once(("quoted", quoted.report()))
        .chain(rivals)
        .collect()
}

impl Score {
    fn add(&mut self, forecast: Option<Forecast>, wait: f64) {
        let Some(forecast) = forecast else {
            self.unknown += 1;
            return;
        };
        let error = forecast.mean - wait;
        self.count += 1;
        self.error += error;
        self.square += error * error;
        self.held += u64::from(forecast.holds(wait));
    }

    fn report(&self) -> EstimatorReport {
        EstimatorReport {
            scored: self.count,
            unknown: self.unknown,
            bias: share(self.error, self.count),
            mse: share(self.square, self.count),
            coverage_80: share(whole(self.held), self.count),
        }
    }
}

impl Promises {
    fn report(&self) -> PromiseReport {
        PromiseReport {
            count: self.count,
            promised: share(self.sum.mean, self.count),
            low: share(self.sum.low, self.count),
            high: share(self.sum.high, self.count),
            actual: share(self.actual, self.count),
        }
    }
}
