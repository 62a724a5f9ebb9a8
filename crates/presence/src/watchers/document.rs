//! Writes watcher information as XML (RFC 3858). Must not know who may read it.

use std::fmt::Write;

use super::{Watcher, WatcherStatus};
use crate::xml::escaped;

const WATCHERINFO: &str = "urn:ietf:params:xml:ns:watcherinfo";

/// Bytes of a document at most: more does not fit a datagram with its header.
const LONGEST: usize = 60_000;

/// The watchers of the presence of `resource`. `version` starts at 0 and rises by one with each document of a
/// subscription (RFC 3858 §3).
///
/// Deviates from RFC 3858 §3: of more than fit a datagram, some hundreds, only the first are listed, because a document
/// that does not arrive tells of none.
pub fn write_watcherinfo(resource: &str, version: u32, watchers: &[Watcher]) -> Vec<u8> {
    let mut text = String::with_capacity(256 + watchers.len() * 160);
    text += r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    push(
        &mut text,
        format_args!(
            "\n<watcherinfo xmlns=\"{WATCHERINFO}\" version=\"{version}\" state=\"full\">\n"
        ),
    );
    let resource = escaped(resource);
    push(
        &mut text,
        format_args!("<watcher-list resource=\"{resource}\" package=\"presence\">\n"),
    );
    for watcher in watchers {
        let before = text.len();
        push(
            &mut text,
            // RFC 3858 §3: the subscription itself brought the watcher there.
            format_args!(
                "<watcher id=\"{}\" status=\"{}\" event=\"subscribe\" expiration=\"{}\" duration-subscribed=\"{}\">{}</watcher>\n",
                escaped(&watcher.id),
                match watcher.status {
                    WatcherStatus::Active => "active",
                    WatcherStatus::Pending => "pending",
                },
                watcher.expires_in.as_secs(),
                watcher.subscribed_for.as_secs(),
                escaped(&watcher.address),
            ),
        );
        if text.len() > LONGEST {
            text.truncate(before);
            break;
        }
    }
    text += "</watcher-list>\n</watcherinfo>\n";
    text.into_bytes()
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a String never fails.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::{Expect, expect};

    use proptest::prelude::{any, prop};

    use super::write_watcherinfo;
    use crate::{
        watchers::{Watcher, WatcherStatus},
        xml::{XmlEvent, XmlReader, is_xml_char},
    };

    fn check(version: u32, addresses: &[&str], expected: Expect) {
        let watchers: Vec<_> = addresses
            .iter()
            .enumerate()
            .map(|(place, address)| Watcher {
                id: format!("w{place}"),
                address: (*address).to_owned(),
                status: if place == 0 {
                    WatcherStatus::Active
                } else {
                    WatcherStatus::Pending
                },
                subscribed_for: Duration::from_millis(1999),
                expires_in: Duration::from_secs(60),
            })
            .collect();
        let document = write_watcherinfo("sip:alice@shop.example", version, &watchers);
        expected.assert_eq(&String::from_utf8(document).unwrap());
    }

    #[test]
    fn each_watcher_is_listed() {
        check(
            7,
            &["sip:bob@shop.example", "sip:carol@shop.example"],
            expect![[r#"
                <?xml version="1.0" encoding="UTF-8"?>
                <watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="7" state="full">
                <watcher-list resource="sip:alice@shop.example" package="presence">
                <watcher id="w0" status="active" event="subscribe" expiration="60" duration-subscribed="1">sip:bob@shop.example</watcher>
                <watcher id="w1" status="pending" event="subscribe" expiration="60" duration-subscribed="1">sip:carol@shop.example</watcher>
                </watcher-list>
                </watcherinfo>
            "#]],
        );
    }

    #[test]
    fn nobody_is_an_empty_list() {
        check(
            0,
            &[],
            expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="0" state="full">
            <watcher-list resource="sip:alice@shop.example" package="presence">
            </watcher-list>
            </watcherinfo>
        "#]],
        );
    }

    fn watcher(address: &str) -> Watcher {
        Watcher {
            id: "w1".to_owned(),
            address: address.to_owned(),
            status: WatcherStatus::Active,
            subscribed_for: Duration::ZERO,
            expires_in: Duration::ZERO,
        }
    }

    /// The addresses in a document.
    fn addresses(document: &[u8]) -> Vec<String> {
        let mut reader = XmlReader::new(document).unwrap();
        let (mut found, mut open) = (Vec::new(), false);
        loop {
            match reader.next().unwrap() {
                XmlEvent::Open(element) => {
                    open = element.name() == "watcher";
                    if open {
                        found.push(String::new());
                    }
                }
                XmlEvent::Text(text) if open => found.last_mut().unwrap().push_str(&text),
                XmlEvent::Text(_) => {}
                XmlEvent::Close => open = false,
                XmlEvent::End => return found,
            }
        }
    }

    #[test]
    fn a_long_list_fits_a_datagram() {
        let long = format!("sip:{}@shop.example", "b".repeat(200));
        let watchers = vec![watcher(&long); 20_000];
        let document = write_watcherinfo("sip:alice@shop.example", 0, &watchers);
        assert!(document.len() < 60_100, "{}", document.len());
        let listed = addresses(&document);
        assert!(listed.len() > 150 && listed.iter().all(|address| *address == long));
        // One that is too long by itself is not cut through.
        let monster = watcher(&"&".repeat(100_000));
        let document = write_watcherinfo("sip:alice@shop.example", 0, &[monster]);
        assert_eq!(addresses(&document), Vec::<String>::new());
    }

    proptest::proptest! {
        #[test]
        fn no_address_breaks_the_document(written in prop::collection::vec(any::<String>(), 0..4), resource in any::<String>()) {
            let watchers: Vec<_> = written.iter().map(|address| watcher(address)).collect();
            let readable = |text: &str| -> String {
                let text: String = text.chars().map(|sign| if is_xml_char(sign) { sign } else { char::REPLACEMENT_CHARACTER }).collect();
                // XML 1.0 §2.11 reads every way to end a line as one newline.
                text.replace("\r\n", "\n").replace('\r', "\n")
            };
            let expected: Vec<_> = written.iter().map(|address| readable(address)).collect();
            proptest::prop_assert_eq!(addresses(&write_watcherinfo(&resource, 0, &watchers)), expected);
        }
    }

    #[test]
    fn an_address_cannot_leave_its_element() {
        check(
            0,
            &["sip:<&\">@h\u{1}"],
            expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="0" state="full">
            <watcher-list resource="sip:alice@shop.example" package="presence">
            <watcher id="w0" status="active" event="subscribe" expiration="60" duration-subscribed="1">sip:&lt;&amp;&quot;&gt;@h�</watcher>
            </watcher-list>
            </watcherinfo>
        "#]],
        );
    }
}
