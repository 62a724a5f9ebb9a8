//! Twins of `crate::sync` under which loom stops at each step. Locks and counters are loom's own. The maps and the queue
//! are modelled: each of their operations is one step, and `compute` is a read, the caller's decision and a
//! compare-and-swap, as papaya's is.

use std::{
    collections::{HashMap as StdMap, HashSet as StdSet, VecDeque},
    hash::Hash,
};

pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicIsize, AtomicU64, fence},
};

/// What a map is asked to do.
#[derive(Debug)]
pub(crate) enum Operation<V, T> {
    Insert(V),
    Remove,
    Abort(T),
}

/// What a map has done.
#[derive(Debug)]
pub(crate) enum Compute {
    Inserted((), ()),
    Other,
}

/// Values with the number of their last change.
#[derive(Debug)]
struct Entries<K, V> {
    values: StdMap<K, (u64, V)>,
    changes: u64,
}

/// In the place of papaya's map.
#[derive(Debug)]
pub(crate) struct HashMap<K, V>(Mutex<Entries<K, V>>);

impl<K, V> Default for HashMap<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Entries {
            values: StdMap::new(),
            changes: 0,
        }))
    }
}

impl<K: Clone + Eq + Hash, V: Clone> HashMap<K, V> {
    pub(crate) fn pin(&self) -> &Self {
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().values.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let entries = self.0.lock().unwrap();
        entries.values.get(key).map(|(_, value)| value.clone())
    }

    /// An insertion that was asked for and came too late may be done later without asking again, once the place is
    /// empty: papaya keeps it.
    pub(crate) fn compute<T>(
        &self,
        key: K,
        mut decide: impl FnMut(Option<(&K, &V)>) -> Operation<V, T>,
    ) -> Compute {
        let mut asked_before = None;
        loop {
            let seen = self.0.lock().unwrap().values.get(&key).cloned();
            let operation = match (&seen, asked_before.take()) {
                (None, Some(value)) => Operation::Insert(value),
                (seen, kept) => {
                    asked_before = kept;
                    decide(seen.as_ref().map(|(_, value)| (&key, value)))
                }
            };
            let mut entries = self.0.lock().unwrap();
            let change = |found: Option<&(u64, V)>| found.map(|(change, _)| *change);
            if change(entries.values.get(&key)) != change(seen.as_ref()) {
                if let (None, Operation::Insert(value)) = (seen, operation) {
                    asked_before = Some(value);
                }
                continue;
            }
            entries.changes += 1;
            let number = entries.changes;
            return match operation {
                Operation::Insert(value) => {
                    let before = entries.values.insert(key, (number, value));
                    match before {
                        None => Compute::Inserted((), ()),
                        Some(_) => Compute::Other,
                    }
                }
                Operation::Remove => {
                    entries.values.remove(&key);
                    Compute::Other
                }
                Operation::Abort(_) => Compute::Other,
            };
        }
    }
}

/// In the place of papaya's set.
#[derive(Debug)]
pub(crate) struct HashSet<K>(Mutex<StdSet<K>>);

impl<K: Clone + Eq + Hash> HashSet<K> {
    pub(crate) fn with_capacity_and_hasher<H>(_: usize, _: H) -> Self {
        Self(Mutex::new(StdSet::new()))
    }

    pub(crate) fn pin(&self) -> &Self {
        self
    }

    pub(crate) fn insert(&self, key: K) -> bool {
        self.0.lock().unwrap().insert(key)
    }

    pub(crate) fn remove(&self, key: &K) -> bool {
        self.0.lock().unwrap().remove(key)
    }
}

/// In the place of crossbeam's queue.
#[derive(Debug)]
pub(crate) struct SegQueue<T>(Mutex<VecDeque<T>>);

impl<T> SegQueue<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    pub(crate) fn push(&self, value: T) {
        self.0.lock().unwrap().push_back(value);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.lock().unwrap().pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}
