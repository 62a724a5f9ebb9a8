//! Programs of PyPI in the virtual environment that `cargo xtask test` makes in `target/pypi`.
//! Must not know what they are asked.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::tell_missing;

/// A program of the environment, such as `python` or `st`.
///
/// # Panics
/// Where it is missing and `CI=true`, for then skipping is failing.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/pypi/bin")
        .join(program);
    if !path.is_file() {
        tell_missing(
            "python3-venv and the programs of crates/deskbell/tests/pypi/requirements.txt",
        );
        return None;
    }
    Some(path)
}

/// Runs a program to its end; the error holds what it said.
///
/// # Errors
/// Where it cannot be started or fails.
pub fn run(command: &mut Command) -> anyhow::Result<String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output()?;
    let said = String::from_utf8_lossy(&stdout).into_owned();
    if !status.success() {
        anyhow::bail!("{status}: {said}\n{}", String::from_utf8_lossy(&stderr));
    }
    Ok(said)
}
