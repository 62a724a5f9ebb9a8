//! How good the estimators are, against what theory says they are and against each other.

use std::time::Duration;

use helpdesk::simulation::{Class, EstimatorReport, Law, Report, Scenario, Usual, simulate};
use helpdesk::{Level, Prefer, Priority, Relax, SkillId, TierId, Wishes};

use crate::scenarios::{class, markov, plain, pool};

fn play(scenario: &Scenario) -> Report {
    simulate(scenario, |_| {}).unwrap()
}

#[track_caller]
fn beside_quoted(report: &Report, name: &str) -> EstimatorReport {
    let mut found = report.estimators_beside_quoted.iter();
    found.find(|(known, _)| *known == name).unwrap().1
}

/// Of those who wait in M/M/s, the mean square error of the queue length is 1 / ((1 - load) (s mu)^2).
#[test]
fn the_queue_lengths_square_error_is_the_exact_one() {
    for (servers, load) in [(1, 0.7), (5, 0.8), (10, 0.9)] {
        let report = play(&markov(servers, f64::from(servers) * load, 2_000_000));
        let exact = 1.0 / ((1.0 - load) * f64::from(servers * servers));
        let ql = report.estimator("ql").unwrap();
        let off = ql.mse / exact - 1.0;
        println!("{servers} servers at {load}: {off:+.4} off, {ql:?}");
        assert!(
            off.abs() < 0.02,
            "{servers} at {load}: {} for {exact}",
            ql.mse
        );
        assert!((ql.coverage_80 - 0.8).abs() < 0.01, "{ql:?}");
    }
}

/// Where everything is exponential no estimate can beat the formula for it.
#[test]
fn the_quoted_wait_keeps_up_with_the_formula_where_that_is_the_best() {
    let cases = [
        (10, 9.0, None, 6_000),
        (10, 12.0, Some(1.0), 6_000),
        (50, 50.0, Some(2.0), 6_000),
        (100, 140.0, Some(5.0), 2_500),
    ];
    for (servers, rate, patience, quotes) in cases {
        let mut scenario = markov(servers, rate, 800_000);
        scenario.classes[0].patience = patience.map(|mean| Law::Exponential { mean });
        scenario.quotes = quotes;
        let report = play(&scenario);
        let (quoted, qlm) = (
            beside_quoted(&report, "quoted"),
            beside_quoted(&report, "qlm"),
        );
        let ratio = quoted.mse / qlm.mse;
        println!(
            "{servers} servers, {rate} a second, patience {patience:?}: {ratio:.4}\n  {quoted:?}\n  {qlm:?}"
        );
        assert_eq!(quoted.unknown, 0);
        assert!(ratio < 1.05, "{servers}, {rate}: {ratio}");
        assert!((0.78..=0.82).contains(&quoted.coverage_80), "{quoted:?}");
    }
}

/// Priorities, skills, rules that relax and handling times with a long tail: no formula holds.
#[test]
fn the_quoted_wait_beats_every_simple_one_where_formulas_are_wrong() {
    for (name, scenario) in [("shop", shop()), ("strict", strict())] {
        let report = play(&scenario);
        let quoted = beside_quoted(&report, "quoted");
        println!("{name}: {quoted:?}");
        assert_eq!(quoted.unknown, 0);
        for rival in ["les", "hol", "ewma", "long_mean", "ql", "qlm"] {
            let score = beside_quoted(&report, rival);
            println!("  {rival}: {:.3} of {score:?}", quoted.mse / score.mse);
            assert!(quoted.mse < 0.7 * score.mse, "{name}, {rival}: {score:?}");
        }
        let coverage = quoted.coverage_80;
        assert!((0.78..=0.82).contains(&coverage), "{name}: {quoted:?}");
    }
}

