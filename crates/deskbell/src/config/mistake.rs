//! One mistake in a configuration: where it is, which key, what to do.
//! Must not know what the keys mean.

use std::fmt;
use std::io;
use std::path::Path;

/// One mistake, or one warning. Prints as `deskbell.toml:12:1: [[rep]] capacity: must be 1 to 100`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    file: String,
    /// Line and column, from 1; the column counts characters.
    position: Option<(usize, usize)>,
    /// Table and key, where known.
    key: String,
    text: String,
}

impl Mistake {
    /// The file itself cannot be read.
    pub(crate) fn of_file(path: &Path, error: &io::Error) -> Self {
        let text = match error.kind() {
            io::ErrorKind::NotFound => {
                "there is no such file; `deskbell config` prints one to start from".to_owned()
            }
            _ => format!("cannot be read: {error}"),
        };
        Self {
            file: path.display().to_string(),
            position: None,
            key: String::new(),
            text,
        }
    }

    /// A mistake at byte `offset` of `content`.
    pub(super) fn at(file: &str, content: &str, offset: usize, key: String, text: String) -> Self {
        let before = content.get(..offset).unwrap_or(content);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before
            .get(line_start..)
            .map_or(0, |line| line.chars().count())
            + 1;
        Self {
            file: file.to_owned(),
            position: Some((line, column)),
            key,
            text,
        }
    }

    /// Line and column, from 1.
    pub(super) fn position(&self) -> Option<(usize, usize)> {
        self.position
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.text)
    }
}
