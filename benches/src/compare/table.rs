//! Medians, spreads and ratios of raw figures. Must not know how they were measured.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::Value;

/// The part of a page where contenders stand beside each other.
pub(super) const FIGURES: &str = "figures";
/// The part that tells what grows.
pub(super) const GROWTH: &str = "growth";
/// Of what the processor was used for.
pub(super) const LIMITS: &str = "limits";
const OURS: &str = "Deskbell";

/// What is told of each run: a heading, the field of the raw figures, and the field of a run that counts NOTIFYs.
const COLUMNS: [(&str, &str, &str); 7] = [
    ("a second", "per_second", "notifies_per_second"),
    (
        "server CPU s per 1000",
        "server_cpu_per_1000",
        "server_cpu_per_1000_notifies",
    ),
    (
        "generator CPU s per 1000",
        "generator_cpu_per_1000",
        "generator_cpu_per_1000_notifies",
    ),
    ("p50 us", "p50_us", "p50_us"),
    ("p99 us", "p99_us", "p99_us"),
    ("sent late, p99 us", "late_p99_us", "late_p99_us"),
    ("RSS after, KiB", "server_kib", "server_kib"),
];

/// The table of all runs.
pub(super) fn of(lines: &[Value]) -> String {
    let mut text = String::from("| case | server | rounds |");
    for (heading, ..) in COLUMNS {
        write_cell(&mut text, heading);
    }
    text += " failed |\n|---|---|---|---|---|---|---|---|---|---|---|\n";
    for kind_shown in &kinds(lines) {
        let of_kind: Vec<&Value> = lines
            .iter()
            .filter(|line| kind(line) == *kind_shown)
            .collect();
        let ours = of_contender(&of_kind, OURS);
        for name in contenders(&of_kind) {
            let runs = of_contender(&of_kind, name);
            text += &format!("| {kind_shown} | {name} | {} |", runs.len());
            for (_, of_answers, of_notifies) in COLUMNS {
                let field = match count_notifies(&runs) {
                    true => of_notifies,
                    false => of_answers,
                };
                let Some(values) = spread(&runs, field) else {
                    write_cell(&mut text, "");
                    continue;
                };
                let mut cell = format!(
                    "{} ({} to {})",
                    number(values.1),
                    number(values.0),
                    number(values.2)
                );
                if name != OURS
                    && let Some(our_values) = spread(&ours, field)
                    && our_values.1 > 0.0
                    && values.1 > 0.0
                {
                    cell += &format!("; Deskbell {:.2} times", our_values.1 / values.1);
                }
                write_cell(&mut text, &cell);
            }
            let sum = |fields: &[&str]| -> u64 {
                let counts = fields
                    .iter()
                    .flat_map(|field| runs.iter().filter_map(|run| count(run, field)));
                counts.sum()
            };
            text += &format!(
                " {}",
                sum(&["refused", "wrong", "unanswered", "notifies_wrong"])
            );
            let (checked, wrong) = (sum(&["states_checked"]), sum(&["states_wrong"]));
            // Over a connection it is the server's choice whether it tells a watcher that it cannot dial.
            if wrong > 0 && kind_shown.starts_with("UDP") {
                text += &format!("; {wrong} of {checked} states wrong");
            }
            let broke_off = runs.iter().filter(|run| run.get("broke_off").is_some());
            let broke_off = broke_off.count();
            if broke_off > 0 {
                text += &format!("; {broke_off} of the runs broke off");
            }
            text += " |\n";
        }
    }
    text += &machines(lines);
    text
}

/// On what the runs were made, once for each.
fn machines(lines: &[Value]) -> String {
    let told = lines
        .iter()
        .filter_map(|line| line.get("machine")?.as_str());
    let different: BTreeSet<_> = told.collect();
    let lines = different
        .iter()
        .map(|machine| format!("\nMeasured on {machine}.\n"));
    lines.collect()
}

