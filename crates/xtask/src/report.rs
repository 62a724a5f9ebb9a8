//! The steps of a recipe: runs each, goes on after a failure, and closes with a table and a count.
//! Must not know what a step does.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::count::Count;
use crate::shell;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed(String),
    /// Why it was not run.
    Skipped(String),
}

/// What a step returns: its verdict and the tests it ran.
#[derive(Debug)]
pub(crate) struct StepResult {
    pub(crate) verdict: Verdict,
    pub(crate) tests: Count,
}

impl From<Verdict> for StepResult {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            tests: Count::default(),
        }
    }
}

#[derive(Debug)]
struct Line {
    name: &'static str,
    took: Duration,
    result: StepResult,
}

/// What happened in each step.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// Runs a step; a failure is noted and the next step may follow.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        run: impl FnOnce() -> anyhow::Result<StepResult>,
    ) {
        shell::say(&format!("\n==> {name}"));
        let started = Instant::now();
        let result =
            run().unwrap_or_else(|error| StepResult::from(Verdict::Failed(format!("{error:#}"))));
        if let Verdict::Skipped(why) = &result.verdict {
            shell::say(&format!("skipped: {why}"));
        }
        self.lines.push(Line {
            name,
            took: started.elapsed(),
            result,
        });
    }

    /// Whether no step and no test failed.
    pub(crate) fn is_green(&self) -> bool {
        self.total().failed == 0
    }

    /// Steps and tests together.
    fn total(&self) -> Count {
        let mut total = Count::default();
        for line in &self.lines {
            total += line.result.tests;
            match &line.result.verdict {
                Verdict::Passed => total.passed += 1,
                Verdict::Failed(_) => total.failed += 1,
                Verdict::Skipped(_) => total.skipped += 1,
            }
        }
        total
    }

    /// The closing table; its last line is the count.
    pub(crate) fn table(&self) -> String {
        let width = self
            .lines
            .iter()
            .map(|line| line.name.len())
            .max()
            .unwrap_or(0);
        let mut table = String::new();
        for line in &self.lines {
            let verdict = match &line.result.verdict {
                Verdict::Passed => "passed".to_owned(),
                Verdict::Failed(why) => format!("FAILED: {why}"),
                Verdict::Skipped(why) => format!("skipped: {why}"),
            };
            let seconds = line.took.as_secs_f64();
            let _ = write!(table, "{:width$}  {seconds:7.1} s  {verdict}", line.name);
            let tests = line.result.tests;
            if tests != Count::default() {
                let _ = write!(table, " ({})", sentence(tests));
            }
            table.push('\n');
        }
        table.push('\n');
        table.push_str(&sentence(self.total()));
        table
    }
}

fn sentence(count: Count) -> String {
    let mut text = format!("{} passed, {} failed", count.passed, count.failed);
    if count.skipped > 0 {
        let _ = write!(text, ", {} skipped", count.skipped);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested(passed: u64, failed: u64) -> StepResult {
        StepResult {
            verdict: if failed == 0 {
                Verdict::Passed
            } else {
                Verdict::Failed("tests failed".to_owned())
            },
            tests: Count {
                passed,
                failed,
                skipped: 0,
            },
        }
    }

    #[test]
    fn a_failing_step_does_not_stop_the_next() {
        let mut report = Report::default();
        report.step("format", || anyhow::bail!("no rustfmt"));
        report.step("tests", || Ok(tested(7, 0)));
        assert!(!report.is_green());
        assert_eq!(report.table().lines().last(), Some("8 passed, 1 failed"));
        assert!(report.table().contains("FAILED: no rustfmt"));
    }

    #[test]
    fn skipped_steps_are_counted_apart_and_are_no_failure() {
        let mut report = Report::default();
        report.step("tests", || Ok(tested(2, 0)));
        report.step("supply chain", || {
            Ok(Verdict::Skipped("needs cargo-deny".to_owned()).into())
        });
        assert!(report.is_green());
        assert_eq!(
            report.table().lines().last(),
            Some("3 passed, 0 failed, 1 skipped")
        );
    }

    #[test]
    fn a_failed_test_fails_the_whole() {
        let mut report = Report::default();
        report.step("tests", || Ok(tested(2, 1)));
        assert!(!report.is_green());
        assert_eq!(report.table().lines().last(), Some("2 passed, 2 failed"));
    }
}
