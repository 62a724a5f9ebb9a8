//! The shared state the store is made of, under the names by which it is used: other crates' maps and queues, and the
//! standard library's locks and counters. `schedules` has twins of them that try every order of steps.

pub(crate) use std::sync::{
    MutexGuard,
    atomic::{AtomicBool, AtomicIsize, AtomicU64, fence},
};

pub(crate) use crossbeam_queue::SegQueue;
pub(crate) use papaya::Operation;

use foldhash::fast::RandomState;

/// Hashed with a seed of its own: names are short, and looked up with every PUBLISH.
pub(crate) type HashMap<K, V> = papaya::HashMap<K, V, RandomState>;

/// The same for a set.
pub(crate) type HashSet<K> = papaya::HashSet<K, RandomState>;

/// For wake-ups alone.
#[expect(
    clippy::disallowed_types,
    reason = "readers never come there; a writer holds one of the locks for one insertion, and refreshes do not"
)]
pub(crate) type Mutex<T> = std::sync::Mutex<T>;