/// The table of what grew.
pub(super) fn of_growth(lines: &[Value]) -> String {
    let mut text = String::from(
        "| what grows | size | case | a second | server CPU s per 1000 | p50 us | p99 us | RSS after, KiB | failed |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for line in lines {
        let word = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
        let figure = |field: &str| {
            line.get(field)
                .and_then(Value::as_f64)
                .map_or(String::new(), number)
        };
        let counts_notifies = count(line, "notifies").is_some();
        let (rate, processor) = match counts_notifies {
            true => ("notifies_per_second", "server_cpu_per_1000_notifies"),
            false => ("per_second", "server_cpu_per_1000"),
        };
        let failed: u64 = [
            "refused",
            "wrong",
            "unanswered",
            "notifies_wrong",
            "states_wrong",
        ]
        .iter()
        .filter_map(|field| count(line, field))
        .sum();
        text.push('|');
        for cell in [
            word("growing").to_owned(),
            count(line, "size").map_or(String::new(), |size| size.to_string()),
            word("case").to_owned(),
            figure(rate),
            figure(processor),
            figure("p50_us"),
            figure("p99_us"),
            figure("server_kib"),
            failed.to_string(),
        ] {
            write_cell(&mut text, &cell);
        }
        text.push('\n');
    }
    text
}

/// The page with another table between the marks of this part.
pub(super) fn put_into(page: &str, part: &str, table: &str) -> anyhow::Result<String> {
    let (begin, end) = (
        format!("<!-- {part}: begin -->"),
        format!("<!-- {part}: end -->"),
    );
    let (before, rest) = page
        .split_once(&begin)
        .with_context(|| format!("the page has no mark {begin}"))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("the page has no mark {end}"))?;
    Ok(format!("{before}{begin}\n{table}{end}{after}"))
}

/// The cases of the runs, as they come.
pub(super) fn kinds<'a>(lines: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let mut kinds = Vec::new();
    for kind in lines.into_iter().map(kind) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// Who takes part in these runs, by name.
pub(super) fn contenders<'a>(runs: &[&'a Value]) -> Vec<&'a str> {
    let name = |run: &&'a Value| run.get("contender")?.as_str();
    let mut names: Vec<&str> = runs.iter().filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether NOTIFYs are told of, and not answers.
pub(super) fn count_notifies(runs: &[&Value]) -> bool {
    runs.iter().any(|run| count(run, "notifies").is_some())
}

/// In words.
pub(super) fn kind(line: &Value) -> String {
    let text = |key: &str| {
        line.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let rate = line.get("rate").and_then(Value::as_f64);
    let pace = rate
        .map(|rate| format!(", paced at {rate}/s"))
        .unwrap_or_default();
    let steady = match line.get("steady").and_then(Value::as_bool) {
        Some(true) => ", real-time priority, after 35 s",
        Some(false) | None => "",
    };
    let watchers = match count(line, "watchers") {
        Some(watchers) => format!(": NOTIFYs to {watchers} watchers each"),
        None => String::new(),
    };
    let digest = match line.get("digest").and_then(Value::as_str) {
        None | Some("none") => String::new(),
        Some(digest) => format!(", digest, {digest}"),
    };
    format!(
        "{} {}{watchers}{digest}{pace}{steady}",
        text("transport").to_uppercase(),
        text("case")
    )
}

fn count(run: &Value, field: &str) -> Option<u64> {
    run.get(field)?.as_u64()
}

pub(crate) fn of_contender<'a>(lines: &[&'a Value], name: &str) -> Vec<&'a Value> {
    let is_of = |line: &&&Value| line.get("contender").and_then(Value::as_str) == Some(name);
    lines.iter().filter(is_of).copied().collect()
}

