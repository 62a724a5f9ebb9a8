//! Kills the server at random moments under load and compares what its clients were promised with what is there
//! afterwards: no ticket, line, rating or strict publication lost or doubled. `cargo xtask crash` runs it for longer.
//! Must not know the server's inside.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test fails by panicking and tells its table; its clients are threads, which pause between requests"
)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use examples::document::{Activity, Basic};
use examples::failing_disk::FailingDisk;
use examples::http::Http;
use examples::peer::postgres::Postgres;
use examples::phone::TestPhone;
use examples::serve::Serve;
use examples::site::Site;
use examples::wire::Protocol;
use examples::{unique, wait};
use serde_json::Value;

/// Kills where nobody asks for more.
const KILLS: u64 = 4;

/// All shoppers come under this name, by which they are exported.
const SHOPPER: &str = "Crash Shopper";

#[test]
fn sqlite_loses_and_doubles_nothing_over_kills() {
    if std::env::var("DESKBELL_CRASH_DATABASE").is_ok_and(|only| only != "sqlite") {
        return;
    }
    let serve = start("sqlite:deskbell.db");
    crash("SQLite", serve, kills(KILLS), &mut |_, _| {});
}

/// Row R2: where a kill may do harm. What is passed at each commit is passed often enough to be met under this load; the
/// log is moved into the database far less often, and only where more kills are asked for.
const POINTS: [&str; 7] = [
    "wal-write-before",
    "wal-write-half",
    "wal-write-after",
    "wal-sync-before",
    "wal-sync-after",
    "answer-before",
    "answer-after",
];

#[test]
fn nothing_is_lost_or_doubled_by_a_kill_at_a_named_point() {
    if std::env::var("DESKBELL_CRASH_DATABASE").is_ok() {
        return;
    }
    let Some(disk) = FailingDisk::build().unwrap() else {
        return;
    };
    let kills = kills(POINTS.len() as u64);
    let serve = Serve::start_under(
        env!("CARGO_BIN_EXE_deskbell"),
        &configuration("sqlite:deskbell.db"),
        &disk.environment(),
    );
    crash(
        "named points",
        serve.unwrap(),
        kills,
        &mut |round, serve| {
            let points = POINTS.iter().cycle().skip(usize::try_from(round).unwrap());
            let point = points.take(1).last().unwrap();
            // Not always the first passage: a commit writes several pages, and each kind of answer has its turn.
            disk.make(&format!("kill {point} {}", random_below(12) + 1))
                .unwrap();
            wait::until(point, Duration::from_secs(60), || {
                Ok(serve.check_alive().is_err().then_some(()))
            })
            .unwrap();
            disk.make("").unwrap();
        },
    );
}

