//! Whatever names and notes hold, the documents that watchers are told say it and nothing else.

use std::time::Duration;

use presence::watchers::{
    Instance, ListedResource, ResourceList, Watcher, WatcherStatus, read_rlmi, write_pidf_full,
    write_rlmi, write_watcherinfo,
};
use presence::{Composed, Document, Extent, write_pidf};

/// Names that are tried; more than enough to meet each kind of character many times.
const NAMES: u32 = 5_000;

/// The longest note or address that a phone gets into a document.
const LONGEST: usize = 1_000;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Any characters there are, those that XML cares for more often.
    fn name(&mut self) -> String {
        let length = self.next() as usize % 40;
        let length = if self.next().is_multiple_of(50) {
            LONGEST
        } else {
            length
        };
        (0..length)
            .map(|_| match self.next() % 4 {
                0 => {
                    let telling = "<>&\"']\0\r\n".chars();
                    telling.cycle().nth(self.next() as usize % 9).unwrap_or('<')
                }
                1 => char::from(self.next() as u8 & 0x7f),
                _ => char::from_u32(self.next() as u32 % 0x11_0000).unwrap_or('\u{fffd}'),
            })
            .collect()
    }
}

/// What of a text XML 1.0 can say: the others become U+FFFD, and the ends of lines become one.
fn sayable(text: &str) -> String {
    let signs = text.chars().map(|sign| match sign {
        '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'.. => sign,
        _ => '\u{fffd}',
    });
    signs.collect()
}

/// OpenSIPS CVE-2026-45809 and FreeSWITCH CVE-2026-116574 overran buffers here.
#[test]
fn every_name_comes_out_of_every_document_as_it_went_in() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..NAMES {
        let name = numbers.name();
        let composed = Composed {
            note: Some(name.as_str().into()),
            ..Composed::NOTHING
        };
        let document = write_pidf(&name, &composed);
        assert!(document.len() <= 64 * 1024);
        if document.len() < 16 * 1024 {
            let read = Document::read_pidf(&document).unwrap();
            let note = read.note.as_deref().unwrap_or_default();
            let plain = |text: &str| {
                text.replace("\r\n", "\n")
                    .replace('\r', "\n")
                    .trim()
                    .to_owned()
            };
            assert_eq!(plain(note), plain(&sayable(&name)), "{name:?}");
        }
        assert!(write_pidf_full(1, &document).is_some(), "{name:?}");

        let list = ResourceList {
            uri: "sip:cameras@shop.example".to_owned(),
            version: 0,
            extent: Extent::Full,
            resources: vec![ListedResource {
                uri: name.clone(),
                name: Some(name.clone()),
                instance: Some(Instance::Terminated {
                    reason: name.clone(),
                }),
            }],
        };
        assert_eq!(
            read_rlmi(&write_rlmi(&list)).unwrap().resources.len(),
            1,
            "{name:?}"
        );

        let watcher = Watcher {
            id: name.clone(),
            address: name.clone(),
            status: WatcherStatus::Active,
            subscribed_for: Duration::ZERO,
            expires_in: Duration::ZERO,
        };
        let told = String::from_utf8(write_watcherinfo(&name, 0, &[watcher])).unwrap();
        assert!(told.len() <= 64 * 1024);
        assert_eq!(told.matches("<watcher ").count(), 1, "{name:?}");
    }
}
