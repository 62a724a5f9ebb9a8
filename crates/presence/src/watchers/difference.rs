//! What of a presence document is new (RFC 5262): the whole of it with a number, then only the tuples and persons
//! that differ. Must not know what they mean: it compares documents that [`crate::write_pidf`] wrote.

use std::fmt::Write;

use crate::xml::{XmlEvent, XmlReader, escaped};

/// The type of both kinds of document.
pub const PIDF_DIFF: &str = "application/pidf-diff+xml";

const NAMESPACE: &str = "urn:ietf:params:xml:ns:pidf-diff";

/// The whole `document`, as the first one of a subscription or one that begins anew (RFC 5262 §3.2).
///
/// What is no presence document of ours gives nothing.
pub fn write_pidf_full(version: u32, document: &[u8]) -> Option<Vec<u8>> {
    let parts = Parts::of(document)?;
    let mut text = String::with_capacity(document.len() + 96);
    begin(&mut text, "pidf-full", version, &parts);
    for child in &parts.children {
        text.push_str(child.text);
        text.push('\n');
    }
    text.push_str("</p:pidf-full>\n");
    Some(text.into_bytes())
}

/// What makes `newer` of `older` (RFC 5262 §3.3). Nothing where that cannot be said, or is not shorter than
/// the whole.
pub fn write_pidf_diff(version: u32, older: &[u8], newer: &[u8]) -> Option<Vec<u8>> {
    let (from, to) = (Parts::of(older)?, Parts::of(newer)?);
    if from.attributes != to.attributes {
        return None;
    }
    let mut text = String::with_capacity(newer.len());
    begin(&mut text, "pidf-diff", version, &to);
    for gone in &from.children {
        if to.find(gone).is_none() {
            push(
                &mut text,
                format_args!("<p:remove sel=\"{}\"/>\n", gone.selector()?),
            );
        }
    }
    for child in &to.children {
        match from.find(child) {
            Some(before) if before.text == child.text => {}
            Some(_) => push(
                &mut text,
                format_args!(
                    "<p:replace sel=\"{}\">{}</p:replace>\n",
                    child.selector()?,
                    child.text
                ),
            ),
            None => {
                // RFC 3863 §4.1.1: tuples stand before everything else.
                let place = if child.name == "tuple" {
                    " pos=\"prepend\""
                } else {
                    ""
                };
                child.selector()?;
                push(
                    &mut text,
                    format_args!("<p:add sel=\"*\"{place}>{}</p:add>\n", child.text),
                );
            }
        }
    }
    text.push_str("</p:pidf-diff>\n");
    let whole = write_pidf_full(version, newer)?;
    (text.len() < whole.len()).then(|| text.into_bytes())
}

/// A document taken apart.
struct Parts<'x> {
    /// Those of the root element, as written.
    attributes: &'x str,
    children: Vec<Child<'x>>,
}

/// An element directly below the root.
struct Child<'x> {
    /// With its prefix.
    name: &'x str,
    id: Option<String>,
    /// The whole of it.
    text: &'x str,
}

impl<'x> Parts<'x> {
    fn of(document: &'x [u8]) -> Option<Self> {
        let text = str::from_utf8(document).ok()?;
        let mut reader = XmlReader::new(document).ok()?;
        let (mut depth, mut begins_at) = (0_usize, 0_usize);
        let (mut attributes, mut id) = (None, None);
        let mut children = Vec::new();
        loop {
            let before = reader.offset();
            match reader.next().ok()? {
                XmlEvent::Open(element) => {
                    depth += 1;
                    if depth == 1 {
                        let start = text.get(..reader.offset())?;
                        let start = start.get(start.rfind('<')?..)?;
                        let inside = start.strip_prefix("<presence")?.strip_suffix('>')?;
                        attributes = Some(inside.trim());
                    } else if depth == 2 {
                        begins_at = before;
                        id = element.attribute("id").map(|id| id.into_owned());
                    }
                }
                XmlEvent::Text(_) => {}
                XmlEvent::Close => {
                    if depth == 2 {
                        let text = text.get(begins_at..reader.offset())?;
                        let name = text.strip_prefix('<')?;
                        let end = name.find([' ', '\n', '/', '>'])?;
                        children.push(Child {
                            name: name.get(..end)?,
                            id: id.take(),
                            text,
                        });
                    }
                    depth -= 1;
                }
                XmlEvent::End => {
                    return Some(Self {
                        attributes: attributes?,
                        children,
                    });
                }
            }
        }
    }

