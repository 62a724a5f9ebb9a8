//! Partial presence (RFC 5262): a document as a whole, or what is to be changed in the one before (RFC 5261).
//! Must not know publications.

mod patch;
mod selector;
mod tree;

use crate::{
    document::Document,
    document_error::{DocumentError, LONGEST_DOCUMENT},
    pidf::PIDF,
    xml::{XmlEvent, XmlReader, decoded, quote},
};

pub use patch::{Patch, PatchError};

use patch::{Action, Operation};
use selector::Selector;
use tree::{Name, Node, read_children};

const PIDF_DIFF: &str = "urn:ietf:params:xml:ns:pidf-diff";
const EXPECTED: &str = "<pidf-full> or <pidf-diff> of urn:ietf:params:xml:ns:pidf-diff";

/// More than any phone changes at a time.
const MOST_OPERATIONS: usize = 64;

/// A body of the type `application/pidf-diff+xml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partial {
    /// Everything; patches may follow.
    Full(Document),
    /// What is to be changed in the document before.
    Diff(Patch),
}

impl Partial {
    /// Reads `<pidf-full>` or `<pidf-diff>`.
    ///
    /// The version that either counts is not compared: an entity-tag names the very document that a patch changes.
    pub fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > LONGEST_DOCUMENT {
            return Err(DocumentError::TooLarge { size: bytes.len() });
        }
        let refused = |error| DocumentError::of_xml(error, EXPECTED);
        let text = decoded(bytes).map_err(refused)?;
        let mut reader = XmlReader::new(&text).map_err(refused)?;
        let XmlEvent::Open(root) = reader.next().map_err(refused)? else {
            return Err(DocumentError::OtherDocument {
                found: "it has no XML element".to_owned(),
                expected: EXPECTED,
            });
        };
        match (root.namespace(), root.name()) {
            (PIDF_DIFF, "pidf-full") => {
                // RFC 5262 §3.1: what is in it is what is in <presence>, and patches call it so.
                let mut presence = Node::new(Name::new(PIDF, "presence"));
                presence.children = read_children(&mut reader).map_err(refused)?;
                finish(&mut reader)?;
                Ok(Self::Full(document_of(&presence)?))
            }
            (PIDF_DIFF, "pidf-diff") => {
                let operations = read_operations(&mut reader)?;
                finish(&mut reader)?;
                Ok(Self::Diff(Patch { operations }))
            }
            _ => Err(DocumentError::other_root(&root, EXPECTED)),
        }
    }
}

/// The document that a tree spells, kept as a text for the patches to come.
fn document_of(presence: &Node) -> Result<Document, DocumentError> {
    let text = presence.spelled();
    let document = Document::read_pidf(text.as_bytes())?;
    Ok(Document {
        text: Some(text.into()),
        ..document
    })
}

fn finish(reader: &mut XmlReader<'_>) -> Result<(), DocumentError> {
    loop {
        let event = reader
            .next()
            .map_err(|error| DocumentError::of_xml(error, EXPECTED))?;
        if event == XmlEvent::End {
            return Ok(());
        }
    }
}

