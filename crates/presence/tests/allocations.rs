//! How often the store asks for memory: the price of a PUBLISH that no other work on the machine changes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "an instant can only be had from the clock; the test moves it by hand"
)]

use std::time::{Duration, Instant};

use allocation_counter::measure;
use presence::{Document, PresentityId, Publish, Store, StoreConfig};

const PIDF: &[u8] =
    br#"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@shop.example">
<tuple id="t1"><status><basic>open</basic></status><note>at the desk</note></tuple></presence>"#;

/// The snapshot, and its place in the index.
const FOR_A_SNAPSHOT: u64 = 2;

#[test]
fn a_refresh_asks_for_its_snapshot_alone() {
    let store = Store::new(StoreConfig::new([7; 16]));
    let alice = PresentityId::new("alice");
    let mut now = Instant::now();
    let initial = Publish::Initial {
        document: Document::read_pidf(PIDF).unwrap(),
        lifetime: None,
        publisher: None,
    };
    let mut tag = store.publish(&alice, initial, now).unwrap().entity_tag;
    let mut asked = Vec::new();
    for _ in 0..1000 {
        now += Duration::from_secs(1);
        let text = tag.to_string();
        let counted = measure(|| {
            let refresh = Publish::Refresh {
                entity_tag: &text,
                lifetime: None,
                publisher: None,
            };
            tag = store.publish(&alice, refresh, now).unwrap().entity_tag;
        });
        asked.push(counted.count_total);
    }
    asked.sort_unstable();
    // Now and then the index puts away in bulk.
    assert!(asked[500] <= FOR_A_SNAPSHOT, "{}", asked[500]);
    let in_all: u64 = asked.iter().sum();
    assert!(in_all <= 1000 * (FOR_A_SNAPSHOT + 1), "{in_all}");
}
