//! What limits each case: Deskbell's processor time under load, sampled by Linux' perf and shared out among a few kinds
//! of work by the names of the functions. Must not know how load is made.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::contender::Contender;
use super::{Digest, Pace, Run, load_from, table};
use crate::peers;

/// How long to look.
#[derive(Debug, clap::Args)]
pub(crate) struct Limits {
    /// The built server, with the names of its functions.
    #[arg(long, default_value = "target/release/deskbell")]
    deskbell: PathBuf,
    /// Seconds of each run; the first two of them are not looked at, in which everybody publishes once.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// The processor of the server; the generator has the other.
    #[arg(long, default_value_t = 0)]
    processor: u32,
    /// The page whose part between its marks is written anew.
    #[arg(long, default_value = "docs/performance.md")]
    page: PathBuf,
}

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Kernel,
    NewMemory,
    Reading,
    Xml,
    Store,
    Answer,
    Transactions,
    Digest,
    Hashing,
    Allocator,
    Copying,
    Desk,
    Runtime,
    Rest,
}

impl Work {
    const ALL: [Self; 14] = [
        Self::Kernel,
        Self::NewMemory,
        Self::Reading,
        Self::Xml,
        Self::Store,
        Self::Answer,
        Self::Transactions,
        Self::Digest,
        Self::Hashing,
        Self::Allocator,
        Self::Copying,
        Self::Desk,
        Self::Runtime,
        Self::Rest,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::NewMemory => "kernel: clearing new memory",
            Self::Reading => "reading SIP",
            Self::Xml => "reading XML",
            Self::Store => "store",
            Self::Answer => "writing SIP",
            Self::Transactions => "transactions",
            Self::Digest => "digest",
            Self::Hashing => "hashing for tables",
            Self::Allocator => "allocator",
            Self::Copying => "copying and comparing bytes",
            Self::Desk => "service and desk",
            Self::Runtime => "sockets and runtime",
            Self::Rest => "rest",
        }
    }

    /// Of a function as perf names it. What is inlined counts as what it was inlined into.
    fn of(symbol: &str) -> Self {
        let has = |names: &[&str]| names.iter().any(|name| symbol.contains(name));
        if symbol.starts_with("[k]") {
            return if has(&["clear_page", "clear_huge_page", "folio_zero"]) {
                Self::NewMemory
            } else {
                Self::Kernel
            };
        }
        let by_names: [(Self, &[&str]); 11] = [
            (Self::Hashing, &["hash::sip::", "BuildHasher"]),
            (Self::Xml, &["quick_xml", "presence::xml", "presence::pidf"]),
            (
                Self::Digest,
                &["md5::", "sha2::", "sip::digest", "hmac::", "authentication"],
            ),
            (Self::Transactions, &["sip::transaction"]),
            (Self::Answer, &["sip::write"]),
            (
                Self::Reading,
                &[
                    "sip::grammar",
                    "sip::header",
                    "sip::uri",
                    "sip::check",
                    "sip::message",
                    "sip::values",
                    "sip::host",
                    "sip::essentials",
                    "sip::framing",
                    "sip::controls",
                    "nom::",
                    "str::converts",
                    "memchr",
                    "net::parser",
                ],
            ),
            (Self::Store, &["presence::", "papaya", "seize", "crossbeam"]),
            (Self::Allocator, &["mi_", "raw_vec", "alloc::alloc"]),
            (Self::Copying, &["memmove", "memcpy", "memcmp", "memset"]),
            (
                Self::Desk,
                &[
                    "deskbell::",
                    "helpdesk::",
                    "sip::subscription",
                    "sip::dialog",
                ],
            ),
            (
                Self::Runtime,
                &[
                    "tokio",
                    "sip_transport",
                    "mio::",
                    "recvmmsg",
                    "sendmmsg",
                    "clock_gettime",
                ],
            ),
        ];
        by_names
            .into_iter()
            .find(|(_, names)| has(names))
            .map_or(Self::Rest, |(work, _)| work)
    }
}

