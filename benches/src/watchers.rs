//! Many web pages that watch one site, and what a rep's PUBLISH costs on its way to all of them.
//! Must not know the inside of the server.

pub(crate) mod audience;
pub(crate) mod pages;
pub(crate) mod streams;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use self::audience::Audience;
use self::pages::Pages;
use crate::compare::contender::{Running, free_address};
use crate::load::messages::{Answer, Filling, Template, document};
use crate::load::process::{Used, used};

/// How many watch, and how often something happens.
#[derive(Debug, clap::Args)]
pub(crate) struct Watchers {
    /// The built server.
    #[arg(long, default_value = "target/release/deskbell")]
    deskbell: PathBuf,
    /// Pages that watch at once.
    #[arg(long, default_value_t = 10_000)]
    watchers: usize,
    /// Changes of the rep's state, one a second.
    #[arg(long, default_value_t = 20)]
    rounds: u64,
    /// Seconds of rest between the last page's arrival and the reading of memory; comments go out every fifteen.
    #[arg(long, default_value_t = 20)]
    rest: u64,
}

/// How long all of them may take to hear.
const PATIENCE: Duration = Duration::from_secs(30);
const DOMAIN: &str = "shop.example";
/// The rep, by the number that the generator makes a name of.
const REP: usize = 0;

/// Runs the plan and tells the figures in one line.
///
/// # Errors
/// Where the server does not start, or a page does not hear what it should.
pub(crate) fn run(plan: &Watchers) -> anyhow::Result<String> {
    let folder = std::env::temp_dir().join(format!("benches-watchers-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let told = measure(plan, &folder);
    fs::remove_dir_all(&folder)?;
    told
}

fn measure(plan: &Watchers, folder: &Path) -> anyhow::Result<String> {
    let (sip, http) = (free_address()?, free_address()?);
    let file = folder.join("deskbell.toml");
    fs::write(&file, configuration(sip, http))?;
    let mut command = Command::new(fs::canonicalize(&plan.deskbell)?);
    command.args(["serve", "--config"]).arg(file);
    command.env("DESKBELL_LOG", "error");
    let server = Running::start(command, folder, sip, "Deskbell")?;
    let mut rep = Rep::new(sip)?;
    rep.publish(State::Here)?;
    // The first page makes the server open what it keeps open.
    let mut first = Pages::new()?;
    first.open(http, pages::EVENTS, 1, State::Here.mark(), PATIENCE)?;
    first.hear(State::Here.mark(), PATIENCE)?;
    drop(first);
    thread::sleep(Duration::from_secs(1));
    let before = used(server.id());

    let mut pages = Pages::new()?;
    let opening = Instant::now();
    pages.open(
        http,
        pages::EVENTS,
        plan.watchers,
        State::Here.mark(),
        PATIENCE,
    )?;
    pages.hear(State::Here.mark(), PATIENCE)?;
    let opened = opening.elapsed();
    let arrived = used(server.id());
    pages.rest(Duration::from_secs(plan.rest))?;
    let rested = used(server.id());

    let mut waits = Vec::new();
    for round in 0..plan.rounds {
        let state = if round % 2 == 0 {
            State::Away
        } else {
            State::Here
        };
        let published = Instant::now();
        rep.publish(state)?;
        let heard = pages.hear(state.mark(), PATIENCE)?;
        waits.push((heard.first - published, heard.last - published));
        pages.rest(Duration::from_secs(1).saturating_sub(published.elapsed()))?;
    }
    let done = used(server.id());
    Ok(report(
        plan,
        &waits,
        opened,
        [before, arrived, rested, done],
    ))
}

fn report(
    plan: &Watchers,
    waits: &[(Duration, Duration)],
    opened: Duration,
    [before, arrived, rested, done]: [Used; 4],
) -> String {
    let each = |used: Used| {
        let grown = used.resident.saturating_sub(before.resident) * 1024;
        grown / plan.watchers.max(1) as u64
    };
    let mut firsts: Vec<Duration> = waits.iter().map(|(first, _)| *first).collect();
    let mut lasts: Vec<Duration> = waits.iter().map(|(_, last)| *last).collect();
    firsts.sort_unstable();
    lasts.sort_unstable();
    let milliseconds =
        |time: Option<&Duration>| time.map(|time| (time.as_secs_f64() * 10_000.0).round() / 10.0);
    let work = done.processor.saturating_sub(rested.processor);
    let events = waits.len() * plan.watchers;
    json!({
        "watchers": plan.watchers,
        "seconds_to_open_all": (opened.as_secs_f64() * 100.0).round() / 100.0,
        "server_kib_before": before.resident,
        "server_kib_all_open": arrived.resident,
        "server_kib_rested": rested.resident,
        "server_kib_done": done.resident,
        "bytes_per_watcher": each(rested),
        "bytes_per_watcher_done": each(done),
        "rounds": waits.len(),
        "to_first_ms_median": milliseconds(firsts.get(firsts.len() / 2)),
        "to_last_ms_least": milliseconds(lasts.first()),
        "to_last_ms_median": milliseconds(lasts.get(lasts.len() / 2)),
        "to_last_ms_most": milliseconds(lasts.last()),
        "server_cpu_us_per_event": (work.as_secs_f64() * 1e7 / events.max(1) as f64).round() / 10.0,
    })
    .to_string()
}

/// What the rep is, and by which words of an event a page hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Here,
    Away,
    /// Nothing but the last change of a run.
    Busy,
}

impl State {
    pub(crate) const fn mark(self) -> &'static str {
        match self {
            Self::Here => "\"available\":1",
            // A rep who is busy is not available either, which comes after.
            Self::Away => "\"available\":0,\"busy\":0",
            Self::Busy => "\"busy\":1",
        }
    }
}

