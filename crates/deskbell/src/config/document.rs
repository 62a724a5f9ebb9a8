//! A TOML document as sections and values that know their place, and the notes taken while reading them.
//! Must not know which keys mean what.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration;
use super::mistake::Mistake;
use super::nearest;
use super::settings::Settings;

/// The mistakes and warnings found so far in one file.
pub(super) struct Notes<'a> {
    file: String,
    content: &'a str,
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<Mistake>>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(path: &Path, content: &'a str) -> Self {
        Self {
            file: path.display().to_string(),
            content,
            mistakes: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// Notes that the text is not TOML.
    pub(super) fn syntax(&self, error: &toml::de::Error) {
        let offset = error.span().map_or(self.content.len(), |span| span.start);
        let note = self.note(offset, String::new(), error.message().to_owned());
        self.mistakes.borrow_mut().push(note);
    }

    /// The settings with their warnings if there was no mistake, else the mistakes.
    pub(super) fn judge(self, settings: Settings) -> Result<Settings, Vec<Mistake>> {
        if !self.mistakes.borrow().is_empty() {
            return Err(self.into_mistakes());
        }
        Ok(Settings {
            warnings: in_order(self.warnings),
            ..settings
        })
    }

    /// What was read, with the warnings, if there was no mistake, else the mistakes.
    pub(super) fn judge_plainly<T>(
        self,
        read: Option<T>,
    ) -> Result<(T, Vec<Mistake>), Vec<Mistake>> {
        match read {
            Some(read) if self.mistakes.borrow().is_empty() => Ok((read, in_order(self.warnings))),
            Some(_) | None => Err(self.into_mistakes()),
        }
    }

    /// The mistakes in the order of the file.
    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        in_order(self.mistakes)
    }

    fn note(&self, offset: usize, key: String, text: String) -> Mistake {
        Mistake::at(&self.file, self.content, offset, key, text)
    }
}

fn in_order(notes: RefCell<Vec<Mistake>>) -> Vec<Mistake> {
    let mut notes = notes.into_inner();
    notes.sort_by_key(Mistake::position);
    notes
}

