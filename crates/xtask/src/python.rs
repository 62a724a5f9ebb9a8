//! Makes the virtual environment of the programs of PyPI that tests talk to, in `target/pypi`.
//! Must not know what the tests do with them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::peers;
use crate::shell;

/// The Debian package that lets Python make such environments.
const PACKAGE: &str = "python3-venv";

/// Installs what the list names unless it is there already; returns what is missing.
pub(crate) fn ensure() -> anyhow::Result<Option<String>> {
    let wanted = shell::root().join("crates/deskbell/tests/pypi/requirements.txt");
    let list = fs::read_to_string(&wanted)?;
    let folder = folder();
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == list) {
        return Ok(None);
    }
    if !make(&folder)? {
        return Ok(Some(PACKAGE.to_owned()));
    }
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ])
    .arg(&wanted);
    if !shell::run(&mut pip)?.success {
        return Ok(Some(
            "programs of crates/deskbell/tests/pypi/requirements.txt".to_owned(),
        ));
    }
    fs::write(installed, list)?;
    Ok(None)
}

/// Makes the environment; false where Python or its module is missing and may not be installed.
fn make(folder: &PathBuf) -> anyhow::Result<bool> {
    if folder.join("bin/pip").is_file() {
        return Ok(true);
    }
    let create = || -> anyhow::Result<bool> {
        if !shell::is_installed("python3") {
            return Ok(false);
        }
        let mut python = Command::new("python3");
        python.args(["-m", "venv"]).arg(folder);
        Ok(shell::run_quietly(&mut python)?.success)
    };
    if create()? {
        return Ok(true);
    }
    if !peers::may_install()? {
        return Ok(false);
    }
    peers::install(&[PACKAGE])?;
    create()
}

fn folder() -> PathBuf {
    shell::root().join("target/pypi")
}
