//! The two WSDL 1.1 documents: of what is asked here, and of what a shop's web server is told.
//! Must not know how an operation is done.

use std::fmt::Write as _;

use presence::xml::escaped;

use super::envelope::{NAMESPACE, Version};

/// The types of both.
const TYPES: &str = include_str!("../../assets/soap/types.xsd");

/// What a program may ask, and which right it needs where that is more than to know the address.
pub(super) const PULL: [(&str, &str); 5] = [
    (
        "GetGroupPresence",
        "The groups of a site: who can help now, or when somebody will.",
    ),
    (
        "GetRepresentatives",
        "The reps. Wants a key of the scope read as Authorization: Bearer.",
    ),
    (
        "RequestHelp",
        "One click for help; answers with the ticket and the token that opens it.",
    ),
    ("GetTicket", "A ticket as it stands."),
    ("CancelTicket", "Ends the conversation or leaves the queue."),
];

const PUSH: [(&str, &str); 1] = [(
    "NotifyGroupPresence",
    "Tells the groups of a site after a change. Any answer of 2xx takes it.",
)];

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What Deskbell does when it is asked.
    Pull,
    /// What a shop's server does when it is told.
    Push,
}

/// The document, with `address` as the place of the service.
pub(super) fn document(side: Side, address: &str) -> String {
    let (name, operations) = match side {
        Side::Pull => ("Deskbell", &PULL[..]),
        Side::Push => ("DeskbellListener", &PUSH[..]),
    };
    let mut wsdl = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<wsdl:definitions name="{name}" targetNamespace="{NAMESPACE}" xmlns="{NAMESPACE}" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/">
  <wsdl:types>
{TYPES}  </wsdl:types>
"#
    );
    for (operation, _) in operations {
        add(
            &mut wsdl,
            format_args!(
                r#"  <wsdl:message name="{operation}"><wsdl:part name="parameters" element="{operation}"/></wsdl:message>
  <wsdl:message name="{operation}Response"><wsdl:part name="parameters" element="{operation}Response"/></wsdl:message>
"#
            ),
        );
    }
    wsdl.push_str("  <wsdl:message name=\"Problem\"><wsdl:part name=\"problem\" element=\"Problem\"/></wsdl:message>\n");
    add(
        &mut wsdl,
        format_args!("  <wsdl:portType name=\"{name}\">\n"),
    );
    for (operation, about) in operations {
        add(
            &mut wsdl,
            format_args!(
                r#"    <wsdl:operation name="{operation}">
      <wsdl:documentation>{about}</wsdl:documentation>
      <wsdl:input message="{operation}"/>
      <wsdl:output message="{operation}Response"/>
      <wsdl:fault name="Problem" message="Problem"/>
    </wsdl:operation>
"#
            ),
        );
    }
    wsdl.push_str("  </wsdl:portType>\n");
    for (version, prefix, suffix) in [
        (Version::Soap11, "soap", ""),
        (Version::Soap12, "soap12", "12"),
    ] {
        add(
            &mut wsdl,
            format_args!(
                "  <wsdl:binding name=\"{name}{suffix}\" type=\"{name}\">\n    <{prefix}:binding style=\"document\" transport=\"http://schemas.xmlsoap.org/soap/http\"/>\n"
            ),
        );
        for (operation, _) in operations {
            let action = version.action(operation);
            add(
                &mut wsdl,
                format_args!(
                    r#"    <wsdl:operation name="{operation}">
      <{prefix}:operation soapAction="{action}" style="document"/>
      <wsdl:input><{prefix}:body use="literal"/></wsdl:input>
      <wsdl:output><{prefix}:body use="literal"/></wsdl:output>
      <wsdl:fault name="Problem"><{prefix}:fault name="Problem" use="literal"/></wsdl:fault>
    </wsdl:operation>
"#
                ),
            );
        }
        wsdl.push_str("  </wsdl:binding>\n");
    }
    let address = escaped(address);
    add(
        &mut wsdl,
        format_args!(
            r#"  <wsdl:service name="{name}">
    <wsdl:port name="{name}" binding="{name}"><soap:address location="{address}"/></wsdl:port>
    <wsdl:port name="{name}12" binding="{name}12"><soap12:address location="{address}"/></wsdl:port>
  </wsdl:service>
</wsdl:definitions>
"#
        ),
    );
    wsdl
}

fn add(wsdl: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = wsdl.write_fmt(what);
}
