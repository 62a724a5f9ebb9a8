//! PostgreSQL behind a wire that cuts and garbles, and one that refuses (rows D5, R11 and R12 of the threat table): what
//! was acknowledged is there once, and nothing panics or waits for ever. `DESKBELL_FAULTS=1000` does so many of each;
//! `DESKBELL_FREEZE_SECONDS=120` leaves a frozen server frozen for so long.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod stories;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use examples::peer::postgres::Postgres;
use examples::unique::Folder;
use helpdesk::{Line, LineId, Record, RepId, Seq, Speaker, TicketId};
use storage::{Archive, CommitError, Journal, Keyring, SoftChange, SoftKey, SoftKind, SoftValue};
use tokio::task::JoinSet;
use tokio::time::timeout;

use stories::ask;

/// How long anything may take before it counts as waiting for ever.
const LIMIT: Duration = Duration::from_secs(60);

fn times(usual: usize) -> usize {
    std::env::var("DESKBELL_FAULTS")
        .ok()
        .and_then(|times| times.parse().ok())
        .unwrap_or(usual)
}

/// How long a server stays frozen; by itself only until whoever looks at something is told.
fn frozen_for() -> Duration {
    let seconds = std::env::var("DESKBELL_FREEZE_SECONDS").ok();
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

fn opened(ticket: &str) -> Record {
    Record::Opened {
        ask: Box::new(ask(ticket)),
        at_unix_ms: 1,
    }
}

/// Of this kind no identity keeps a second one away.
fn ended(why: &str) -> Record {
    Record::OfferEnded {
        ticket: TicketId::new("a"),
        rep: RepId::new("alice"),
        why: Arc::from(why),
        at_unix_ms: 1,
    }
}

fn line(id: &str) -> Record {
    Record::Line {
        ticket: TicketId::new("a"),
        line: Line {
            seq: Seq(1),
            id: Some(LineId::new(id)),
            from: Speaker::Shopper,
            name: None,
            text: Arc::from("hello"),
            at_unix_ms: 1,
        },
    }
}

async fn said(journal: &Journal) -> Vec<String> {
    let records = journal.history(&TicketId::new("a")).await.unwrap();
    let mut said: Vec<String> = records
        .into_iter()
        .filter_map(|record| match record {
            Record::OfferEnded { why, .. } => Some(why.to_string()),
            _ => None,
        })
        .collect();
    said.sort();
    said
}

/// A socket before the server's.
struct Wire {
    folder: Folder,
    cuts: Arc<AtomicUsize>,
}

/// What a wire does to one connection, told its number: bytes of the client and of the server go through it.
trait Fault: Send + 'static {
    /// `false` once the connection is to be cut: what was given is passed on nevertheless.
    fn pass_request(&mut self, bytes: &[u8]) -> bool;
    /// `false` once the connection is to be cut: what was given is lost.
    fn pass_answer(&mut self, bytes: &mut [u8]) -> bool;
}

impl Wire {
    /// Before the server at `url`.
    fn start<F: Fault>(url: &str, fault: impl Fn(u64) -> F + Send + 'static) -> Self {
        let folder = Folder::new("wire").unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let cuts = Arc::new(AtomicUsize::new(0));
        let (server, counted) = (socket_of(url), cuts.clone());
        // Ends with the test's process.
        thread::spawn(move || {
            for (number, client) in (0..).zip(listener.incoming()) {
                let Ok(client) = client else { return };
                let Ok(server) = UnixStream::connect(&server) else {
                    continue;
                };
                let fault = Arc::new(Mutex::new(fault(number)));
                pass(client, server, &fault, &counted);
            }
        });
        Self { folder, cuts }
    }

    fn url(&self) -> String {
        let folder = self.folder.path().display();
        format!("postgres:///deskbell?host={folder}&user=deskbell")
    }
}

fn socket_of(url: &str) -> PathBuf {
    let folder = url.split("host=").nth(1).unwrap();
    Path::new(folder.split('&').next().unwrap()).join(".s.PGSQL.5432")
}

