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

/// Tests that the tables of clauses name, `| clause | says | test |`, and that `is_test` does not know.
pub(crate) fn untested_clauses(table: &str, is_test: impl Fn(&str) -> bool) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut in_clauses = false;
    for row in table.lines() {
        in_clauses = row.starts_with('|') && (in_clauses || row.starts_with("| clause |"));
        let Some((_, tests)) = row.trim_end_matches([' ', '|']).rsplit_once('|') else {
            continue;
        };
        if !in_clauses || row.starts_with("| clause |") || row.starts_with("|---") {
            continue;
        }
        // A file's name has a dot.
        let mut names = tests.split('`').skip(1).step_by(2);
        let named: Vec<_> = names.by_ref().filter(|name| !name.contains('.')).collect();
        if named.is_empty() {
            breaches.push(format!("no test: {row}"));
        }
        let unknown = named.into_iter().filter(|name| !is_test(name));
        breaches.extend(unknown.map(|name| format!("{name} is no test: {row}")));
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
    fn clauses_name_tests_that_are_there() {
        let table = |row: &str| {
            format!(
                "`gone` |\n\n| clause | says | test |\n|---|---|---|\n{row}\n\n| other | `gone` |"
            )
        };
        let found = |row: &str| untested_clauses(&table(row), |name| name == "it_holds").len();
        assert_eq!(found("| 1 §2 | it | `it_holds` |"), 0);
        assert_eq!(found("| 1 §2 | it | agent: `it_holds` in `lines.rs` |"), 0);
        assert_eq!(found("| 1 §2 | it | `it_holds`, `gone` |"), 1);
        assert_eq!(found("| 1 §2 | it | `lines.rs` |"), 1);
        assert_eq!(found("| 1 §2 | it | |"), 1);
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
