//! A disk that remembers what was synced and what was not, so that power can be cut at any write.
//! Must not know SQLite.

use std::collections::HashMap;
use std::time::Duration;

/// What a file system writes as a whole or not at all.
const SECTOR: usize = 512;

/// All files of the disk.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) files: HashMap<String, FileState>,
    /// Writes, truncations and syncs so far.
    pub(crate) operations: u64,
    /// Syncs so far.
    pub(crate) syncs: u64,
    /// The sync, counted from 1, that fails; every later one succeeds, as a kernel that dropped its pages pretends.
    pub(crate) failing_sync: Option<u64>,
    /// The file whose next sync fails.
    pub(crate) failing_file: Option<String>,
    /// While set, no file grows.
    pub(crate) full: bool,
    /// How long a sync takes.
    pub(crate) sync_takes: Duration,
    /// While set, a sync is acknowledged and not done, as a disk with a careless cache does.
    pub(crate) lies: bool,
    random: u64,
}

/// One file.
#[derive(Default, Clone)]
pub(crate) struct FileState {
    /// As the running program sees it.
    pub(crate) current: Vec<u8>,
    /// As it is on the platter.
    durable: Vec<u8>,
    /// What is between the two, in order.
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Disk {
    pub(crate) fn seed(&mut self, seed: u64) {
        self.random = seed | 1;
    }

    /// `false` when there is no room.
    pub(crate) fn write(&mut self, name: &str, offset: usize, bytes: &[u8]) -> bool {
        self.operations += 1;
        let full = self.full;
        let file = self.files.entry(name.to_owned()).or_default();
        if full && offset + bytes.len() > file.current.len() {
            return false;
        }
        let change = Change::Write {
            offset,
            bytes: bytes.to_vec(),
        };
        change.apply(&mut file.current);
        file.pending.push(change);
        true
    }

    pub(crate) fn truncate(&mut self, name: &str, length: usize) {
        self.operations += 1;
        let file = self.files.entry(name.to_owned()).or_default();
        let change = Change::Truncate(length);
        change.apply(&mut file.current);
        file.pending.push(change);
    }

    /// `false` when it fails; what was not synced then never will be.
    pub(crate) fn sync(&mut self, name: &str) -> bool {
        self.operations += 1;
        self.syncs += 1;
        let fails = self.failing_sync == Some(self.syncs)
            || self.failing_file.take_if(|file| file == name).is_some();
        let file = self.files.entry(name.to_owned()).or_default();
        if fails {
            file.pending.clear();
            return false;
        }
        if !self.lies {
            for change in file.pending.drain(..) {
                change.apply(&mut file.durable);
            }
        }
        true
    }

    /// The disk as it may be after a power cut at this moment: of what was not synced some is there, some is not, some
    /// is torn between sectors, in no particular order.
    pub(crate) fn after_power_cut(&mut self) -> HashMap<String, FileState> {
        let mut names: Vec<String> = self.files.keys().cloned().collect();
        names.sort();
        let mut image = HashMap::new();
        for name in names {
            let file = self.files[&name].clone();
            let mut left = file.durable;
            for change in file.pending {
                match self.draw(4) {
                    0 => {}
                    1 => change.torn(self.draw(u64::MAX)).apply(&mut left),
                    _ => change.apply(&mut left),
                }
            }
            let state = FileState {
                current: left.clone(),
                durable: left,
                pending: Vec::new(),
            };
            image.insert(name, state);
        }
        image
    }

    /// A number below `limit` (xorshift64).
    pub(crate) fn draw(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write {
                offset,
                bytes: written,
            } => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
            Self::Truncate(length) => bytes.resize(*length, 0),
        }
    }

    /// Only some of the sectors arrived; the rest of the file is as long as if all had.
    fn torn(&self, which: u64) -> Self {
        let Self::Write { offset, bytes } = self else {
            return self.clone();
        };
        let kept = (which as usize % (bytes.len() / SECTOR + 1)) * SECTOR;
        Self::Write {
            offset: *offset,
            bytes: bytes[..kept.min(bytes.len())].to_vec(),
        }
    }
}