/// A table of the document.
pub(super) struct Section<'a> {
    notes: &'a Notes<'a>,
    /// As people write it: `[sip]`, `[[rep]]`; empty for the document itself.
    label: &'static str,
    /// Path of an inline table below the label, with a dot at its end.
    prefix: String,
    span: Range<usize>,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    /// The whole document, which may hold these tables.
    pub(super) fn root(
        notes: &'a Notes<'a>,
        document: &'a Spanned<DeTable<'a>>,
        known: &[&str],
    ) -> Self {
        let (span, table) = (document.span(), document.get_ref());
        Self {
            notes,
            label: "",
            prefix: String::new(),
            span,
            table,
        }
        .knowing(known)
    }

    /// The table `[name]`, which may hold these keys; none if it is absent.
    pub(super) fn table(&self, name: &str, label: &'static str, known: &[&str]) -> Option<Self> {
        let value = self.value(name)?;
        let DeValue::Table(table) = value.value else {
            value.mistake(format!(
                "must be a table; write {label} on a line of its own"
            ));
            return None;
        };
        let span = value.span;
        Some(
            Self {
                notes: self.notes,
                label,
                prefix: String::new(),
                span,
                table,
            }
            .knowing(known),
        )
    }

    /// The tables `[[name]]`, each of which may hold these keys.
    pub(super) fn tables(&self, name: &str, label: &'static str, known: &[&str]) -> Vec<Self> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let wrong = |value: &Value<'_>| {
            value.mistake(format!(
                "must be a list of tables; write {label} on a line of its own"
            ));
        };
        let DeValue::Array(items) = value.value else {
            wrong(&value);
            return Vec::new();
        };
        let open = |item: &'a Spanned<DeValue<'a>>| {
            let DeValue::Table(table) = item.get_ref() else {
                wrong(&value);
                return None;
            };
            let span = item.span();
            Some(
                Self {
                    notes: self.notes,
                    label,
                    prefix: String::new(),
                    span,
                    table,
                }
                .knowing(known),
            )
        };
        items.iter().filter_map(open).collect()
    }

    /// The value of a key, if the key is there.
    pub(super) fn value(&self, key: &str) -> Option<Value<'a>> {
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.entry(key, value))
    }

    /// The value of a key that must be there; `hint` says what to write.
    pub(super) fn required(&self, key: &str, hint: &str) -> Option<Value<'a>> {
        let value = self.value(key);
        if value.is_none() {
            self.mistake(key, format!("is missing; {hint}"));
        }
        value
    }

    /// Every key and its value, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(&'a str, Value<'a>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), self.entry(key, value)))
            .collect();
        entries.sort_by_key(|(_, value)| value.key_start);
        entries
    }

    /// Notes a mistake of the section as a whole, about a key that is not there.
    pub(super) fn mistake(&self, key: &str, text: impl Display) {
        let note = self
            .notes
            .note(self.span.start, self.path(key), text.to_string());
        self.notes.mistakes.borrow_mut().push(note);
    }

    /// Notes a warning about the section as a whole.
    pub(super) fn warning(&self, key: &str, text: impl Display) {
        let note = self
            .notes
            .note(self.span.start, self.path(key), text.to_string());
        self.notes.warnings.borrow_mut().push(note);
    }

    fn knowing(self, known: &[&str]) -> Self {
        for (key, value) in self.entries() {
            if !known.contains(&key) {
                let hint = nearest::hint(key, known.iter().copied());
                value.mistake_of_key(format!("is unknown{hint}"));
            }
        }
        self
    }

    fn entry(
        &self,
        key: &'a Spanned<std::borrow::Cow<'a, str>>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Value<'a> {
        Value {
            notes: self.notes,
            label: self.label,
            key: format!("{}{}", self.prefix, key.get_ref()),
            key_start: key.span().start,
            span: value.span(),
            value: value.get_ref(),
        }
    }

    fn path(&self, key: &str) -> String {
        path(self.label, &format!("{}{key}", self.prefix))
    }
}

