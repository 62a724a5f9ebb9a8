//! XML as phones nearly always write it, read in one pass and without asking for memory: elements, attributes and text,
//! nothing that has to be replaced. Whatever is of another kind, or wrong, it leaves to [`XmlReader`](super::XmlReader), which
//! reads all of XML and says what is wrong. Must not know presence.

use memchr::{memchr, memchr3};
use smallvec::SmallVec;

// Each below what the whole reader allows, so that it alone refuses.
const MOST_NESTED: usize = 24;
const MOST_ATTRIBUTES: usize = 16;
const MOST_NAMESPACES: usize = 16;

/// What a document consists of, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PlainEvent<'x, N> {
    /// An element begins; each is closed, also one written `<so/>`.
    Open {
        /// What its namespace is to the caller.
        namespace: N,
        /// Its name without a prefix.
        name: &'x str,
    },
    /// The innermost open element ends.
    Close,
    /// A piece of the text of the innermost open element, line ends as they were written.
    Text(&'x str),
    /// The root element has ended and nothing came after it.
    End,
}

/// Reads one document from its first to its last character.
///
/// Invariant: a document that it reads to the end, the whole reader reads as the same events.
pub(crate) struct PlainReader<'x, N> {
    rest: &'x str,
    recognise: fn(&str) -> N,
    bindings: SmallVec<[Binding<'x, N>; 6]>,
    open: SmallVec<[Opened<'x>; 8]>,
    root: Root,
    /// The innermost open element was written `<so/>`.
    ends_at_once: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    Ahead,
    Begun,
}

/// A prefix, empty where elements without one are meant, and the namespace it stands for.
struct Binding<'x, N> {
    prefix: &'x str,
    namespace: N,
}

struct Opened<'x> {
    /// As it is written, with its prefix.
    written: &'x str,
    /// How many bindings there were outside of it.
    bindings_outside: usize,
}

impl<'x, N: Clone> PlainReader<'x, N> {
    /// Of a text without a byte order mark, in which every character may stand in XML. `recognise` tells what the address of
    /// a namespace is to the caller; that of no namespace is empty.
    pub(crate) fn new(text: &'x str, recognise: fn(&str) -> N) -> Self {
        Self {
            rest: without_declaration(text),
            recognise,
            bindings: SmallVec::new(),
            open: SmallVec::new(),
            root: Root::Ahead,
            ends_at_once: false,
        }
    }

