//! The reader of plain documents against the one that reads all of XML: what the first reads, the second reads the same.

#[path = "../../../../fuzz/src/mutation.rs"]
#[expect(
    unreachable_pub,
    reason = "the file is shared with the programs in fuzz/"
)]
mod mutation;

use proptest::{prelude::Strategy, prop_oneof};

use self::mutation::Mutator;
use crate::{
    pidf::read::{read_any, read_plain},
    xml::{PlainEvent, PlainReader, Texts, XmlEvent, XmlReader, characters},
};

/// True if the plain reader took it.
fn compare(bytes: &[u8]) -> bool {
    let Ok(text) = characters(bytes) else {
        return false;
    };
    if let Some(events) = plain_events(text) {
        assert_eq!(Ok(events), events_of(text), "{text}");
    }
    let Some(document) = read_plain(text) else {
        return false;
    };
    assert_eq!(Ok(document), read_any(text), "{text}");
    true
}

fn plain_events(text: &str) -> Option<Vec<String>> {
    let mut reader = PlainReader::new(text, ToString::to_string as fn(&str) -> String);
    let mut events = Vec::new();
    loop {
        events.push(match reader.next(Texts::Told)? {
            PlainEvent::Open { namespace, name } => format!("<{{{namespace}}}{name}>"),
            PlainEvent::Close => "</>".to_owned(),
            PlainEvent::Text(text) => text.replace("\r\n", "\n").replace('\r', "\n"),
            PlainEvent::End => return Some(events),
        });
    }
}

fn events_of(text: &str) -> Result<Vec<String>, String> {
    let mut reader = XmlReader::of_characters(text);
    let mut events = Vec::new();
    loop {
        events.push(match reader.next().map_err(|error| error.to_string())? {
            XmlEvent::Open(element) => format!("<{{{}}}{}>", element.namespace(), element.name()),
            XmlEvent::Close => "</>".to_owned(),
            XmlEvent::Text(text) => text.into_owned(),
            XmlEvent::End => return Ok(events),
        });
    }
}

fn documents() -> Vec<Vec<u8>> {
    let bodies = sip_fixtures::phones().into_iter().filter_map(|fixture| {
        let end = fixture.bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
        let body = fixture.bytes.get(end + 4..)?;
        let is_pidf = String::from_utf8_lossy(body).contains("urn:ietf:params:xml:ns:pidf\"");
        is_pidf.then(|| body.to_vec())
    });
    bodies.collect()
}

#[test]
fn what_phones_write_is_plain() {
    let documents = documents();
    let plain = documents.iter().filter(|body| compare(body)).count();
    assert!(!documents.is_empty());
    assert_eq!(plain, documents.len());
}

#[test]
fn changed_documents_are_read_alike() {
    Mutator::new(7).run(&documents(), 20_000, |bytes| {
        compare(bytes);
    });
}

/// Elements in each other, of which most are well-formed.
fn markup() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        4 => "[ab\\]> \r\n\u{e9}]{0,3}",
        1 => r"&amp;|]]>|<!--a-->|<!\[CDATA\[a]]>|<\?a?>|<\?xml a\?>|&|</a>|<b>",
    ];
    let element = |inside| {
        let name = prop_oneof![8 => "(p:|xml:|)[ab]", 1 => "p:|:a|p:a:b"];
        let attributes = r#"( (p:|xml:|xmlns:|xmlns|)[pab]?="[up]?"){0,2} ?|[ /]a=['"]&?['"]"#;
        (name, attributes, inside).prop_map(|(name, attributes, inside): (_, _, String)| {
            match inside.is_empty() {
                true => format!("<{name}{attributes}/>"),
                false => format!("<{name}{attributes}>{inside}</{name}>"),
            }
        })
    };
    let elements = text.prop_recursive(3, 12, 3, move |inside| {
        element(proptest::collection::vec(inside, 0..3).prop_map(|pieces| pieces.concat()))
    });
    let elements = proptest::collection::vec(elements, 0..3);
    elements.prop_map(|pieces| format!("<a xmlns:p='u'>{}</a>", pieces.concat()))
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4096))]

    #[test]
    fn whatever_looks_like_markup_is_read_alike(text in markup()) {
        compare(text.as_bytes());
    }
}
