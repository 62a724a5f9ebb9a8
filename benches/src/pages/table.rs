//! Medians, spreads and ratios of what pages met. Must not know how they were measured.

use serde_json::Value;

use crate::compare::table::{number, of_contender, spread};

/// The part of a page where they stand.
pub(crate) const PAGES: &str = "pages";
const OURS: &str = "Deskbell";

/// A heading and where the figure is.
type Columns = &'static [(&'static str, &'static str)];

const WATCHING: Columns = &[
    ("bytes per watcher", "bytes_per_watcher"),
    ("half have heard, ms", "p50_ms"),
    ("99 %, ms", "p99_ms"),
    ("the last, ms", "last_ms"),
    ("server CPU s per 1000", "server_cpu_per_1000"),
    ("every 100 ms: share in time", "steady_in_time"),
    ("share in all", "steady_in_all"),
    (
        "newest everywhere after its PUBLISH, ms",
        "steady_caught_up_ms",
    ),
    ("server CPU s per 1000 there", "steady_server_cpu_per_1000"),
];

const ASKING: Columns = &[
    ("a second", "per_second"),
    ("server CPU s per 1000", "server_cpu_per_1000"),
    ("p50 us", "p50_us"),
    ("p99 us", "p99_us"),
];

/// Both tables.
pub(crate) fn of(lines: &[Value]) -> String {
    let mut sizes: Vec<_> = lines.iter().filter_map(watchers).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut text = heading("watchers", WATCHING);
    for size in sizes {
        let runs: Vec<&Value> = lines
            .iter()
            .filter(|line| watchers(line) == Some(size))
            .collect();
        let (carrier, count) = size;
        write_rows(
            &mut text,
            &format!("{count} over {carrier}"),
            &runs,
            WATCHING,
        );
    }
    text.push('\n');
    text += &heading("the document", ASKING);
    let runs: Vec<&Value> = lines
        .iter()
        .filter(|line| line.get("case").and_then(Value::as_str) == Some("get"))
        .collect();
    write_rows(&mut text, "GET, 64 connections", &runs, ASKING);
    text
}

/// How they reach the server, and how many they are.
fn watchers(line: &Value) -> Option<(&str, u64)> {
    let carrier = line.get("over").and_then(Value::as_str);
    Some((
        carrier.unwrap_or("HTTP/1.1"),
        line.get("watchers")?.as_u64()?,
    ))
}

fn heading(first: &str, columns: Columns) -> String {
    let mut text = format!("| {first} | server | rounds |");
    for (name, _) in columns {
        text += &format!(" {name} |");
    }
    text + "\n|" + &"---|".repeat(columns.len() + 3) + "\n"
}

fn write_rows(text: &mut String, first: &str, runs: &[&Value], columns: Columns) {
    let mut contenders: Vec<&str> = runs
        .iter()
        .filter_map(|run| run.get("contender")?.as_str())
        .collect();
    contenders.sort_unstable();
    contenders.dedup();
    let ours = of_contender(runs, OURS);
    for name in contenders {
        let runs = of_contender(runs, name);
        *text += &format!("| {first} | {name} | {}", runs.len());
        let broke_off = runs.iter().filter(|run| run.get("broke_off").is_some());
        match broke_off.count() {
            0 => {}
            count => *text += &format!(", {count} broke off"),
        }
        *text += " |";
        for (_, field) in columns {
            let Some((least, median, most)) = spread(&runs, field) else {
                *text += " |";
                continue;
            };
            let mut cell = format!("{} ({} to {})", number(median), number(least), number(most));
            if name != OURS
                && let Some((_, ours, _)) = spread(&ours, field)
                && ours > 0.0
                && median > 0.0
            {
                cell += &format!("; Deskbell {:.2} times", ours / median);
            }
            *text += &format!(" {cell} |");
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn medians_stand_beside_each_other() {
        let watch = |contender: &str, last: f64| {
            json!({"case": "watch", "watchers": 1000, "contender": contender, "last_ms": last,
                   "steady_in_time": 0.5})
        };
        let get = |contender: &str, per_second: u32| json!({"case": "get", "contender": contender, "per_second": per_second});
        let table = of(&[
            watch("Deskbell", 50.0),
            watch("nchan", 100.0),
            watch("Deskbell", 51.0),
            watch("Deskbell", 99.0),
            json!({"case": "watch", "watchers": 1000, "over": "HTTP/2", "contender": "Deskbell", "last_ms": 9}),
            json!({"case": "watch", "watchers": 1000, "over": "HTTP/2", "contender": "nchan", "broke_off": "reset"}),
            get("Deskbell", 90_000),
            get("nginx, a file", 60_000),
        ]);
        let row = |begin: &str| {
            let row = table.lines().find(|line| line.starts_with(begin));
            row.unwrap_or_else(|| panic!("{table}")).to_owned()
        };
        assert!(row("| 1000 over HTTP/1.1 | Deskbell | 3 |").contains("| 51 (50 to 99) |"));
        let theirs = row("| 1000 over HTTP/1.1 | nchan | 1 |");
        assert!(
            theirs.contains("| 100 (100 to 100); Deskbell 0.51 times |"),
            "{theirs}"
        );
        assert!(theirs.contains("; Deskbell 1.00 times |"), "{theirs}");
        assert!(
            row("| 1000 over HTTP/2 | Deskbell | 1 |").contains("| 9.0000 (9.0000 to 9.0000) |")
        );
        assert!(
            row("| 1000 over HTTP/2 | nchan | 1, 1 broke off |")
                .ends_with("broke off | | | | | | | | | |")
        );
        let theirs = row("| GET, 64 connections | nginx, a file | 1 |");
        assert!(theirs.contains("Deskbell 1.50 times"), "{theirs}");
    }
}
