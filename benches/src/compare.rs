//! Deskbell, Kamailio and an echo under the same load, one after the other and several times, and the table of what
//! came out. Must not know how load is made.

mod chart;
pub(crate) mod contender;
pub(crate) mod growth;
pub(crate) mod limits;
mod machine;
pub(crate) mod strict;
pub(crate) mod table;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::{Value, json};

use self::contender::{Contender, Priority, Running, Setup};
pub(crate) use self::growth::Growth;
pub(crate) use self::limits::Limits;
pub(crate) use self::strict::Strict;
use crate::pages;
use crate::peers;

/// Whom to compare, how often and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Compare {
    /// The built server.
    #[arg(long, default_value = "target/release/deskbell")]
    deskbell: PathBuf,
    /// Rounds; each has every contender and every case once.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of each run.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Requests a second of the paced runs.
    #[arg(long, default_value_t = 16_000)]
    pace: u32,
    /// Runs of this case alone, or those of this pace (`closed`, `open`, `steady`).
    #[arg(long)]
    only: Option<String>,
    /// The processor of the servers; the generator has the other.
    #[arg(long, default_value_t = 0)]
    processor: u32,
    /// Where the raw figures go, one line of JSON each; they are added to those that are there.
    #[arg(long, default_value = "benches/raw.jsonl")]
    raw: PathBuf,
}

/// What the table is made of.
#[derive(Debug, clap::Args)]
pub(crate) struct Tabulate {
    /// Raw figures.
    #[arg(long, default_value = "benches/raw.jsonl")]
    raw: PathBuf,
    /// Raw figures of pages that watch and ask, if there are any.
    #[arg(long, default_value = "benches/pages.jsonl")]
    pages: PathBuf,
    /// Raw figures of what grows, if there are any.
    #[arg(long, default_value = "benches/growth.jsonl")]
    growth: PathBuf,
    /// The page whose parts between their marks are written anew.
    #[arg(long, default_value = "docs/performance.md")]
    page: PathBuf,
    /// The drawing of what an operation costs as there is more of everything.
    #[arg(long, default_value = "docs/growth.svg")]
    growth_chart: PathBuf,
    /// The drawing of how much each answers.
    #[arg(long, default_value = "docs/performance.svg")]
    chart: PathBuf,
}

/// What every contender is asked.
#[derive(Clone, Copy, Debug)]
struct Run {
    case: &'static str,
    transport: &'static str,
    pace: Pace,
    digest: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// The next request when one is answered.
    Closed,
    /// So many a second.
    Open,
    /// The same of a server that goes before all others on its processor, and that has run for longer than it remembers answers.
    Steady,
}

impl Pace {
    const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Steady => "steady",
        }
    }
}

/// How users prove themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digest {
    Nobody,
    /// By one nonce, for as long as it is taken.
    NonceReused,
    /// With a nonce of its own for each request.
    ChallengedEachTime,
}

impl Run {
    const ALL: [Self; 13] = [
        Self::of("echo", "udp"),
        Self::of("options", "udp"),
        Self::of("publish", "udp"),
        Self::of("refresh", "udp"),
        Self::of("modify", "udp"),
        Self::of("publish", "tcp"),
        Self {
            digest: Digest::NonceReused,
            ..Self::of("refresh", "udp")
        },
        Self {
            digest: Digest::ChallengedEachTime,
            ..Self::of("refresh", "udp")
        },
        Self::of("watch", "udp"),
        Self {
            pace: Pace::Open,
            ..Self::of("refresh", "udp")
        },
        Self {
            pace: Pace::Steady,
            ..Self::of("refresh", "udp")
        },
        Self {
            pace: Pace::Open,
            ..Self::of("echo", "udp")
        },
        Self {
            pace: Pace::Steady,
            ..Self::of("echo", "udp")
        },
    ];

    const fn of(case: &'static str, transport: &'static str) -> Self {
        Self {
            case,
            transport,
            pace: Pace::Closed,
            digest: Digest::Nobody,
        }
    }

    fn users(self) -> usize {
        match (self.case, self.digest) {
            ("watch", _) => 400,
            (_, Digest::Nobody) => 50_000,
            (_, Digest::NonceReused | Digest::ChallengedEachTime) => USERS_WITH_PASSWORDS,
        }
    }

    /// For the generator.
    fn arguments(self, seconds: u32, pace: u32) -> Vec<String> {
        let mut arguments = vec!["--case".to_owned(), self.case.to_owned()];
        let mut argue = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        argue("--transport", self.transport.to_owned());
        argue("--seconds", seconds.to_string());
        argue("--users", self.users().to_string());
        if self.case == "watch" {
            // The NOTIFYs of more changes at a time are more than a UDP socket's buffer takes.
            argue("--window", "4".to_owned());
        }
        match self.pace {
            Pace::Closed => {}
            Pace::Open | Pace::Steady => {
                argue("--rate", pace.to_string());
                argue("--window", "1024".to_owned());
            }
        }
        match self.pace {
            Pace::Closed | Pace::Open => {}
            Pace::Steady => argue("--warm-up", REMEMBERED.to_string()),
        }
        match self.digest {
            Digest::Nobody => {}
            Digest::NonceReused => argue("--password", PASSWORD.to_owned()),
            Digest::ChallengedEachTime => {
                argue("--password", PASSWORD.to_owned());
                arguments.push("--challenge-each".to_owned());
            }
        }
        arguments
    }

