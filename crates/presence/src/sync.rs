//! The shared state the store is made of, under the names by which it is used: other crates' maps and queues, and the
//! standard library's locks and counters. `schedules` has twins of them that try every order of steps.

pub(crate) use std::sync::{
    MutexGuard,
    atomic::{AtomicBool, AtomicIsize, AtomicU64, fence},
};

pub(crate) use crossbeam_queue::SegQueue;
pub(crate) use papaya::Operation;

use foldhash::fast::RandomState;
use seize::Collector;

/// Hashed with a seed of its own: names are short, and looked up with every PUBLISH.
pub(crate) type HashMap<K, V> = papaya::HashMap<K, V, RandomState>;

/// The same for a set.
pub(crate) type HashSet<K> = papaya::HashSet<K, RandomState>;

/// What was replaced or taken out is freed so many at a time, for each thread: before it is, the kernel interrupts every
/// other processor that runs one of our threads, which for each 32 took more time than the storing.
const FREED_AT_ONCE: usize = 256;

/// An empty map.
pub(crate) fn map<K, V>() -> HashMap<K, V> {
    papaya::HashMap::builder()
        .hasher(RandomState::default())
        .collector(Collector::new().batch_size(FREED_AT_ONCE))
        .build()
}

/// An empty set with room for so many.
pub(crate) fn set<K>(room: usize) -> HashSet<K> {
    papaya::HashSet::builder()
        .capacity(room)
        .hasher(RandomState::default())
        .collector(Collector::new().batch_size(FREED_AT_ONCE))
        .build()
}

/// For wake-ups alone.
#[expect(
    clippy::disallowed_types,
    reason = "readers never come there; a writer holds one of the locks for one insertion, and refreshes do not"
)]
pub(crate) type Mutex<T> = std::sync::Mutex<T>;
