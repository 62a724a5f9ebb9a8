//! Fuzzing: builds the programs of `fuzz/` so that they see what code an input reaches, and runs them.
//! Must not know what a target reads or promises.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::report::{StepResult, Verdict};
use crate::shell;

/// Every program of `fuzz/`.
pub(crate) const TARGETS: [&str; 6] = ["message", "header", "framing", "uri", "digest", "pidf"];

/// How long each target runs unless that is said.
const SECONDS: u32 = 600;

/// Inputs of the smoke run: the same ones every time, and few enough for a few seconds.
const SMOKE_INPUTS: u32 = 30_000;

/// As cargo-fuzz has it, without a sanitizer: what is fuzzed has no unsafe code. All of it is for stable compilers.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

/// What to run and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    targets: Vec<&'static str>,
    seconds: u32,
}

impl Plan {
    /// Reads `[TARGET] [--seconds N]`; `None` where the arguments say something else.
    pub(crate) fn read(arguments: &[String]) -> Option<Self> {
        let mut plan = Self {
            targets: TARGETS.to_vec(),
            seconds: SECONDS,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--seconds" {
                plan.seconds = arguments.next()?.parse().ok()?;
            } else {
                let named = TARGETS.into_iter().find(|target| target == argument)?;
                plan.targets = vec![named];
            }
        }
        Some(plan)
    }
}

/// Runs the targets of the plan, one after another; true where no input broke a promise. What was learnt stays in
/// `fuzz/corpus`, an input that broke one in `fuzz/artifacts`.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<bool> {
    let programs = build(&plan.targets)?.context("the fuzz programs were not built, see above")?;
    let mut all_kept = true;
    for target in &plan.targets {
        let corpus = folder(&["corpus", target])?;
        let limit = format!("-max_total_time={}", plan.seconds);
        all_kept &= start(&programs, target, corpus, &[&limit])?;
    }
    Ok(all_kept)
}

/// The same few inputs for every target, where libFuzzer can be had.
pub(crate) fn smoke() -> anyhow::Result<StepResult> {
    if !shell::is_installed("c++") {
        return Ok(Verdict::Skipped("needs a C++ compiler".to_owned()).into());
    }
    let mut fetch = manifest("fetch");
    let fetched = shell::run_quietly(fetch.arg("--locked"))?;
    if !fetched.success {
        let is_behind = fetched.lines.iter().any(|line| line.contains("--locked"));
        let verdict = if is_behind {
            Verdict::Failed(
                "fuzz/Cargo.lock is behind the workspace: `cargo fetch` in fuzz".to_owned(),
            )
        } else {
            Verdict::Skipped("needs libfuzzer-sys".to_owned())
        };
        return Ok(verdict.into());
    }
    let Some(programs) = build(&TARGETS)? else {
        return Ok(Verdict::Failed("see above".to_owned()).into());
    };
    for target in TARGETS {
        let corpus = folder(&["target", "smoke", target])?;
        fs::remove_dir_all(&corpus)?;
        fs::create_dir_all(&corpus)?;
        let runs = format!("-runs={SMOKE_INPUTS}");
        if !start(&programs, target, corpus, &["-seed=1", &runs])? {
            return Ok(Verdict::Failed(format!("{target} broke a promise")).into());
        }
    }
    Ok(Verdict::Passed.into())
}

/// Writes the seeds and builds the programs; returns the folder they are in, or nothing where that failed.
fn build(targets: &[&str]) -> anyhow::Result<Option<PathBuf>> {
    let seeds = folder(&["seeds"])?;
    let mut seeding = manifest("run");
    seeding
        .args(["--quiet", "--bin", "seeds", "--"])
        .arg(&seeds);
    if !shell::run(&mut seeding)?.success {
        return Ok(None);
    }
    // With a target named, the flags do not reach what runs while building.
    let host = host()?;
    let mut building = manifest("build");
    building.args(["--release", "--target", &host]);
    for target in targets {
        building.args(["--bin", target]);
    }
    let built = shell::run(building.env("RUSTFLAGS", INSTRUMENTED))?;
    let programs = root().join("target").join(host).join("release");
    Ok(built.success.then_some(programs))
}

fn start(
    programs: &std::path::Path,
    target: &str,
    corpus: PathBuf,
    options: &[&str],
) -> anyhow::Result<bool> {
    shell::say(&format!("fuzzing {target}"));
    let artifacts = folder(&["artifacts", target])?;
    let mut program = Command::new(programs.join(target));
    program
        .args(options)
        .args([
            "-timeout=10",
            "-max_len=70000",
            "-print_final_stats=1",
            "-verbosity=0",
        ])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(corpus)
        .arg(root().join("seeds").join(target));
    Ok(shell::run(&mut program)?.success)
}

fn manifest(command: &str) -> Command {
    let mut cargo = shell::cargo();
    cargo
        .arg(command)
        .arg("--manifest-path")
        .arg(root().join("Cargo.toml"));
    cargo
}

/// A folder below `fuzz/`, made where it is not there.
fn folder(names: &[&str]) -> anyhow::Result<PathBuf> {
    let path = names.iter().fold(root(), |path, name| path.join(name));
    fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
    Ok(path)
}

fn root() -> PathBuf {
    shell::root().join("fuzz")
}

/// The machine this compiler makes programs for.
fn host() -> anyhow::Result<String> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = shell::run_quietly(Command::new(compiler).arg("-vV"))?;
    let mut lines = version.lines.iter();
    let host = lines.find_map(|line| line.strip_prefix("host: "));
    Ok(host
        .context("failed to learn the host from rustc -vV")?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Plan, SECONDS, TARGETS};

    fn read(arguments: &[&str]) -> Option<Plan> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        Plan::read(&arguments)
    }

    #[test]
    fn a_plan_is_all_targets_unless_one_is_named() {
        let all = read(&[]).unwrap();
        assert_eq!(
            (all.targets.as_slice(), all.seconds),
            (TARGETS.as_slice(), SECONDS)
        );
        let one = read(&["uri", "--seconds", "5"]).unwrap();
        assert_eq!(
            (one.targets.as_slice(), one.seconds),
            (["uri"].as_slice(), 5)
        );
        assert_eq!(read(&["nothing"]), None);
        assert_eq!(read(&["--seconds"]), None);
        assert_eq!(read(&["--seconds", "long"]), None);
    }

    #[test]
    fn every_target_has_its_program() {
        let manifest = std::fs::read_to_string(super::root().join("Cargo.toml")).unwrap();
        for target in TARGETS {
            assert!(
                manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")),
                "{target}"
            );
        }
        let programs = std::fs::read_dir(super::root().join("fuzz_targets")).unwrap();
        assert_eq!(programs.count(), TARGETS.len());
    }
}
