//! Passwords and signing secrets: from the configuration, a file beside it or the environment, and never printed.
//! Must not know what they open.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::document::{Section, Value};

/// Looks up an environment variable.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A text that must not be printed, and does not stay in memory.
#[derive(PartialEq, Eq)]
pub(super) struct Secret(Zeroizing<String>);

impl Secret {
    /// The text, for proving or verifying an identity.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where secrets may come from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    /// Relative paths of files start here.
    pub(super) directory: &'a Path,
    pub(super) environment: Environment<'a>,
}

/// The three keys that may hold one secret.
pub(super) struct Keys {
    pub(super) inline: &'static str,
    pub(super) file: &'static str,
    pub(super) environment: &'static str,
}

/// What became of looking for a secret.
pub(super) enum Sought<'a> {
    Absent,
    /// There is one, and it cannot be used; the mistake is noted.
    Unusable,
    Found(Secret, Value<'a>),
}

/// A secret's file holds one line; whatever is longer is another file.
const FILE_LIMIT: u64 = 4096;

impl Sources<'_> {
    /// The secret that one of the three keys of a table holds.
    pub(super) fn seek<'a>(self, table: &Section<'a>, keys: &Keys) -> Sought<'a> {
        let [inline, file, environment] =
            [keys.inline, keys.file, keys.environment].map(|key| table.value(key));
        let (value, text) = match (inline, file, environment) {
            (None, None, None) => return Sought::Absent,
            (Some(value), None, None) => {
                let text = value.text().map(|text| Zeroizing::new(text.to_owned()));
                (value, text)
            }
            (None, Some(value), None) => {
                let text = self.read_file(&value);
                (value, text)
            }
            (None, None, Some(value)) => {
                let text = self.read_environment(&value);
                (value, text)
            }
            (first, second, third) => {
                if let Some(last) = third.or(second).or(first) {
                    last.mistake_of_key(format!(
                        "is one too many; keep one of {}, {} and {}",
                        keys.inline, keys.file, keys.environment
                    ));
                }
                return Sought::Unusable;
            }
        };
        match text {
            Some(text) => Sought::Found(Secret(text), value),
            None => Sought::Unusable,
        }
    }

    /// The text of a short file that is no secret.
    pub(super) fn read_text(self, value: &Value<'_>) -> Option<String> {
        let path = self.directory.join(value.text()?);
        match read_short(&path) {
            Ok((text, _)) => Some(text.as_str().to_owned()),
            Err(error) => {
                value.mistake(format!("{} cannot be read: {error}", path.display()));
                None
            }
        }
    }

    fn read_file(self, value: &Value<'_>) -> Option<Zeroizing<String>> {
        let name = value.text()?;
        let path = self.directory.join(name);
        let (text, metadata) = match read_short(&path) {
            Ok(read) => read,
            Err(error) => {
                value.mistake(format!("{} cannot be read: {error}", path.display()));
                return None;
            }
        };
        if is_open_to_all(&metadata) {
            value.warning(format!(
                "{name} can be read by every user of this machine; run chmod 600 on it"
            ));
        }
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        checked(value, name, line)
    }

    fn read_environment(self, value: &Value<'_>) -> Option<Zeroizing<String>> {
        let name = value.text()?;
        let Some(text) = (self.environment)(name).map(Zeroizing::new) else {
            value.mistake(format!(
                "the environment has no variable {name}; set it before starting"
            ));
            return None;
        };
        checked(value, name, &text)
    }
}

fn checked(value: &Value<'_>, source: &str, text: &str) -> Option<Zeroizing<String>> {
    if text.trim().is_empty() {
        value.mistake(format!("{source} is empty"));
        return None;
    }
    if text.contains(char::is_control) {
        value.mistake(format!("{source} holds more than one line of text"));
        return None;
    }
    Some(Zeroizing::new(text.to_owned()))
}

fn read_short(path: &Path) -> io::Result<(Zeroizing<String>, std::fs::Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    // With room for all of it, so that no copy is left behind where it grew.
    let mut text = Zeroizing::new(String::with_capacity(FILE_LIMIT as usize + 1));
    file.take(FILE_LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_LIMIT {
        return Err(io::Error::other(format!(
            "it is longer than {FILE_LIMIT} bytes"
        )));
    }
    Ok((text, metadata))
}

/// Whether every user of the machine may read the file.
#[cfg(unix)]
pub(super) fn is_open_to_all(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    metadata.mode() & 0o004 != 0
}

/// Whether every user of the machine may read the file.
#[cfg(not(unix))]
pub(super) fn is_open_to_all(_metadata: &std::fs::Metadata) -> bool {
    false
}
