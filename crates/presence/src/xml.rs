//! XML as it may come from a network: namespaces resolved, references resolved, everything bounded, and nothing
//! that could reach outside the document. The one place that knows the XML library; must not know presence.

mod plain;

use std::{borrow::Cow, fmt, sync::Arc};

use quick_xml::{
    escape::{EscapeError, escape, resolve_xml_entity, unescape},
    events::{BytesRef, BytesStart, Event, attributes::AttrError},
    name::{NamespaceError, QName, ResolveResult},
    reader::NsReader,
};
use thiserror::Error;

pub(crate) use plain::{PlainEvent, PlainReader, Texts};

const MOST_NESTED: usize = 32;
const MOST_ATTRIBUTES: usize = 64;
const MOST_NAMESPACES: usize = 32;
/// Longest piece of somebody's text that an error repeats, in characters.
const LONGEST_QUOTE: usize = 100;

/// A place in a document, counted from one, in lines and characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text is not the XML we take.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum XmlError {
    /// There is no element in it.
    #[error("there is no element")]
    NoRoot,
    /// It is not well-formed, or beyond a limit.
    #[error("{at}: {what}")]
    Malformed {
        /// What is wrong.
        what: String,
        /// Where.
        at: Position,
    },
    /// It asks for a document type or an entity.
    #[error("{at}: {what}")]
    Forbidden {
        /// What is asked for.
        what: String,
        /// Where.
        at: Position,
    },
}

/// The text of a document in UTF-8. XML 1.0 §4.3.3: one in UTF-16 begins with a mark.
pub fn decoded(bytes: &[u8]) -> Result<Cow<'_, [u8]>, XmlError> {
    let read: fn([u8; 2]) -> u16 = match bytes {
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        _ => return Ok(Cow::Borrowed(bytes)),
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| read(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(Cow::Owned(text.into_bytes())),
        Ok(_) | Err(_) => Err(XmlError::Malformed {
            what: "the text is not UTF-16, as its mark says".to_owned(),
            at: Position { line: 1, column: 1 },
        }),
    }
}

/// The characters of a document in UTF-8, without a byte order mark; refused where one of them has no place in XML. Bytes
/// are taken as UTF-8 whatever they declare: what is declared and is not UTF-8 shows itself.
pub(crate) fn characters(bytes: &[u8]) -> Result<&str, XmlError> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            return Err(XmlError::Malformed {
                what: "the text is not UTF-8".to_owned(),
                at: position(&String::from_utf8_lossy(valid), valid.len()),
            });
        }
    };
    // Most documents need no look at each sign by itself.
    if !text
        .bytes()
        .fold(true, |plain, byte| plain & is_plain(byte))
        && let Some((offset, illegal)) = text.char_indices().find(|(_, sign)| !is_xml_char(*sign))
    {
        return Err(XmlError::Malformed {
            what: format!("the character U+{:04X} is not allowed", u32::from(illegal)),
            at: position(text, offset),
        });
    }
    Ok(text)
}

/// What a document consists of, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum XmlEvent<'x> {
    /// An element begins; each is closed, also one written `<so/>`.
    Open(Element<'x>),
    /// The innermost open element ends.
    Close,
    /// A piece of the text of the innermost open element. Several may follow each other.
    Text(Cow<'x, str>),
    /// The root element has ended and nothing came after it.
    End,
}

/// The begin of an element.
#[derive(Debug, PartialEq, Eq)]
pub struct Element<'x> {
    namespace: Option<Arc<str>>,
    start: BytesStart<'x>,
}

impl Element<'_> {
    /// The address of its namespace, empty if it has none.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// Its name without a prefix.
    pub fn name(&self) -> &str {
        self.start.local_name().into_inner()
    }

    /// The value of an attribute without a prefix. The reader has checked every attribute of the element.
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let found = self
            .start
            .attributes()
            .flatten()
            .find(|attribute| attribute.key.into_inner() == name)?;
        Some(match unescape(&found.value) {
            Ok(Cow::Owned(value)) => Cow::Owned(value),
            Ok(Cow::Borrowed(_)) | Err(_) => found.value,
        })
    }
}

/// An attribute of an element.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The address of its namespace, empty if it has none.
    pub namespace: Box<str>,
    /// Its name without a prefix.
    pub name: Box<str>,
    /// Its value, references resolved.
    pub value: String,
}