    fn setup(self) -> Setup {
        Setup {
            digest: self.digest,
            reps: match self.digest {
                Digest::Nobody => 1,
                Digest::NonceReused | Digest::ChallengedEachTime => USERS_WITH_PASSWORDS,
            },
            groups: 0,
            priority: match self.pace {
                Pace::Closed | Pace::Open => Priority::Usual,
                Pace::Steady => Priority::RealTime,
            },
        }
    }
}

/// Seconds: longer than Timer J, so that a server takes no more memory than it gives back.
const REMEMBERED: u32 = 35;
/// Each stands in the configuration.
const USERS_WITH_PASSWORDS: usize = 2_000;
/// Of all of them.
const PASSWORD: &str = "correct horse";

/// Runs all rounds.
///
/// # Errors
/// Where a server does not start, or a run fails.
pub(crate) fn run(compare: &Compare) -> anyhow::Result<()> {
    let myself = std::env::current_exe()?;
    let folder = std::env::temp_dir().join(format!("benches-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let mut raw = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&compare.raw)?;
    peers::need("kamailio", "kamailio")?;
    let machine = machine::describe(&compare.deskbell)?;
    for round in 0..compare.rounds {
        // Each round begins with another one, so that none is always first.
        for turn in 0..Contender::ALL.len() {
            let place = (turn + round as usize) % Contender::ALL.len();
            let Some(contender) = Contender::ALL.get(place) else {
                continue;
            };
            for run in Run::ALL {
                let only = compare.only.as_deref();
                let is_wanted = only.is_none_or(|only| only == run.case || only == run.pace.name());
                if !is_wanted || !contender.takes(run) {
                    continue;
                }
                // A server of its own for each run: what one leaves behind is no burden of the next.
                let server = contender.start(
                    &compare.deskbell,
                    &myself,
                    &folder,
                    compare.processor,
                    run.setup(),
                )?;
                // A run that breaks off is told as one: what a server cannot take is a figure too.
                let line = match load(compare, &myself, &server, run)? {
                    Ok(line) => serde_json::from_str(&line)?,
                    Err(why) => json!({
                        "case": run.case,
                        "transport": run.transport,
                        "rate": (run.pace != Pace::Closed).then_some(f64::from(compare.pace)),
                        "broke_off": why,
                    }),
                };
                let line = described(line, contender.name(), round, run.pace, &machine)?;
                crate::say(&line);
                writeln!(raw, "{line}")?;
            }
        }
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Writes the tables of the raw figures into the page, and draws them.
///
/// # Errors
/// Where there are no figures, or the page has no marks.
pub(crate) fn tabulate(tabulate: &Tabulate) -> anyhow::Result<()> {
    let lines = figures(&tabulate.raw).context("there are no raw figures; run compare")?;
    let page = fs::read_to_string(&tabulate.page)?;
    let mut page = table::put_into(&page, table::FIGURES, &table::of(&lines))?;
    if tabulate.pages.exists() {
        let of_pages = pages::table::of(&figures(&tabulate.pages)?);
        page = table::put_into(&page, pages::table::PAGES, &of_pages)?;
    }
    if tabulate.growth.exists() {
        let grown = figures(&tabulate.growth)?;
        page = table::put_into(&page, table::GROWTH, &table::of_growth(&grown))?;
        fs::write(&tabulate.growth_chart, chart::of_growth(&grown)?)?;
    }
    fs::write(&tabulate.chart, chart::of_rates(&lines)?)?;
    Ok(fs::write(&tabulate.page, page)?)
}

fn figures(raw: &Path) -> anyhow::Result<Vec<Value>> {
    let raw = fs::read_to_string(raw)?;
    let lines = raw.lines().map(serde_json::from_str);
    Ok(lines.collect::<Result<_, _>>()?)
}

/// The figures of one run, or why it broke off.
fn load(
    compare: &Compare,
    myself: &Path,
    server: &Running,
    run: Run,
) -> anyhow::Result<Result<String, String>> {
    let arguments = run.arguments(compare.seconds, compare.pace);
    load_from(myself, server, compare.processor, &arguments)
}

/// The same, with the arguments of the generator, which has the other processor.
fn load_from(
    myself: &Path,
    server: &Running,
    processor: u32,
    arguments: &[String],
) -> anyhow::Result<Result<String, String>> {
    let output = Command::new("taskset")
        .args(["-c", &(1 - processor.min(1)).to_string()])
        .arg(myself)
        .args(["load", "--target", &server.address().to_string()])
        .args(["--pid", &server.id().to_string()])
        .args(arguments)
        .output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Ok(Err(why.trim().to_owned()));
    }
    Ok(Ok(String::from_utf8(output.stdout)?.trim().to_owned()))
}

/// With whom, when and on what it was measured, and how busy the machine was.
fn described(
    mut value: Value,
    contender: &str,
    round: u32,
    pace: Pace,
    machine: &str,
) -> anyhow::Result<String> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default().parse::<f64>()?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("contender".to_owned(), json!(contender));
        fields.insert("round".to_owned(), json!(round));
        fields.insert("paced".to_owned(), json!(pace != Pace::Closed));
        fields.insert("steady".to_owned(), json!(pace == Pace::Steady));
        fields.insert("machine".to_owned(), json!(machine));
        fields.insert("machine_load".to_owned(), json!(load));
    }
    Ok(value.to_string())
}
