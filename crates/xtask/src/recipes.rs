//! What each recipe does, step by step.
//! Must not know how a step is run or counted.

use std::process::Command;

use crate::count::count_tests;
use crate::fuzz;
use crate::peers;
use crate::report::{Report, StepResult, Verdict};
use crate::shell;

/// Everything that has to hold before a change is pushed. Returns whether it does.
pub(crate) fn test() -> anyhow::Result<bool> {
    let mut report = Report::default();
    report.step("format", || {
        check(shell::cargo().args(["fmt", "--all", "--check"]))
    });
    report.step("peers", peers_present);
    // Lints and documentation share one set of checked dependencies, tests and doc tests one of built ones.
    report.step("lints", || {
        check(shell::cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ]))
    });
    report.step("documentation", || {
        check(
            shell::cargo()
                .args(["doc", "--workspace", "--all-features", "--no-deps"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    });
    report.step("tests", tests);
    report.step("doc tests", || {
        count(shell::cargo().args(["test", "--doc", "--workspace", "--all-features"]))
    });
    report.step("fuzz", fuzz::smoke);
    report.step("instructions", instructions_kept);
    report.step("widget", widget);
    report.step("supply chain", supply_chain);
    report.step("advisories", advisories);
    shell::say("");
    shell::say(&report.table());
    Ok(report.is_green())
}

/// Formats every crate.
pub(crate) fn fmt() -> anyhow::Result<bool> {
    Ok(shell::run(shell::cargo().args(["fmt", "--all"]))?.success)
}

/// Runs the micro-benchmarks.
pub(crate) fn bench(arguments: &[String]) -> anyhow::Result<bool> {
    let mut cargo = shell::cargo();
    cargo.args(["bench", "--package", "benches", "--benches"]);
    if !arguments.is_empty() {
        cargo.arg("--").args(arguments);
    }
    Ok(shell::run(&mut cargo)?.success)
}

/// Counts instructions and compares them with those on record, or records them.
pub(crate) fn instructions(arguments: &[String]) -> anyhow::Result<bool> {
    let mut cargo = shell::cargo();
    cargo.args(["run", "--release", "--package", "instructions"]);
    cargo.arg("--").args(arguments);
    Ok(shell::run(&mut cargo)?.success)
}

/// How often the server is killed, and over which database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    kills: u64,
    database: &'static str,
}

/// Reads the arguments of `crash`; `None` for others.
pub(crate) fn read_crash(arguments: &[String]) -> Option<Crash> {
    let mut crash = Crash {
        kills: 100,
        database: "",
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--kills" => crash.kills = rest.next()?.parse().ok()?,
            "--postgres" => crash.database = "postgres",
            "--sqlite" => crash.database = "sqlite",
            _ => return None,
        }
    }
    Some(crash)
}

/// Kills the server under load and compares what its clients were promised with what is there afterwards.
pub(crate) fn crash(crash: &Crash) -> anyhow::Result<bool> {
    let mut cargo = shell::cargo();
    cargo
        .args(["test", "--package", "deskbell", "--test", "crash"])
        .args(["--", "--nocapture", "--test-threads", "1"])
        .env("DESKBELL_CRASH_KILLS", crash.kills.to_string());
    if !crash.database.is_empty() {
        cargo.env("DESKBELL_CRASH_DATABASE", crash.database);
    }
    Ok(shell::run(&mut cargo)?.success)
}

fn instructions_kept() -> anyhow::Result<StepResult> {
    if !shell::is_installed("valgrind") {
        return Ok(missing("valgrind").into());
    }
    let verdict = match instructions(&[])? {
        true => Verdict::Passed,
        false => Verdict::Failed("more instructions than on record".to_owned()),
    };
    Ok(verdict.into())
}

