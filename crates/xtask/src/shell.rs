//! Runs other programs, passing their output on while reading along, and speaks to the terminal.
//! Must not know which programs or why.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::Context;

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    /// Its standard output and its standard error, line by line as they came.
    pub(crate) lines: Vec<String>,
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The cargo that runs this program, told to work on the workspace.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root());
    if is_build_machine() {
        // What helps the next build only costs time where there is none.
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// Whether the build machine runs us: from a clean checkout, and where skipping is failing.
pub(crate) fn is_build_machine() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Whether a program of this name can be started.
pub(crate) fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

/// Runs a program, shows what it says and returns it too.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Outcome> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {name}"))?;
    let stdout = child.stdout.take().context("no standard output")?;
    let stderr = child.stderr.take().context("no standard error")?;
    let reader = thread::spawn(move || pass_on(stderr, &mut std::io::stderr()));
    let mut lines = pass_on(stdout, &mut std::io::stdout())?;
    let errors = reader
        .join()
        .map_err(|_| anyhow::anyhow!("the reader of {name} panicked"))??;
    lines.extend(errors);
    let status = child
        .wait()
        .with_context(|| format!("failed to wait for {name}"))?;
    Ok(Outcome {
        success: status.success(),
        lines,
    })
}

fn pass_on(from: impl Read, to: &mut impl Write) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
    Ok(lines)
}

/// Runs a program and keeps what it says to ourselves.
pub(crate) fn run_quietly(command: &mut Command) -> anyhow::Result<Outcome> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start {name}"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Outcome {
        success: output.status.success(),
        lines: String::from_utf8_lossy(&text)
            .lines()
            .map(str::to_owned)
            .collect(),
    })
}

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a program for the terminal")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outputs_and_the_verdict_are_told() {
        let outcome = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]));
        let outcome = outcome.unwrap();
        assert!(!outcome.success);
        assert_eq!(outcome.lines, ["out", "err"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let outcome = run(&mut Command::new("no-such-program"));
        assert!(outcome.unwrap_err().to_string().contains("no-such-program"));
    }
}