enum Root {
    Ahead,
    Open { depth: usize },
    Closed,
}

/// Reads one document from its first to its last byte.
pub struct XmlReader<'x> {
    text: &'x str,
    reader: NsReader<&'x [u8]>,
    root: Root,
    /// Namespaces that elements have had: most have one of a few.
    namespaces: Vec<Arc<str>>,
}

impl<'x> XmlReader<'x> {
    /// Bytes are taken as UTF-8 whatever they declare: what is declared and is not UTF-8 shows itself.
    pub fn new(bytes: &'x [u8]) -> Result<Self, XmlError> {
        Ok(Self::of_characters(characters(bytes)?))
    }

    /// Of what [`characters`] gave.
    pub(crate) fn of_characters(text: &'x str) -> Self {
        let mut reader = NsReader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        reader
            .resolver_mut()
            .set_max_namespace_bindings(MOST_NAMESPACES);
        Self {
            text,
            reader,
            root: Root::Ahead,
            namespaces: Vec::new(),
        }
    }

    #[expect(
        clippy::should_implement_trait,
        reason = "an error is no end, as an iterator would have it"
    )]
    /// The next piece; not to be called after [`XmlEvent::End`] or an error.
    pub fn next(&mut self) -> Result<XmlEvent<'x>, XmlError> {
        loop {
            let offset = self.offset();
            let event = match self.reader.read_resolved_event() {
                Ok((namespace, Event::Start(start))) => {
                    let namespace = match namespace {
                        ResolveResult::Bound(namespace) => {
                            Some(shared(&mut self.namespaces, namespace.into_inner()))
                        }
                        ResolveResult::Unbound => None,
                        ResolveResult::Unknown(prefix) => {
                            return Err(self.malformed(
                                offset,
                                format!("the prefix {prefix} is not declared"),
                            ));
                        }
                    };
                    return self.open(Element { namespace, start }, offset);
                }
                Ok((_, event)) => event,
                Err(quick_xml::Error::Namespace(NamespaceError::TooManyBindings(limit))) => {
                    let what = format!("more than {limit} namespaces are declared");
                    return Err(self.malformed(offset, what));
                }
                Err(error) => {
                    let offset = offset.max(self.reader.error_position() as usize);
                    return Err(self.malformed(offset, error.to_string()));
                }
            };
            let text = match event {
                Event::Text(text) => text.xml10_content(),
                Event::CData(text) if matches!(self.root, Root::Open { .. }) => {
                    text.xml10_content()
                }
                Event::GeneralRef(reference) => self.resolve(&reference, offset)?,
                Event::End(_) => {
                    self.close();
                    return Ok(XmlEvent::Close);
                }
                Event::Decl(_) if offset == 0 => continue,
                Event::Comment(_) | Event::PI(_) => continue,
                Event::DocType(_) => {
                    return Err(XmlError::Forbidden {
                        what: "a document type is not allowed".to_owned(),
                        at: position(self.text, offset),
                    });
                }
                Event::Eof => return self.end(offset),
                // Start is dealt with above and Empty is expanded; a second declaration, or CDATA outside the root.
                Event::Decl(_) | Event::CData(_) | Event::Start(_) | Event::Empty(_) => {
                    return Err(self.malformed(offset, "this is not allowed here".to_owned()));
                }
            };
            match self.root {
                Root::Open { .. } => return Ok(XmlEvent::Text(text)),
                Root::Ahead | Root::Closed if text.trim_ascii().is_empty() => {}
                Root::Ahead if !self.text.trim_ascii_start().starts_with('<') => {
                    return Err(XmlError::NoRoot);
                }
                Root::Ahead | Root::Closed => {
                    return Err(
                        self.malformed(offset, "there is text outside the root element".to_owned())
                    );
                }
            }
        }
    }

    /// The attributes of the element that was opened last, resolved; declarations of namespaces are none.
    pub fn attributes(&self, element: &Element<'_>) -> Vec<Attribute> {
        let attributes = element.start.attributes().flatten();
        attributes
            .filter(|attribute| attribute.key.as_namespace_binding().is_none())
            .map(|attribute| {
                let (namespace, name) = self.reader.resolver().resolve_attribute(attribute.key);
                let value = match unescape(&attribute.value) {
                    Ok(value) => value.into_owned(),
                    // The reader has unescaped every attribute before.
                    Err(_) => String::new(),
                };
                Attribute {
                    namespace: match namespace {
                        ResolveResult::Bound(namespace) => namespace.into_inner().into(),
                        ResolveResult::Unbound | ResolveResult::Unknown(_) => Box::default(),
                    },
                    name: name.into_inner().into(),
                    value,
                }
            })
            .collect()
    }

    /// Namespace and local name of a name as an element would bear it that is opened here.
    pub(crate) fn resolve_element(&self, name: &str) -> Option<(String, String)> {
        let (namespace, local) = self.reader.resolver().resolve_element(QName(name));
        resolved(namespace, local.into_inner())
    }

    /// The same as an attribute would bear it: without a prefix it has no namespace.
    pub(crate) fn resolve_attribute(&self, name: &str) -> Option<(String, String)> {
        let (namespace, local) = self.reader.resolver().resolve_attribute(QName(name));
        resolved(namespace, local.into_inner())
    }

    /// Where it has read to.
    pub fn position(&self) -> Position {
        position(self.text, self.offset())
    }

    fn open(&mut self, element: Element<'x>, offset: usize) -> Result<XmlEvent<'x>, XmlError> {
        let depth = match self.root {
            Root::Ahead => 1,
            Root::Open { depth } => depth + 1,
            Root::Closed => {
                return Err(self.malformed(offset, "there is a second root element".to_owned()));
            }
        };
        if depth > MOST_NESTED {
            return Err(self.malformed(
                offset,
                format!("more than {MOST_NESTED} elements are nested"),
            ));
        }
        self.root = Root::Open { depth };
        for (index, attribute) in element.start.attributes().enumerate() {
            if index >= MOST_ATTRIBUTES {
                let what = format!("an element has more than {MOST_ATTRIBUTES} attributes");
                return Err(self.malformed(offset, what));
            }
            let attribute = attribute.map_err(|error| {
                let what = match error {
                    AttrError::Duplicated(..) => "an attribute appears twice".to_owned(),
                    other => other.to_string(),
                };
                self.malformed(offset, what)
            })?;
            if attribute.value.contains('<') {
                return Err(self.malformed(offset, "there is a < in an attribute".to_owned()));
            }
            unescape(&attribute.value).map_err(|error| match error {
                EscapeError::UnrecognizedEntity(_, entity) => XmlError::Forbidden {
                    what: quote(&format!("the entity &{entity}; is not allowed")),
                    at: position(self.text, offset),
                },
                other => self.malformed(offset, other.to_string()),
            })?;
            if let (ResolveResult::Unknown(prefix), _) =
                self.reader.resolver().resolve_attribute(attribute.key)
            {
                return Err(self.malformed(offset, format!("the prefix {prefix} is not declared")));
            }
        }
        Ok(XmlEvent::Open(element))
    }

    fn close(&mut self) {
        self.root = match self.root {
            Root::Open { depth } if depth > 1 => Root::Open { depth: depth - 1 },
            // The library has checked that every end has its begin.
            Root::Open { .. } | Root::Ahead | Root::Closed => Root::Closed,
        };
    }

    fn end(&self, offset: usize) -> Result<XmlEvent<'x>, XmlError> {
        match self.root {
            Root::Closed => Ok(XmlEvent::End),
            Root::Ahead => Err(XmlError::NoRoot),
            // The library takes a document that breaks off between two tags for complete.
            Root::Open { .. } => {
                Err(self.malformed(offset, "the document ends inside an element".to_owned()))
            }
        }
    }

    /// The library hands out each `&…;` by itself.
    fn resolve(&self, reference: &BytesRef<'x>, offset: usize) -> Result<Cow<'x, str>, XmlError> {
        match reference.resolve_char_ref() {
            Ok(Some(sign)) if is_xml_char(sign) => return Ok(Cow::Owned(sign.to_string())),
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => {
                let what = format!("&{}; stands for no character", &**reference);
                return Err(self.malformed(offset, what));
            }
        }
        match resolve_xml_entity(reference) {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => Err(XmlError::Forbidden {
                what: quote(&format!("the entity &{}; is not allowed", &**reference)),
                at: position(self.text, offset),
            }),
        }
    }

    fn malformed(&self, offset: usize, what: String) -> XmlError {
        XmlError::Malformed {
            what: quote(&what),
            at: position(self.text, offset),
        }
    }

    /// How many bytes it has read, of the text without a byte order mark.
    pub(crate) fn offset(&self) -> usize {
        self.reader.buffer_position() as usize
    }
}

