//! How long a ticket will wait: the queue-length estimate, and the handling times it learns.
//! Must not know tickets or reps, only their numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::SkillId;
use crate::snapshot::Wait;

/// Share of waits that fall into the promised range.
const CONFIDENCE: f64 = 0.8;
/// The standard normal quantile of 90 %; the range leaves out 10 % on either side.
const NORMAL_90: f64 = 1.281_551_565_544_600_4;
/// Handling time assumed before anything is known.
const PRIOR_SECONDS: f64 = 240.0;
/// Conversations the assumption is worth.
const PRIOR_WEIGHT: u32 = 5;
/// Conversations remembered; older ones fade.
const MEMORY: u32 = 50;
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

/// Mean handling time of each skill.
#[derive(Debug, Default)]
pub(crate) struct HandlingTimes {
    by_skill: BTreeMap<SkillId, Learnt>,
}

#[derive(Debug)]
struct Learnt {
    mean_seconds: f64,
    weight: u32,
}

impl HandlingTimes {
    pub(crate) fn learn(&mut self, skill: &SkillId, took: Duration) {
        let learnt = self.by_skill.entry(skill.clone()).or_insert(Learnt {
            mean_seconds: PRIOR_SECONDS,
            weight: PRIOR_WEIGHT,
        });
        learnt.weight = learnt.weight.saturating_add(1).min(MEMORY);
        learnt.mean_seconds +=
            (took.as_secs_f64() - learnt.mean_seconds) / f64::from(learnt.weight);
    }

    pub(crate) fn mean(&self, skill: &SkillId) -> Duration {
        let seconds = self
            .by_skill
            .get(skill)
            .map_or(PRIOR_SECONDS, |learnt| learnt.mean_seconds);
        Duration::from_secs_f64(seconds.max(1.0))
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
