//! Why a body that was published or notified is no document. Must not know which kinds of document there are.

use thiserror::Error;

use crate::xml::{Element, Position, XmlError, quote};

/// Longest document that is read, in bytes.
pub const LONGEST_DOCUMENT: usize = 16 * 1024;

/// Why a body is not the document it should be. Each text fits "failed to read a document: {text}".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// It is something else; 415.
    #[error("{found}, not {expected}")]
    OtherDocument {
        /// What it begins with.
        found: String,
        /// What it should begin with.
        expected: &'static str,
    },
    /// It is XML gone wrong, or says what its format does not know; 400.
    #[error("{at}: {what}")]
    Malformed {
        /// What is wrong.
        what: String,
        /// Where.
        at: Position,
    },
    /// It has a document type or an entity, which could be an attack; 400.
    #[error("{at}: {what}")]
    Forbidden {
        /// What it has.
        what: String,
        /// Where.
        at: Position,
    },
    /// It is longer than any phone's; 413.
    #[error("it has {size} bytes, and {LONGEST_DOCUMENT} are the limit")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
}

impl DocumentError {
    /// Refuses what begins with another element than was `expected`.
    pub(crate) fn other_root(element: &Element<'_>, expected: &'static str) -> Self {
        let found = match element.namespace() {
            "" => format!("the root element is <{}> of no namespace", element.name()),
            namespace => format!("the root element is <{}> of {namespace}", element.name()),
        };
        Self::OtherDocument {
            found: quote(&found),
            expected,
        }
    }

    /// Refuses what the XML reader refused while it looked for the root element that was `expected`.
    pub(crate) fn of_xml(error: XmlError, expected: &'static str) -> Self {
        match error {
            XmlError::NoRoot => Self::OtherDocument {
                found: "it has no XML element".to_owned(),
                expected,
            },
            XmlError::Malformed { what, at } => Self::Malformed { what, at },
            XmlError::Forbidden { what, at } => Self::Forbidden { what, at },
        }
    }
}