/// A fifth holds out for the expert or for a level, or needs a second skill: they are played like the others.
#[test]
fn the_quoted_wait_of_wishes_is_true() {
    let report = play(&wishing());
    let quoted = beside_quoted(&report, "quoted");
    println!("wishes: {quoted:?}");
    assert_eq!((quoted.unknown, report.quoted_by_formula), (0, 0));
    for rival in ["les", "hol", "ewma", "long_mean", "ql", "qlm"] {
        let score = beside_quoted(&report, rival);
        println!("  {rival}: {:.3} of {score:?}", quoted.mse / score.mse);
        assert!(quoted.mse < 0.7 * score.mse, "{rival}: {score:?}");
    }
    check_coverage_beyond(4, &report);
}

/// A shopper may be shown who is likely to be free first: that rep takes the ticket as often as the draws say.
#[test]
fn who_is_likely_to_be_free_first_is_so_as_often_as_it_is_said() {
    let next = play(&shop()).next_reps;
    println!("{next:?}");
    assert!(next.named > 500 && next.right > 0.65, "{next:?}");
    assert!((next.right - next.expected).abs() < 0.04, "{next:?}");
}

/// A quarter asks for one rep, and waits some minutes for that one before anybody will do.
#[test]
fn the_quoted_wait_for_a_named_rep_is_true() {
    let report = play(&naming());
    let quoted = beside_quoted(&report, "quoted");
    println!("named: {quoted:?}");
    assert_eq!((quoted.unknown, report.quoted_by_formula), (0, 0));
    for rival in ["les", "hol", "ewma", "long_mean", "ql", "qlm"] {
        let score = beside_quoted(&report, rival);
        println!("  {rival}: {:.3} of {score:?}", quoted.mse / score.mse);
        assert!(quoted.mse < 0.7 * score.mse, "{rival}: {score:?}");
    }
    check_coverage_beyond(4, &report);
}

/// All ranges hold what they say, and so do those of the classes after the first ones.
fn check_coverage_beyond(plain: usize, report: &Report) {
    let others = report.classes.iter().zip(&report.quoted_by_class);
    let (mut held, mut error, mut scored) = (0.0, 0.0, 0.0);
    for ((name, _), score) in others.skip(plain) {
        println!("  {name}: {score:?}");
        let count = score.scored as f64;
        scored += count;
        held += score.coverage_80 * count;
        error += score.bias * count;
    }
    let (held, bias) = (held / scored, error / scored);
    println!("  of {scored}: in range {held}, bias {bias}");
    let quoted = beside_quoted(report, "quoted");
    assert!((0.78..=0.82).contains(&quoted.coverage_80), "{quoted:?}");
    assert!((0.78..=0.82).contains(&held), "{held}");
}

#[test]
fn the_same_seed_gives_the_same_answer_and_another_another() {
    let mut scenario = shop();
    scenario.quotes = 50;
    let scenario = Scenario {
        warm_up: 1_000,
        arrivals: helpdesk::simulation::Arrivals::Chance(20_000),
        ..scenario
    };
    assert_eq!(play(&scenario), play(&scenario));
    let other = Scenario {
        seed: 8,
        ..scenario.clone()
    };
    assert_ne!(play(&scenario).total, play(&other).total);
}

fn shop() -> Scenario {
    let long_tail = |mean| Law::LogNormal { mean, cv: 1.2 };
    let mut scenario = markov(1, 0.0, 400_000);
    scenario.quotes = 6_000;
    scenario.classes = vec![
        class("cameras", 0.0105, "cameras", "standard"),
        class("members", 0.0035, "cameras", "gold"),
        class("lenses", 0.0052, "lenses", "standard"),
        class("printing", 0.0085, "printing", "standard"),
    ];
    for (class, mean) in scenario
        .classes
        .iter_mut()
        .zip([300.0, 300.0, 420.0, 180.0])
    {
        class.service = long_tail(mean);
    }
    let mut members = pool("members", 1, &[("cameras", 95), ("lenses", 95)]);
    members.tiers = Some(vec![TierId::new("gold")]);
    scenario.pools = vec![
        pool("cameras", 2, &[("cameras", 80), ("lenses", 40)]),
        members,
        pool("printing", 1, &[("printing", 80)]),
        pool(
            "all",
            1,
            &[("cameras", 60), ("lenses", 60), ("printing", 60)],
        ),
    ];
    for pool in &mut scenario.pools {
        pool.capacity = 2;
    }
    let rule = |seconds| Relax {
        after: Duration::from_secs(seconds),
        min_level: None,
        skill: None,
        accept: Vec::new(),
        any_tier: false,
    };
    scenario.routing.wrap_up = Duration::from_secs(10);
    scenario.routing.relax = vec![
        Relax {
            skill: Some(SkillId::new("printing")),
            accept: vec![SkillId::new("cameras")],
            ..rule(90)
        },
        Relax {
            any_tier: true,
            ..rule(120)
        },
    ];
    scenario
}

