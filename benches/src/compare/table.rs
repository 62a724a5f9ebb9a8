//! Medians, spreads and ratios of raw figures. Must not know how they were measured.

use anyhow::Context;
use serde_json::Value;

const BEGIN: &str = "<!-- figures: begin -->";
const END: &str = "<!-- figures: end -->";
const OURS: &str = "Deskbell";

/// What is told of each run: a heading, the field of the raw figures, and whether more is better.
const COLUMNS: [(&str, &str); 6] = [
    ("answers/s", "per_second"),
    ("server CPU s per 1000", "server_cpu_per_1000"),
    ("generator CPU s per 1000", "generator_cpu_per_1000"),
    ("p50 us", "p50_us"),
    ("p99 us", "p99_us"),
    ("RSS after, KiB", "server_kib"),
];

/// The table of all runs.
pub(super) fn of(lines: &[Value]) -> String {
    let mut text = String::from("| case | server | rounds |");
    for (heading, _) in COLUMNS {
        write_cell(&mut text, heading);
    }
    text += " failed |\n|---|---|---|---|---|---|---|---|---|---|\n";
    let mut kinds: Vec<String> = Vec::new();
    for kind in lines.iter().map(kind) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    for kind_shown in &kinds {
        let of_kind: Vec<&Value> = lines
            .iter()
            .filter(|line| kind(line) == *kind_shown)
            .collect();
        let mut contenders: Vec<&str> = Vec::new();
        for name in of_kind
            .iter()
            .filter_map(|line| line.get("contender")?.as_str())
        {
            if !contenders.contains(&name) {
                contenders.push(name);
            }
        }
        contenders.sort_unstable();
        let ours = of_contender(&of_kind, OURS);
        for name in contenders {
            let runs = of_contender(&of_kind, name);
            text += &format!("| {kind_shown} | {name} | {} |", runs.len());
            for (_, field) in COLUMNS {
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
            let failed: u64 = ["refused", "wrong", "unanswered"]
                .iter()
                .flat_map(|field| runs.iter().filter_map(|run| run.get(*field)?.as_u64()))
                .sum();
            let broke_off = runs.iter().filter(|run| run.get("broke_off").is_some());
            text += &match broke_off.count() {
                0 => format!(" {failed} |\n"),
                count => format!(" {failed}; {count} of the runs broke off |\n"),
            };
        }
    }
    text
}

/// The page with another table between its marks.
pub(super) fn put_into(page: &str, table: &str) -> anyhow::Result<String> {
    let (before, rest) = page
        .split_once(BEGIN)
        .context("the page has no mark where figures begin")?;
    let (_, after) = rest
        .split_once(END)
        .context("the page has no mark where figures end")?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

fn kind(line: &Value) -> String {
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
    format!(
        "{} {}{pace}",
        text("transport").to_uppercase(),
        text("case")
    )
}

fn of_contender<'a>(lines: &[&'a Value], name: &str) -> Vec<&'a Value> {
    let is_of = |line: &&&Value| line.get("contender").and_then(Value::as_str) == Some(name);
    lines.iter().filter(is_of).copied().collect()
}

/// The least, the median and the most.
fn spread(runs: &[&Value], field: &str) -> Option<(f64, f64, f64)> {
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

fn number(value: f64) -> String {
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

    use super::{of, put_into};

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
        let page = put_into(
            "a\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nz",
            "new\n",
        )
        .unwrap();
        assert_eq!(
            page,
            "a\n<!-- figures: begin -->\nnew\n<!-- figures: end -->\nz"
        );
        assert!(put_into("nothing", "new").is_err());
    }
}
