//! The identities that tables give themselves and each other. Must not know what else a table holds.

use super::document::{Section, Value};
use super::nearest;

/// What the tables of a configuration may refer to.
pub(super) struct Names<'a> {
    pub(super) skills: Vec<&'a str>,
    /// At least one.
    pub(super) tiers: Vec<&'a str>,
}

/// Every `id` as it is written, right or wrong: a wrong one is one mistake, not one for each reference to it.
pub(super) fn collect<'a>(tables: &[Section<'a>]) -> Vec<&'a str> {
    tables
        .iter()
        .filter_map(|table| table.value("id")?.written_text())
        .collect()
}

/// A table's `id`, which no table before it has; it is added to `taken`.
pub(super) fn read_id<'a>(table: &Section<'a>, taken: &mut Vec<&'a str>) -> Option<&'a str> {
    let value = table.required(
        "id",
        "give it a short name in small letters, digits and hyphens",
    )?;
    let id = value.text()?;
    if taken.contains(&id) {
        value.mistake(format!("there is another {id} above; give each its own"));
        return None;
    }
    taken.push(id);
    if !is_id(id) {
        value.mistake(format!(
            "{id:?} cannot be part of an address; write 1 to 64 small letters, digits, hyphens and underscores"
        ));
        return None;
    }
    Some(id)
}

/// A table's `name` for people; its `id` where none is given.
pub(super) fn read_name(table: &Section<'_>, id: &str) -> String {
    table
        .value("name")
        .and_then(|value| value.text())
        .unwrap_or(id)
        .to_owned()
}

/// The identity that a value refers to.
pub(super) fn refer<'a>(value: &Value<'a>, what: &str, known: &[&str]) -> Option<&'a str> {
    let id = value.text()?;
    match explain_unknown(id, what, known) {
        None => Some(id),
        Some(explanation) => {
            value.mistake(explanation);
            None
        }
    }
}

/// The identities that a list refers to, none twice.
pub(super) fn refer_all<'a>(value: &Value<'a>, what: &str, known: &[&str]) -> Option<Vec<&'a str>> {
    let mut ids = Vec::new();
    for item in value.items()? {
        let Some(id) = refer(&item, what, known) else {
            continue;
        };
        if ids.contains(&id) {
            item.mistake(format!("names {id} twice"));
        } else {
            ids.push(id);
        }
    }
    Some(ids)
}

/// What to say of an identity that is not known.
pub(super) fn explain_unknown(id: &str, what: &str, known: &[&str]) -> Option<String> {
    (!known.contains(&id)).then(|| {
        let hint = nearest::hint(id, known.iter().copied());
        format!("there is no {what} called {id}{hint}")
    })
}

/// Identities are parts of SIP addresses and of paths. A dot would read as SKILL.TIER.
fn is_id(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
}