/// PostgreSQL itself is killed and frozen in between.
#[test]
fn postgres_loses_and_doubles_nothing_over_kills() {
    if std::env::var("DESKBELL_CRASH_DATABASE").is_ok_and(|only| only != "postgres") {
        return;
    }
    let Some(mut postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    let serve = start(&url);
    crash(
        "PostgreSQL",
        serve,
        kills(KILLS),
        &mut |round, _| match round % 4 {
            1 => postgres.crash_and_restart().unwrap(),
            3 => {
                postgres.freeze().unwrap();
                thread::sleep(Duration::from_secs(4));
                postgres.thaw().unwrap();
            }
            _ => {}
        },
    );
}

/// What the clients were promised.
#[derive(Default)]
struct Promises {
    tickets: Vec<String>,
    /// Texts, each said once, by ticket.
    lines: Vec<(String, String)>,
    /// Comments, each given once, by ticket.
    ratings: Vec<(String, String)>,
    publications: u64,
    lost_publications: Vec<String>,
}

struct Load {
    promises: Mutex<Promises>,
    /// Rises with each kill, before it.
    kills: AtomicU64,
    stop: AtomicBool,
}

fn kills(usual: u64) -> u64 {
    std::env::var("DESKBELL_CRASH_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(usual)
}

/// The built server, or another one that `DESKBELL_CRASH_PROGRAM` names.
fn start(url: &str) -> Serve {
    let named = std::env::var("DESKBELL_CRASH_PROGRAM");
    let program = named.as_deref().unwrap_or(env!("CARGO_BIN_EXE_deskbell"));
    Serve::start(program, &configuration(url)).unwrap()
}

/// `trouble` comes before each kill, which it may also do itself.
fn crash(database: &str, mut serve: Serve, kills: u64, trouble: &mut dyn FnMut(u64, &mut Serve)) {
    let load = Arc::new(Load {
        promises: Mutex::default(),
        kills: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });
    let phones: Vec<TestPhone> = ["alice", "bob", "carol"]
        .map(|rep| serve.phone(Protocol::Udp, rep, "secret").unwrap())
        .into();
    let mut threads: Vec<_> = phones
        .into_iter()
        .map(|phone| {
            let load = load.clone();
            thread::spawn(move || publish_on(&load, phone))
        })
        .collect();
    for number in 0..3 {
        let (load, http) = (load.clone(), serve.http().unwrap());
        threads.push(thread::spawn(move || shop_on(&load, http, number)));
    }

    let mut slowest_start = Duration::ZERO;
    for round in 0..kills {
        thread::sleep(Duration::from_millis(random_below(1_500) + 200));
        trouble(round, &mut serve);
        load.kills.fetch_add(1, Ordering::SeqCst);
        let began = Instant::now();
        serve.crash_and_restart().unwrap();
        slowest_start = slowest_start.max(began.elapsed());
    }
    thread::sleep(Duration::from_secs(2));
    load.stop.store(true, Ordering::SeqCst);
    for thread in threads {
        thread.join().unwrap();
    }

    let exported = serve.run(&["export", "--name", SHOPPER]).unwrap();
    let promises = std::mem::take(&mut *load.promises.lock().unwrap());
    let kept = Kept::read(&serde_json::from_str(&exported).unwrap());
    let (lost, doubled) = kept.compare(&promises);
    println!(
        "{database}: {kills} kills; acknowledged {} tickets, {} lines, {} ratings, {} publications; \
         lost {}, doubled {}; slowest start {slowest_start:?}",
        promises.tickets.len(),
        promises.lines.len(),
        promises.ratings.len(),
        promises.publications,
        lost.len() + promises.lost_publications.len(),
        doubled.len(),
    );
    assert!(lost.is_empty(), "lost {lost:?}");
    assert!(doubled.is_empty(), "doubled {doubled:?}");
    assert!(
        promises.lost_publications.is_empty(),
        "{:?}",
        promises.lost_publications
    );
    assert!(
        promises.lines.len() as u64 > kills && promises.publications > kills,
        "too little happened to mean anything"
    );
    println!("{}", serve.run(&["verify"]).unwrap().trim());
}

/// What is there afterwards: how often each thing is.
struct Kept {
    tickets: HashMap<String, u32>,
    lines: HashMap<(String, String), u32>,
    ratings: HashMap<(String, String), u32>,
}

impl Kept {
    fn read(exported: &Value) -> Self {
        let mut kept = Self {
            tickets: HashMap::new(),
            lines: HashMap::new(),
            ratings: HashMap::new(),
        };
        for ticket in exported["tickets"].as_array().unwrap() {
            let id = ticket["id"].as_str().unwrap().to_owned();
            *kept.tickets.entry(id.clone()).or_default() += 1;
            for line in ticket["lines"].as_array().unwrap() {
                if line["from"] == "shopper" {
                    let text = line["text"].as_str().unwrap().to_owned();
                    *kept.lines.entry((id.clone(), text)).or_default() += 1;
                }
            }
            if let Some(comment) = ticket["comment"].as_str() {
                *kept.ratings.entry((id, comment.to_owned())).or_default() += 1;
            }
        }
        kept
    }

    /// What was promised and is not there, and what is there more than once, promised or not.
    fn compare(&self, promises: &Promises) -> (Vec<String>, Vec<String>) {
        let mut lost = Vec::new();
        for ticket in &promises.tickets {
            if !self.tickets.contains_key(ticket) {
                lost.push(format!("ticket {ticket}"));
            }
        }
        for line in &promises.lines {
            if !self.lines.contains_key(line) {
                lost.push(format!("line {line:?}"));
            }
        }
        for rating in &promises.ratings {
            if !self.ratings.contains_key(rating) {
                lost.push(format!("rating {rating:?}"));
            }
        }
        let mut doubled: Vec<String> = self
            .tickets
            .iter()
            .filter(|(_, times)| **times > 1)
            .map(|(ticket, _)| ticket.clone())
            .collect();
        doubled.extend(
            self.lines
                .iter()
                .filter(|(_, times)| **times > 1)
                .map(|(line, _)| format!("{line:?}")),
        );
        (lost, doubled)
    }
}

/// A phone that publishes, changes and refreshes for ever, and trusts the tag of each answer.
fn publish_on(load: &Load, mut phone: TestPhone) {
    let mut story = Vec::new();
    while !load.stop.load(Ordering::SeqCst) {
        let before = load.kills.load(Ordering::SeqCst);
        let had_tag = phone.entity_tag().is_some();
        let busy = if random_below(2) == 0 {
            Activity::OnThePhone
        } else {
            Activity::None
        };
        let answer = if had_tag && random_below(2) == 0 {
            phone.refresh(600)
        } else {
            phone.publish(Basic::Open, busy, 600)
        };
        let in_flight = load.kills.load(Ordering::SeqCst) != before;
        let code = answer.map(|answer| answer.status_code.code());
        story.push(format!("{code:?} {before} {in_flight} {had_tag}"));
        let mut promises = load.promises.lock().unwrap();
        match code {
            Ok(200) => promises.publications += 1,
            // Who was answered before must be known; whose request a kill cut short may not be.
            Ok(412) if !in_flight && had_tag => {
                let last = story.split_off(story.len().saturating_sub(6));
                let aor = phone.aor();
                promises.lost_publications.push(format!("{aor}: {last:?}"));
                phone.forget_publication();
            }
            // What a kill cut short may have been done all the same.
            Ok(_) if in_flight => phone.forget_publication(),
            Ok(412) | Err(_) => phone.forget_publication(),
            Ok(_) => {}
        }
        drop(promises);
        thread::sleep(Duration::from_millis(10));
    }
}

/// A shopper's page that asks, talks, ends and rates, again and again.
fn shop_on(load: &Load, http: Http, number: u64) {
    let site = Site::new(http, "shop");
    while !load.stop.load(Ordering::SeqCst) {
        if shop_once(load, &site, number).is_err() {
            thread::sleep(Duration::from_millis(30));
        }
    }
}

fn shop_once(load: &Load, site: &Site, number: u64) -> anyhow::Result<()> {
    let ticket = site.ask("cameras", SHOPPER, "which one?")?;
    let id = ticket.id().to_owned();
    load.promises.lock().unwrap().tickets.push(id.clone());
    for line in 0..random_below(6) {
        let text = format!("{number} {line} {}", unique::token());
        // A line is said again under its id until it is acknowledged, as pages do.
        let deadline = Instant::now() + Duration::from_secs(40);
        while let Err(error) = ticket.say(&text, &text) {
            if load.stop.load(Ordering::SeqCst) || Instant::now() > deadline {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(50));
        }
        load.promises.lock().unwrap().lines.push((id.clone(), text));
    }
    ticket.end()?;
    let comment = unique::token();
    ticket.rate(4, &comment)?;
    load.promises.lock().unwrap().ratings.push((id, comment));
    Ok(())
}

fn configuration(url: &str) -> String {
    let reps: String = ["alice", "bob", "carol"]
        .map(|rep| format!("[[rep]]\nid = \"{rep}\"\npassword = \"secret\"\nskills = {{ cameras = 90 }}\ncapacity = 3\n"))
        .concat();
    format!(
        "[sip]\ndomain = \"shop.example\"\naliases = [\"127.0.0.1\"]\nlisten = [\"udp://127.0.0.1:0\"]\n\
         [http]\nlisten = \"127.0.0.1:0\"\n\
         [storage]\nurl = \"{url}\"\ndurability = \"strict\"\n\
         [[skill]]\nid = \"cameras\"\n[[site]]\nid = \"shop\"\n{reps}\
         [routing]\nqueue_limit = 10000\n"
    )
}

fn random_below(limit: u64) -> u64 {
    u64::from_str_radix(&unique::token(), 16).unwrap() % limit
}
