//! Why a state is what it is, for whoever watches: an element of our own inside the person of a presence document.
//! Must not know who decides; what phones publish is never read for it.

use super::{DATA_MODEL, PIDF};
use crate::{
    composed::Composed,
    document_error::LONGEST_DOCUMENT,
    source::{Rule, Source},
    xml::{XmlEvent, XmlReader, decoded},
};

/// RFC 4479 §3.3 lets a person hold elements of any other namespace; a watcher that does not know this one passes it
/// over.
const NAMESPACE: &str = "urn:deskbell:presence";

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The kind of source.
    pub source: Source,
    /// What it says, where this program's words were understood.
    pub rule: Option<Rule>,
}

/// Writes the element for a state that somebody has decided.
pub(super) fn push_element(text: &mut String, state: &Composed) {
    let source = match state.source {
        Source::Hand | Source::Line | Source::Computer | Source::Desk => state.source,
        Source::Nothing => return,
    };
    for piece in [
        "<d:decided xmlns:d=\"",
        NAMESPACE,
        "\" by=\"",
        source.as_str(),
        "\"",
    ] {
        *text += piece;
    }
    if let Some(rule) = state.rule {
        for piece in [" rule=\"", rule.as_str(), "\""] {
            *text += piece;
        }
    }
    *text += "/>";
}

/// What decided the state in a document of this server, or another one of its kind; nothing where it does not say.
pub fn read_decision(document: &[u8]) -> Option<Decision> {
    if document.len() > LONGEST_DOCUMENT {
        return None;
    }
    let text = decoded(document).ok()?;
    let mut reader = XmlReader::new(&text).ok()?;
    let mut depth = 0_usize;
    // How many of the open elements lead to a person.
    let mut known = 0_usize;
    loop {
        match reader.next().ok()? {
            XmlEvent::Open(element) => {
                match (depth, element.namespace(), element.name()) {
                    (0, PIDF, "presence") => known = 1,
                    (1, DATA_MODEL, "person") if known == 1 => known = 2,
                    (2, NAMESPACE, "decided") if known == 2 => {
                        let by = element.attribute("by")?;
                        let rule = element.attribute("rule");
                        return Some(Decision {
                            source: source(&by)?,
                            rule: rule.and_then(|name| {
                                Rule::ALL.into_iter().find(|rule| rule.as_str() == name)
                            }),
                        });
                    }
                    _ => {}
                }
                depth += 1;
            }
            XmlEvent::Text(_) => {}
            XmlEvent::Close => {
                depth = depth.saturating_sub(1);
                known = known.min(depth);
            }
            XmlEvent::End => return None,
        }
    }
}

fn source(name: &str) -> Option<Source> {
    [Source::Hand, Source::Line, Source::Computer, Source::Desk]
        .into_iter()
        .find(|source| source.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{availability::Availability, document::Document, pidf::write_pidf};

    fn state(source: Source, rule: Option<Rule>) -> Composed {
        Composed {
            availability: rule.map_or(Availability::Offline, Rule::availability),
            source,
            rule,
            ..Composed::NOTHING
        }
    }

    #[test]
    fn every_decision_reads_back() {
        for source in [Source::Hand, Source::Line, Source::Computer, Source::Desk] {
            for rule in Rule::ALL.map(Some).into_iter().chain([None]) {
                let document = write_pidf("sip:a@h", &state(source, rule));
                assert_eq!(read_decision(&document), Some(Decision { source, rule }));
            }
        }
        let nobody = write_pidf("sip:a@h", &Composed::NOTHING);
        assert_eq!(read_decision(&nobody), None);
    }

    #[track_caller]
    fn check(inside: &str, expected: Option<(Source, Option<Rule>)>) {
        let document = format!(
            r#"<presence xmlns="{PIDF}" xmlns:dm="{DATA_MODEL}" xmlns:d="{NAMESPACE}" xmlns:o="urn:o" entity="sip:a@h">{inside}</presence>"#
        );
        let found = read_decision(document.as_bytes());
        assert_eq!(
            found.map(|found| (found.source, found.rule)),
            expected,
            "{inside}"
        );
        // It is no word of a phone's.
        let read = Document::read_pidf(document.as_bytes()).unwrap();
        assert_eq!(read.source(), Source::Nothing, "{inside}");
    }

    #[test]
    fn only_the_element_in_its_place_counts() {
        let desk = Some((Source::Desk, Some(Rule::Full)));
        check(
            "<dm:person id='p'><d:decided by='desk' rule='full'/></dm:person>",
            desk,
        );
        check(
            "<o:x/><dm:person id='p'><o:y/><d:decided by='desk' rule='full'/></dm:person>",
            desk,
        );
        check(
            "<dm:person id='p'><d:decided by='desk' rule='new'/></dm:person>",
            Some((Source::Desk, None)),
        );
        check(
            "<dm:person id='p'><d:decided by='magic'/></dm:person>",
            None,
        );
        check("<dm:person id='p'><d:decided/></dm:person>", None);
        check("<dm:person id='p'><o:decided by='desk'/></dm:person>", None);
        check(
            "<dm:person id='p'><o:x><d:decided by='desk'/></o:x></dm:person>",
            None,
        );
        check("<o:x><dm:person id='p'/><d:decided by='desk'/></o:x>", None);
        check("<d:decided by='desk'/>", None);
    }
}