/// The same shop, where most of the quotes go to those with wishes.
fn wishing() -> Scenario {
    let mut scenario = shop();
    scenario.quotes = 24_000;
    let wish = |name, of: &Class, rate, wishes| Class {
        name: String::from(name),
        rate,
        wishes,
        ..of.clone()
    };
    let [cameras, _, lenses, _] = &scenario.classes[..] else {
        unreachable!("four classes");
    };
    let best = Wishes {
        prefer: Some(Prefer::Best),
        rep_deadline: Some(Duration::from_secs(180)),
        ..Wishes::NONE
    };
    let level = Wishes {
        least_levels: vec![(SkillId::new("cameras"), Level::new(70).unwrap())],
        ..Wishes::NONE
    };
    let more = [
        wish("the expert", cameras, 0.002, best),
        wish("no beginner", cameras, 0.002, level),
        Class {
            skills: vec![SkillId::new("lenses"), SkillId::new("cameras")],
            ..wish("both", lenses, 0.0015, Wishes::NONE)
        },
    ];
    scenario.classes[0].rate -= 0.004;
    scenario.classes[2].rate -= 0.0015;
    scenario.classes.extend(more);
    scenario
}

/// The same shop with regulars.
fn naming() -> Scenario {
    let mut scenario = shop();
    scenario.quotes = 12_000;
    let regular = |name: &str, of: &Class, rate, (pool, number): (&str, u32), seconds| Class {
        name: String::from(name),
        rate,
        wishes: Wishes {
            rep_deadline: Some(Duration::from_secs(seconds)),
            ..Wishes::NONE
        },
        usual: Some(Usual {
            pool: String::from(pool),
            number,
        }),
        ..of.clone()
    };
    let [cameras, _, lenses, printing] = &scenario.classes[..] else {
        unreachable!("four classes");
    };
    let more = [
        regular("the first", cameras, 0.0015, ("cameras", 0), 240),
        regular("the second", cameras, 0.0015, ("cameras", 1), 900),
        regular("the allrounder", lenses, 0.0012, ("all", 0), 600),
        regular("the printer", printing, 0.002, ("printing", 0), 120),
    ];
    scenario.classes[0].rate -= 0.003;
    scenario.classes[2].rate -= 0.0012;
    scenario.classes[3].rate -= 0.002;
    scenario.classes.extend(more);
    scenario
}

fn strict() -> Scenario {
    let mut scenario = markov(1, 0.0, 400_000);
    scenario.quotes = 6_000;
    scenario.classes = vec![
        class("private", 0.012, "accounts", "gold"),
        class("accounts", 0.016, "accounts", "standard"),
        class("loans", 0.004, "loans", "standard"),
    ];
    for (class, mean) in scenario.classes.iter_mut().zip([360.0, 300.0, 900.0]) {
        class.service = Law::LogNormal { mean, cv: 1.0 };
        class.patience = Some(Law::Exponential { mean: 1_800.0 });
    }
    scenario.pools = vec![
        pool("counter", 8, &[("accounts", 70)]),
        pool("advisers", 4, &[("accounts", 60), ("loans", 80)]),
    ];
    scenario.routing = plain(Priority::Strict);
    scenario
}
