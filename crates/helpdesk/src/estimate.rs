//! How long a ticket will wait: played forward where that can be done, else by the length of the queue.
//! Must not know who is told.

mod agenda;
pub(crate) mod calibration;
pub(crate) mod experience;
pub(crate) mod forward;
pub(crate) mod quick;
pub(crate) mod quote;
mod range;
pub(crate) mod scene;

use std::time::Duration;

pub(crate) use range::{Forecast, count};

use crate::snapshot::Wait;

/// Share of waits that fall into the promised range.
const CONFIDENCE: f64 = 0.8;
/// The standard normal quantile of 90 %; the range leaves out 10 % on either side.
const NORMAL_90: f64 = 1.281_551_565_544_600_4;
/// Up to this many stages quantiles are found exactly; beyond, the approximation errs by under 0.1 %.
const EXACT_STAGES: u32 = 30;

/// The wait of a ticket with `ahead` tickets before it, when `servers` conversations are held at once,
/// each of which takes `handling` on the average. `None` when nobody serves.
///
/// With exponential handling times the wait is the sum of `ahead + 1` exponential stages of rate
/// `servers / handling`: an Erlang law.
pub(crate) fn queue_length(ahead: u32, servers: u32, handling: Duration) -> Option<Wait> {
    if servers == 0 {
        return None;
    }
    let stages = ahead.saturating_add(1);
    let stage = handling.as_secs_f64() / f64::from(servers);
    Some(Wait {
        seconds: whole(stage * f64::from(stages)),
        low: whole(stage * erlang_quantile(stages, Tail::Low)),
        high: whole(stage * erlang_quantile(stages, Tail::High)),
        confidence: CONFIDENCE,
    })
}

/// A wait so many times as long.
pub(crate) fn stretched(wait: Wait, times: f64) -> Wait {
    let longer = |seconds: u32| whole(f64::from(seconds) * times);
    Wait {
        seconds: longer(wait.seconds),
        low: longer(wait.low),
        high: longer(wait.high),
        ..wait
    }
}

#[derive(Clone, Copy)]
enum Tail {
    Low,
    High,
}

/// The 10 % or 90 % quantile of the sum of `stages` exponentials of mean 1.
fn erlang_quantile(stages: u32, tail: Tail) -> f64 {
    let (probability, normal) = match tail {
        Tail::Low => ((1.0 - CONFIDENCE) / 2.0, -NORMAL_90),
        Tail::High => ((1.0 + CONFIDENCE) / 2.0, NORMAL_90),
    };
    let k = f64::from(stages);
    // Wilson and Hilferty (1931): the cube root of a gamma variable is nearly normal.
    let root = 1.0 - 1.0 / (9.0 * k) + normal / (3.0 * k.sqrt());
    let mut quantile = k * root.powi(3);
    if stages <= EXACT_STAGES {
        for _ in 0..4 {
            let (cumulative, density) = erlang(stages, quantile);
            quantile -= (cumulative - probability) / density;
        }
    }
    quantile
}

/// Cumulative probability and density of the sum of `stages` exponentials of mean 1.
fn erlang(stages: u32, at: f64) -> (f64, f64) {
    let mut term = (-at).exp();
    let mut survival = term;
    for i in 1..stages {
        term *= at / f64::from(i);
        survival += term;
    }
    (1.0 - survival, term)
}

fn whole(seconds: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of u32 before the cast"
    )]
    let whole = seconds.round().clamp(0.0, f64::from(u32::MAX)) as u32;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough that whole seconds lose nothing.
    const HANDLING: Duration = Duration::from_secs(1_000_000);

    #[test]
    fn nobody_at_work_promises_nothing() {
        assert_eq!(queue_length(3, 0, HANDLING), None);
    }

    #[test]
    fn the_middle_is_one_stage_per_ticket_ahead_and_one_for_oneself() {
        let wait = queue_length(4, 2, Duration::from_secs(240)).unwrap();
        assert_eq!(wait.seconds, 5 * 240 / 2);
        assert_eq!(wait.confidence, 0.8);
    }

    /// Averaged over what an arrival finds, the estimate is the mean wait of M/M/s: the number waiting is
    /// geometric, and the published values of C and E[Wq] hold.
    #[test]
    fn averaged_over_arrivals_it_is_the_mean_wait_of_the_queue() {
        let table = [
            (1, 0.7, 0.7, 2.3333),
            (2, 0.9, 0.852632, 4.263158),
            (5, 0.8, 0.554113, 0.554113),
            (10, 0.9, 0.668732, 0.668732),
            (20, 0.95, 0.755401, 0.755401),
            (100, 0.98, 0.775101, 0.387550),
        ];
        for (servers, load, delayed, mean_wait) in table {
            let mean: f64 = (0..5_000)
                .map(|ahead| {
                    let wait = queue_length(ahead, servers, HANDLING).unwrap();
                    let found = (1.0 - load) * f64::powi(load, i32::try_from(ahead).unwrap());
                    found * f64::from(wait.seconds) / HANDLING.as_secs_f64()
                })
                .sum();
            let error = (delayed * mean - mean_wait).abs();
            assert!(error < 1e-4, "{servers} servers at {load}: {mean}");
        }
    }

    #[test]
    fn the_law_of_the_wait_has_the_mean_and_variance_of_its_stages() {
        for stages in [1, 2, 5, 20] {
            let step = 0.002;
            let (mut mean, mut variance) = (0.0, 0.0);
            for i in 0..60_000 {
                let at = (f64::from(i) + 0.5) * step;
                let (_, density) = erlang(stages, at);
                mean += at * density * step;
                variance += (at - f64::from(stages)).powi(2) * density * step;
            }
            assert!((mean - f64::from(stages)).abs() < 1e-3, "{stages}: {mean}");
            assert!((variance - f64::from(stages)).abs() < 1e-3, "{variance}");
        }
    }

    #[test]
    fn eight_waits_of_ten_fall_into_the_range() {
        for stages in (1..=60).chain([100, 200, 500]) {
            let (low, _) = erlang(stages, erlang_quantile(stages, Tail::Low));
            let (high, _) = erlang(stages, erlang_quantile(stages, Tail::High));
            assert!((low - 0.1).abs() < 1e-3, "{stages}: {low}");
            assert!((high - 0.9).abs() < 1e-3, "{stages}: {high}");
        }
    }
}