/// Looks at each case and writes the table.
///
/// # Errors
/// Where there is no perf, the server does not start, a run fails, or the page has no marks.
pub(crate) fn run(limits: &Limits) -> anyhow::Result<()> {
    peers::need("perf", "linux-perf")?;
    let folder = std::env::temp_dir().join(format!("benches-limits-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let mut columns = Vec::new();
    for run in Run::ALL {
        if run.pace != Pace::Closed || !Contender::Deskbell.takes(run) {
            continue;
        }
        let shares = look(limits, &folder, run).with_context(|| title(run))?;
        crate::say(&format!("{}: {shares:?}", title(run)));
        columns.push((title(run), shares));
    }
    fs::remove_dir_all(&folder)?;
    let page = fs::read_to_string(&limits.page)?;
    let page = table::put_into(&page, table::LIMITS, &table_of(&columns))?;
    Ok(fs::write(&limits.page, page)?)
}

/// Seconds of a run before anything is sampled.
const BEFORE: u32 = 2;

fn look(limits: &Limits, folder: &Path, run: Run) -> anyhow::Result<Vec<(Work, f64)>> {
    let myself = std::env::current_exe()?;
    let server = Contender::Deskbell.start(
        &limits.deskbell,
        &myself,
        folder,
        limits.processor,
        run.setup(),
    )?;
    let samples = folder.join("perf.data");
    let mut perf = Command::new("perf")
        .args([
            "record",
            "--quiet",
            "--event",
            "cpu-clock",
            "--freq",
            "4999",
        ])
        .args(["--delay", &(BEFORE * 1000).to_string()])
        .args(["--pid", &server.id().to_string(), "--output"])
        .arg(&samples)
        .args(["--", "sleep", &limits.seconds.to_string()])
        .stderr(Stdio::null())
        .spawn()
        .context("failed to start perf")?;
    let loaded = load_from(
        &myself,
        &server,
        limits.processor,
        &run.arguments(limits.seconds, 0),
    );
    let recorded = perf.wait()?;
    if let Err(why) = loaded? {
        bail!("the run broke off: {why}");
    }
    if !recorded.success() {
        bail!("perf failed: {recorded}");
    }
    let report = Command::new("perf")
        .args([
            "report",
            "--stdio",
            "--no-children",
            "--sort",
            "symbol",
            "--input",
        ])
        .arg(&samples)
        .stderr(Stdio::null())
        .output()?;
    shares(&String::from_utf8_lossy(&report.stdout))
}

/// The percent of each kind of work.
fn shares(report: &str) -> anyhow::Result<Vec<(Work, f64)>> {
    let mut shares: Vec<_> = Work::ALL.iter().map(|work| (*work, 0.0)).collect();
    for line in report.lines() {
        let Some((percent, symbol)) = line.trim().split_once('%') else {
            continue;
        };
        let (Ok(percent), false) = (percent.parse::<f64>(), line.starts_with('#')) else {
            continue;
        };
        let work = Work::of(symbol.trim());
        for (known, sum) in &mut shares {
            if *known == work {
                *sum += percent;
            }
        }
    }
    if shares.iter().map(|(_, share)| share).sum::<f64>() < 50.0 {
        bail!("perf has named too little of what it saw");
    }
    Ok(shares)
}

fn table_of(columns: &[(String, Vec<(Work, f64)>)]) -> String {
    let mut text = String::from("| percent of the server's processor time |");
    for (title, _) in columns {
        let _infallible = write!(text, " {title} |");
    }
    text += "\n|---|";
    text += &"---|".repeat(columns.len());
    text.push('\n');
    for work in Work::ALL {
        let _infallible = write!(text, "| {} |", work.name());
        for (_, shares) in columns {
            let share = shares.iter().find(|(known, _)| *known == work);
            let _infallible = write!(text, " {:.0} |", share.map_or(0.0, |(_, share)| *share));
        }
        text.push('\n');
    }
    text
}

fn title(run: Run) -> String {
    let digest = match run.digest {
        Digest::Nobody => "",
        Digest::NonceReused => ", digest",
        Digest::ChallengedEachTime => ", challenged",
    };
    format!("{} {}{digest}", run.transport.to_uppercase(), run.case)
}

#[cfg(test)]
mod tests {
    use super::{Work, shares};

    #[test]
    fn a_function_is_of_one_kind_and_shares_are_sums() {
        let report = "# Overhead  Symbol\n#\n    30.50%  [k] udp_sendmsg\n     5.00%  [k] clear_page_erms\n    20.00%  [.] \
                      sip::grammar::params::param\n    10.00%  [.] <core::hash::sip::Hasher<S> as core::hash::Hasher>::write\n\
                      \n     7.25%  [.] presence::store::Store::replace\n     2.75%  [.] presence::xml::XmlReader::next\n";
        let shares = shares(report).unwrap();
        let of = |work| shares.iter().find(|(known, _)| *known == work).unwrap().1;
        for (work, share) in [
            (Work::Kernel, 30.5),
            (Work::NewMemory, 5.0),
            (Work::Reading, 20.0),
            (Work::Hashing, 10.0),
            (Work::Store, 7.25),
            (Work::Xml, 2.75),
            (Work::Rest, 0.0),
        ] {
            assert!((of(work) - share).abs() < 0.001, "{work:?}");
        }
    }

    #[test]
    fn a_report_without_names_is_no_report() {
        assert!(shares("# Overhead  Symbol\n     3.00%  [.] 0x0000\n").is_err());
    }
}
