//! The table `[storage]`: where the journal is, when answers may go out, how long and under which keys it is kept.
//! Must not know what is written.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use helpdesk::Site;
use storage::{Keyring, Location};
use zeroize::Zeroizing;

use super::document::{Section, Value};
use super::secret::{Sources, is_open_to_all};
use super::settings::{Durability, StorageSettings};

const KEYS: [&str; 5] = ["url", "durability", "key_file", "key_env", "retention"];

/// Some sixty keys; whatever is longer is another file.
const FILE_LIMIT: u64 = 4096;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A day at least: who types minutes means something else.
const RETENTION: std::ops::RangeInclusive<Duration> =
    DAY..=Duration::from_secs(100 * 366 * 24 * 3600);

pub(super) fn read(
    root: &Section<'_>,
    sites: (&[Section<'_>], &[Site]),
    secrets: Sources<'_>,
) -> StorageSettings {
    let usual = StorageSettings::default();
    let table = root.table("storage", "[storage]", &KEYS);
    let value = |key| table.as_ref().and_then(|table| table.value(key));
    let retention = value("retention").and_then(|value| value.duration(RETENTION));
    StorageSettings {
        url: value("url").and_then(read_url).unwrap_or(usual.url),
        durability: value("durability")
            .and_then(|value| {
                value.choice(&[
                    ("behind", Durability::Behind),
                    ("strict", Durability::Strict),
                ])
            })
            .unwrap_or(usual.durability),
        keyring: read_keys(value("key_file"), value("key_env"), secrets),
        retention_by_site: (sites.0.iter().zip(sites.1))
            .map(|(table, site)| {
                let own = table
                    .value("retention")
                    .and_then(|value| value.duration(RETENTION));
                let retention = own.or(retention).unwrap_or(StorageSettings::RETENTION);
                (site.id.as_str().to_owned(), retention)
            })
            .collect(),
    }
}

fn read_url(value: Value<'_>) -> Option<String> {
    let text = value.text()?;
    match Location::read(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            value.mistake(error.to_string());
            None
        }
    }
}

fn read_keys(file: Option<Value<'_>>, name: Option<Value<'_>>, secrets: Sources<'_>) -> Keyring {
    let (value, text) = match (file, name) {
        (None, None) => return Keyring::default(),
        (Some(_), Some(second)) => {
            second.mistake_of_key("is one too many; keep one of key_file and key_env".to_owned());
            return Keyring::default();
        }
        (Some(file), None) => {
            let text = read_file(&file, secrets.directory);
            (file, text)
        }
        (None, Some(name)) => {
            let text = name.text().and_then(|variable| {
                let text = (secrets.environment)(variable).map(Zeroizing::new);
                if text.is_none() {
                    name.mistake(format!(
                        "the environment has no variable {variable}; set it before starting"
                    ));
                }
                text
            });
            (name, text)
        }
    };
    let Some(text) = text else {
        return Keyring::default();
    };
    match Keyring::read(&text) {
        Ok(keyring) => keyring,
        Err(error) => {
            value.mistake(error.to_string());
            Keyring::default()
        }
    }
}

/// A key that others can read protects nothing: unlike for a password, that is a mistake.
fn read_file(value: &Value<'_>, directory: &Path) -> Option<Zeroizing<String>> {
    let path = directory.join(value.text()?);
    let read = || {
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        let mut text = Zeroizing::new(String::with_capacity(FILE_LIMIT as usize));
        file.take(FILE_LIMIT).read_to_string(&mut text)?;
        std::io::Result::Ok((text, metadata))
    };
    match read() {
        Ok((_, metadata)) if is_open_to_all(&metadata) => {
            value.mistake(format!(
                "{} can be read by every user of this machine; run chmod 600 on it",
                path.display()
            ));
            None
        }
        Ok((text, _)) => Some(text),
        Err(error) => {
            value.mistake(format!("{} cannot be read: {error}", path.display()));
            None
        }
    }
}
