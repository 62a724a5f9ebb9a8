//! The tables `[site.form]` and `[[site.form.field]]`: what a site asks before a conversation.
//! Must not know how the form is shown.

use std::collections::BTreeMap;

use gateway::{FormFace, FormField, Need, Remember, Words};

use super::document::{Section, Value};
use super::names;

const KEYS: [&str; 7] = [
    "name",
    "phone",
    "email",
    "consent",
    "consent_in",
    "remember",
    "field",
];

const FIELD_KEYS: [&str; 5] = ["id", "label", "label_in", "required", "choices"];

const NEEDS: [(&str, Need); 3] = [
    ("off", Need::Off),
    ("optional", Need::Optional),
    ("required", Need::Required),
];

/// Questions of a site's own; whoever asks more is not asked for help.
const FIELDS: usize = 8;

/// Characters of one text of the form.
const TEXT_CHARS: usize = 300;

/// The form of a site; the usual one where it has none.
pub(super) fn read(site: &Section<'_>) -> FormFace {
    let usual = FormFace::default();
    let Some(form) = site.table("form", "[site.form]", &KEYS) else {
        return usual;
    };
    let need = |key, usual| {
        let value = form.value(key);
        value
            .and_then(|value| value.choice(&NEEDS))
            .unwrap_or(usual)
    };
    FormFace {
        name: need("name", usual.name),
        phone: need("phone", usual.phone),
        email: need("email", usual.email),
        consent: form.value("consent").and_then(|value| {
            let by_language = read_languages(form.value("consent_in"));
            read_words(&value, by_language)
        }),
        fields: read_fields(&form),
        remember: form
            .value("remember")
            .and_then(|value| {
                value.choice(&[
                    ("click", Remember::Click),
                    ("ask", Remember::Ask),
                    ("never", Remember::Never),
                ])
            })
            .unwrap_or(usual.remember),
    }
}

fn read_fields(form: &Section<'_>) -> Vec<FormField> {
    let tables = form.tables("field", "[[site.form.field]]", &FIELD_KEYS);
    if let Some(excess) = tables.get(FIELDS) {
        excess.mistake("id", format!("is one too many; a form has {FIELDS} fields"));
    }
    let mut taken = Vec::new();
    tables
        .iter()
        .take(FIELDS)
        .filter_map(|table| {
            let id = names::read_id(table, &mut taken);
            let label = table.required("label", "write what the page calls it");
            let label =
                label.and_then(|value| read_words(&value, read_languages(table.value("label_in"))));
            let is_required = table.value("required").and_then(|value| value.truth());
            let choices = table.value("choices").and_then(|value| value.items());
            Some(FormField {
                id: id?.to_owned(),
                label: label?,
                is_required: is_required.unwrap_or(false),
                choices: choices
                    .unwrap_or_default()
                    .iter()
                    .filter_map(read_short)
                    .collect(),
            })
        })
        .collect()
}

fn read_words(value: &Value<'_>, by_language: BTreeMap<String, String>) -> Option<Words> {
    Some(Words {
        usual: read_short(value)?,
        by_language,
    })
}

fn read_languages(value: Option<Value<'_>>) -> BTreeMap<String, String> {
    let Some(table) = value.and_then(|value| value.open_table()) else {
        return BTreeMap::new();
    };
    table
        .entries()
        .into_iter()
        .filter_map(|(language, value)| {
            let is_tag = (2..=3).contains(&language.len())
                && language.bytes().all(|byte| byte.is_ascii_lowercase());
            if !is_tag {
                value.mistake_of_key(format!(
                    "{language:?} is no language; write its short tag, such as \"de\""
                ));
                return None;
            }
            Some((language.to_owned(), read_short(&value)?))
        })
        .collect()
}

fn read_short(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if text.chars().count() > TEXT_CHARS {
        value.mistake(format!("is longer than {TEXT_CHARS} characters"));
        return None;
    }
    Some(text.to_owned())
}
