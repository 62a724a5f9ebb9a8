//! A disk that fails on command, under a server of a test's own: its full, failing, slow and cut-short moments.
//! Must not know what is kept on it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::unique::Folder;

const SOURCE: &str = include_str!("failing_disk.c");

/// The disk, which does nothing until it is told to.
#[derive(Debug)]
pub struct FailingDisk {
    folder: Folder,
    library: PathBuf,
}

impl FailingDisk {
    /// Builds it with the C compiler that SQLite is built by; `None` where there is none. With `CI=true` that is an
    /// error.
    ///
    /// # Errors
    /// Where it cannot be built.
    pub fn build() -> anyhow::Result<Option<Self>> {
        let folder = Folder::new("disk")?;
        let source = folder.write("disk.c", SOURCE)?;
        let library = folder.path().join("disk.so");
        folder.write("word", "")?;
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(source)
            .arg("-ldl")
            .output();
        match built {
            Ok(built) if built.status.success() => Ok(Some(Self { folder, library })),
            Ok(built) => bail!("cc: {}", String::from_utf8_lossy(&built.stderr)),
            Err(error) if std::env::var("CI").is_ok_and(|value| value == "true") => {
                Err(error).context("needs cc")
            }
            Err(_) => {
                say("skipped: needs cc");
                Ok(None)
            }
        }
    }

    /// What puts it under a server whose journal is `deskbell.db` in its own folder.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let word = self.folder.path().join("word");
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("DISK_FAULTS", word.display().to_string()),
        ]
    }

    /// From now on it does this: see the words of `failing_disk.c`. Nothing is a disk that works.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn make(&self, word: &str) -> anyhow::Result<()> {
        // In one step, so that no half of it is read.
        let new = self.folder.write("new", word)?;
        Ok(fs::rename(new, self.folder.path().join("word"))?)
    }
}

#[expect(clippy::print_stderr, reason = "the reason of a test that is skipped")]
fn say(words: &str) {
    eprintln!("{words}");
}
