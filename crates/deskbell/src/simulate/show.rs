//! The results of a simulation as a table for people and as JSON for scripts. Must not know how they
//! came about.

use std::fmt::Write;

use helpdesk::simulation::{ClassReport, EstimatorReport, PromiseReport, Report};
use serde_json::{Map, Value, json};

/// The results as one JSON object.
pub(super) fn json(report: &Report) -> String {
    let classes = named(&report.classes, class_json);
    let pools = named(
        &report.pools,
        |pool| json!({ "utilisation": pool.utilisation }),
    );
    let document = json!({
        "total": class_json(&report.total),
        "classes": classes,
        "pools": pools,
        "estimators": named(&report.estimators, estimator_json),
        "estimators_beside_quoted": named(&report.estimators_beside_quoted, estimator_json),
        "promises": report.promises.iter().map(promise_json).collect::<Vec<_>>(),
        "quoted_by_formula": report.quoted_by_formula,
        "seconds": report.seconds,
    });
    format!("{document:#}")
}

fn named<N: ToString, T>(rows: &[(N, T)], show: impl Fn(&T) -> Value) -> Map<String, Value> {
    rows.iter()
        .map(|(name, row)| (name.to_string(), show(row)))
        .collect()
}

fn class_json(class: &ClassReport) -> Value {
    json!({
        "arrivals": class.arrivals,
        "served": class.served,
        "abandoned": class.abandoned,
        "blocked": class.blocked,
        "p_wait": class.p_wait.value,
        "p_abandon": class.p_abandon.value,
        "mean_wait": class.mean_wait.value,
        "mean_wait_error": class.mean_wait.error,
        "mean_wait_served": class.mean_wait_served,
        "p50_wait": class.p50_wait,
        "p80_wait": class.p80_wait,
        "p95_wait": class.p95_wait,
        "served_by_first_choice": class.served_by_first_choice,
    })
}

fn estimator_json(estimator: &EstimatorReport) -> Value {
    json!({
        "bias": estimator.bias,
        "mse": estimator.mse,
        "coverage_80": estimator.coverage_80,
        "scored": estimator.scored,
        "unknown": estimator.unknown,
    })
}

fn promise_json(promise: &PromiseReport) -> Value {
    json!({
        "count": promise.count,
        "promised": promise.promised,
        "low": promise.low,
        "high": promise.high,
        "actual": promise.actual,
    })
}

/// The results as tables; waits are in seconds.
pub(super) fn text(report: &Report) -> String {
    let mut rows = vec![
        [
            "class",
            "arrivals",
            "served",
            "left",
            "blocked",
            "P(wait)",
            "mean",
            "median",
            "p80",
            "p95",
            "first choice",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let classes = report
        .classes
        .iter()
        .map(|(name, class)| (name.as_str(), class));
    rows.extend(
        classes
            .chain([("total", &report.total)])
            .map(|(name, class)| class_row(name, class)),
    );
    let mut text = String::from("Waits in seconds\n");
    write_table(&mut text, &rows);

    let mut rows = vec![vec!["pool".to_owned(), "in use".to_owned()]];
    rows.extend(
        report
            .pools
            .iter()
            .map(|(name, pool)| vec![name.clone(), percent(pool.utilisation)]),
    );
    text.push('\n');
    write_table(&mut text, &rows);

    text.push_str("\nEstimators, over the tickets that were quoted\n");
    let mut rows = vec![
        [
            "estimator",
            "scored",
            "unknown",
            "bias",
            "mean square",
            "in its 80 % range",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    rows.extend(
        report
            .estimators_beside_quoted
            .iter()
            .map(|(name, estimator)| estimator_row(name, estimator)),
    );
    write_table(&mut text, &rows);
    if report.quoted_by_formula > 0 {
        text.push_str(&format!(
            "{} quoted by formula, the queue being too long to be played forward",
            report.quoted_by_formula
        ));
    }
    text.truncate(text.trim_end().len());
    text
}

fn class_row(name: &str, class: &ClassReport) -> Vec<String> {
    vec![
        name.to_owned(),
        class.arrivals.to_string(),
        class.served.to_string(),
        class.abandoned.to_string(),
        class.blocked.to_string(),
        percent(class.p_wait.value),
        format!(
            "{} ±{}",
            number(class.mean_wait.value),
            number(class.mean_wait.error)
        ),
        number(class.p50_wait),
        number(class.p80_wait),
        number(class.p95_wait),
        percent(class.served_by_first_choice),
    ]
}

fn estimator_row(name: &str, estimator: &EstimatorReport) -> Vec<String> {
    vec![
        name.to_owned(),
        estimator.scored.to_string(),
        estimator.unknown.to_string(),
        number(estimator.bias),
        number(estimator.mse),
        percent(estimator.coverage_80),
    ]
}

/// Four digits that mean something.
fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 || size == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Columns as wide as their widest cell, numbers to the right.
fn write_table(text: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a String cannot fail.
            let _ = if place == 0 {
                write!(text, "{cell:<width$}")
            } else {
                write!(text, "  {cell:>width$}")
            };
        }
        text.push('\n');
    }
}
