//! What is counted of a class as it is played: ends, waits, and how far the mean of the waits can be
//! trusted. Must not know why a ticket waited.

use super::report::{ClassReport, Measured};

/// Batches whose means are taken for independent.
const BATCHES: u16 = 40;

/// Counts of one class, or of all.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    arrivals: u64,
    served: u64,
    abandoned: u64,
    blocked: u64,
    first_choice: u64,
    served_wait: f64,
    waits: Waits,
    batches: Vec<Batch>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Batch {
    count: f64,
    wait: f64,
    waited: f64,
    abandoned: f64,
}

/// How a ticket left the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By a rep who could have taken it from the first.
    FirstChoice,
    /// By a rep whom a relaxing rule let in.
    Relaxed,
    /// Its shopper left.
    Abandoned,
}

impl Tally {
    pub(super) fn count_blocked(&mut self) {
        self.arrivals += 1;
        self.blocked += 1;
    }

    /// Counts a ticket that came in at `progress` of the counted time, 0 to 1, and waited this many seconds.
    pub(super) fn count(&mut self, end: End, wait: f64, progress: f64) {
        self.arrivals += 1;
        match end {
            End::FirstChoice => {
                self.served += 1;
                self.first_choice += 1;
                self.served_wait += wait;
            }
            End::Relaxed => {
                self.served += 1;
                self.served_wait += wait;
            }
            End::Abandoned => self.abandoned += 1,
        }
        self.waits.add(wait);
        if self.batches.is_empty() {
            self.batches = vec![Batch::default(); usize::from(BATCHES)];
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the number of batches"
        )]
        let index = (progress * f64::from(BATCHES)).clamp(0.0, f64::from(BATCHES - 1)) as usize;
        if let Some(batch) = self.batches.get_mut(index) {
            batch.count += 1.0;
            batch.wait += wait;
            batch.waited += f64::from(u8::from(wait > 0.0));
            batch.abandoned += f64::from(u8::from(end == End::Abandoned));
        }
    }

    pub(super) fn report(&self) -> ClassReport {
        ClassReport {
            arrivals: self.arrivals,
            served: self.served,
            abandoned: self.abandoned,
            blocked: self.blocked,
            p_wait: self.ratio(|batch| batch.waited),
            p_abandon: self.ratio(|batch| batch.abandoned),
            mean_wait: self.ratio(|batch| batch.wait),
            mean_wait_served: share(self.served_wait, self.served),
            p50_wait: self.waits.quantile(0.5),
            p80_wait: self.waits.quantile(0.8),
            p95_wait: self.waits.quantile(0.95),
            served_by_first_choice: share(whole(self.first_choice), self.served),
            waits: self.waits.survival(),
        }
    }

    /// The sum of something over all tickets by their number, with the error of its batches' ratios.
    fn ratio(&self, of: impl Fn(&Batch) -> f64) -> Measured {
        let count: f64 = self.batches.iter().map(|batch| batch.count).sum();
        if count == 0.0 {
            return Measured::default();
        }
        let value = self.batches.iter().map(&of).sum::<f64>() / count;
        let batches = f64::from(BATCHES);
        let spread: f64 = self
            .batches
            .iter()
            .map(|batch| (of(batch) - value * batch.count).powi(2))
            .sum();
        let error = (spread * batches / (batches - 1.0)).sqrt() / count;
        Measured { value, error }
    }
}

/// Waits by size, each known to a thousandth of itself.
#[derive(Debug, Clone, Default)]
struct Waits {
    none: u64,
    by_size: Vec<u64>,
    total: u64,
}

/// Size classes for each doubling.
const FINE: f64 = 1024.0;
/// The shortest wait told from none, as a power of two of seconds: a nanosecond.
const SHORTEST: f64 = -30.0;

impl Waits {
    fn add(&mut self, wait: f64) {
        self.total += 1;
        if wait <= 0.0 {
            self.none += 1;
            return;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a wait lies between a nanosecond and centuries: below 100,000 classes"
        )]
        let class = ((wait.log2() - SHORTEST) * FINE).clamp(0.0, 1e5) as usize;
        if self.by_size.len() <= class {
            self.by_size.resize(class + 1, 0);
        }
        if let Some(count) = self.by_size.get_mut(class) {
            *count += 1;
        }
    }

    fn quantile(&self, share_below: f64) -> f64 {
        let wanted = share_below * whole(self.total);
        let mut below = whole(self.none);
        if below >= wanted {
            return 0.0;
        }
        for (wait, count) in self.sizes() {
            below += whole(count);
            if below >= wanted {
                return wait;
            }
        }
        0.0
    }

    /// Waits and the share of all that waited longer, at most 200 points.
    fn survival(&self) -> Vec<(f64, f64)> {
        let total = whole(self.total);
        let mut longer = total - whole(self.none);
        let mut curve = vec![(0.0, share(longer, self.total))];
        let mut last = longer;
        for (wait, count) in self.sizes() {
            longer -= whole(count);
            if last - longer >= total / 200.0 || longer <= 0.0 {
                curve.push((wait, share(longer, self.total)));
                last = longer;
            }
        }
        curve
    }

    fn sizes(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut class = 0.0;
        self.by_size.iter().filter_map(move |&count| {
            class += 1.0;
            (count > 0).then(|| (((class - 0.5) / FINE + SHORTEST).exp2(), count))
        })
    }
}

pub(super) fn share(of: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { of / whole(count) }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts stay far below 2 to the 53rd"
)]
pub(super) fn whole(count: u64) -> f64 {
    count as f64
}
