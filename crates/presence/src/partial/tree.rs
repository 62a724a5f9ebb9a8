//! A document as a tree, to be changed and spelled again. Names are resolved: prefixes are gone.
//! Must not know presence.

use crate::xml::{XmlError, XmlEvent, XmlReader, escaped};

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// A name in its namespace, which is empty if it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) namespace: Box<str>,
    pub(super) local: Box<str>,
}

impl Name {
    pub(super) fn new(namespace: &str, local: &str) -> Self {
        Self {
            namespace: namespace.into(),
            local: local.into(),
        }
    }
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) name: Name,
    pub(super) attributes: Vec<(Name, String)>,
    pub(super) children: Vec<Child>,
}

/// What an element holds. No two texts stand beside each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Child {
    Element(Node),
    Text(String),
}

impl Node {
    pub(super) fn new(name: Name) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Reads a whole document.
    pub(super) fn read(text: &str) -> Result<Self, XmlError> {
        let mut reader = XmlReader::new(text.as_bytes())?;
        let mut root = match reader.next()? {
            XmlEvent::Open(element) => Self {
                name: Name::new(element.namespace(), element.name()),
                attributes: attributes(&reader, &element),
                children: Vec::new(),
            },
            XmlEvent::Close | XmlEvent::Text(_) | XmlEvent::End => return Err(XmlError::NoRoot),
        };
        root.children = read_children(&mut reader)?;
        reader.next()?;
        Ok(root)
    }

    /// The element and all that is in it, as a text that reads back as the same tree.
    pub(super) fn spelled(&self) -> String {
        let mut text = String::new();
        self.spell(&mut text, "");
        text
    }

    /// The text directly in the element.
    pub(super) fn text(&self) -> String {
        let texts = self.children.iter().filter_map(|child| match child {
            Child::Text(text) => Some(text.as_str()),
            Child::Element(_) => None,
        });
        texts.collect()
    }

    // As deep as the reader lets a document be.
    fn spell(&self, text: &mut String, namespace: &str) {
        let Name {
            namespace: own,
            local,
        } = &self.name;
        *text += "<";
        *text += local;
        if **own != *namespace {
            *text += &format!(" xmlns=\"{}\"", escaped(own));
        }
        for (number, (name, value)) in self.attributes.iter().enumerate() {
            let value = escaped(value);
            match &*name.namespace {
                "" => *text += &format!(" {}=\"{value}\"", name.local),
                XML => *text += &format!(" xml:{}=\"{value}\"", name.local),
                other => {
                    let other = escaped(other);
                    *text += &format!(
                        " xmlns:a{number}=\"{other}\" a{number}:{}=\"{value}\"",
                        name.local
                    );
                }
            }
        }
        *text += ">";
        for child in &self.children {
            match child {
                Child::Element(element) => element.spell(text, own),
                Child::Text(piece) => *text += &escaped(piece),
            }
        }
        *text += "</";
        *text += local;
        *text += ">";
    }
}

fn attributes(reader: &XmlReader<'_>, element: &crate::xml::Element<'_>) -> Vec<(Name, String)> {
    let attributes = reader.attributes(element).into_iter();
    attributes
        .map(|attribute| {
            (
                Name::new(&attribute.namespace, &attribute.name),
                attribute.value,
            )
        })
        .collect()
}

/// Reads up to the end of the innermost open element.
pub(super) fn read_children(reader: &mut XmlReader<'_>) -> Result<Vec<Child>, XmlError> {
    let mut children = Vec::new();
    let mut open: Vec<Node> = Vec::new();
    loop {
        let child = match reader.next()? {
            XmlEvent::Open(element) => {
                open.push(Node {
                    name: Name::new(element.namespace(), element.name()),
                    attributes: attributes(reader, &element),
                    children: Vec::new(),
                });
                continue;
            }
            XmlEvent::Text(text) => Child::Text(text.into_owned()),
            XmlEvent::Close | XmlEvent::End => match open.pop() {
                Some(closed) => Child::Element(closed),
                None => return Ok(children),
            },
        };
        let siblings = match open.last_mut() {
            Some(parent) => &mut parent.children,
            None => &mut children,
        };
        push(siblings, child);
    }
}

/// Adds a child, joining texts.
pub(super) fn push(siblings: &mut Vec<Child>, child: Child) {
    match (siblings.last_mut(), child) {
        (Some(Child::Text(before)), Child::Text(text)) => before.push_str(&text),
        (_, child) => siblings.push(child),
    }
}
