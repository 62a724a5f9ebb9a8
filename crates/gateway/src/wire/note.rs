//! Notes that reps wrote about a conversation: of each rep the newest, and none that was taken back.
//! Must not know who reads them.

use helpdesk::RepId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::presence::rfc_3339;

/// What a rep wrote down for whoever helps the shopper next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct NoteDocument {
    /// The rep.
    rep: String,
    at: String,
    text: String,
}

impl NoteDocument {
    /// Takes one more word of a rep into the notes of a conversation.
    pub(crate) fn take(notes: &mut Vec<Self>, rep: &RepId, text: &str, at_unix_ms: i64) {
        notes.retain(|note| note.rep != rep.as_str());
        if !text.is_empty() {
            notes.push(Self {
                rep: rep.as_str().to_owned(),
                at: rfc_3339(at_unix_ms),
                text: text.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_word_of_each_rep_stands_and_an_empty_one_takes_it_back() {
        let mut notes = Vec::new();
        let mut check = |rep: &str, text: &str, expected: &[&str]| {
            NoteDocument::take(&mut notes, &RepId::new(rep), text, 0);
            let texts: Vec<&str> = notes.iter().map(|note| note.text.as_str()).collect();
            assert_eq!(texts, expected);
        };
        check("alice", "likes mail", &["likes mail"]);
        check("bob", "owns two", &["likes mail", "owns two"]);
        check("alice", "likes letters", &["owns two", "likes letters"]);
        check("bob", "", &["likes letters"]);
        check("bob", "", &["likes letters"]);
    }
}
