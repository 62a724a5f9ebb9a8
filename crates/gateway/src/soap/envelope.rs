//! SOAP envelopes: what one says, and how one is written. SOAP 1.1, and SOAP 1.2 part 1.
//! Must not know any operation.

use presence::xml::{XmlError, XmlEvent, XmlReader, decoded};

use super::fault::{Code, Fault};

/// Of every element that is ours.
pub(crate) const NAMESPACE: &str = "urn:deskbell:soap:1";

/// Which SOAP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// SOAP 1.1.
    Soap11,
    /// SOAP 1.2.
    Soap12,
}

impl Version {
    /// The namespace of its envelope.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::Soap12 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    /// The media type of its messages.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }

    /// What names an operation in a header.
    pub(crate) fn action(self, operation: &str) -> String {
        format!("{NAMESPACE}#{operation}")
    }

    fn of(namespace: &str) -> Option<Self> {
        [Self::Soap11, Self::Soap12]
            .into_iter()
            .find(|version| version.namespace() == namespace)
    }
}

/// An element with all that is in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Namespace, name and value.
    pub(super) attributes: Vec<(String, String, String)>,
    /// The text directly in it.
    pub(super) text: String,
    pub(super) children: Vec<Node>,
}

/// The one element in the body of an envelope that is sound and wants nothing we do not understand.
pub(super) fn read(bytes: &[u8], spoken: Version) -> Result<Node, Fault> {
    let unreadable =
        |error: XmlError| Fault::unreadable(format!("This is not XML we take: {error}."));
    let text = decoded(bytes).map_err(unreadable)?;
    let root = tree(&text).map_err(unreadable)?;
    if root.name != "Envelope" {
        return Err(Fault::sender("The root element has to be a SOAP Envelope."));
    }
    match Version::of(&root.namespace) {
        None => {
            return Err(Fault::new(
                Code::VersionMismatch,
                "This envelope is neither SOAP 1.1 nor SOAP 1.2.",
            ));
        }
        Some(version) if version != spoken => {
            return Err(Fault::sender(
                "The Content-Type is one version of SOAP and the envelope another.",
            ));
        }
        Some(_) => {}
    }
    let mut parts = root.children.into_iter().peekable();
    let of_soap =
        |node: &Node, name: &str| node.namespace == spoken.namespace() && node.name == name;
    if let Some(header) = parts.next_if(|part| of_soap(part, "Header")) {
        check_headers(&header, spoken)?;
    }
    let body = parts.next().filter(|part| of_soap(part, "Body"));
    let body = body.ok_or_else(|| {
        Fault::sender("The envelope has to have a Body, after at most one Header.")
    })?;
    if parts.next().is_some() {
        return Err(Fault::sender("Nothing may follow the Body."));
    }
    let mut operations = body.children.into_iter();
    match (operations.next(), operations.next()) {
        (Some(operation), None) if body.text.trim().is_empty() => Ok(operation),
        _ => Err(Fault::sender("The Body has to hold exactly one element.")),
    }
}

/// We understand no header; one that has to be understood by us cannot be.
fn check_headers(header: &Node, version: Version) -> Result<(), Fault> {
    for block in &header.children {
        let value = |name: &str| {
            let found = block.attributes.iter().find(|(namespace, attribute, _)| {
                namespace == version.namespace() && attribute == name
            });
            found.map(|(_, _, value)| value.trim())
        };
        let role = match version {
            Version::Soap11 => value("actor"),
            Version::Soap12 => value("role"),
        };
        let is_ours = role.is_none_or(|role| {
            role.is_empty() || role.ends_with("/next") || role.ends_with("/role/ultimateReceiver")
        });
        let is_demanded = matches!(value("mustUnderstand"), Some("1" | "true"));
        if is_ours && is_demanded {
            let detail = format!(
                "The header {} is not understood here; prove yourself by Authorization.",
                block.name
            );
            return Err(Fault::new(Code::MustUnderstand, detail));
        }
    }
    Ok(())
}

fn tree(text: &[u8]) -> Result<Node, XmlError> {
    let mut reader = XmlReader::new(text)?;
    let mut open: Vec<Node> = Vec::new();
    let mut root = Node::default();
    loop {
        match reader.next()? {
            XmlEvent::Open(element) => {
                let attributes = reader.attributes(&element).into_iter();
                open.push(Node {
                    namespace: element.namespace().to_owned(),
                    name: element.name().to_owned(),
                    attributes: attributes
                        .map(|attribute| {
                            (
                                attribute.namespace.into(),
                                attribute.name.into(),
                                attribute.value,
                            )
                        })
                        .collect(),
                    ..Node::default()
                });
            }
            XmlEvent::Text(piece) => {
                if let Some(node) = open.last_mut() {
                    node.text.push_str(&piece);
                }
            }
            XmlEvent::Close => {
                let Some(closed) = open.pop() else { continue };
                match open.last_mut() {
                    Some(parent) => parent.children.push(closed),
                    None => root = closed,
                }
            }
            XmlEvent::End => return Ok(root),
        }
    }
}

/// An envelope round what is in its body.
pub(crate) fn write(version: Version, body: &str) -> String {
    let namespace = version.namespace();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soap:Envelope xmlns:soap=\"{namespace}\"><soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}
