//! What a PUBLISH costs once it is parsed: reading its document, and each way through the presentity store.
#![expect(clippy::panic, reason = "a store that refuses is not worth measuring")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use presence::{Activity, Basic, Document, EntityTag, PresentityId, Publish, Store, StoreConfig};

const REPS: usize = 1_000;

/// A store in which every rep has one publication.
struct Filled {
    store: Store,
    reps: Vec<(PresentityId, EntityTag)>,
    now: Instant,
    next: usize,
}

impl Filled {
    fn new() -> Self {
        let (store, now) = (Store::new(StoreConfig::new([1; 16])), Instant::now());
        let reps = (0..REPS)
            .map(|number| {
                let rep = PresentityId::new(&format!("rep{number}"));
                let published = store.publish(&rep, initial(), now);
                let published =
                    published.unwrap_or_else(|error| panic!("failed to publish: {error}"));
                (rep, published.entity_tag)
            })
            .collect();
        while store.poll_changed().is_some() {}
        Self {
            store,
            reps,
            now,
            next: 0,
        }
    }

    /// Renews the publication of one rep after the other.
    fn renew(&mut self, publish: impl FnOnce(&str) -> Publish<'_>) {
        self.next = (self.next + 1) % REPS;
        let Some((rep, tag)) = self.reps.get_mut(self.next) else {
            return;
        };
        let published = self.store.publish(rep, publish(&tag.to_string()), self.now);
        *tag = published
            .unwrap_or_else(|error| panic!("failed to publish: {error}"))
            .entity_tag;
    }
}

fn free() -> Document {
    Document {
        basic: Some(Basic::Open),
        ..Document::default()
    }
}

fn initial() -> Publish<'static> {
    Publish::Initial {
        document: free(),
        lifetime: None,
        publisher: None,
    }
}

fn store(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    let mut filled = Filled::new();
    group.bench_function("refresh", |bencher| {
        bencher.iter(|| {
            filled.renew(|entity_tag| Publish::Refresh {
                entity_tag,
                lifetime: None,
                publisher: None,
            });
        });
    });
    let mut round = 0_usize;
    group.bench_function("modify, mark, poll and read", |bencher| {
        bencher.iter(|| {
            round += 1;
            // Each rep changes each time it is its turn.
            let activity = if (round / REPS).is_multiple_of(2) {
                Activity::Busy
            } else {
                Activity::Away
            };
            let document = Document {
                activities: [activity].into_iter().collect(),
                ..free()
            };
            filled.renew(|entity_tag| Publish::Modify {
                entity_tag,
                document,
                lifetime: None,
                publisher: None,
            });
            while let Some(rep) = filled.store.poll_changed() {
                black_box(filled.store.presentity(&rep));
            }
        });
    });
    let mut reps = filled.reps.iter().cycle();
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            reps.next()
                .map(|(rep, _)| black_box(filled.store.presentity(rep)))
        });
    });
    group.bench_function("let 1000 reps lapse", |bencher| {
        bencher.iter_batched(
            Filled::new,
            |filled| black_box(filled.store.expire(filled.now + Duration::from_secs(3600))),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn document(criterion: &mut Criterion) {
    let fixture = sip_fixtures::phone("linphone/11-PUBLISH");
    let head = fixture
        .bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(0, |end| end + 4);
    let body = fixture.bytes.get(head..).unwrap_or_default();
    criterion.bench_function("document/read linphone/11-PUBLISH", |bencher| {
        bencher.iter(|| Document::read_pidf(black_box(body)));
    });
}

criterion_group!(benches, store, document);
criterion_main!(benches);
