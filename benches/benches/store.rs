//! What a PUBLISH costs once it is parsed: reading its document, and each way through the presentity store.
#![expect(clippy::panic, reason = "a store that refuses is not worth measuring")]

use std::{
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use presence::{Activity, Basic, Document, EntityTag, PresentityId, Publish, Store, StoreConfig};

/// The server's: another one has threads wait for each other where they give back what they replace.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REPS: usize = 1_000;
/// Prime to the numbers of reps, and far enough that no cache fetches ahead.
const STRIDE: usize = 7_919;

/// A store in which every rep has one publication.
struct Filled {
    store: Store,
    reps: Vec<(PresentityId, EntityTag)>,
    now: Instant,
    next: usize,
}

impl Filled {
    fn new() -> Self {
        Self::of(REPS)
    }

    fn of(reps: usize) -> Self {
        let (store, now) = (Store::new(StoreConfig::new([1; 16])), Instant::now());
        let reps = (0..reps)
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

    /// Each thread refreshes so often, one of its own reps after the other.
    fn refresh_at_once(&mut self, threads: usize, rounds: u64) -> Duration {
        let (store, now) = (&self.store, self.now);
        let share = self.reps.len() / threads;
        let start = Barrier::new(threads + 1);
        thread::scope(|scope| {
            let working: Vec<_> = self
                .reps
                .chunks_mut(share)
                .map(|reps| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        let mut place = 0;
                        for _ in 0..rounds {
                            if let Some((rep, tag)) = reps.get_mut(place) {
                                renew(store, rep, tag, refresh, now);
                            }
                            place = (place + STRIDE) % reps.len();
                        }
                    })
                })
                .collect();
            start.wait();
            let begun = Instant::now();
            for thread in working {
                thread.join().unwrap_or_else(|_| panic!("a thread failed"));
            }
            begun.elapsed()
        })
    }

    /// Renews the publication of one rep after the other.
    fn renew(&mut self, publish: impl FnOnce(&str) -> Publish<'_>) {
        self.next = (self.next + 1) % REPS;
        let Some((rep, tag)) = self.reps.get_mut(self.next) else {
            return;
        };
        renew(&self.store, rep, tag, publish, self.now);
    }
}

fn renew(
    store: &Store,
    rep: &PresentityId,
    tag: &mut EntityTag,
    publish: impl FnOnce(&str) -> Publish<'_>,
    now: Instant,
) {
    let published = store.publish(rep, publish(&tag.to_string()), now);
    *tag = published
        .unwrap_or_else(|error| panic!("failed to publish: {error}"))
        .entity_tag;
}

fn refresh(entity_tag: &str) -> Publish<'_> {
    Publish::Refresh {
        entity_tag,
        lifetime: None,
        publisher: None,
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
            filled.renew(refresh);
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

/// Refreshes of presentities of their own by one thread and by two at once, of few presentities and of more than the
/// processor's caches hold; the time is that of as many refreshes as there are threads.
fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store, refresh");
    for (heat, reps) in [("hot", 16), ("cold", 100_000)] {
        let mut filled = Filled::of(reps);
        for threads in [1, 2] {
            group.throughput(Throughput::Elements(threads as u64));
            group.bench_function(format!("{heat}, threads: {threads}"), |bencher| {
                bencher.iter_custom(|rounds| filled.refresh_at_once(threads, rounds));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, store, threads, document);
criterion_main!(benches);
