//! XML as phones nearly always write it, read in one pass and without asking for memory: elements, attributes and text,
//! nothing that has to be replaced. Whatever is of another kind, or wrong, it leaves to [`XmlReader`](super::XmlReader), which
//! reads all of XML and says what is wrong. Must not know presence.

use arrayvec::ArrayVec;
use memchr::memchr;

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

/// What becomes of the texts between elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    /// They are events.
    Told,
    /// Nobody asks what they are.
    PassedOver,
}

/// Reads one document from its first to its last character.
///
/// Invariant: a document that it reads to the end, the whole reader reads as the same events.
pub(crate) struct PlainReader<'x, N> {
    text: &'x str,
    /// What comes next, in bytes from the begin of the text.
    at: usize,
    recognise: fn(&str) -> N,
    bindings: ArrayVec<Binding<'x, N>, MOST_NAMESPACES>,
    open: ArrayVec<Opened<'x>, MOST_NESTED>,
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
            text: without_declaration(text),
            at: 0,
            recognise,
            bindings: ArrayVec::new(),
            open: ArrayVec::new(),
            root: Root::Ahead,
            ends_at_once: false,
        }
    }

    /// The next piece; `None` if the whole reader has to read the document.
    pub(crate) fn next(&mut self, texts: Texts) -> Option<PlainEvent<'x, N>> {
        if self.ends_at_once {
            self.ends_at_once = false;
            return self.close();
        }
        let bytes = self.text.as_bytes();
        if self.open.is_empty() {
            self.at = after(&SPACES, bytes, self.at);
            match (self.root, self.at == bytes.len()) {
                (Root::Ahead, false) => {}
                (Root::Begun, true) => return Some(PlainEvent::End),
                (Root::Ahead, true) | (Root::Begun, false) => return None,
            }
        }
        match bytes.get(self.at..)? {
            [b'<', ..] => self.markup(),
            rest => {
                let length = distance(rest, [b'<', b'&'])?;
                if self.open.is_empty() || rest.get(length) != Some(&b'<') {
                    return None;
                }
                let start = self.at;
                self.at += length;
                match texts {
                    Texts::Told => Some(PlainEvent::Text(self.text.get(start..self.at)?)),
                    Texts::PassedOver => self.markup(),
                }
            }
        }
    }

    /// What begins with `<`.
    fn markup(&mut self) -> Option<PlainEvent<'x, N>> {
        let [b'/', rest @ ..] = self.text.as_bytes().get(self.at + 1..)? else {
            return self.begin();
        };
        let written = self.open.last()?.written;
        let [b'>', ..] = rest.strip_prefix(written.as_bytes())? else {
            return None;
        };
        self.at += written.len() + "</>".len();
        self.close()
    }

    fn close(&mut self) -> Option<PlainEvent<'x, N>> {
        let closed = self.open.pop()?;
        self.bindings.truncate(closed.bindings_outside);
        Some(PlainEvent::Close)
    }

    fn begin(&mut self) -> Option<PlainEvent<'x, N>> {
        let bindings_outside = self.bindings.len();
        let bytes = self.text.as_bytes();
        let name = Name::at(self.text, self.at + 1)?;
        let mut at = self.at + 1 + name.written.len();
        let mut attributes: ArrayVec<Name<'x>, MOST_ATTRIBUTES> = ArrayVec::new();
        let mut has_prefixed = false;
        loop {
            let after_the_last = at;
            at = after(&SPACES, bytes, at);
            match bytes.get(at..)? {
                [b'>', ..] => {
                    self.at = at + 1;
                    break;
                }
                [b'/', b'>', ..] => {
                    self.at = at + 2;
                    self.ends_at_once = true;
                    break;
                }
                _ if at == after_the_last => return None,
                _ => {}
            }
            let attribute = Name::at(self.text, at)?;
            at += attribute.written.len();
            let [b'=', quote @ (b'"' | b'\''), rest @ ..] = bytes.get(at..)? else {
                return None;
            };
            let length = distance(rest, [*quote, b'<', b'&'])?;
            if rest.get(length) != Some(quote) {
                return None;
            }
            let value = at + 2;
            at = value + length + 1;
            let is_this = |earlier: &Name<'_>| earlier.written == attribute.written;
            if attributes.iter().any(is_this) {
                return None;
            }
            match attribute.parts() {
                (Some("xmlns"), prefix) => self.bind(prefix, self.text.get(value..at - 1)?)?,
                (Some("xml"), _) => {}
                (Some(_), _) => has_prefixed = true,
                (None, "xmlns") => self.bind("", self.text.get(value..at - 1)?)?,
                (None, _) => {}
            }
            attributes.try_push(attribute).ok()?;
        }
        // Namespaces may be declared after the names that they are for.
        let is_known = |name: &Name<'_>| match name.parts() {
            (None | Some("xml" | "xmlns"), _) => true,
            (Some(prefix), _) => self.namespace_of(prefix).is_some(),
        };
        if has_prefixed && !attributes.iter().all(is_known) {
            return None;
        }
        let (prefix, local) = name.parts();
        let namespace = match (self.namespace_of(prefix.unwrap_or_default()), prefix) {
            (Some(namespace), _) => namespace,
            (None, None) => (self.recognise)(""),
            (None, Some(_)) => return None,
        };
        self.root = Root::Begun;
        let opened = Opened {
            written: name.written,
            bindings_outside,
        };
        self.open.try_push(opened).ok()?;
        Some(PlainEvent::Open {
            namespace,
            name: local,
        })
    }

    fn bind(&mut self, prefix: &'x str, address: &str) -> Option<()> {
        // Names in XML 1.0 Namespaces §3 have rules of their own, and a second declaration in one element is a fault.
        let is_special = matches!(prefix, "xml" | "xmlns")
            || address.is_empty()
            || address.starts_with("http://www.w3.org/");
        if is_special {
            return None;
        }
        let binding = Binding {
            prefix,
            namespace: (self.recognise)(address),
        };
        self.bindings.try_push(binding).ok()
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
    /// The length of its prefix; zero if there is none.
    prefix: usize,
}

