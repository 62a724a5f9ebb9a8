//! `docs/rfc.md` is true where a test can tell: every row has a status, and every file it names is there.
//! Must not know any RFC.

use std::path::Path;

/// What a row's status begins with.
const STATUSES: [&str; 3] = ["yes", "part", "no"];

/// Rows without a known status, and files of a row that do not exist below `crates`.
pub(crate) fn untrue_rows(table: &str, crates: &Path) -> Vec<String> {
    let mut breaches = Vec::new();
    for row in rows(table) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_rfc, _section, _what, status, files] = cells[..] else {
            breaches.push(format!("a row of {} cells: {row}", cells.len()));
            continue;
        };
        let word = status.split([' ', ':', ';']).next().unwrap();
        if !STATUSES.contains(&word) {
            breaches.push(format!("an unknown status {word:?}: {row}"));
        }
        if files.is_empty() && word != "no" {
            breaches.push(format!("no file for what is followed: {row}"));
        }
        let missing = files
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|file| !crates.join(file).exists());
        breaches.extend(missing.map(|file| format!("crates/{file} is not there: {row}")));
    }
    breaches
}

/// The rows below the line that divides them from the head.
fn rows(table: &str) -> impl Iterator<Item = &str> {
    table
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(row: &str, breaches: usize) {
        let table =
            format!("# Head\n\n| a | b | c | d | e |\n|---|---|---|---|---|\n{row}\n\ntail");
        let found = untrue_rows(&table, Path::new(env!("CARGO_MANIFEST_DIR")));
        assert_eq!(found.len(), breaches, "{row}: {found:?}");
    }

    #[test]
    fn rows_are_held_to_the_truth() {
        check("| 3261 | 7 | messages | yes | `src/main.rs` |", 0);
        check(
            "| 3261 | 7 | messages | part: most | `src/main.rs`, `src/` |",
            0,
        );
        check("| 3261 | 7 | messages | no | |", 0);
        check(
            "| 3261 | 7 | messages | yes | `src/main.rs`, `mail.rs` |",
            1,
        );
        check("| 3261 | 7 | messages | yes | |", 1);
        check("| 3261 | 7 | messages | perhaps | `src/main.rs` |", 1);
        check("| 3261 | 7 | messages | yes |", 1);
    }
}
