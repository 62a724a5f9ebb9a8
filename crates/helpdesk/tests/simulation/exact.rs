//! Means of the simulation within three of their own standard errors of the exact values.

use helpdesk::Priority;
use helpdesk::simulation::{Law, Measured, Report, Scenario, simulate};

use crate::scenarios::{class, markov, plain, pool};

fn play(scenario: &Scenario) -> Report {
    simulate(scenario, |_| {}).unwrap()
}

/// The exact value is as published, to `digits` decimals.
#[track_caller]
fn check(what: &str, measured: Measured, exact: f64, digits: i32) {
    let rounding = 0.5 * 10_f64.powi(-digits);
    let off = (measured.value - exact).abs() - rounding;
    let Measured { value, error } = measured;
    println!(
        "{what}: {value:.6} (exact {exact}, error {error:.6}, off {:.2})",
        off / error
    );
    assert!(error > 0.0 || off <= 0.0, "{what}: no error of {value}");
    assert!(off <= 3.0 * error, "{what}: {value} not {exact} +- {error}");
}

/// Load, share that waits, mean wait, and how many of its decimals are published.
type Row = (f64, f64, f64, i32);

/// M/M/s with handling time 1, by servers.
const MARKOV: [(u32, [Row; 5]); 7] = [
    (
        1,
        [
            (0.7, 0.7, 2.3333, 4),
            (0.8, 0.8, 4.0, 6),
            (0.9, 0.9, 9.0, 6),
            (0.95, 0.95, 19.0, 6),
            (0.98, 0.98, 49.0, 6),
        ],
    ),
    (
        2,
        [
            (0.7, 0.576471, 0.960784, 6),
            (0.8, 0.711111, 1.777778, 6),
            (0.9, 0.852632, 4.263158, 6),
            (0.95, 0.925641, 9.256410, 6),
            (0.98, 0.970101, 24.252525, 6),
        ],
    ),
    (
        5,
        [
            (0.7, 0.377838, 0.251892, 6),
            (0.8, 0.554113, 0.554113, 6),
            (0.9, 0.762493, 1.524986, 6),
            (0.95, 0.877799, 3.511196, 6),
            (0.98, 0.950317, 9.503169, 6),
        ],
    ),
    (
        10,
        [
            (0.7, 0.221731, 0.073910, 6),
            (0.8, 0.409180, 0.204590, 6),
            (0.9, 0.668732, 0.668732, 6),
            (0.95, 0.825586, 1.651171, 6),
            (0.98, 0.928161, 4.640807, 6),
        ],
    ),
    (
        20,
        [
            (0.7, 0.093561, 0.015594, 6),
            (0.8, 0.256078, 0.064019, 6),
            (0.9, 0.550769, 0.275385, 6),
            (0.95, 0.755401, 0.755401, 6),
            (0.98, 0.897340, 2.243350, 6),
        ],
    ),
    (
        50,
        [
            (0.7, 0.011025, 0.000735, 6),
            (0.8, 0.086953, 0.008695, 6),
            (0.9, 0.363864, 0.072773, 6),
            (0.95, 0.629095, 0.251638, 6),
            (0.98, 0.838263, 0.838263, 6),
        ],
    ),
    (
        100,
        [
            (0.7, 0.000459, 0.000015, 6),
            (0.8, 0.019646, 0.000982, 6),
            (0.9, 0.216940, 0.021694, 6),
            (0.95, 0.506457, 0.101291, 6),
            (0.98, 0.775101, 0.387550, 6),
        ],
    ),
];

#[test]
fn every_row_of_the_table_of_many_servers_holds() {
    for (servers, rows) in MARKOV {
        for (load, p_wait, mean_wait, digits) in rows {
            // The nearer to saturation, the longer the queue remembers.
            let arrivals = if load > 0.9 { 1_500_000 } else { 400_000 };
            let report = play(&markov(servers, f64::from(servers) * load, arrivals));
            let row = format!("M/M/{servers} at {load}");
            check(&format!("{row}, P(wait)"), report.total.p_wait, p_wait, 6);
            check(
                &format!("{row}, E[wait]"),
                report.total.mean_wait,
                mean_wait,
                digits,
            );
        }
    }
}

#[test]
fn strict_priority_gives_each_class_its_exact_wait() {
    let mut scenario = markov(10, 0.0, 1_000_000);
    scenario.classes = vec![
        class("gold", 3.0, "general", "gold"),
        class("standard", 6.0, "general", "standard"),
    ];
    scenario.routing = plain(Priority::Strict);
    let report = play(&scenario);
    let wait = |class| report.class(class).unwrap().mean_wait;
    check("gold", wait("gold"), 0.095533, 6);
    check("standard", wait("standard"), 0.955331, 6);
    check("all", report.total.mean_wait, 0.668732, 6);
}

/// Whatever the order of service, the mean over all classes is that of first come, first served.
#[test]
fn the_mean_wait_of_all_does_not_depend_on_the_order() {
    for priority in [Priority::Strict, Priority::Weighted] {
        for gold_weight in [0.2, 1.0, 7.0] {
            let mut scenario = markov(10, 0.0, 600_000);
            scenario.classes = vec![
                class("one", 3.0, "general", "gold"),
                class("two", 6.0, "other", "standard"),
            ];
            scenario.pools = vec![pool("desk", 10, &[("general", 70), ("other", 40)])];
            scenario.tiers[1].weight = gold_weight;
            scenario.routing = plain(priority);
            let report = play(&scenario);
            let row = format!("{priority:?} with weight {gold_weight}");
            check(&row, report.total.mean_wait, 0.668732, 6);
        }
    }
}

/// Servers, arrival rate, patience rate; share that waits, share that leaves, mean time in the queue.
const IMPATIENT: [(u32, f64, f64, f64, f64, f64); 9] = [
    (10, 9.0, 1.0, 0.412592, 0.085912, 0.085912),
    (10, 10.0, 0.5, 0.619655, 0.103913, 0.207826),
    (10, 12.0, 1.0, 0.757608, 0.213632, 0.213632),
    (20, 18.0, 0.5, 0.397795, 0.037836, 0.075672),
    (50, 50.0, 0.5, 0.601168, 0.046685, 0.093369),
    (50, 50.0, 1.0, 0.518808, 0.056325, 0.056325),
    (100, 100.0, 1.0, 0.513299, 0.039861, 0.039861),
    (100, 140.0, 1.0, 0.999839, 0.285718, 0.285718),
    (100, 140.0, 0.2, 1.000000, 0.285714, 1.428571),
];

#[test]
fn every_row_of_the_table_of_impatient_shoppers_holds() {
    for (servers, rate, impatience, p_wait, p_abandon, mean_wait) in IMPATIENT {
        let mut scenario = markov(servers, rate, 1_000_000);
        let mean = 1.0 / impatience;
        scenario.classes[0].patience = Some(Law::Exponential { mean });
        let report = play(&scenario);
        let row = format!("{servers} servers, {rate} a second, patience {mean}");
        check(&format!("{row}, P(wait)"), report.total.p_wait, p_wait, 6);
        check(
            &format!("{row}, P(leave)"),
            report.total.p_abandon,
            p_abandon,
            6,
        );
        check(
            &format!("{row}, E[wait]"),
            report.total.mean_wait,
            mean_wait,
            6,
        );
    }
}
