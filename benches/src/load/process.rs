//! Processor time and memory of the server, with all its children. Must not know what it serves.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// What a process and its children have used up so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) processor: Duration,
    /// In KiB, shared pages counted once for each process.
    pub(crate) resident: u64,
}

/// The kernel counts processor time in these.
const TICKS_PER_SECOND: u64 = 100;

/// Of a process and its children; nothing where there is none.
pub(crate) fn used(root: u32) -> Used {
    let mut sum = Used::default();
    for process in family(root) {
        let Some(stat) = Stat::of(process) else {
            continue;
        };
        sum.processor += Duration::from_millis(stat.ticks * 1000 / TICKS_PER_SECOND);
        sum.resident += resident(process).unwrap_or(0);
    }
    sum
}

struct Stat {
    parent: u32,
    ticks: u64,
}

impl Stat {
    fn of(process: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name may have blanks; what follows its bracket has none.
        let (_, rest) = text.rsplit_once(')')?;
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |place: usize| words.get(place)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(1)?).ok()?,
            ticks: number(11)? + number(12)?,
        })
    }
}

fn family(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if let Some(stat) = Stat::of(process) {
            children.entry(stat.parent).or_default().push(process);
        }
    }
    let mut family = vec![root];
    let mut place = 0;
    while let Some(process) = family.get(place).copied() {
        family.extend(children.remove(&process).unwrap_or_default());
        place += 1;
    }
    family
}

fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