fn read_operations(reader: &mut XmlReader<'_>) -> Result<Vec<Operation>, DocumentError> {
    let refused = |error| DocumentError::of_xml(error, EXPECTED);
    let mut operations = Vec::new();
    loop {
        match reader.next().map_err(refused)? {
            XmlEvent::Open(element) => {
                let malformed = |reader: &XmlReader<'_>, what: String| DocumentError::Malformed {
                    what: quote(&what),
                    at: reader.position(),
                };
                if operations.len() >= MOST_OPERATIONS {
                    let what = format!("there are more than {MOST_OPERATIONS} changes");
                    return Err(malformed(reader, what));
                }
                let selector = element.attribute("sel").unwrap_or_default();
                let selector = Selector::read(&selector, |name| reader.resolve_element(name))
                    .map_err(|what| malformed(reader, what))?;
                let action = match (element.namespace(), element.name()) {
                    (PIDF_DIFF, "add") => Action::add(
                        element.attribute("pos").as_deref(),
                        element.attribute("type").as_deref(),
                        |name| reader.resolve_attribute(name),
                    ),
                    (PIDF_DIFF, "replace") => Ok(Action::Replace),
                    (PIDF_DIFF, "remove") => Ok(Action::Remove),
                    (_, name) => Err(format!("<{name}> is no change that RFC 5262 knows")),
                };
                let action = action.map_err(|what| malformed(reader, what))?;
                let content = read_children(reader).map_err(refused)?;
                operations.push(Operation {
                    selector,
                    action,
                    content,
                });
            }
            XmlEvent::Text(_) => {}
            XmlEvent::Close | XmlEvent::End => return Ok(operations),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::any;

    use super::Partial;
    use crate::document::Document;

    const FULL: &str = r#"<?xml version="1.0"?>
<p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf" xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
    xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"
    entity="sip:alice@shop.example" version="1">
  <tuple id="desk"><status><basic>open</basic></status><contact priority="0.8">sip:alice@192.0.2.1</contact></tuple>
  <dm:person id="p"><r:activities><r:busy/></r:activities></dm:person>
  <note xml:lang="en">at &lt;work&gt;</note>
</p:pidf-full>"#;

    fn full() -> Document {
        match Partial::read(FULL.as_bytes()).unwrap() {
            Partial::Full(document) => document,
            Partial::Diff(_) => panic!("it is the whole document"),
        }
    }

    fn diff(operations: &str) -> String {
        format!(
            r#"<p:pidf-diff xmlns="urn:ietf:params:xml:ns:pidf" xmlns:p="urn:ietf:params:xml:ns:pidf-diff"
                xmlns:d="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"
                entity="sip:alice@shop.example" version="2">{operations}</p:pidf-diff>"#
        )
    }

    /// What the document above is after these changes, or why they cannot be made.
    fn check(operations: &str, expected: Expect) {
        let told = match Partial::read(diff(operations).as_bytes()) {
            Ok(Partial::Diff(patch)) => match patch.apply(full().text.as_deref().unwrap()) {
                Ok(document) => {
                    let Document {
                        basic,
                        activities,
                        note,
                        ..
                    } = &document;
                    // A patched document is as good a base as any.
                    assert!(
                        Document::read_pidf(document.text.as_deref().unwrap().as_bytes()).is_ok()
                    );
                    format!("{basic:?} {activities:?} {note:?}")
                }
                Err(error) => format!("not applied: {error}"),
            },
            Ok(Partial::Full(_)) => panic!("it is a patch"),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn the_whole_document_reads_like_any_other() {
        let document = full();
        expect![[r#"Some(Open) [Busy] Some("at <work>")"#]].assert_eq(&format!(
            "{:?} {:?} {:?}",
            document.basic, document.activities, document.note
        ));
        check("", expect![[r#"Some(Open) [Busy] Some("at <work>")"#]]);
    }

    #[test]
    fn texts_attributes_and_elements_are_replaced() {
        check(
            "<p:replace sel=\"*/tuple[@id='desk']/status/basic/text()\">closed</p:replace>",
            expect![[r#"Some(Closed) [Busy] Some("at <work>")"#]],
        );
        check(
            "<p:replace sel='/presence/d:person/rpid:activities/rpid:busy'><rpid:meal/></p:replace>",
            expect![[r#"Some(Open) [Meal] Some("at <work>")"#]],
        );
        check(
            "<p:replace sel=\"presence/tuple[1]/contact/@priority\">0.1</p:replace><p:replace sel='*/note'><note>gone</note></p:replace>",
            expect![[r#"Some(Open) [Busy] Some("gone")"#]],
        );
        check(
            "<p:replace sel=\"*/note[.='at &lt;work>']/text()\">home</p:replace>",
            expect![[r#"Some(Open) [Busy] Some("home")"#]],
        );
    }

    #[test]
    fn elements_and_attributes_are_added_where_they_are_wanted() {
        check(
            "<p:add sel='presence/d:person/rpid:activities' pos='prepend'><rpid:on-the-phone/></p:add>",
            expect![[r#"Some(Open) [OnThePhone, Busy] Some("at <work>")"#]],
        );
        check(
            "<p:add sel='presence/d:person/rpid:activities'><rpid:meeting/></p:add>",
            expect![[r#"Some(Open) [Busy, Meeting] Some("at <work>")"#]],
        );
        check(
            "<p:add sel='presence/note' pos='before'><note>first</note></p:add><p:add sel='presence/note[2]' pos='after'><note>last</note></p:add>",
            expect![[r#"Some(Open) [Busy] Some("first")"#]],
        );
        check(
            "<p:add sel='presence/tuple/contact' type='@q'>1</p:add><p:remove sel='presence/tuple/contact[@q=\"1\"]'/>",
            expect![[r#"Some(Open) [Busy] Some("at <work>")"#]],
        );
    }

    #[test]
    fn what_is_removed_is_gone() {
        check(
            "<p:remove sel='*/d:person/rpid:activities/rpid:busy' ws='after'/><p:remove sel=\"id('desk')\"/>",
            expect![[r#"None [] Some("at <work>")"#]],
        );
        check(
            "<p:remove sel='*/note/text()'/><p:remove sel='*/tuple/contact/@priority'/>",
            expect!["Some(Open) [Busy] None"],
        );
    }

    #[test]
    fn a_change_that_does_not_fit_changes_nothing() {
        check(
            "<p:remove sel='*/tuple[@id=\"nobody\"]'/>",
            expect!["not applied: what is to be changed is not there"],
        );
        check(
            "<p:remove sel='*/*'/>",
            expect!["not applied: what is to be changed is there more than once"],
        );
        check(
            "<p:remove sel='*/tuple/@nothing'/>",
            expect!["not applied: what is to be changed is not there"],
        );
        check(
            "<p:remove sel='/presence'/>",
            expect!["not applied: what is to be changed cannot be changed so"],
        );
        check(
            "<p:replace sel='*/note'>text</p:replace>",
            expect!["not applied: what is to be changed cannot be changed so"],
        );
        check(
            "<p:replace sel='*/tuple/status/basic/text()'>perhaps</p:replace>",
            expect!["not applied: it would be no presence document afterwards"],
        );
    }

    #[test]
    fn what_is_no_change_is_refused() {
        check(
            "<p:add sel='//note'/>",
            expect![[r#"line 3, column 82: the selector "//note" cannot be read"#]],
        );
        check(
            "<p:add sel=''/>",
            expect![[r#"line 3, column 76: the selector "" cannot be read"#]],
        );
        check(
            "<p:add sel='x:note'/>",
            expect![[r#"line 3, column 82: the prefix of "x:note" is not declared"#]],
        );
        check(
            "<p:add sel='*/note[last()]'/>",
            expect![[r#"line 3, column 90: the selector "*/note[last()]" cannot be read"#]],
        );
        check(
            "<p:add sel='*/note' pos='inside'/>",
            expect![[r#"line 3, column 95: nothing can be added at "inside""#]],
        );
        check(
            "<p:move sel='*/note'/>",
            expect!["line 3, column 83: <move> is no change that RFC 5262 knows"],
        );
        let root = |text: &str| Partial::read(text.as_bytes()).unwrap_err().to_string();
        expect!["the root element is <presence> of urn:ietf:params:xml:ns:pidf, not <pidf-full> or <pidf-diff> of urn:ietf:params:xml:ns:pidf-diff"].assert_eq(&root("<presence xmlns='urn:ietf:params:xml:ns:pidf'/>"));
        expect!["it has no XML element, not <pidf-full> or <pidf-diff> of urn:ietf:params:xml:ns:pidf-diff"].assert_eq(&root(""));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            let _ = Partial::read(&bytes);
        }

        #[test]
        fn no_selector_makes_it_panic(selector in r#"(/|\*|presence|note|text\(\)|@id|\[1\]|\[@id=|'|"|\]|id\(|\)|\.|\PC){0,12}"#) {
            let selector = selector.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            let text = diff(&format!("<p:remove sel=\"{selector}\"/>"));
            if let Ok(Partial::Diff(patch)) = Partial::read(text.as_bytes()) {
                let _ = patch.apply(full().text.as_deref().unwrap());
            }
        }
    }
}