/// The one text that says this.
fn shared(namespaces: &mut Vec<Arc<str>>, namespace: &str) -> Arc<str> {
    if let Some(known) = namespaces.iter().find(|known| &***known == namespace) {
        return known.clone();
    }
    let new: Arc<str> = namespace.into();
    if namespaces.len() < MOST_NAMESPACES {
        namespaces.push(new.clone());
    }
    new
}

fn resolved(namespace: ResolveResult<'_>, local: &str) -> Option<(String, String)> {
    match namespace {
        ResolveResult::Bound(namespace) => {
            Some((namespace.into_inner().to_owned(), local.to_owned()))
        }
        ResolveResult::Unbound => Some((String::new(), local.to_owned())),
        ResolveResult::Unknown(_) => None,
    }
}

/// Whether the byte is an ASCII character that any document may have.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7f | b'\t' | b'\n' | b'\r')
}

// XML 1.0 §2.2.
pub(crate) fn is_xml_char(sign: char) -> bool {
    matches!(sign, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Text as it may stand in an element or an attribute; what XML cannot hold becomes U+FFFD.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_xml_char) {
        return escape(text);
    }
    let writable: String = text
        .chars()
        .map(|sign| {
            if is_xml_char(sign) {
                sign
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })
        .collect();
    escape(writable)
}

/// Shortens what may repeat a stranger's text, and keeps it on one line: it may end up in a header.
pub(crate) fn quote(text: &str) -> String {
    text.chars()
        .take(LONGEST_QUOTE)
        .map(|sign| if sign.is_control() { ' ' } else { sign })
        .collect()
}

fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    Position {
        line: before.matches('\n').count() + 1,
        column: last_line.chars().count() + 1,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::any;

    use super::{XmlError, XmlEvent, XmlReader};

    fn read(bytes: &[u8]) -> Result<String, XmlError> {
        let mut reader = XmlReader::new(bytes)?;
        let mut seen = String::new();
        loop {
            match reader.next()? {
                XmlEvent::Open(element) => {
                    seen += &format!("<{{{}}}{}>", element.namespace(), element.name())
                }
                XmlEvent::Close => seen += "</>",
                XmlEvent::Text(text) => seen += &text,
                XmlEvent::End => return Ok(seen),
            }
        }
    }

    fn check(document: &str, expected: Expect) {
        expected.assert_eq(&match read(document.as_bytes()) {
            Ok(seen) => seen,
            Err(error @ XmlError::NoRoot) => error.to_string(),
            Err(error @ XmlError::Malformed { .. }) => format!("malformed: {error}"),
            Err(error @ XmlError::Forbidden { .. }) => format!("forbidden: {error}"),
        });
    }

    #[test]
    fn names_are_resolved_and_text_is_joined() {
        check("<a/>", expect![[r#"<{}a></>"#]]);
        check(
            r#"<?xml version="1.0"?> <p:a xmlns:p="u"><b xmlns="v"/></p:a> <!-- bye -->"#,
            expect!["<{u}a><{v}b></></>"],
        );
        check(
            "<a>1 &lt; 2 &amp;&#x26; <![CDATA[<3>]]>\r\n</a>",
            expect![[r#"
                <{}a>1 < 2 && <3>
                </>"#]],
        );
        check("\u{feff}<a>\u{1F514}</a>", expect!["<{}a>🔔</>"]);
    }

    #[test]
    fn whatever_breaks_off_is_refused() {
        check("", expect!["there is no element"]);
        check("hello", expect!["there is no element"]);
        check(
            "<a><b></b>",
            expect!["malformed: line 1, column 11: the document ends inside an element"],
        );
        check(
            "<a><b>text",
            expect!["malformed: line 1, column 11: the document ends inside an element"],
        );
        check(
            "<a",
            expect![
                "malformed: line 1, column 1: syntax error: tag not closed: `>` not found before end of input"
            ],
        );
        check(
            "<a>\n <b x='1",
            expect![
                "malformed: line 2, column 2: syntax error: attribute value not closed: `'` not found before end of input"
            ],
        );
        check(
            "<a>&am",
            expect![
                "malformed: line 1, column 4: ill-formed document: entity or character reference not closed: `;` not found before end of input"
            ],
        );
    }

    #[test]
    fn there_is_one_root_and_nothing_beside_it() {
        check(
            "<a/><b/>",
            expect!["malformed: line 1, column 5: there is a second root element"],
        );
        check(
            "<a/>b",
            expect!["malformed: line 1, column 5: there is text outside the root element"],
        );
        check(
            "<!-- --> b <a/>",
            expect!["malformed: line 1, column 9: there is text outside the root element"],
        );
        check(
            "<a/>&amp;",
            expect!["malformed: line 1, column 5: there is text outside the root element"],
        );
        check(
            "<a/><?xml version='1.0'?>",
            expect!["malformed: line 1, column 5: this is not allowed here"],
        );
    }

    #[test]
    fn nothing_reaches_outside_the_document() {
        check(
            "<!DOCTYPE a><a/>",
            expect!["forbidden: line 1, column 1: a document type is not allowed"],
        );
        check(
            "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>\n<a>&b;</a>",
            expect!["forbidden: line 1, column 1: a document type is not allowed"],
        );
        check(
            "<a>\n&b;</a>",
            expect!["forbidden: line 2, column 1: the entity &b; is not allowed"],
        );
        check(
            "<a b='&c;'/>",
            expect!["forbidden: line 1, column 1: the entity &c; is not allowed"],
        );
    }

    #[test]
    fn what_is_not_well_formed_is_refused_with_its_place() {
        check(
            "<a>\n\n  </b>",
            expect![
                "malformed: line 3, column 3: ill-formed document: expected `</a>`, but `</b>` was found"
            ],
        );
        check(
            "<p:a/>",
            expect!["malformed: line 1, column 1: the prefix p is not declared"],
        );
        check(
            "<a p:b='1'/>",
            expect!["malformed: line 1, column 1: the prefix p is not declared"],
        );
        check(
            "<a b='1' b='2'/>",
            expect!["malformed: line 1, column 1: an attribute appears twice"],
        );
        check(
            "<a b='<'/>",
            expect!["malformed: line 1, column 1: there is a < in an attribute"],
        );
        check(
            "<a>&#0;</a>",
            expect!["malformed: line 1, column 4: &#0; stands for no character"],
        );
        check(
            "<a>&#x1F;</a>",
            expect!["malformed: line 1, column 4: &#x1F; stands for no character"],
        );
        check(
            "<a>\u{1}</a>",
            expect!["malformed: line 1, column 4: the character U+0001 is not allowed"],
        );
        check(
            "<a><!-- -- --></a>",
            expect![
                "malformed: line 1, column 9: ill-formed document: forbidden string `--` was found in a comment"
            ],
        );
        assert_eq!(
            read(b"<a>\n\xff</a>").map_err(|error| error.to_string()),
            Err("line 2, column 1: the text is not UTF-8".to_owned())
        );
    }

    #[test]
    fn limits_hold_at_their_edge() {
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(read(nested(32).as_bytes()).is_ok());
        check(
            &nested(33),
            expect!["malformed: line 1, column 97: more than 32 elements are nested"],
        );
        let attributes = |count: usize| {
            let attributes: String = (0..count).map(|number| format!(" a{number}=''")).collect();
            format!("<a{attributes}/>")
        };
        assert!(read(attributes(64).as_bytes()).is_ok());
        check(
            &attributes(65),
            expect!["malformed: line 1, column 1: an element has more than 64 attributes"],
        );
        let namespaces = |count: usize| {
            let namespaces: String = (0..count)
                .map(|number| format!(" xmlns:a{number}='u'"))
                .collect();
            format!("<a{namespaces}/>")
        };
        assert!(read(namespaces(32).as_bytes()).is_ok());
        check(
            &namespaces(33),
            expect!["malformed: line 1, column 1: more than 32 namespaces are declared"],
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_markup_makes_it_panic(text in r#"([<>/&;!?\[\]'"=a: -]|xmlns|<a>|</a>|<!\[CDATA\[|<!--|\n|\PC){0,40}"#) {
            let _ = read(text.as_bytes());
        }
    }
}
