//! Twins of `crate::sync` under which loom stops at each step. Locks and counters are loom's own. The maps and the queue
//! are modelled: each of their operations is one step, and `compute` is a read, the caller's decision and a
//! compare-and-swap, as papaya's is.

use std::{
    collections::{HashMap as StdMap, HashSet as StdSet, VecDeque},
    hash::Hash,
};

pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicIsize, AtomicU64, fence},
};

/// What a map is asked to do.
#[derive(Debug)]
pub(crate) enum Operation<V, T> {
    Insert(V),
    Remove,
    Abort(T),
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

pub(crate) fn map<K, V>() -> HashMap<K, V> {
    HashMap(Mutex::new(Entries {
        values: StdMap::new(),
        changes: 0,
    }))
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

    /// Whoever comes second finds what is there.
    pub(crate) fn get_or_insert(&self, key: K, value: V) {
        let mut entries = self.0.lock().unwrap();
        if !entries.values.contains_key(&key) {
            entries.changes += 1;
            let number = entries.changes;
            entries.values.insert(key, (number, value));
        }
    }

    /// To put something where nothing is, is left to [`get_or_insert`](Self::get_or_insert).
    pub(crate) fn compute<T>(
        &self,
        key: K,
        mut decide: impl FnMut(Option<(&K, &V)>) -> Operation<V, T>,
    ) {
        loop {
            let seen = self.0.lock().unwrap().values.get(&key).cloned();
            let operation = decide(seen.as_ref().map(|(_, value)| (&key, value)));
            let mut entries = self.0.lock().unwrap();
            let change = |found: Option<&(u64, V)>| found.map(|(change, _)| *change);
            if change(entries.values.get(&key)) != change(seen.as_ref()) {
                continue;
            }
            entries.changes += 1;
            let number = entries.changes;
            match operation {
                Operation::Insert(value) => {
                    assert!(seen.is_some(), "only what is there is replaced");
                    entries.values.insert(key, (number, value));
                }
                Operation::Remove => drop(entries.values.remove(&key)),
                Operation::Abort(_) => {}
            }
            return;
        }
    }
}

/// In the place of papaya's set.
#[derive(Debug)]
pub(crate) struct HashSet<K>(Mutex<StdSet<K>>);

pub(crate) fn set<K>(_: usize) -> HashSet<K> {
    HashSet(Mutex::new(StdSet::new()))
}

impl<K: Clone + Eq + Hash> HashSet<K> {
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
