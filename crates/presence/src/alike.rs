//! Documents that say the same, kept once: a hundred thousand phones that are just running say one thing.
//! Must not know what is said.

use std::sync::Arc;

use foldhash::fast::RandomState;
use papaya::HashMap;

use crate::document::Document;

/// More different documents than a busy domain has at a time. Beyond it sharing begins anew, and what is shared
/// already goes on being so.
const MOST_SHARED: usize = 4096;

/// The documents in use, each once. Takes no lock.
#[derive(Debug, Default)]
pub(crate) struct SharedDocuments(HashMap<Document, Arc<Document>, RandomState>);

impl SharedDocuments {
    /// The one document that says this.
    pub(crate) fn share(&self, document: Document) -> Arc<Document> {
        // What is long or belongs to one person has no like.
        if document.text.is_some() || document.card.is_some() {
            return Arc::new(document);
        }
        let shared = self.0.pin();
        if let Some(found) = shared.get(&document) {
            return found.clone();
        }
        if shared.len() >= MOST_SHARED {
            shared.clear();
        }
        let kept = Arc::new(document.clone());
        shared.get_or_insert(document, kept).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{MOST_SHARED, SharedDocuments};
    use crate::document::{Basic, Document};

    #[test]
    fn who_says_the_same_has_the_same_document() {
        let shared = SharedDocuments::default();
        let open = || Document {
            basic: Some(Basic::Open),
            ..Document::default()
        };
        let one = shared.share(open());
        assert!(Arc::ptr_eq(&one, &shared.share(open())));
        assert!(!Arc::ptr_eq(&one, &shared.share(Document::default())));
        let of_its_own = Document {
            text: Some("<presence/>".into()),
            ..open()
        };
        assert!(!Arc::ptr_eq(
            &shared.share(of_its_own.clone()),
            &shared.share(of_its_own)
        ));
    }

    #[test]
    fn no_number_of_notes_fills_the_memory() {
        let shared = SharedDocuments::default();
        for number in 0..3 * MOST_SHARED {
            let note = Some(number.to_string().into());
            shared.share(Document {
                note,
                ..Document::default()
            });
            assert!(shared.0.pin().len() <= MOST_SHARED);
        }
    }
}
