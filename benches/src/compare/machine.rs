//! What a figure was measured on: processors, kernel, and the versions of the servers. Must not know any figure.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::Context;

/// One line for the table.
///
/// # Errors
/// Where the system or one of the servers does not say it.
pub(super) fn describe(deskbell: &Path) -> anyhow::Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{} processors ({}), Linux {}, {}, {}",
        available_parallelism()?,
        model(&processors),
        number(&kernel),
        version(&deskbell.to_string_lossy(), "--version")?,
        version("kamailio", "-v")?,
    ))
}

/// "Some model", of the first processor that tells it.
fn model(processors: &str) -> &str {
    let mut models = processors.lines().filter_map(|line| {
        let (name, model) = line.split_once(':')?;
        (name.trim() == "model name").then_some(model.trim())
    });
    models.next().unwrap_or("of an unknown model")
}

/// What stands before the words of whoever built it.
fn number(release: &str) -> &str {
    release.trim().split('-').next().unwrap_or_default()
}

/// A program and its version, as it tells them on its first line, without the platform.
fn version(program: &str, argument: &str) -> anyhow::Result<String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.with_context(|| format!("{program} does not start"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default();
    let line = line.split_once(" (").map_or(line, |(line, _)| line);
    Ok(line.trim_start_matches("version: ").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{model, number};

    #[test]
    fn a_machine_is_told_by_what_the_kernel_says() {
        let processors = "processor\t: 0\nmodel name\t: Some Model 7\nflags\t: a b\n\nprocessor\t: 1\nmodel name\t: Other\n";
        assert_eq!(model(processors), "Some Model 7");
        assert_eq!(model("processor\t: 0\n"), "of an unknown model");
        assert_eq!(number("6.1.0-18-amd64\n"), "6.1.0");
        assert_eq!(number("6.18.44\n"), "6.18.44");
    }
}