/// The one rep, a softphone that publishes over UDP.
pub(crate) struct Rep {
    socket: UdpSocket,
    via: String,
    number: u64,
    entity_tag: Vec<u8>,
}

impl Rep {
    pub(crate) fn new(sip: SocketAddr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(sip)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        let via = format!("SIP/2.0/UDP {}", socket.local_addr()?);
        Ok(Self {
            socket,
            via,
            number: 0,
            entity_tag: Vec::new(),
        })
    }

    /// Returns when it is answered.
    pub(crate) fn publish(&mut self, state: State) -> anyhow::Result<()> {
        let body = match state {
            State::Here => document(DOMAIN, "open", ""),
            State::Away => document(DOMAIN, "open", "<rpid:away/>"),
            State::Busy => document(DOMAIN, "open", "<rpid:busy/>"),
        };
        let more = if self.entity_tag.is_empty() {
            ""
        } else {
            "SIP-If-Match: {tag}\r\n"
        };
        self.number += 1;
        let filling = Filling {
            slot: 0,
            number: self.number,
            user: REP,
            entity_tag: &self.entity_tag,
            sequence: 1,
            login: "",
        };
        let mut request = Vec::new();
        Template::publish(DOMAIN, &self.via, more, &body).write(filling, &mut request);
        self.socket.send(&request)?;
        let mut answer = [0; 4096];
        let length = self.socket.recv(&mut answer).context("no answer")?;
        let answer = Answer::read(answer.get(..length).unwrap_or_default())
            .context("the answer is none of ours")?;
        if answer.status != 200 {
            bail!("a PUBLISH was answered {}", answer.status);
        }
        self.entity_tag = answer.entity_tag.to_vec();
        Ok(())
    }
}

/// A shop as large as that of `deskbell demo`: nine groups.
pub(crate) fn configuration(sip: SocketAddr, http: SocketAddr) -> String {
    let mut text = format!(
        "[sip]\ndomain = \"{DOMAIN}\"\nlisten = [\"udp://{sip}\", \"tcp://{sip}\"]\n[http]\nlisten = \"{http}\"\n\
         [storage]\nurl = \"sqlite::memory:\"\n[dangerous]\nopen_domain = true\n\
         [[site]]\nid = \"shop\"\n[[rep]]\nid = \"u0000000\"\npassword = \"correct horse\"\n\
         skills = {{ cameras = 90, lenses = 60, printing = 50 }}\n"
    );
    for (table, ids) in [
        ("skill", ["cameras", "lenses", "printing"]),
        ("tier", ["standard", "gold", "platinum"]),
    ] {
        for id in ids {
            text += &format!("[[{table}]]\nid = \"{id}\"\n");
        }
    }
    text
}
