//! What an operation costs Deskbell as there is more of everything. Must not know how load is made.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};

use super::contender::{Contender, Priority, Setup};
use super::{Digest, load_from};

/// How far to go.
#[derive(Debug, clap::Args)]
pub(crate) struct Growth {
    /// The built server.
    #[arg(long, default_value = "target/release/deskbell")]
    deskbell: PathBuf,
    /// Seconds of each run.
    #[arg(long, default_value_t = 4)]
    seconds: u32,
    /// The processor of the server; the generator has the other.
    #[arg(long, default_value_t = 0)]
    processor: u32,
    /// Where the raw figures go, one line of JSON each, in the place of those that are there.
    #[arg(long, default_value = "benches/growth.jsonl")]
    raw: PathBuf,
}

/// What grows.
#[derive(Clone, Copy, Debug)]
enum Growing {
    Presentities,
    Watchers,
    Groups,
}

impl Growing {
    const fn name(self) -> &'static str {
        match self {
            Self::Presentities => "presentities",
            Self::Watchers => "watchers of one",
            Self::Groups => "groups of 10,000 reps",
        }
    }

    const fn sizes(self) -> &'static [usize] {
        match self {
            Self::Presentities => &[1_000, 10_000, 100_000, 1_000_000],
            Self::Watchers => &[10, 100, 1_000, 10_000, 100_000],
            Self::Groups => &[1, 10, 100, 1_000, 10_000],
        }
    }

    /// The case, the users and the watchers of each.
    const fn runs(self, size: usize) -> &'static [&'static str] {
        match (self, size) {
            (Self::Presentities, _) => &["refresh", "modify"],
            (Self::Watchers, _) => &["watch"],
            (Self::Groups, _) => &["modify"],
        }
    }
}

/// Runs everything once.
///
/// # Errors
/// Where the server does not start, or a run fails.
pub(crate) fn run(growth: &Growth) -> anyhow::Result<()> {
    let myself = std::env::current_exe()?;
    let folder = std::env::temp_dir().join(format!("benches-growth-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let mut raw = File::create(&growth.raw)?;
    for growing in [Growing::Presentities, Growing::Watchers, Growing::Groups] {
        for size in growing.sizes().iter().copied() {
            for case in growing.runs(size) {
                let line = measure(growth, &myself, &folder, growing, size, case)
                    .with_context(|| format!("{case} with {size} {}", growing.name()))?;
                crate::say(&line.to_string());
                writeln!(raw, "{line}")?;
            }
        }
    }
    Ok(fs::remove_dir_all(&folder)?)
}

fn measure(
    growth: &Growth,
    myself: &std::path::Path,
    folder: &std::path::Path,
    growing: Growing,
    size: usize,
    case: &str,
) -> anyhow::Result<Value> {
    let (users, watchers, reps, groups) = match growing {
        Growing::Presentities => (size, 0, 1, 0),
        Growing::Watchers => (1, size, 1, 0),
        Growing::Groups => (10_000, 0, 10_000, size),
    };
    let setup = Setup {
        digest: Digest::Nobody,
        reps,
        groups,
        priority: Priority::Usual,
    };
    let server =
        Contender::Deskbell.start(&growth.deskbell, myself, folder, growth.processor, setup)?;
    let mut arguments = vec![
        format!("--case={case}"),
        format!("--users={users}"),
        format!("--seconds={}", growth.seconds),
    ];
    if watchers > 0 {
        arguments.push(format!("--watchers={watchers}"));
        // The NOTIFYs of one change are more than a UDP socket's buffer takes.
        arguments.push("--transport=tcp".to_owned());
    }
    let line = load_from(myself, &server, growth.processor, &arguments)?
        .map_err(|why| anyhow::anyhow!(why))?;
    let mut line: Value = serde_json::from_str(&line)?;
    if let Some(fields) = line.as_object_mut() {
        fields.insert("growing".to_owned(), json!(growing.name()));
        fields.insert("size".to_owned(), json!(size));
    }
    Ok(line)
}
