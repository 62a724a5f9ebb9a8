//! Routing decisions a second on a large floor, and what one quoted wait costs.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a measurement that cannot run must stop; criterion_group! writes undocumented items"
)]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use helpdesk::simulation::{Arrivals, Class, Law, Pool, Report, Scenario, simulate};
use helpdesk::{Choose, Level, Priority, Routing, SkillId, Tier, TierId};

criterion_group!(benches, decide, quote);
criterion_main!(benches);

const SKILLS: usize = 50;
const TIERS: [(&str, f64); 3] = [("standard", 1.0), ("gold", 2.0), ("platinum", 5.0)];

/// 1,000 reps of three skills each, 10,000 tickets of 50 skills and three tiers that wait all the time: each
/// ask is one decision, and so is each rep who becomes free.
fn decide(criterion: &mut Criterion) {
    const ASKS: u64 = 400_000;
    let scenario = large_floor(ASKS);
    let mut group = criterion.benchmark_group("1,000 reps, 10,000 queued, 50 skills");
    group.sample_size(10);
    group.throughput(Throughput::Elements(2 * ASKS));
    group.bench_function("decisions", |bencher| {
        bencher.iter(|| simulate(&scenario, |_| {}).unwrap());
    });
    group.finish();
}

/// 200 reps, 1,000 tickets queued: the wait of one newcomer, played forward.
fn quote(criterion: &mut Criterion) {
    const QUOTES: u64 = 500;
    let (with, without) = (long_queue(QUOTES), long_queue(0));
    let mut group = criterion.benchmark_group("200 reps, 1,000 queued");
    group.sample_size(10);
    group.bench_function("one quoted wait", |bencher| {
        bencher.iter_custom(|times| {
            let took: Duration = (0..times)
                .map(|_| time(&with).saturating_sub(time(&without)))
                .sum();
            took.div_f64(QUOTES as f64)
        });
    });
    group.finish();
}

fn time(scenario: &Scenario) -> Duration {
    let start = Instant::now();
    let report: Report = simulate(scenario, |_| {}).unwrap();
    let took = start.elapsed();
    assert_eq!(report.quoted_by_formula, 0, "too long to be played");
    took
}

fn large_floor(asks: u64) -> Scenario {
    let skill = |number: usize| SkillId::new(&format!("skill-{:02}", number % SKILLS));
    let classes = (0..SKILLS).flat_map(|number| {
        TIERS.into_iter().map(move |(tier, _)| Class {
            name: format!("{number} {tier}"),
            rate: 1_500.0 / (SKILLS * TIERS.len()) as f64,
            skills: vec![skill(number)],
            wishes: helpdesk::Wishes::default(),
            tier: TierId::new(tier),
            service: Law::LogNormal { mean: 1.0, cv: 1.0 },
            patience: None,
            usual: None,
        })
    });
    let pools = (0..SKILLS).map(|number| Pool {
        name: format!("pool {number}"),
        count: 20,
        skills: [(0, 90), (7, 60), (19, 40)]
            .into_iter()
            .map(|(step, level)| (skill(number + step), Level::new(level).unwrap()))
            .collect(),
        tiers: None,
        capacity: 1,
    });
    Scenario {
        seed: 1,
        // Only the warm-up is played: what is counted is not what is measured.
        warm_up: asks,
        arrivals: Arrivals::Chance(1),
        classes: classes.collect(),
        pools: pools.collect(),
        tiers: TIERS
            .into_iter()
            .map(|(id, weight)| Tier {
                id: TierId::new(id),
                weight,
            })
            .collect(),
        routing: Routing {
            priority: Priority::Weighted,
            choose: Choose::Best,
            wrap_up: Duration::ZERO,
            queue_limit: 10_000,
            ..Routing::default()
        },
        quotes: 0,
    }
}

/// Enough shoppers leave that the queue stays near a thousand.
fn long_queue(quotes: u64) -> Scenario {
    let class = Class {
        name: "all".to_owned(),
        rate: 300.0,
        skills: vec![SkillId::new("general")],
        wishes: helpdesk::Wishes::default(),
        tier: TierId::new("standard"),
        service: Law::LogNormal { mean: 1.0, cv: 1.0 },
        patience: Some(Law::Exponential { mean: 10.0 }),
        usual: None,
    };
    let pool = Pool {
        name: "desk".to_owned(),
        count: 200,
        skills: vec![(SkillId::new("general"), Level::new(70).unwrap())],
        tiers: None,
        capacity: 1,
    };
    Scenario {
        warm_up: 20_000,
        arrivals: Arrivals::Chance(10_000),
        classes: vec![class],
        pools: vec![pool],
        quotes,
        ..large_floor(0)
    }
}