fn peers_present() -> anyhow::Result<StepResult> {
    let missing = peers::ensure()?;
    for package in &missing {
        shell::say(&format!("skipped: needs {package}"));
    }
    let verdict = if missing.is_empty() {
        Verdict::Passed
    } else if shell::is_build_machine() {
        Verdict::Failed(format!("needs {}", missing.join(", ")))
    } else {
        Verdict::Skipped(format!("needs {}", missing.join(", ")))
    };
    Ok(verdict.into())
}

/// The tests of every crate, those with real peers and a browser among them.
fn tests() -> anyhow::Result<StepResult> {
    let mut cargo = shell::cargo();
    if shell::is_installed("cargo-nextest") {
        cargo.args(["nextest", "run", "--profile", "ci"]);
    } else {
        // Without --no-fail-fast the first failing program would hide the rest.
        cargo.args([
            "test",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
        ]);
    }
    count(cargo.args(["--workspace", "--all-features"]))
}

/// The widget's own tests, in a browser against a gateway of theirs.
fn widget() -> anyhow::Result<StepResult> {
    if let Some(peer) = peers::missing_for_widget() {
        return Ok(missing(peer).into());
    }
    let mut npm = Command::new("npm");
    npm.args(["test", "--silent"])
        .current_dir(peers::browser_folder());
    count(&mut npm)
}

/// Pictures of every state that shoppers, reps and supervisors can see, for people to look at.
pub(crate) fn screenshots() -> anyhow::Result<bool> {
    if let Some(missing) = peers::missing_for_widget() {
        anyhow::bail!("the pictures need {missing}");
    }
    let into = shell::root().join("target/screenshots");
    let mut shoppers = Command::new("node");
    shoppers
        .arg("screenshots.mjs")
        .arg(&into)
        .current_dir(peers::browser_folder());
    if !shell::run(&mut shoppers)?.success
        || !shell::run(shell::cargo().args(["build", "--package", "deskbell"]))?.success
    {
        return Ok(false);
    }
    let mut staff = Command::new("node");
    staff
        .arg("staff-screenshots.mjs")
        .arg(shell::root().join("target/debug/deskbell"))
        .arg(&into)
        .current_dir(peers::browser_folder());
    Ok(shell::run(&mut staff)?.success)
}

fn supply_chain() -> anyhow::Result<StepResult> {
    if !shell::is_installed("cargo-deny") {
        return Ok(Verdict::Skipped("needs cargo-deny".to_owned()).into());
    }
    check(shell::cargo().args(["deny", "check", "bans", "licenses", "sources"]))
}

/// Advisories come from a repository on the network: where that cannot be reached there is nothing to check against.
fn advisories() -> anyhow::Result<StepResult> {
    if !shell::is_installed("cargo-deny") {
        return Ok(Verdict::Skipped("needs cargo-deny".to_owned()).into());
    }
    if !shell::run_quietly(shell::cargo().args(["deny", "fetch", "db"]))?.success {
        return Ok(Verdict::Skipped("needs the advisory database".to_owned()).into());
    }
    check(shell::cargo().args(["deny", "check", "advisories"]))
}

/// A step that passes if its program does.
fn check(command: &mut Command) -> anyhow::Result<StepResult> {
    let outcome = shell::run(command)?;
    Ok(verdict_of(outcome.success).into())
}

/// A step whose tests are counted.
fn count(command: &mut Command) -> anyhow::Result<StepResult> {
    let outcome = shell::run(command)?;
    Ok(StepResult {
        verdict: verdict_of(outcome.success),
        tests: count_tests(&outcome.lines),
    })
}

/// Without this peer the step cannot be run.
fn missing(peer: &str) -> Verdict {
    let verdict = if shell::is_build_machine() {
        Verdict::Failed
    } else {
        Verdict::Skipped
    };
    verdict(format!("needs {peer}"))
}

fn verdict_of(success: bool) -> Verdict {
    if success {
        Verdict::Passed
    } else {
        Verdict::Failed("see above".to_owned())
    }
}
