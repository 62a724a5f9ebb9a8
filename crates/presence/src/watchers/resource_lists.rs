//! A watcher's own list of resources (RFC 4826 §3, RFC 5367 §4). Must not know whom the addresses mean.

use crate::{
    document_error::{DocumentError, LONGEST_DOCUMENT},
    xml::{XmlEvent, XmlReader},
};

const RESOURCE_LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";
const EXPECTED: &str = "<resource-lists> of urn:ietf:params:xml:ns:resource-lists";

/// The most addresses of one list; more are refused.
pub const MOST_ENTRIES: usize = 200;

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// The address as it is written.
    pub uri: String,
    /// The watcher's name for it.
    pub name: Option<String>,
}

/// Reads every entry of every list in the document, each address once. References to lists elsewhere are passed
/// over: they would make us fetch what somebody else chose.
///
/// # Errors
/// Where it is no such document, or has too many entries.
pub fn read_resource_lists(bytes: &[u8]) -> Result<Vec<ListEntry>, DocumentError> {
    if bytes.len() > LONGEST_DOCUMENT {
        return Err(DocumentError::TooLarge { size: bytes.len() });
    }
    let refused = |error| DocumentError::of_xml(error, EXPECTED);
    let mut reader = XmlReader::new(bytes).map_err(refused)?;
    let mut entries: Vec<ListEntry> = Vec::new();
    // The open elements: an entry, the name of an entry, or anything else.
    let mut open: Vec<Place> = Vec::new();
    let mut name = String::new();
    loop {
        match reader.next().map_err(refused)? {
            XmlEvent::Open(element) => {
                let ours = element.namespace() == RESOURCE_LISTS;
                let place = match (open.last(), element.name()) {
                    (None, "resource-lists") if ours => Place::Other,
                    (None, _) => return Err(DocumentError::other_root(&element, EXPECTED)),
                    (Some(Place::Other), "entry") if ours => {
                        let uri = element.attribute("uri").unwrap_or_default();
                        if entries.iter().any(|entry| entry.uri == uri) {
                            Place::Other
                        } else if entries.len() >= MOST_ENTRIES {
                            return Err(DocumentError::Malformed {
                                what: format!("more than {MOST_ENTRIES} entries"),
                                at: reader.position(),
                            });
                        } else {
                            entries.push(ListEntry {
                                uri: uri.into_owned(),
                                name: None,
                            });
                            Place::Entry
                        }
                    }
                    (Some(Place::Entry), "display-name") if ours => Place::Name,
                    (Some(_), _) => Place::Other,
                };
                if place == Place::Name {
                    name.clear();
                }
                open.push(place);
            }
            XmlEvent::Text(piece) => {
                if open.last() == Some(&Place::Name) {
                    name.push_str(&piece);
                }
            }
            XmlEvent::Close => {
                if open.pop() == Some(Place::Name)
                    && let Some(entry) = entries.last_mut()
                {
                    entry.name = Some(name.trim().to_owned());
                }
            }
            XmlEvent::End => return Ok(entries),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Entry,
    Name,
    Other,
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(inside: &str, expected: Expect) {
        let document = format!(
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:o=\"urn:other\">{inside}</resource-lists>"
        );
        expected.assert_eq(&match read_resource_lists(document.as_bytes()) {
            Ok(entries) => entries
                .iter()
                .map(|entry| format!("{} {:?}\n", entry.uri, entry.name))
                .collect(),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn every_entry_of_every_list_is_read_once() {
        check(
            "<list><entry uri='sip:a@h'/><list><display-name>Inner</display-name>\
             <entry uri='sip:b@h'><display-name> Bob &amp; Co </display-name></entry></list>\
             <entry uri='sip:a@h'/></list><list name='more'><entry uri='sip:c@h'/></list>",
            expect![[r#"
                sip:a@h None
                sip:b@h Some("Bob & Co")
                sip:c@h None
            "#]],
        );
    }

    #[test]
    fn references_and_strangers_are_passed_over() {
        check(
            "<list><entry-ref ref='x'/><external anchor='http://elsewhere'/><o:entry uri='sip:x@h'/>\
             <o:thing><entry uri='sip:d@h'/></o:thing></list>",
            expect![[r#"
                sip:d@h None
            "#]],
        );
        check("", expect![""]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let refused = |text: &str| {
            read_resource_lists(text.as_bytes())
                .unwrap_err()
                .to_string()
        };
        expect!["the root element is <list> of no namespace, not <resource-lists> of urn:ietf:params:xml:ns:resource-lists"]
            .assert_eq(&refused("<list/>"));
        expect![
            "it has no XML element, not <resource-lists> of urn:ietf:params:xml:ns:resource-lists"
        ]
        .assert_eq(&refused(""));
        let many: String = (0..=MOST_ENTRIES)
            .map(|place| format!("<entry uri='sip:{place}@h'/>"))
            .collect();
        let many = format!(
            "<resource-lists xmlns='{RESOURCE_LISTS}'><list>{many}</list></resource-lists>"
        );
        assert!(
            refused(&many).ends_with("more than 200 entries"),
            "{}",
            refused(&many)
        );
    }
}
