//! Pages that watch a site and pages that ask for its state, at Deskbell and at nginx with nchan in turn, several times:
//! memory of each watcher, how soon the last one hears, and what it costs. Must not know how a server is configured.

mod site;
pub(crate) mod table;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde_json::{Value, json};

use self::site::{Documents, Kind, Site};
use crate::load::process::used;
use crate::peers;
use crate::watchers::State;
use crate::watchers::audience::{Audience, Heard};
use crate::watchers::pages::Pages;
use crate::watchers::streams::Streams;

/// How many, how often and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    /// The built server.
    #[arg(long, default_value = "target/release/deskbell")]
    deskbell: PathBuf,
    /// Rounds; each has every server and every case once.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Pages that watch at once; each needs a descriptor at both ends (`ulimit -n`).
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    watchers: Vec<usize>,
    /// Pages that watch at once over HTTP/2, a hundred of them a connection.
    #[arg(long, value_delimiter = ',', default_value = "30000")]
    streams: Vec<usize>,
    /// Changes, one a second, and twenty times as many in the steady stream, every 100 ms.
    #[arg(long, default_value_t = 4)]
    changes: u32,
    /// Seconds for which pages ask.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Seconds of rest between the last page's arrival and the first change.
    #[arg(long, default_value_t = 5)]
    rest: u64,
    /// The processor of the servers; pages have the other.
    #[arg(long, default_value_t = 0)]
    processor: u32,
    /// Where the raw figures go, one line of JSON each; they are added to those that are there.
    #[arg(long, default_value = "benches/pages.jsonl")]
    raw: PathBuf,
}

/// How long all pages may take to hear.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two events of the steady stream.
const STEP: Duration = Duration::from_millis(100);
/// Connections that ask at once.
const ASKING: u32 = 64;

/// How pages reach a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    /// HTTP/1.1, each over a connection of its own.
    Connections,
    /// HTTP/2, many over one.
    Streams,
}

impl Carrier {
    const fn name(self) -> &'static str {
        match self {
            Self::Connections => "HTTP/1.1",
            Self::Streams => "HTTP/2",
        }
    }

    fn audience(self) -> anyhow::Result<Box<dyn Audience>> {
        Ok(match self {
            Self::Connections => Box::new(Pages::new()?),
            Self::Streams => Box::new(Streams::new()?),
        })
    }

    /// Where the server takes it.
    const fn address(self, site: &Site) -> SocketAddr {
        match self {
            Self::Connections => site.http,
            Self::Streams => site.streams,
        }
    }
}

