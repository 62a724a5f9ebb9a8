//! Counts tests by what the test runners print.
//! Must not run anything.

use std::ops::AddAssign;

/// How many tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Reads the closing lines of `cargo nextest run`, of each program of `cargo test`, or of `node --test`.
/// A test that said `skipped: needs …` passed in the runner's eyes and is skipped in ours.
pub(crate) fn count_tests(lines: &[String]) -> Count {
    let mut count = Count::default();
    // nextest shows the words of some tests, with a closing line for each that its summary counts already.
    let by_nextest = lines.iter().any(|line| summary_of_nextest(line).is_some());
    for line in lines {
        if let Some(words) = summary_of_nextest(line) {
            count += read_words(words);
        }
        if by_nextest {
            continue;
        }
        if let Some(words) = line.strip_prefix("test result: ") {
            count += read_words(words);
        } else if let Some(words) = line.strip_prefix("# ").or(line.strip_prefix("ℹ ")) {
            count += read_node(words);
        }
    }
    let skipped = count_skipped(lines).min(count.passed);
    count.passed -= skipped;
    count.skipped += skipped;
    count
}

fn summary_of_nextest(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("Summary [")
}

fn count_skipped(lines: &[String]) -> u64 {
    lines
        .iter()
        .filter(|line| line.trim_start().starts_with("skipped: needs "))
        .count() as u64
}

/// Reads `12 passed`, `1 failed` and the like out of a closing line.
fn read_words(text: &str) -> Count {
    let mut count = Count::default();
    let mut number = 0;
    for word in text.split_ascii_whitespace() {
        if let Ok(read) = word.trim_start_matches('(').parse() {
            number = read;
            continue;
        }
        match word.trim_end_matches([',', ';', ')']) {
            "passed" => count.passed += std::mem::take(&mut number),
            // Also `exec failed`; and `timed out`, which the runner counts apart.
            "failed" | "timed" => count.failed += std::mem::take(&mut number),
            _ => {}
        }
    }
    count
}

/// Reads `pass 12` and the like: node gives each figure a line of its own.
fn read_node(text: &str) -> Count {
    let mut count = Count::default();
    if let Some((word, number)) = text.split_once(' ') {
        let number = number.parse().unwrap_or(0);
        match word {
            "pass" => count.passed = number,
            "fail" | "cancelled" => count.failed = number,
            "skipped" | "todo" => count.skipped = number,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, passed: u64, failed: u64, skipped: u64) {
        let lines: Vec<String> = output.lines().map(str::to_owned).collect();
        let expected = Count {
            passed,
            failed,
            skipped,
        };
        assert_eq!(count_tests(&lines), expected);
    }

    #[test]
    fn nextest_is_counted_by_its_summary() {
        check(
            "     Summary [   1.234s] 12 tests run: 12 passed, 0 skipped",
            12,
            0,
            0,
        );
        check(
            "     Summary [   9.1s] 12 tests run: 9 passed (2 slow), 1 failed, 1 exec failed, 1 timed out, 3 skipped",
            9,
            3,
            0,
        );
        check(
            "     Summary [   0.1s] 5/12 tests run: 4 passed (1 leaky), 1 failed, 0 skipped",
            4,
            1,
            0,
        );
    }

    #[test]
    fn a_test_whose_words_nextest_shows_is_counted_once() {
        check(
            "    test result: ok. 1 passed; 0 failed; 0 ignored\n     Summary [   1.2s] 2 tests run: 2 passed, 0 skipped",
            2,
            0,
            0,
        );
    }

    #[test]
    fn each_program_of_cargo_test_is_counted() {
        check(
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.00s\n\
             test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            4,
            2,
            0,
        );
    }

    #[test]
    fn node_gives_each_figure_a_line() {
        check(
            "# tests 5\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 1",
            3,
            1,
            1,
        );
        check("ℹ tests 2\nℹ pass 2\nℹ fail 0", 2, 0, 0);
    }

    #[test]
    fn a_test_that_missed_its_peer_is_skipped() {
        check(
            "    skipped: needs baresip-core\n     Summary [   1.2s] 12 tests run: 12 passed, 0 skipped",
            11,
            0,
            1,
        );
    }

    #[test]
    fn nothing_said_is_nothing_counted() {
        check("error: could not compile", 0, 0, 0);
    }
}