impl<'x> Name<'x> {
    /// The name that begins at `start`.
    fn at(text: &'x str, start: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut end = after(&LETTERS, bytes, start);
        let mut prefix = 0;
        if bytes.get(end) == Some(&b':') {
            prefix = end - start;
            let local = end + 1;
            end = after(&LETTERS, bytes, local);
            if prefix == 0 || local == end {
                return None;
            }
        }
        if start == end {
            return None;
        }
        let written = text.get(start..end)?;
        Some(Self { written, prefix })
    }

    /// Its prefix and what comes after it.
    fn parts(&self) -> (Option<&'x str>, &'x str) {
        match self.prefix {
            0 => (None, self.written),
            length => match self.written.split_at_checked(length) {
                Some((prefix, local)) => (Some(prefix), local.get(1..).unwrap_or_default()),
                None => (None, self.written),
            },
        }
    }
}

/// The bytes of a kind.
type Bytes = [bool; 256];

/// Of a name, apart from the colon in it.
static LETTERS: Bytes =
    bytes_of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

/// Between attributes.
static SPACES: Bytes = bytes_of(b" \t\r\n");

#[expect(
    clippy::indexing_slicing,
    reason = "checked when it is compiled, where no iterator runs"
)]
const fn bytes_of(kind: &[u8]) -> Bytes {
    let mut bytes = [false; 256];
    let mut at = 0;
    while at < kind.len() {
        bytes[kind[at] as usize] = true;
        at += 1;
    }
    bytes
}

/// Where the bytes of a kind end that begin at `at`, if there are any.
fn after(kind: &Bytes, bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at)
        && kind.get(usize::from(*byte)) == Some(&true)
    {
        at += 1;
    }
    at
}

/// How far it is to the first of these bytes, looked for in eight bytes at a time: most texts and values are short, and a
/// search that looks farther ahead is too slow to begin.
fn distance<const N: usize>(bytes: &[u8], sought: [u8; N]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    let sought_in_each = sought.map(|byte| ONES * u64::from(byte));
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut passed = 0;
    for eight in eights {
        let word = u64::from_le_bytes(*eight);
        // The lowest highest bit that is set afterwards is that of the first byte that is sought; those above it may err.
        let found = sought_in_each.iter().fold(0, |found, sought| {
            let differing = word ^ sought;
            found | (differing.wrapping_sub(ONES) & !differing)
        });
        let found = found & HIGHEST;
        if found != 0 {
            return Some(passed + found.trailing_zeros() as usize / 8);
        }
        passed += 8;
    }
    Some(passed + rest.iter().position(|byte| sought.contains(byte))?)
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

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::prop, prop_assert_eq};

    use super::distance;

    proptest::proptest! {
        /// Also next to bytes that differ from those that are sought by one bit.
        #[test]
        fn the_first_byte_that_is_sought_is_found(
            bytes in vec(prop::sample::select(b"<=\xbc&'\xa6\0\x01\xff\x80a".as_slice()), 0..40),
            quote in prop::sample::select(b"\"'<".as_slice()),
        ) {
            let sought = [quote, b'<', b'&'];
            let expected = bytes.iter().position(|byte| sought.contains(byte));
            prop_assert_eq!(distance(&bytes, sought), expected);
        }
    }
}
