//! Installs the programs that Deskbell is measured beside, where that is possible. Must not know what they do.

use std::env;
use std::process::Command;

use anyhow::{Context, bail};

/// Makes sure of a program, which a package of Debian brings.
///
/// # Errors
/// Where it is missing and cannot be installed; says how to do it.
pub(crate) fn need(program: &str, package: &str) -> anyhow::Result<()> {
    if is_installed(program) {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || !is_installed("apt-get") {
        bail!("needs {program}; Debian has it in {package}");
    }
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", package])?;
    if !is_installed(program) {
        bail!("{package} was installed, and there is no {program}");
    }
    Ok(())
}

fn is_installed(program: &str) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("apt-get")
        .arg("--quiet")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("apt-get does not start")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("apt-get {}: {}", arguments.join(" "), why.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_installed;

    #[test]
    fn a_program_is_sought_in_the_path() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-program-of-anybody"));
    }
}