fn pass<F: Fault>(
    client: UnixStream,
    server: UnixStream,
    fault: &Arc<Mutex<F>>,
    cuts: &Arc<AtomicUsize>,
) {
    let cut = |client: &UnixStream, server: &UnixStream| {
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    };
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let shared = fault.clone();
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let goes_on = shared.lock().unwrap().pass_request(&buffer[..length]);
            if to.write_all(&buffer[..length]).is_err() || !goes_on {
                break;
            }
        }
        // The server hears the end of what was sent, and nothing more.
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    let (shared, counted) = (fault.clone(), cuts.clone());
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if !shared.lock().unwrap().pass_answer(&mut buffer[..length]) {
                counted.fetch_add(1, Ordering::SeqCst);
                break;
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        cut(&to, &from);
    });
}

/// Loses the answer to every third COMMIT or so.
struct LosesAnswers {
    commits: Arc<AtomicU64>,
    is_asked: bool,
}

impl Fault for LosesAnswers {
    fn pass_request(&mut self, bytes: &[u8]) -> bool {
        // The whole message, which no migration is.
        let commit = b"Q\0\0\0\x0bCOMMIT\0";
        if bytes.windows(commit.len()).any(|window| window == commit) {
            self.is_asked = self.commits.fetch_add(1, Ordering::SeqCst) % 3 == 1;
        }
        true
    }

    fn pass_answer(&mut self, _: &mut [u8]) -> bool {
        !self.is_asked
    }
}

/// Row R11.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_done_once() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let commits = Arc::new(AtomicU64::new(0));
    let url = postgres.create("deskbell").unwrap();
    let wire = Wire::start(&url, move |_| LosesAnswers {
        commits: commits.clone(),
        is_asked: false,
    });
    let cuts = times(40);
    let journal = Journal::open(&wire.url()).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    let mut promised = Vec::new();
    while wire.cuts.load(Ordering::SeqCst) < cuts {
        let why = format!("{}", promised.len());
        let commit = journal.commit(vec![ended(&why)]);
        timeout(LIMIT, commit).await.unwrap().unwrap();
        promised.push(why);
    }
    promised.sort();
    let kept = said(&journal).await;
    println!("{} answers lost, {} promises", cuts, promised.len());
    assert_eq!(kept, promised);
    journal.close().await;
}

/// Loses the answer to one COMMIT, and then everything, until the server is there again.
struct GoesAway {
    armed: Arc<AtomicBool>,
    is_away: Arc<AtomicBool>,
}

impl Fault for GoesAway {
    fn pass_request(&mut self, bytes: &[u8]) -> bool {
        let commit = b"Q\0\0\0\x0bCOMMIT\0";
        let is_commit = bytes.windows(commit.len()).any(|window| window == commit);
        if is_commit && self.armed.swap(false, Ordering::SeqCst) {
            self.is_away.store(true, Ordering::SeqCst);
        }
        true
    }

    fn pass_answer(&mut self, _: &mut [u8]) -> bool {
        !self.is_away.load(Ordering::SeqCst)
    }
}

/// What was given up with its outcome unknown is nobody else's: the next to commit hears of its own records.
#[tokio::test(flavor = "multi_thread")]
async fn the_outcome_of_what_was_given_up_is_told_to_nobody() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    let (armed, is_away) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let (arm, away) = (armed.clone(), Arc::clone(&is_away));
    let wire = Wire::start(&url, move |_| GoesAway {
        armed: armed.clone(),
        is_away: Arc::clone(&is_away),
    });
    let journal = Journal::open(&wire.url()).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    for round in 0..3 {
        journal.keep(vec![word("alice", 5)]).await.unwrap();
        arm.store(true, Ordering::SeqCst);
        let refusal = timeout(LIMIT, journal.purge_lapsed(9)).await.unwrap();
        assert!(
            matches!(refusal, Err(CommitError::Unavailable(_))),
            "{refusal:?}"
        );
        away.store(false, Ordering::SeqCst);
        let commit = journal.commit(vec![ended(&round.to_string())]);
        timeout(LIMIT, commit).await.unwrap().unwrap();
    }
    assert_eq!(said(&journal).await, ["0", "1", "2"]);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
    journal.close().await;
}