/// The least, the median and the most.
pub(crate) fn spread(runs: &[&Value], field: &str) -> Option<(f64, f64, f64)> {
    let mut values: Vec<f64> = runs
        .iter()
        .filter_map(|run| run.get(field)?.as_f64())
        .collect();
    values.sort_by(f64::total_cmp);
    let middle = |place: usize| values.get(place).copied();
    // Of an even number of values there are two in the middle.
    let median = f64::midpoint(
        middle(values.len().checked_sub(1)? / 2)?,
        middle(values.len() / 2)?,
    );
    Some((*values.first()?, median, *values.last()?))
}

pub(crate) fn number(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.4}")
    }
}

fn write_cell(text: &mut String, cell: &str) {
    *text += &format!(" {cell} |");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{FIGURES, of, of_growth, put_into};

    #[test]
    fn each_machine_that_was_measured_on_is_told_once() {
        let run = |machine: &str| json!({"transport": "udp", "case": "options", "contender": "echo", "machine": machine});
        let table = of(&[run("one"), run("one"), run("another")]);
        assert!(
            table.ends_with(" 0 |\n\nMeasured on another.\n\nMeasured on one.\n"),
            "{table}"
        );
    }

    #[test]
    fn medians_ratios_and_failures_are_told_for_each_case() {
        let run = |contender: &str, per_second: u32, refused: u32| {
            json!({"transport": "udp", "case": "publish", "rate": null, "contender": contender,
                   "per_second": per_second, "refused": refused})
        };
        let lines = [
            run("Deskbell", 300, 0),
            run("Deskbell", 200, 0),
            run("Kamailio", 120, 1),
            run("Kamailio", 80, 0),
            run("Deskbell", 100, 0),
        ];
        let mut lines = lines.to_vec();
        lines.push(json!({"transport": "udp", "case": "modify", "rate": null,
                          "contender": "Kamailio", "broke_off": "no answer"}));
        let broken = of(&lines);
        assert!(broken.contains("| UDP modify | Kamailio | 1 |"), "{broken}");
        assert!(
            broken.ends_with(" 0; 1 of the runs broke off |\n"),
            "{broken}"
        );
        lines.pop();
        let table = of(&lines);
        assert!(
            table.contains("| UDP publish | Deskbell | 3 | 200 (100 to 300) |"),
            "{table}"
        );
        assert!(
            table.contains("| UDP publish | Kamailio | 2 | 100 (80 to 120); Deskbell 2.00 times |"),
            "{table}"
        );
        assert!(table.ends_with(" 1 |\n"), "{table}");
        let states = json!({"transport": "udp", "case": "refresh", "contender": "Kamailio", "digest": "nonce reused",
                            "states_checked": 50, "states_wrong": 49});
        let told = json!({"transport": "udp", "case": "watch", "contender": "Deskbell", "digest": "none", "watchers": 100,
                          "per_second": 7, "notifies": 70, "notifies_per_second": 700, "notifies_wrong": 2});
        let more = of(&[states, told]);
        assert!(
            more.contains("| UDP refresh, digest, nonce reused | Kamailio | 1 |")
                && more.contains(" 0; 49 of 50 states wrong |\n"),
            "{more}"
        );
        assert!(
            more.contains(
                "| UDP watch: NOTIFYs to 100 watchers each | Deskbell | 1 | 700 (700 to 700) |"
            ) && more.ends_with(" 2 |\n"),
            "{more}"
        );
        let grown = json!({"growing": "watchers of one", "size": 10, "case": "watch", "per_second": 7, "notifies": 70,
                           "notifies_per_second": 700, "p99_us": 5.5});
        let grown = of_growth(&[grown]);
        assert!(
            grown.ends_with("| watchers of one | 10 | watch | 700 |  |  | 5.5000 |  | 0 |\n"),
            "{grown}"
        );
        let page = put_into(
            "a\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nz",
            FIGURES,
            "new\n",
        )
        .unwrap();
        assert_eq!(
            page,
            "a\n<!-- figures: begin -->\nnew\n<!-- figures: end -->\nz"
        );
        assert!(put_into("nothing", FIGURES, "new").is_err());
    }
}