    /// The next piece; `None` if the whole reader has to read the document.
    pub(crate) fn next(&mut self) -> Option<PlainEvent<'x, N>> {
        if self.ends_at_once {
            self.ends_at_once = false;
            return self.close();
        }
        if self.open.is_empty() {
            self.rest = self.rest.trim_ascii_start();
            match (self.root, self.rest.is_empty()) {
                (Root::Ahead, false) => {}
                (Root::Begun, true) => return Some(PlainEvent::End),
                (Root::Ahead, true) | (Root::Begun, false) => return None,
            }
        }
        match self.rest.as_bytes() {
            [b'<', b'/', ..] => {
                let written = self.open.last()?.written;
                let name = self.rest.get(2..)?;
                self.rest = name.strip_prefix(written)?.strip_prefix('>')?;
                self.close()
            }
            [b'<', ..] => self.begin(),
            text => {
                // Most of it is the few spaces of an indentation, for which a search that looks far ahead is too slow to begin.
                let end = text.iter().position(|byte| matches!(byte, b'<' | b'&'))?;
                let (text, rest) = self.rest.split_at_checked(end)?;
                if self.open.is_empty() || !rest.starts_with('<') {
                    return None;
                }
                self.rest = rest;
                Some(PlainEvent::Text(text))
            }
        }
    }

    fn close(&mut self) -> Option<PlainEvent<'x, N>> {
        let closed = self.open.pop()?;
        self.bindings.truncate(closed.bindings_outside);
        Some(PlainEvent::Close)
    }

    fn begin(&mut self) -> Option<PlainEvent<'x, N>> {
        let bindings_outside = self.bindings.len();
        let (name, mut rest) = Name::split(self.rest.get(1..)?)?;
        let mut attributes: SmallVec<[Name<'x>; 8]> = SmallVec::new();
        loop {
            let next = rest.trim_ascii_start();
            match next.as_bytes() {
                [b'>', ..] => {
                    self.rest = next.get(1..)?;
                    break;
                }
                [b'/', b'>', ..] => {
                    self.rest = next.get(2..)?;
                    self.ends_at_once = true;
                    break;
                }
                _ if next.len() == rest.len() => return None,
                _ => {}
            }
            let (attribute, value) = Name::split(next)?;
            let value = value.strip_prefix('=')?;
            let quote = value.as_bytes().first()?;
            if !matches!(quote, b'"' | b'\'') {
                return None;
            }
            let value = value.get(1..)?;
            let end = memchr3(*quote, b'<', b'&', value.as_bytes())?;
            let (value, after) = value.split_at_checked(end)?;
            rest = after.strip_prefix(char::from(*quote))?;
            if attributes.len() == MOST_ATTRIBUTES
                || attributes
                    .iter()
                    .any(|earlier| earlier.written == attribute.written)
            {
                return None;
            }
            match (attribute.prefix, attribute.local) {
                ("", "xmlns") => self.bind("", value)?,
                ("xmlns", prefix) => self.bind(prefix, value)?,
                _ => {}
            }
            attributes.push(attribute);
        }
        // Namespaces may be declared after the names that they are for.
        let is_known = |name: &Name<'_>| {
            matches!(name.prefix, "" | "xml" | "xmlns") || self.namespace_of(name.prefix).is_some()
        };
        if !attributes.iter().all(is_known) || self.open.len() == MOST_NESTED {
            return None;
        }
        let namespace = match (self.namespace_of(name.prefix), name.prefix) {
            (Some(namespace), _) => namespace,
            (None, "") => (self.recognise)(""),
            (None, _) => return None,
        };
        self.root = Root::Begun;
        self.open.push(Opened {
            written: name.written,
            bindings_outside,
        });
        Some(PlainEvent::Open {
            namespace,
            name: name.local,
        })
    }

    fn bind(&mut self, prefix: &'x str, address: &str) -> Option<()> {
        // Names in XML 1.0 Namespaces §3 have rules of their own, and a second declaration in one element is a fault.
        let is_special = matches!(prefix, "xml" | "xmlns")
            || address.is_empty()
            || address.starts_with("http://www.w3.org/");
        if is_special || self.bindings.len() == MOST_NAMESPACES {
            return None;
        }
        self.bindings.push(Binding {
            prefix,
            namespace: (self.recognise)(address),
        });
        Some(())
    }

    fn namespace_of(&self, prefix: &str) -> Option<N> {
        let mut innermost = self.bindings.iter().rev();
        innermost
            .find(|binding| binding.prefix == prefix)
            .map(|binding| binding.namespace.clone())
    }
}

/// A name of plain letters with one prefix at most.
#[derive(Debug, Clone, Copy)]
struct Name<'x> {
    written: &'x str,
    /// Empty if there is none.
    prefix: &'x str,
    local: &'x str,
}

impl<'x> Name<'x> {
    /// The name that a text begins with, and what comes after it.
    fn split(text: &'x str) -> Option<(Self, &'x str)> {
        let mut colon = None;
        let mut end = None;
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {}
                b':' if colon.is_none() => colon = Some(at),
                _ => {
                    end = Some(at);
                    break;
                }
            }
        }
        let (written, rest) = text.split_at_checked(end?)?;
        let (prefix, local) = match colon {
            None => ("", written),
            Some(0) => return None,
            Some(colon) => (written.get(..colon)?, written.get(colon + 1..)?),
        };
        if local.is_empty() {
            return None;
        }
        let name = Self {
            written,
            prefix,
            local,
        };
        Some((name, rest))
    }
}

/// Whatever else begins like a declaration is found where an element is expected.
fn without_declaration(text: &str) -> &str {
    let Some(declaration) = text.strip_prefix("<?xml ") else {
        return text;
    };
    let end =
        memchr(b'>', declaration.as_bytes()).and_then(|end| declaration.split_at_checked(end));
    match end {
        Some((inside, rest)) if inside.ends_with('?') => rest.get(1..).unwrap_or(text),
        Some(_) | None => text,
    }
}
