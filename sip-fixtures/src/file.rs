//! Reading fixture files. Must not know what is in them.

use std::fs;
use std::path::PathBuf;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// Its directory and name without the ending, such as `baresip/03-PUBLISH`.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// One fixture by its path below this crate, without the ending.
#[expect(
    clippy::panic,
    reason = "fixtures serve tests alone, and a missing one must fail its test by name"
)]
pub(crate) fn read(kind: &str, name: &str) -> Fixture {
    let path = root().join(kind).join(format!("{name}.sip"));
    match fs::read(&path) {
        Ok(bytes) => Fixture {
            name: name.to_owned(),
            bytes,
        },
        Err(error) => panic!("failed to read the fixture {}: {error}", path.display()),
    }
}

/// The names of all fixtures directly in a directory below this crate, sorted.
#[expect(
    clippy::panic,
    reason = "fixtures serve tests alone, and a missing directory must fail its test by name"
)]
pub(crate) fn names_in(directory: &str) -> Vec<String> {
    let path = root().join(directory);
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) => panic!("failed to list the fixtures in {}: {error}", path.display()),
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            Some(name.strip_suffix(".sip")?.to_owned())
        })
        .collect();
    names.sort();
    names
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