/// Row R9: whoever looks at something hears soon that nobody answers, what is written waits without a promise, and both
/// are well once the server goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_told_to_readers_and_waited_for_by_writers() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    let journal = Journal::open(&url).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    let mut slowest = Duration::ZERO;
    for round in 0..times(40) / 20 {
        assert_eq!(said(&journal).await.len(), round);
        postgres.freeze().unwrap();
        let (writing, record) = (journal.clone(), ended(&round.to_string()));
        let mut promised = tokio::spawn(async move { writing.commit(vec![record]).await });
        let began = Instant::now();
        // Two at once: the second waits for the first no longer than for the server.
        let ticket = TicketId::new("a");
        let looks = async { tokio::join!(journal.history(&ticket), journal.history(&ticket)) };
        let (one, two) = timeout(LIMIT, looks).await.unwrap();
        assert!(one.is_err() && two.is_err(), "{one:?} {two:?}");
        println!("told after {:?}", began.elapsed());
        // Far from the minute that a start may take to read.
        assert!(began.elapsed() < Duration::from_secs(30));
        let still = frozen_for().saturating_sub(began.elapsed());
        assert!(timeout(still, &mut promised).await.is_err());
        postgres.thaw().unwrap();
        let thawed = Instant::now();
        timeout(LIMIT, promised).await.unwrap().unwrap().unwrap();
        slowest = slowest.max(thawed.elapsed());
        println!("kept {:?} after it goes on", thawed.elapsed());
    }
    println!("slowest {slowest:?}");
    let kept: HashSet<String> = said(&journal).await.into_iter().collect();
    let asked = (0..times(40) / 20).map(|round| round.to_string());
    assert_eq!(kept, asked.collect());
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
    journal.close().await;
}

/// Changes one byte of what the server says, or ends it there.
struct Garbles {
    at: usize,
    bit: u8,
    seen: usize,
}

impl Fault for Garbles {
    fn pass_request(&mut self, _: &[u8]) -> bool {
        true
    }

    fn pass_answer(&mut self, bytes: &mut [u8]) -> bool {
        let place = self.at.checked_sub(self.seen);
        self.seen += bytes.len();
        let Some(byte) = place.and_then(|place| bytes.get_mut(place)) else {
            return true;
        };
        if self.bit == 8 {
            return false;
        }
        *byte ^= 1 << self.bit;
        true
    }
}

/// Row D5. What is garbled may be read as something else, which digests tell; the driver must not panic over it, and
/// whoever asked must hear something.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_anything_at_all_is_an_error_and_no_panic() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    let journal = Journal::open(&url).await.unwrap();
    journal.commit(vec![opened("a"), line("x")]).await.unwrap();
    journal.close().await;
    let panics = Arc::new(AtomicUsize::new(0));
    let counted = panics.clone();
    std::panic::set_hook(Box::new(move |panic| {
        println!("{panic}");
        counted.fetch_add(1, Ordering::SeqCst);
    }));
    let mut tries = JoinSet::new();
    let (read, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let rounds = times(120);
    for round in 0..rounds {
        if tries.len() >= 24 {
            tries.join_next().await.unwrap().unwrap();
        }
        let (url, read, refused) = (url.clone(), read.clone(), refused.clone());
        tries.spawn(async move {
            // All of a short conversation is touched, the beginning more often.
            let random = (round as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let (at, bit) = ((random >> 20) as usize % 3_000, (random >> 8) as u8 % 9);
            let wire = Wire::start(&url, move |number| Garbles {
                at: at.saturating_sub(number as usize * 400),
                bit,
                seen: 0,
            });
            let attempt = async {
                let archive = Archive::open(&wire.url(), Keyring::default()).await.ok()?;
                archive.stories(i64::MIN, None, 10).await.ok()
            };
            // A length that promises more than comes is waited for; a person would have given up by then.
            let outcome = timeout(Duration::from_secs(5), attempt)
                .await
                .ok()
                .flatten();
            let count = if outcome.is_some() { read } else { refused };
            count.fetch_add(1, Ordering::SeqCst);
        });
    }
    while let Some(tried) = tries.join_next().await {
        tried.unwrap();
    }
    let refused = refused.load(Ordering::SeqCst);
    println!("{} read, {refused} refused", read.load(Ordering::SeqCst));
    assert_eq!(panics.load(Ordering::SeqCst), 0);
    assert!(refused * 10 > rounds, "hardly anything was garbled");
}

/// Row R12: two transactions in each other's way, a deadlock, and no connection to be had.
#[tokio::test(flavor = "multi_thread")]
async fn conflicts_are_tried_again_and_nobody_is_stuck() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    let journal = Journal::open(&url).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    // One of three transactions meets one of them.
    postgres
        .sql(
            "deskbell",
            "CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             CASE floor(random() * 12) WHEN 0 THEN RAISE EXCEPTION 'serialize' USING ERRCODE = '40001'; \
             WHEN 1 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; \
             WHEN 2 THEN RAISE EXCEPTION 'too many connections' USING ERRCODE = '53300'; \
             WHEN 3 THEN RAISE EXCEPTION 'shutting down' USING ERRCODE = '57P01'; \
             ELSE RETURN NULL; END CASE; END $$; \
             CREATE TRIGGER conflict BEFORE INSERT ON records FOR EACH STATEMENT EXECUTE FUNCTION conflict()",
        )
        .unwrap();
    let mut promised = Vec::new();
    for number in 0..times(30) {
        let why = number.to_string();
        let commit = journal.commit(vec![ended(&why)]);
        timeout(LIMIT, commit).await.unwrap().unwrap();
        promised.push(why);
    }
    postgres
        .sql("deskbell", "DROP TRIGGER conflict ON records")
        .unwrap();
    promised.sort();
    assert_eq!(said(&journal).await, promised);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
    journal.close().await;
}