/// Runs all rounds.
///
/// # Errors
/// Where a server does not start, a page does not hear what it should, or an answer is none.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    // The module comes with nginx.
    peers::need(site::MODULE, "libnginx-mod-nchan")?;
    peers::need("wrk", "wrk")?;
    let mut processors = CpuSet::new();
    processors.set(usize::from(plan.processor == 0));
    sched_setaffinity(None, &processors).context("failed to take the other processor")?;
    let folder = std::env::temp_dir().join(format!("benches-pages-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let mut raw = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&plan.raw)?;
    let documents = Documents::of_deskbell(&plan.deskbell, &folder, plan.processor)?;
    for round in 0..plan.rounds as usize {
        for turn in 0..Kind::ALL.len() {
            // Each round begins with another one, so that none is always first.
            let Some(kind) = Kind::ALL.get((turn + round) % Kind::ALL.len()) else {
                continue;
            };
            let start = || Site::start(*kind, &plan.deskbell, &folder, plan.processor, &documents);
            let mut lines = Vec::new();
            if kind.is_watched() {
                for (carrier, sizes) in [
                    (Carrier::Connections, &plan.watchers),
                    (Carrier::Streams, &plan.streams),
                ] {
                    for watchers in sizes {
                        lines.push(told(plan, start()?, *watchers, carrier, &folder));
                    }
                }
            }
            if kind.is_asked() {
                lines.push(ask(plan, &start()?)?);
            }
            for mut line in lines {
                if let Some(fields) = line.as_object_mut() {
                    fields.insert("contender".to_owned(), json!(kind.name()));
                    fields.insert("round".to_owned(), json!(round));
                    fields.insert("machine_load".to_owned(), json!(machine_load()?));
                }
                crate::say(&line.to_string());
                writeln!(raw, "{line}")?;
            }
        }
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// What a run comes to. One that breaks off is told as one, with the last that nginx wrote down: what a server cannot bear
/// is a figure too.
fn told(plan: &Plan, site: Site, watchers: usize, carrier: Carrier, folder: &Path) -> Value {
    watch(plan, site, watchers, carrier).unwrap_or_else(|why| {
        let log = fs::read_to_string(folder.join(site::LOG));
        let log = log.unwrap_or_else(|error| format!("no log: {error}"));
        json!({
            "case": "watch",
            "watchers": watchers,
            "over": carrier.name(),
            "broke_off": format!("{why:#}"),
            "server_log": log.lines().last(),
        })
    })
}

/// So many pages; a change a second and then one every 100 ms.
fn watch(plan: &Plan, mut site: Site, watchers: usize, carrier: Carrier) -> anyhow::Result<Value> {
    site.voice.say(State::Here)?;
    // The first page makes the server open what it keeps open.
    let (address, mark) = (carrier.address(&site), State::Here.mark());
    let mut first = carrier.audience()?;
    first.open(address, site.events, 1, mark, PATIENCE)?;
    first.hear(mark, PATIENCE)?;
    drop(first);
    thread::sleep(Duration::from_secs(1));
    let before = used(site.server.id());

    let mut pages = carrier.audience()?;
    pages.open(address, site.events, watchers, mark, PATIENCE)?;
    pages.hear(mark, PATIENCE)?;
    pages.rest(Duration::from_secs(plan.rest))?;
    let rested = used(site.server.id());

    let mut waits = Vec::new();
    // An even number of them, so that the state is at the end what it was.
    for state in turns(plan.changes) {
        let said = Instant::now();
        site.voice.say(state)?;
        waits.push(Waits::of(&pages.hear(state.mark(), PATIENCE)?, said));
        pages.rest(Duration::from_secs(1).saturating_sub(said.elapsed()))?;
    }
    let told = used(site.server.id());
    let deliveries = waits.len() * watchers;
    let work = told.processor.saturating_sub(rested.processor);
    let steady = steady(plan, &mut site, pages.as_mut(), watchers)?;
    let grown = told.resident.saturating_sub(before.resident) * 1024;
    let mut line = json!({
        "case": "watch",
        "watchers": watchers,
        "over": carrier.name(),
        "changes": waits.len(),
        "bytes_per_watcher": grown / watchers.max(1) as u64,
        "p50_ms": median(waits.iter().map(|waits| waits.p50)),
        "p99_ms": median(waits.iter().map(|waits| waits.p99)),
        "last_ms": median(waits.iter().map(|waits| waits.last)),
        "server_cpu_per_1000": rounded(work.as_secs_f64() * 1e3 / deliveries.max(1) as f64, 5),
    });
    if let (Some(fields), Value::Object(steady)) = (line.as_object_mut(), steady) {
        fields.extend(steady);
    }
    Ok(line)
}

/// An event every 100 ms: how many of them have come 100 ms after the last, and how much later the newest is everywhere.
fn steady(
    plan: &Plan,
    site: &mut Site,
    pages: &mut dyn Audience,
    watchers: usize,
) -> anyhow::Result<Value> {
    let states: Vec<State> = turns(plan.changes * 20).collect();
    let period = STEP * u32::try_from(states.len())?;
    let offered = states.len() * watchers;
    let (voice, server) = (&mut site.voice, &site.server);
    let (events, before) = (pages.events(), used(server.id()));
    let begun = Instant::now();
    let last_at = begun + period + STEP;
    let until = |at: Instant| thread::sleep(at.saturating_duration_since(Instant::now()));
    let (in_time, in_all, caught_up, after) = thread::scope(|scope| {
        let speaking = scope.spawn(|| {
            for (number, state) in (0..).zip(&states) {
                until(begun + STEP * number);
                voice.say(*state)?;
            }
            until(last_at);
            voice.say(State::Busy)
        });
        pages.rest(period)?;
        let in_time = pages.events() - events;
        let heard = pages.hear(State::Busy.mark(), PATIENCE)?;
        let spoken = speaking.join();
        spoken.map_err(|_| anyhow::anyhow!("whoever speaks failed"))??;
        // Without the last one, which is there to be the last.
        let in_all = (pages.events() - events).saturating_sub(watchers as u64);
        let caught_up = heard.last.saturating_duration_since(last_at);
        anyhow::Ok((in_time, in_all, caught_up, used(server.id())))
    })?;
    let work = after.processor.saturating_sub(before.processor);
    let share = |count: u64| rounded(count as f64 / offered.max(1) as f64, 4);
    Ok(json!({
        "steady_offered": offered,
        "steady_in_time": share(in_time),
        "steady_in_all": share(in_all),
        "steady_caught_up_ms": milliseconds(caught_up),
        "steady_server_cpu_per_1000": rounded(work.as_secs_f64() * 1e3 / in_all.max(1) as f64, 5),
    }))
}

/// Away and back again, an even number of times.
fn turns(count: u32) -> impl Iterator<Item = State> {
    (0..count.div_ceil(2)).flat_map(|_| [State::Away, State::Here])
}

/// How long the pages waited for one change.
struct Waits {
    p50: f64,
    p99: f64,
    last: f64,
}

impl Waits {
    fn of(heard: &Heard, said: Instant) -> Self {
        let at = |share: usize| {
            let place = (heard.all.len() * share / 100).min(heard.all.len().saturating_sub(1));
            let heard = heard.all.get(place).copied().unwrap_or(heard.last);
            milliseconds(heard.saturating_duration_since(said))
        };
        Self {
            p50: at(50),
            p99: at(99),
            last: milliseconds(heard.last.saturating_duration_since(said)),
        }
    }
}

/// The state as a document, as often as 64 connections can have it.
fn ask(plan: &Plan, site: &Site) -> anyhow::Result<Value> {
    let before = used(site.server.id());
    let output = Command::new("taskset")
        .args(["-c", &(1 - plan.processor.min(1)).to_string()])
        .args(["wrk", "--threads=1", "--latency"])
        .arg(format!("--connections={ASKING}"))
        .arg(format!("--duration={}s", plan.seconds))
        .args(["--header", "Origin: https://shop.example"])
        .arg(format!("http://{}{}", site.http, site.document))
        .output()
        .context("wrk is not installed")?;
    let work = used(site.server.id())
        .processor
        .saturating_sub(before.processor);
    let told = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || told.contains("Non-2xx") || told.contains("Socket errors") {
        bail!("wrk: {told} {}", String::from_utf8_lossy(&output.stderr));
    }
    let asked = Asked::read(&told).with_context(|| format!("wrk said: {told}"))?;
    Ok(json!({
        "case": "get",
        "per_second": rounded(asked.per_second, 0),
        "p50_us": asked.p50_us,
        "p99_us": asked.p99_us,
        "server_cpu_per_1000": rounded(work.as_secs_f64() * 1e3 / asked.count.max(1.0), 5),
        "bytes": site.document_bytes,
    }))
}

/// What wrk has to say.
#[derive(Debug, PartialEq)]
struct Asked {
    count: f64,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
}

impl Asked {
    fn read(told: &str) -> Option<Self> {
        let after = |name: &str| {
            let line = told
                .lines()
                .find_map(|line| line.trim().strip_prefix(name))?;
            line.split_whitespace().next()
        };
        let count = told
            .lines()
            .find(|line| line.contains(" requests in "))
            .and_then(|line| line.split_whitespace().next())?;
        Some(Self {
            count: count.parse().ok()?,
            per_second: after("Requests/sec:")?.parse().ok()?,
            p50_us: microseconds(after("50%")?)?,
            p99_us: microseconds(after("99%")?)?,
        })
    }
}

fn microseconds(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let scale = match text.get(digits.len()..)? {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * scale)
}

fn machine_load() -> anyhow::Result<f64> {
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(load.split(' ').next().unwrap_or_default().parse()?)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1e3, 1)
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read() {
        let told = "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n  Latency Distribution\n     50%  612.00us\n     \
                    75%    1.02ms\n     90%    1.50ms\n     99%    2.25ms\n  405321 requests in 5.02s, 812.1MB read\n\
                    Requests/sec:  80741.23\nTransfer/sec:    161.7MB\n";
        let asked = Asked {
            count: 405_321.0,
            per_second: 80_741.23,
            p50_us: 612.0,
            p99_us: 2250.0,
        };
        assert_eq!(Asked::read(told), Some(asked));
        assert_eq!(Asked::read("unable to connect"), None);
    }

    #[test]
    fn a_state_that_is_told_is_never_the_one_before() {
        let turns: Vec<State> = turns(3).collect();
        assert_eq!(turns, [State::Away, State::Here, State::Away, State::Here]);
    }
}