    fn find(&self, like: &Child<'_>) -> Option<&Child<'x>> {
        self.children
            .iter()
            .find(|child| child.name == like.name && child.id == like.id)
    }
}

impl Child<'_> {
    /// The path to it (RFC 5261 §4.1). An element without an id has none that stays true.
    fn selector(&self) -> Option<String> {
        let id = self.id.as_deref().filter(|id| !id.contains('\''))?;
        Some(format!("*/{}[@id='{}']", self.name, escaped(id)))
    }
}

fn begin(text: &mut String, element: &str, version: u32, parts: &Parts<'_>) {
    push(
        text,
        format_args!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<p:{element} xmlns:p=\"{NAMESPACE}\" {} version=\"{version}\">\n",
            parts.attributes
        ),
    );
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a String never fails.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::{Activity, Availability, Composed, write_pidf};

    fn state(availability: Availability, activity: Option<Activity>, note: &str) -> Vec<u8> {
        let composed = Composed {
            availability,
            activity,
            note: (!note.is_empty()).then(|| note.into()),
            ..Composed::NOTHING
        };
        write_pidf("sip:alice@shop.example", &composed)
    }

    #[track_caller]
    fn check(found: Option<Vec<u8>>, expected: Expect) {
        expected.assert_eq(&match found {
            Some(document) => String::from_utf8(document).unwrap(),
            None => "nothing".to_owned(),
        });
    }

    #[test]
    fn the_whole_document_has_a_number() {
        check(
            write_pidf_full(
                1,
                &state(Availability::Busy, Some(Activity::OnThePhone), ""),
            ),
            expect![[r#"
                <?xml version="1.0" encoding="UTF-8"?>
                <p:pidf-full xmlns:p="urn:ietf:params:xml:ns:pidf-diff" xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@shop.example" version="1">
                <tuple id="t1"><status><basic>open</basic></status></tuple>
                <dm:person id="p1"><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>
                </p:pidf-full>
            "#]],
        );
        check(write_pidf_full(1, b"<list/>"), expect!["nothing"]);
    }

    #[test]
    fn only_what_differs_is_told() {
        let phone = state(Availability::Busy, Some(Activity::OnThePhone), "");
        let free = state(Availability::Available, None, "");
        check(
            write_pidf_diff(2, &phone, &free),
            expect![[r#"
                <?xml version="1.0" encoding="UTF-8"?>
                <p:pidf-diff xmlns:p="urn:ietf:params:xml:ns:pidf-diff" xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@shop.example" version="2">
                <p:replace sel="*/dm:person[@id='p1']"><dm:person id="p1"><rpid:activities/></dm:person></p:replace>
                </p:pidf-diff>
            "#]],
        );
        check(
            write_pidf_diff(3, &free, &free),
            expect![[r#"
                <?xml version="1.0" encoding="UTF-8"?>
                <p:pidf-diff xmlns:p="urn:ietf:params:xml:ns:pidf-diff" xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@shop.example" version="3">
                </p:pidf-diff>
            "#]],
        );
    }

    #[test]
    fn tuples_that_come_and_go_are_told() {
        let document = |inside: &str| {
            let same = format!("<tuple id='b'>{}</tuple>", "same ".repeat(40));
            format!(
                "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@h\">{inside}{same}</presence>"
            )
        };
        let older = document("<tuple id='a'><x/></tuple>");
        let newer = document("<tuple id='c'>new</tuple>");
        check(
            write_pidf_diff(7, older.as_bytes(), newer.as_bytes()),
            expect![[r#"
                <?xml version="1.0" encoding="UTF-8"?>
                <p:pidf-diff xmlns:p="urn:ietf:params:xml:ns:pidf-diff" xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@h" version="7">
                <p:remove sel="*/tuple[@id='a']"/>
                <p:add sel="*" pos="prepend"><tuple id='c'>new</tuple></p:add>
                </p:pidf-diff>
            "#]],
        );
    }

    #[test]
    fn what_cannot_be_told_apart_is_told_whole() {
        let document = |inside: &str| {
            format!("<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@h\">{inside}</presence>").into_bytes()
        };
        // A note has no id.
        let (older, newer) = (document("<note>a</note>"), document("<note>b</note>"));
        check(write_pidf_diff(2, &older, &newer), expect!["nothing"]);
        // Nor is anything gained where everything is new.
        let (older, newer) = (
            document("<tuple id='a'/>"),
            document("<tuple id='a'>b</tuple>"),
        );
        check(write_pidf_diff(2, &older, &newer), expect!["nothing"]);
    }
}
