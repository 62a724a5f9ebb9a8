//! Real programs that tests talk to: softphones, SIPp, a browser.
//! Must not know what a test wants of them.

pub mod baresip;
pub mod browser;
pub mod linphone;
pub mod postgres;
pub mod python;
pub mod scenes;
pub mod sipjs;
pub mod sipp;
pub mod terminal;

use std::path::{Path, PathBuf};

/// Looks for a peer's program. Where it is missing the test has to return: the reader is told
/// `skipped: needs PACKAGE`.
///
/// # Panics
/// Where it is missing and `CI=true`, for then skipping is failing.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let found = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(program))
            .find(|path| path.is_file())
    });
    if found.is_none() {
        tell_missing(package(program));
    }
    found
}

/// Looks for a module that `npm ci` installs beside a program for node, as `find` looks for a program.
///
/// # Panics
/// Where it is missing and `CI=true`, for then skipping is failing.
#[must_use]
pub fn find_module(program: &Path, module: &str) -> Option<PathBuf> {
    let path = program.parent()?.join("node_modules").join(module);
    if !path.is_dir() {
        tell_missing(module);
        return None;
    }
    Some(path)
}

#[expect(
    clippy::print_stdout,
    reason = "the words are for whoever reads the test's output"
)]
#[expect(
    clippy::panic,
    reason = "a test must not pass on the build machine for want of a peer"
)]
fn tell_missing(package: &str) {
    if std::env::var("CI").is_ok_and(|value| value == "true") {
        panic!("needs {package}, and CI=true allows no skipping");
    }
    println!("skipped: needs {package}");
}

/// The Debian package that brings a program.
fn package(program: &str) -> &str {
    match program {
        "baresip" => "baresip-core",
        "linphonec" => "linphone-cli",
        "sipp" => "sip-tester",
        "node" => "nodejs",
        "nginx" => "nginx-light",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_found() {
        assert!(find("sh").unwrap().is_absolute());
    }

    #[test]
    fn a_missing_program_is_named_by_its_package() {
        assert_eq!(package("sipp"), "sip-tester");
        assert_eq!(package("chromium"), "chromium");
    }
}
