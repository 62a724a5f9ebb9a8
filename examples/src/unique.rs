//! Names that nobody else uses: identifiers on the wire and folders on the disk.
//! Must not know what they name.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};

/// Sixteen hexadecimal digits that were never seen before.
pub fn token() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// A folder for one test, gone with its owner.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes an empty folder whose name starts with `purpose`.
    ///
    /// # Errors
    /// Where the temporary directory cannot be written to.
    pub fn new(purpose: &str) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("{purpose}-{}", token()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it and returns the file's path.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind harms no test.
        let _ = fs::remove_dir_all(&self.0);
    }
}
