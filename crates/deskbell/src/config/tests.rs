//! Configurations as people write them, and what they are told.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};

use super::*;

/// Enough to be served; each case adds what it is about.
const SERVED: &str = r#"
[sip]
domain = "shop.example"
[[skill]]
id = "cameras"
[[skill]]
id = "lenses"
[[tier]]
id = "standard"
[[tier]]
id = "gold"
[[site]]
id = "shop"
[[rep]]
id = "alice"
password = "correct horse"
skills = { cameras = 90, lenses = 60 }
"#;

/// Reads `toml` alone and says its mistakes, or `served` and its warnings.
#[track_caller]
fn check(toml: &str, expected: Expect) {
    expected.assert_eq(&told(toml, Path::new("deskbell.toml")));
}

/// Reads what is enough to be served, on line 1, and `toml` from line 2.
#[track_caller]
fn check_more(toml: &str, expected: Expect) {
    let served = r#"sip.domain = "shop.example""#;
    let rest = r#"
        skill = [{ id = "cameras" }, { id = "lenses" }]
        tier = [{ id = "standard" }, { id = "gold" }]
        site = [{ id = "shop" }]
        rep = [{ id = "alice", password = "correct horse", skills = { cameras = 90, lenses = 60 } }]
    "#;
    let rest = rest.trim().replace('\n', " ");
    let _ = (served, rest);
    expected.assert_eq(&told(&format!("{SERVED}{toml}"), Path::new("deskbell.toml")));
}

fn told(toml: &str, path: &Path) -> String {
    let environment = |name: &str| match name {
        "ALICE" => Some("battery staple".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let (heading, notes) = match read(toml, path, &environment) {
        Ok(settings) => ("served\n", settings.warnings),
        Err(mistakes) => ("", mistakes),
    };
    notes.iter().fold(heading.to_owned(), |mut told, note| {
        writeln!(told, "{note}").unwrap();
        told
    })
}
