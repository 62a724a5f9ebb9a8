//! What 100,000 publications cost: resident bytes of each with all that was published, and the time to take them in,
//! to refresh them and to let them all lapse. Run by `cargo bench -p benches --bench memory`.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a program that measures and prints"
)]

use std::{
    env, fs,
    num::NonZeroU64,
    process::Command,
    time::{Duration, Instant},
};

use mimalloc::MiMalloc;
use presence::{Document, EntityTag, PresentityId, Publish, Publisher, Store, StoreConfig};

/// As in the server.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const PUBLICATIONS: usize = 100_000;

/// What phones really published, by the name of the capture.
const BODIES: [&str; 4] = [
    "baresip/03-PUBLISH",
    "linphone/03-PUBLISH",
    "linphone/10-PUBLISH",
    "pjsua2/05-PUBLISH",
];

/// A case has a process of its own, so that it finds no memory that another has given back.
fn main() {
    if let Some(name) = env::args().find(|name| BODIES.contains(&name.as_str())) {
        let fixture = sip_fixtures::phone(&name);
        let text = String::from_utf8_lossy(&fixture.bytes).into_owned();
        let (_, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        measure(&name, body);
        return;
    }
    let program = env::current_exe().unwrap_or_else(|error| panic!("no program: {error}"));
    for name in BODIES {
        let ended = Command::new(&program).arg(name).status();
        assert!(ended.is_ok_and(|status| status.success()), "{name}");
    }
}

fn measure(what: &str, body: &str) {
    let start = Instant::now();
    let store = Store::new(StoreConfig::new([1; 16]));
    let reps: Vec<PresentityId> = (0..PUBLICATIONS)
        .map(|number| PresentityId::new(&format!("rep{number}")))
        .collect();
    let mut tags: Vec<EntityTag> = Vec::with_capacity(PUBLICATIONS);
    let names = resident();
    let taking = Instant::now();
    for rep in &reps {
        // Each phone sends a document of its own.
        let document = Document::read_pidf(body.as_bytes())
            .unwrap_or_else(|error| panic!("failed to read a document: {error}"));
        let publish = Publish::Initial {
            document,
            lifetime: None,
            publisher: NonZeroU64::new(tags.len() as u64 + 1).map(Publisher),
        };
        tags.push(publish_to(&store, rep, publish, start));
        // The owner reads as fast as phones publish.
        while store.poll_changed().is_some() {}
    }
    let taken = taking.elapsed();
    let each = (resident() - names) / PUBLICATIONS;
    let refreshing = Instant::now();
    let later = start + Duration::from_secs(200);
    for (rep, tag) in reps.iter().zip(&mut tags) {
        let entity_tag = &tag.to_string();
        let refresh = Publish::Refresh {
            entity_tag,
            lifetime: None,
            publisher: None,
        };
        *tag = publish_to(&store, rep, refresh, later);
    }
    let refreshed = refreshing.elapsed();
    let after_refresh = (resident() - names) / PUBLICATIONS;
    // The wake-ups of the first lifetime find that everybody has refreshed.
    let sweeping = Instant::now();
    let lapsed = store.expire(start + Duration::from_secs(300));
    let swept = sweeping.elapsed();
    assert_eq!(lapsed, 0);
    let expiring = Instant::now();
    let lapsed = store.expire(later + Duration::from_secs(300));
    let expired = expiring.elapsed();
    assert_eq!(
        (lapsed, store.len(), store.next_timeout()),
        (PUBLICATIONS, 0, None)
    );
    println!(
        "{what}: {} bytes of body; {each} bytes resident for each publication, {after_refresh} after a refresh; \
         {PUBLICATIONS} taken in {taken:.0?}, refreshed in {refreshed:.0?}, looked at in {swept:.0?}, lapsed in {expired:.0?}",
        body.len(),
    );
}

fn publish_to(store: &Store, rep: &PresentityId, publish: Publish<'_>, now: Instant) -> EntityTag {
    match store.publish(rep, publish, now) {
        Ok(published) => published.entity_tag,
        Err(error) => panic!("failed to publish: {error}"),
    }
}

/// Bytes of this process that are in memory, as Linux counts them.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split_whitespace().nth(1);
    pages
        .and_then(|pages| pages.parse::<usize>().ok())
        .unwrap_or_default()
        * 4096
}