/// A value of the document.
pub(super) struct Value<'a> {
    notes: &'a Notes<'a>,
    label: &'static str,
    key: String,
    key_start: usize,
    span: Range<usize>,
    value: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    /// A text that says something.
    pub(super) fn text(&self) -> Option<&'a str> {
        let DeValue::String(text) = self.value else {
            return self.wrong_type("text in quotes");
        };
        if text.trim().is_empty() {
            self.mistake("is empty");
            return None;
        }
        if text.contains(char::is_control) {
            self.mistake("holds a line break or another control character");
            return None;
        }
        Some(text)
    }

    /// The text as it stands, without judging it.
    pub(super) fn written_text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// How many values a list holds, right or wrong.
    pub(super) fn items_written(&self) -> Option<usize> {
        self.value.as_array().map(|items| items.len())
    }

    /// `true` or `false`.
    pub(super) fn truth(&self) -> Option<bool> {
        let DeValue::Boolean(truth) = self.value else {
            return self.wrong_type("true or false");
        };
        Some(*truth)
    }

    /// A whole number within bounds.
    pub(super) fn whole(&self, bounds: RangeInclusive<u32>) -> Option<u32> {
        let (least, most) = (bounds.start(), bounds.end());
        let DeValue::Integer(digits) = self.value else {
            return self.wrong_type(format_args!("a whole number from {least} to {most}"));
        };
        let number = u32::from_str_radix(digits.as_str(), digits.radix()).ok();
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            self.mistake(format!("is {digits} but must be from {least} to {most}"));
        }
        number
    }

    /// A number above 0 and at most `most`.
    pub(super) fn positive(&self, most: f64) -> Option<f64> {
        let number = match self.value {
            DeValue::Float(digits) => digits.as_str().parse().ok(),
            DeValue::Integer(digits) => u32::from_str_radix(digits.as_str(), digits.radix())
                .ok()
                .map(f64::from),
            DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => return self.wrong_type("a number"),
        };
        let number = number.filter(|number: &f64| *number > 0.0 && *number <= most);
        if number.is_none() {
            self.mistake(format!("must be above 0 and at most {most}"));
        }
        number
    }

    /// A number of 0 or more and at most `most`.
    pub(super) fn not_negative(&self, most: f64) -> Option<f64> {
        if let DeValue::Integer(digits) = self.value
            && digits.as_str() == "0"
        {
            return Some(0.0);
        }
        if let DeValue::Float(digits) = self.value
            && digits.as_str().parse() == Ok(0.0)
        {
            return Some(0.0);
        }
        self.positive(most)
    }

    /// A duration within bounds.
    pub(super) fn duration(&self, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        let DeValue::String(text) = self.value else {
            return self.wrong_type("a duration in quotes, such as \"20s\"");
        };
        match duration::read(text) {
            Ok(duration) if bounds.contains(&duration) => Some(duration),
            Ok(_) => {
                let (least, most) = (
                    duration::write(*bounds.start()),
                    duration::write(*bounds.end()),
                );
                self.mistake(format!("is {text} but must be from {least} to {most}"));
                None
            }
            Err(text) => {
                self.mistake(text);
                None
            }
        }
    }

    /// One of the words of a list, as what it stands for.
    pub(super) fn choice<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let hint = nearest::hint(text, words.iter().map(|(word, _)| *word));
            self.mistake(format!("cannot be {text:?}{hint}"));
        }
        found.map(|(_, meaning)| *meaning)
    }

    /// A list's values.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        let DeValue::Array(items) = self.value else {
            return self.wrong_type("a list in brackets");
        };
        let item = |item: &'a Spanned<DeValue<'a>>| Self {
            notes: self.notes,
            label: self.label,
            key: self.key.clone(),
            key_start: item.span().start,
            span: item.span(),
            value: item.get_ref(),
        };
        Some(items.iter().map(item).collect())
    }

    /// An inline table, which may hold these keys.
    pub(super) fn table(&self, known: &[&str]) -> Option<Section<'a>> {
        self.open_table().map(|table| table.knowing(known))
    }

    /// An inline table whose keys the writer chooses.
    pub(super) fn open_table(&self) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.value else {
            return self.wrong_type("a table in braces");
        };
        let (prefix, span) = (format!("{}.", self.key), self.span.clone());
        Some(Section {
            notes: self.notes,
            label: self.label,
            prefix,
            span,
            table,
        })
    }

    /// The same without judging whether it is one.
    pub(super) fn written_table(&self) -> Option<Section<'a>> {
        self.value.as_table()?;
        self.open_table()
    }

    /// Notes a mistake in the value.
    pub(super) fn mistake(&self, text: impl Display) {
        self.notes
            .mistakes
            .borrow_mut()
            .push(self.note(self.span.start, text));
    }

    /// Notes a mistake in the key.
    pub(super) fn mistake_of_key(&self, text: impl Display) {
        self.notes
            .mistakes
            .borrow_mut()
            .push(self.note(self.key_start, text));
    }

    /// Notes a warning about the value.
    pub(super) fn warning(&self, text: impl Display) {
        self.notes
            .warnings
            .borrow_mut()
            .push(self.note(self.span.start, text));
    }

    fn note(&self, offset: usize, text: impl Display) -> Mistake {
        self.notes
            .note(offset, path(self.label, &self.key), text.to_string())
    }

    fn wrong_type<T>(&self, expected: impl Display) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.mistake(format!("must be {expected}, not {found}"));
        None
    }
}

fn path(label: &str, key: &str) -> String {
    match (label, key) {
        ("", key) => key.to_owned(),
        (label, "") => label.to_owned(),
        (label, key) => format!("{label} {key}"),
    }
}
