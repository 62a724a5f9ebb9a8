//! Makes sure of the real programs that the tests talk to: installs them where that is possible, else says what is missing.
//! Must not know what the tests do with them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::python;
use crate::shell;

/// A program and the Debian package that brings it.
#[derive(Debug, Clone, Copy)]
struct Peer {
    program: &'static str,
    package: &'static str,
}

const PEERS: [Peer; 10] = [
    Peer {
        program: "baresip",
        package: "baresip-core",
    },
    Peer {
        program: "linphonec",
        package: "linphone-cli",
    },
    Peer {
        program: "sipp",
        package: "sip-tester",
    },
    Peer {
        program: "chromium",
        package: "chromium",
    },
    Peer {
        program: "node",
        package: "nodejs",
    },
    Peer {
        program: "npm",
        package: "npm",
    },
    Peer {
        program: "valgrind",
        package: "valgrind",
    },
    Peer {
        program: "kamailio",
        package: "kamailio",
    },
    Peer {
        program: "nginx",
        package: "nginx-light",
    },
    Peer {
        program: POSTGRES,
        package: "postgresql",
    },
];

/// Debian keeps it out of the path, in a folder of its version.
const POSTGRES: &str = "postgres";

/// Installs what is missing, and returns the packages that still are.
pub(crate) fn ensure() -> anyhow::Result<Vec<String>> {
    let missing = missing_packages();
    if !missing.is_empty() && may_install()? {
        install(&missing)?;
    }
    let mut missing: Vec<String> = missing_packages().into_iter().map(str::to_owned).collect();
    if shell::is_installed("npm") {
        missing.extend(ensure_browser_modules(&browser_folder())?);
    }
    missing.extend(python::ensure()?);
    Ok(missing)
}

fn missing_packages() -> Vec<&'static str> {
    PEERS
        .iter()
        .filter(|peer| !shell::is_installed(peer.program))
        .filter(|peer| peer.program != POSTGRES || !has_debian_postgres())
        .map(|peer| peer.package)
        .collect()
}

fn has_debian_postgres() -> bool {
    std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .any(|version| version.path().join("bin/postgres").is_file())
}

pub(crate) fn may_install() -> anyhow::Result<bool> {
    if !shell::is_installed("apt-get") {
        return Ok(false);
    }
    let user = shell::run_quietly(Command::new("id").arg("-u"))?;
    Ok(user.lines.first().is_some_and(|id| id == "0"))
}

/// A package that cannot be installed is told by its program's absence, so that the others are of use.
pub(crate) fn install(packages: &[&str]) -> anyhow::Result<()> {
    shell::say(&format!("installing {}", packages.join(" ")));
    let update = apt_get(&["update"])?;
    let all = [
        &["install", "--yes", "--no-install-recommends"][..],
        packages,
    ]
    .concat();
    if !update.success || !apt_get(&all)?.success {
        shell::complain("apt-get failed");
    }
    Ok(())
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<shell::Outcome> {
    let mut command = Command::new("apt-get");
    command
        .arg("--quiet")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    let outcome = shell::run_quietly(&mut command)?;
    if !outcome.success {
        shell::complain(&outcome.lines.join("\n"));
    }
    Ok(outcome)
}

/// Where the programs for node lie.
pub(crate) fn browser_folder() -> PathBuf {
    shell::root().join("crates/gateway/browser")
}

/// The first thing that the widget's tests want and that is not there.
pub(crate) fn missing_for_widget() -> Option<&'static str> {
    let program = PEERS
        .iter()
        .filter(|peer| ["chromium", "node", "npm"].contains(&peer.program))
        .find(|peer| !shell::is_installed(peer.program))
        .map(|peer| peer.package);
    let modules = browser_folder().join("node_modules/playwright-core");
    program.or_else(|| (!modules.is_dir()).then_some("playwright-core"))
}

/// Installs the modules of the lock file unless they are there already; returns what is missing.
fn ensure_browser_modules(folder: &Path) -> anyhow::Result<Option<String>> {
    if are_modules_current(folder)? {
        return Ok(None);
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .current_dir(folder);
    let outcome = shell::run(&mut npm)?;
    Ok((!outcome.success).then(|| "npm modules of crates/gateway/browser".to_owned()))
}

/// npm notes what it installed in `node_modules/.package-lock.json`, newer than the lock file it obeyed.
fn are_modules_current(folder: &Path) -> anyhow::Result<bool> {
    let wanted = folder.join("package-lock.json");
    let Ok(installed) = folder.join("node_modules/.package-lock.json").metadata() else {
        return Ok(false);
    };
    let wanted = wanted
        .metadata()
        .with_context(|| format!("failed to read {}", wanted.display()))?;
    Ok(installed.modified()? >= wanted.modified()?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn modules_older_than_their_lock_file_are_installed_anew() {
        let folder = std::env::temp_dir().join(format!("xtask-modules-{}", std::process::id()));
        fs::create_dir_all(folder.join("node_modules")).unwrap();
        fs::write(folder.join("package-lock.json"), "{}").unwrap();
        assert!(!are_modules_current(&folder).unwrap());
        let installed = folder.join("node_modules/.package-lock.json");
        fs::write(&installed, "{}").unwrap();
        assert!(are_modules_current(&folder).unwrap());
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        fs::File::options()
            .write(true)
            .open(&installed)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        assert!(!are_modules_current(&folder).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }
}
