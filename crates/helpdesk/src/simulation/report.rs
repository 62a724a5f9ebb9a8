//! What came out of a simulation. Must not know how it is shown.

/// Everything counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// All classes together.
    pub total: ClassReport,
    /// Each class, in the order of the scenario.
    pub classes: Vec<(String, ClassReport)>,
    /// Each pool, in the order of the scenario.
    pub pools: Vec<(String, PoolReport)>,
    /// Each estimator, the quoted one first.
    pub estimators: Vec<(&'static str, EstimatorReport)>,
    /// The same over those tickets only whose wait was quoted: a comparison on equal terms.
    pub estimators_beside_quoted: Vec<(&'static str, EstimatorReport)>,
    /// The quoted one by class, in the scenario's order.
    pub quoted_by_class: Vec<EstimatorReport>,
    /// Quoted waits for which the queue was too long to be played forward.
    pub quoted_by_formula: u64,
    /// Promised waits against actual ones, by size of the promise.
    pub promises: Vec<PromiseReport>,
    /// How often the rep took a ticket who was likely to be free first.
    pub next_reps: NextRepReport,
    /// Simulated time over which was counted, in seconds.
    pub seconds: f64,
}

/// What became of a class. Waits are in seconds; blocked tickets never waited.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassReport {
    /// Asks.
    pub arrivals: u64,
    /// Taken by a rep.
    pub served: u64,
    /// Left while waiting.
    pub abandoned: u64,
    /// Turned away because the queue was full.
    pub blocked: u64,
    /// Share that had to wait.
    pub p_wait: Measured,
    /// Share that left.
    pub p_abandon: Measured,
    /// Mean time in the queue of all.
    pub mean_wait: Measured,
    /// Mean time in the queue of those who were served.
    pub mean_wait_served: f64,
    /// Half waited no longer.
    pub p50_wait: f64,
    /// Four of five waited no longer.
    pub p80_wait: f64,
    /// Nineteen of twenty waited no longer.
    pub p95_wait: f64,
    /// Share of the served whose rep could have taken them without any relaxing rule.
    pub served_by_first_choice: f64,
    /// Waits, ascending, each with the share of all that waited longer.
    pub waits: Vec<(f64, f64)>,
}

/// A mean and its standard error by batch means.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    /// The mean.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
}

/// What became of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PoolReport {
    /// Share of what the reps could hold at once that was in hand, rests included.
    pub utilisation: f64,
}

/// How good an estimator was over those who had to wait; who left counts with the wait it would have been.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EstimatorReport {
    /// Waits it was scored on.
    pub scored: u64,
    /// Waits it would not say anything of.
    pub unknown: u64,
    /// Mean of promised less actual, in seconds.
    pub bias: f64,
    /// Mean of the square of it.
    pub mse: f64,
    /// Share of actual waits in the promised range, which is meant to hold 80 %.
    pub coverage_80: f64,
}

/// Quoted waits of like size.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PromiseReport {
    /// How many.
    pub count: u64,
    /// Mean of what was promised, in seconds.
    pub promised: f64,
    /// Mean low end of the range.
    pub low: f64,
    /// Mean high end of the range.
    pub high: f64,
    /// Mean of what it came to be.
    pub actual: f64,
}

/// Of those who had to wait and for whom one rep was more likely than all others.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NextRepReport {
    /// How many.
    pub named: u64,
    /// Share whom that rep took.
    pub right: f64,
    /// Share of the draws in which that rep did: what `right` is meant to be.
    pub expected: f64,
}

impl Report {
    /// The estimator of this name.
    pub fn estimator(&self, name: &str) -> Option<EstimatorReport> {
        let found = self.estimators.iter().find(|(known, _)| *known == name);
        found.map(|(_, report)| *report)
    }

    /// The class of this name.
    pub fn class(&self, name: &str) -> Option<&ClassReport> {
        let found = self.classes.iter().find(|(known, _)| known == name);
        found.map(|(_, report)| report)
    }
}
