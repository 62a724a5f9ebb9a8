//! What a site asks before a conversation, and in whose words. Must not know how the form is shown.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// A site's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormFace {
    /// Whether it asks for the shopper's name.
    pub name: Need,
    /// Whether it asks for a telephone number.
    pub phone: Need,
    /// Whether it asks for an address of electronic mail.
    pub email: Need,
    /// What giving a telephone number agrees to, shown beside a box to tick; without it there is no box.
    pub consent: Option<Words>,
    /// Questions of the site's own.
    pub fields: Vec<FormField>,
    /// Whether a returning shopper is known again.
    pub remember: Remember,
}

/// Whether something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// It is not.
    Off,
    /// It is, and may be left empty.
    Optional,
    /// It is, and has to be filled in.
    Required,
}

/// Whether the click leaves a cookie by which the shopper is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Remember {
    /// The click does.
    Click,
    /// Only where the shopper ticks a box.
    Ask,
    /// Never.
    Never,
}

/// A question of the site's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// Its name in the body of a click.
    pub id: String,
    /// What the page calls it; reps read it in its first language.
    pub label: Words,
    /// Whether it has to be answered.
    pub is_required: bool,
    /// The answers to choose from; without any it is a line to write in.
    pub choices: Vec<String>,
}

/// A text of the site's own in one language or several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Where no other fits.
    pub usual: String,
    /// By the primary subtag of BCP 47, in small letters.
    pub by_language: BTreeMap<String, String>,
}

impl Words {
    /// The text in the language of this tag.
    pub(crate) fn spoken(&self, tag: Option<&str>) -> &str {
        tag.and_then(|tag| tag.split('-').next())
            .and_then(|primary| self.by_language.get(&primary.to_ascii_lowercase()))
            .unwrap_or(&self.usual)
    }
}

impl Default for FormFace {
    fn default() -> Self {
        Self {
            name: Need::Optional,
            phone: Need::Off,
            email: Need::Off,
            consent: None,
            fields: Vec::new(),
            remember: Remember::Click,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_spoken_in_the_language_of_the_page() {
        let words = Words {
            usual: "Order".to_owned(),
            by_language: BTreeMap::from([("de".to_owned(), "Bestellung".to_owned())]),
        };
        assert_eq!(words.spoken(Some("DE-at")), "Bestellung");
        assert_eq!(words.spoken(Some("fr")), "Order");
        assert_eq!(words.spoken(None), "Order");
    }
}
