//! The simple estimators that the quoted one is compared with: each a formula or a running mean.
//! Must not know how a ticket is routed.

use crate::estimate::Forecast;
use crate::estimate::quick::{Length, by_length};

/// A running mean of every wait so far is what `long_mean` promises; `ewma` weighs the last ones more.
const EWMA_WEIGHT: f64 = 0.1;

/// What the estimators see at the moment of an ask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct View {
    pub(super) length: Length,
    /// How long the head of the class's line has waited, in seconds.
    pub(super) head_wait: f64,
}

/// What is remembered of a class for the estimators that go by past waits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Past {
    last: f64,
    ewma: Option<f64>,
    delayed: f64,
    delayed_sum: f64,
}

/// The forecasts of all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Forecasts {
    pub(super) quoted: Option<Forecast>,
    pub(super) simple: [Option<Forecast>; 6],
}

/// Their names, in the order of [`Forecasts::simple`].
pub(super) const NAMES: [&str; 6] = ["ql", "qlm", "les", "hol", "ewma", "long_mean"];

impl Past {
    /// A ticket of the class has come to a rep after this many seconds.
    pub(super) fn learn(&mut self, wait: f64) {
        self.last = wait;
        if wait > 0.0 {
            let ewma = self.ewma.unwrap_or(wait);
            self.ewma = Some(ewma + EWMA_WEIGHT * (wait - ewma));
            self.delayed += 1.0;
            self.delayed_sum += wait;
        }
    }

    pub(super) fn forecasts(&self, view: &View) -> [Option<Forecast>; 6] {
        let length = &view.length;
        let stage = length.handling / length.servers;
        let by_history = |wait: f64| Forecast::gamma(wait, 2.0 * stage * (wait + stage));
        let exponential = |mean: f64| Forecast::gamma(mean, mean * mean);
        let long_mean = (self.delayed > 0.0).then(|| self.delayed_sum / self.delayed);
        [
            Some(by_length(&Length {
                impatience: 0.0,
                ..*length
            })),
            Some(by_length(length)),
            Some(by_history(self.last)),
            Some(by_history(view.head_wait)),
            self.ewma.map(exponential),
            long_mean.map(exponential),
        ]
    }
}
