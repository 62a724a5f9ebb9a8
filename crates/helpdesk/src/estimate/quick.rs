//! The quick form of an estimate: a formula over the length of the queue, for when there is no time to play
//! it. Must not know how the queue is kept.

use super::range::{Forecast, count};

/// What the formula needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Length {
    /// Tickets that go first and compete for the same reps.
    pub(crate) ahead: usize,
    /// Conversations that those who may take the ticket can hold at once.
    pub(crate) servers: f64,
    /// Mean of a conversation and the rest after it, in seconds.
    pub(crate) handling: f64,
    /// Leaves per second of waiting of each that waits.
    pub(crate) impatience: f64,
    /// Arrivals a second of tickets that will go first though they come later.
    pub(crate) overtaking: f64,
}

/// However many overtake, this share of the reps' work is left for those who wait: a wait without end
/// is not a promise.
const LEAST_LEFT: f64 = 0.05;

/// Stages that are summed one by one; beyond, the sum is that of a curve.
const ONE_BY_ONE: usize = 16;

/// One stage for each ticket ahead and one for oneself, each the shorter the more may leave meanwhile, and
/// the longer the more overtake.
pub(crate) fn by_length(length: &Length) -> Forecast {
    let work = length.servers / length.handling;
    let left = (work - length.overtaking).max(LEAST_LEFT * work);
    let (mut mean, mut variance, mut waiting) = (0.0, 0.0, 0.0);
    for _ in 0..(length.ahead + 1).min(ONE_BY_ONE) {
        let stage = 1.0 / (left + waiting * length.impatience);
        mean += stage;
        variance += stage * stage;
        waiting += 1.0;
    }
    if length.ahead >= ONE_BY_ONE {
        let first = 1.0 / (left + waiting * length.impatience);
        let last = 1.0 / (left + count(length.ahead) * length.impatience);
        let more = count(length.ahead) - waiting;
        let (of_means, of_variances) = stages_between(first, last, more, length.impatience);
        mean += of_means;
        variance += of_variances;
    }
    Forecast::gamma(mean, variance)
}

/// The sums of `more + 1` stages from the first to the last, and of their squares, by Euler and Maclaurin: wrong
/// in the tenth digit at most.
fn stages_between(first: f64, last: f64, more: f64, impatience: f64) -> (f64, f64) {
    let growth = more * impatience * first;
    let integral = if growth > 1e-9 {
        growth.ln_1p() / impatience
    } else {
        more * first
    };
    let slope = |stage: f64| impatience * stage.powi(2);
    let mean = integral + (first + last) / 2.0 + (slope(first) - slope(last)) / 12.0;
    let squares = more * first * last + (first.powi(2) + last.powi(2)) / 2.0;
    let slope = |stage: f64| 2.0 * impatience * stage.powi(3);
    (mean, squares + (slope(first) - slope(last)) / 12.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Length = Length {
        ahead: 0,
        servers: 10.0,
        handling: 1.0,
        impatience: 0.0,
        overtaking: 0.0,
    };

    #[track_caller]
    fn check(length: Length, mean: f64) {
        let forecast = by_length(&length);
        assert!((forecast.mean - mean).abs() < 1e-9, "{forecast:?}");
        assert!(forecast.low < mean && mean < forecast.high);
    }

    #[test]
    fn each_ticket_ahead_is_one_stage() {
        check(ALONE, 0.1);
        check(Length { ahead: 4, ..ALONE }, 0.5);
    }

    #[test]
    fn impatience_shortens_the_stages_ahead() {
        let length = Length {
            ahead: 2,
            impatience: 5.0,
            ..ALONE
        };
        check(length, 1.0 / 10.0 + 1.0 / 15.0 + 1.0 / 20.0);
    }

    #[test]
    fn who_overtakes_takes_work_away_but_never_all() {
        let length = Length {
            overtaking: 5.0,
            ..ALONE
        };
        check(length, 0.2);
        let flood = Length {
            overtaking: 500.0,
            ..ALONE
        };
        check(flood, 2.0);
    }

    #[test]
    fn many_stages_are_what_they_are_one_by_one() {
        for (left, impatience) in [
            (2.0, 0.0),
            (2.0, 1e-12),
            (2.0, 0.01),
            (0.4, 0.5),
            (1.0, 5.0),
        ] {
            for ahead in [15, 16, 17, 40, 1_000, 20_000] {
                let stages =
                    (0..=ahead).map(|waiting| 1.0 / (left + f64::from(waiting) * impatience));
                let (mean, variance) = stages.fold((0.0, 0.0), |(mean, variance), stage| {
                    (mean + stage, variance + stage * stage)
                });
                let length = Length {
                    ahead: usize::try_from(ahead).unwrap(),
                    servers: left,
                    impatience,
                    ..ALONE
                };
                let (one_by_one, forecast) = (Forecast::gamma(mean, variance), by_length(&length));
                let error =
                    |of: fn(&Forecast) -> f64| (of(&forecast) / of(&one_by_one) - 1.0).abs();
                assert!(error(|of| of.mean) < 1e-7, "{left}, {impatience}, {ahead}");
                assert!(error(|of| of.high) < 1e-6, "{left}, {impatience}, {ahead}");
            }
        }
    }
}
