//! The states of a list's resources: resource list meta-information (RFC 4662 §5). Must not know the documents of
//! the resources, which travel beside it, nor how they travel.

use std::fmt::Write;

use crate::{
    dialog_info::Extent,
    document_error::DocumentError,
    xml::{Element, XmlEvent, XmlReader, escaped},
};

const RLMI: &str = "urn:ietf:params:xml:ns:rlmi";
const EXPECTED: &str = "<list> of urn:ietf:params:xml:ns:rlmi";

/// Longest document that is read, in bytes: some 200 for each resource.
const LONGEST: usize = 256 * 1024;

/// What one notification says about a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceList {
    /// The list's address.
    pub uri: String,
    /// Rises by one with each document of a subscription (RFC 4662 §5.1).
    pub version: u32,
    /// Whether it tells of every resource or of those that changed.
    pub extent: Extent,
    /// In the order of the list.
    pub resources: Vec<ListedResource>,
}

/// One resource of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedResource {
    /// Its address.
    pub uri: String,
    /// For people.
    pub name: Option<String>,
    /// What is known of its state; `None` where nothing is.
    pub instance: Option<Instance>,
}

/// The one subscription by which a resource is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instance {
    /// There is a document.
    Active {
        /// The Content-ID of the part that holds it.
        content_id: String,
    },
    /// Nobody has decided whether the watcher may know.
    Pending,
    /// There will be none.
    Terminated {
        /// In the words of RFC 6665 §4.1.3.
        reason: String,
    },
}

/// Writes a list's states as XML.
pub fn write_rlmi(list: &ResourceList) -> Vec<u8> {
    let mut text = String::with_capacity(256 + list.resources.len() * 192);
    text += r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    let full = list.extent == Extent::Full;
    push(
        &mut text,
        format_args!(
            "\n<list xmlns=\"{RLMI}\" uri=\"{}\" version=\"{}\" fullState=\"{full}\">\n",
            escaped(&list.uri),
            list.version
        ),
    );
    for (place, resource) in list.resources.iter().enumerate() {
        push(
            &mut text,
            format_args!("<resource uri=\"{}\">", escaped(&resource.uri)),
        );
        if let Some(name) = &resource.name {
            push(&mut text, format_args!("<name>{}</name>", escaped(name)));
        }
        match &resource.instance {
            Some(Instance::Active { content_id }) => push(
                &mut text,
                // RFC 4662 §5.3: the id tells instances of one resource apart, and there is one.
                format_args!(
                    "<instance id=\"i{place}\" state=\"active\" cid=\"{}\"/>",
                    escaped(content_id)
                ),
            ),
            Some(Instance::Pending) => push(
                &mut text,
                format_args!("<instance id=\"i{place}\" state=\"pending\"/>"),
            ),
            Some(Instance::Terminated { reason }) => push(
                &mut text,
                format_args!(
                    "<instance id=\"i{place}\" state=\"terminated\" reason=\"{}\"/>",
                    escaped(reason)
                ),
            ),
            None => {}
        }
        text += "</resource>\n";
    }
    text += "</list>\n";
    text.into_bytes()
}

/// Reads a list's states. Of several instances of a resource the last one counts.
///
/// # Errors
/// Where it is no such document.
pub fn read_rlmi(bytes: &[u8]) -> Result<ResourceList, DocumentError> {
    if bytes.len() > LONGEST {
        return Err(DocumentError::TooLarge { size: bytes.len() });
    }
    let refused = |error| DocumentError::of_xml(error, EXPECTED);
    let mut reader = XmlReader::new(bytes).map_err(refused)?;
    let mut list: Option<ResourceList> = None;
    let (mut depth, mut name) = (0_usize, None::<String>);
    loop {
        match reader.next().map_err(refused)? {
            XmlEvent::Open(element) => {
                depth += 1;
                let ours = element.namespace() == RLMI;
                let resource = list.as_mut().and_then(|list| list.resources.last_mut());
                match (depth, element.name(), resource) {
                    (1, "list", _) if ours => list = Some(root(&element)),
                    (1, ..) => return Err(DocumentError::other_root(&element, EXPECTED)),
                    (2, "resource", _) if ours => {
                        if let Some(list) = &mut list {
                            list.resources.push(ListedResource {
                                uri: attribute(&element, "uri"),
                                name: None,
                                instance: None,
                            });
                        }
                    }
                    (3, "name", Some(_)) if ours => name = Some(String::new()),
                    (3, "instance", Some(resource)) if ours => {
                        resource.instance = Some(instance(&element));
                    }
                    _ => {}
                }
            }
            XmlEvent::Text(piece) => {
                if let (3, Some(name)) = (depth, &mut name) {
                    name.push_str(&piece);
                }
            }
            XmlEvent::Close => {
                if depth == 3
                    && let Some(name) = name.take()
                    && let Some(resource) = list.as_mut().and_then(|list| list.resources.last_mut())
                {
                    resource.name = Some(name.trim().to_owned());
                }
                depth -= 1;
            }
            XmlEvent::End => {
                return list.ok_or_else(|| DocumentError::OtherDocument {
                    found: "it has no XML element".to_owned(),
                    expected: EXPECTED,
                });
            }
        }
    }
}