/// A statement that the server gives up each time is upkeep's to try again in an hour, never a line's to wait for.
#[tokio::test(flavor = "multi_thread")]
async fn upkeep_that_takes_too_long_keeps_no_line_waiting() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    let journal = Journal::open(&url).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    journal.keep(vec![word("alice", 5)]).await.unwrap();
    postgres
        .sql(
            "deskbell",
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(10); \
             RETURN NULL; END $$; \
             CREATE TRIGGER slow BEFORE DELETE ON state FOR EACH STATEMENT EXECUTE FUNCTION slow()",
        )
        .unwrap();
    let upkeep = journal.clone();
    let purging = tokio::spawn(async move { upkeep.purge_lapsed(9).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let commit = journal.commit(vec![ended("said meanwhile")]);
    timeout(LIMIT, commit).await.unwrap().unwrap();
    let refusal = purging.await.unwrap().unwrap_err();
    assert!(
        matches!(refusal, CommitError::Unavailable(_)),
        "{refusal:?}"
    );
    postgres
        .sql("deskbell", "DROP TRIGGER slow ON state")
        .unwrap();
    assert_eq!(journal.purge_lapsed(9).await.unwrap(), 1);
    journal.close().await;
}

/// What does not fit the tables is refused for itself; the journal goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_index_takes_is_refused_alone() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    let journal = Journal::open(&url).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    // Not to be compressed to what an index takes.
    let mut random = 1_u64;
    let long: String = (0..9_000)
        .map(|_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            char::from(b'!' + (random % 90) as u8)
        })
        .collect();
    let (bad, good) = tokio::join!(
        journal.commit(vec![line(&long)]),
        journal.commit(vec![ended("fits")]),
    );
    assert!(matches!(bad, Err(CommitError::Conflict(_))), "{bad:?}");
    assert_eq!(good, Ok(()));
    let bad = journal.keep(vec![word(&long, 5)]).await;
    assert!(matches!(bad, Err(CommitError::Unwritable(_))), "{bad:?}");
    journal.commit(vec![ended("goes on")]).await.unwrap();
    assert_eq!(said(&journal).await, ["fits", "goes on"]);
    journal.close().await;
}

fn word(name: &str, expires_at_unix_ms: i64) -> SoftChange {
    SoftChange {
        key: SoftKey {
            kind: SoftKind::Publications,
            name: name.to_owned(),
        },
        value: Some(SoftValue {
            version: 1,
            expires_at_unix_ms,
            body: "{}".to_owned(),
        }),
    }
}