fn root(element: &Element<'_>) -> ResourceList {
    ResourceList {
        uri: attribute(element, "uri"),
        version: attribute(element, "version").parse().unwrap_or_default(),
        extent: match &*attribute(element, "fullState") {
            "true" | "1" => Extent::Full,
            _ => Extent::Partial,
        },
        resources: Vec::new(),
    }
}

fn instance(element: &Element<'_>) -> Instance {
    match &*attribute(element, "state") {
        "active" => Instance::Active {
            content_id: attribute(element, "cid"),
        },
        "pending" => Instance::Pending,
        _ => Instance::Terminated {
            reason: attribute(element, "reason"),
        },
    }
}

fn attribute(element: &Element<'_>, name: &str) -> String {
    element.attribute(name).unwrap_or_default().into_owned()
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a String never fails.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

    use super::*;

    fn list(resources: Vec<ListedResource>) -> ResourceList {
        ResourceList {
            uri: "sip:cameras@shop.example".to_owned(),
            version: 3,
            extent: Extent::Full,
            resources,
        }
    }

    #[test]
    fn each_resource_is_listed_with_what_is_known_of_it() {
        let resource = |uri: &str, name: Option<&str>, instance| ListedResource {
            uri: uri.to_owned(),
            name: name.map(str::to_owned),
            instance,
        };
        let document = write_rlmi(&list(vec![
            resource(
                "sip:alice@shop.example",
                Some("Alice"),
                Some(Instance::Active {
                    content_id: "0.3@shop.example".to_owned(),
                }),
            ),
            resource("sip:b&b@shop.example", None, Some(Instance::Pending)),
            resource(
                "sip:nobody@shop.example",
                None,
                Some(Instance::Terminated {
                    reason: "noresource".to_owned(),
                }),
            ),
        ]));
        expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:cameras@shop.example" version="3" fullState="true">
            <resource uri="sip:alice@shop.example"><name>Alice</name><instance id="i0" state="active" cid="0.3@shop.example"/></resource>
            <resource uri="sip:b&amp;b@shop.example"><instance id="i1" state="pending"/></resource>
            <resource uri="sip:nobody@shop.example"><instance id="i2" state="terminated" reason="noresource"/></resource>
            </list>
        "#]]
        .assert_eq(&String::from_utf8(document).unwrap());
    }

    fn instance() -> impl Strategy<Value = Option<Instance>> {
        prop_oneof![
            Just(None),
            Just(Some(Instance::Pending)),
            any::<String>().prop_map(|content_id| Some(Instance::Active {
                content_id: readable(&content_id)
            })),
            any::<String>().prop_map(|reason| Some(Instance::Terminated {
                reason: readable(&reason)
            })),
        ]
    }

    /// XML has no way to write some characters, and folds white space in attributes.
    fn readable(text: &str) -> String {
        text.chars()
            .filter(|sign| !sign.is_control() && *sign != '\u{fffe}' && *sign != '\u{ffff}')
            .collect()
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(uri in any::<String>(), name in any::<Option<String>>(), instances in prop::collection::vec(instance(), 0..5)) {
            let resources = instances.into_iter().map(|instance| ListedResource {
                uri: readable(&uri),
                name: name.as_ref().map(|name| readable(name).trim().to_owned()),
                instance,
            });
            let list = list(resources.collect());
            proptest::prop_assert_eq!(read_rlmi(&write_rlmi(&list)).unwrap(), list);
        }

        #[test]
        fn no_markup_makes_it_panic(text in r#"(<list xmlns='urn:ietf:params:xml:ns:rlmi'|<resource|<name>|<instance|</list>|</resource>| uri='a'|>|/|x){0,20}"#) {
            let _ = read_rlmi(text.as_bytes());
        }
    }
}
