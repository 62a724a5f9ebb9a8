//! What an acknowledged line costs: commits a second at full load, and how long a line waits for its acknowledgement
//! at 1,000 lines a second, over SQLite and PostgreSQL. Run by `cargo bench -p benches --bench journal`.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that measures and prints"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use examples::peer::postgres::Postgres;
use helpdesk::{
    AccessDigest, Ask, Line, LineId, Record, Seq, SiteId, SkillId, Speaker, TicketId, TierId,
    Wishes,
};
use storage::Journal;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Conversations, each with one line under way at most when all load is on.
const CONVERSATIONS: u64 = 200;

const LINES_A_SECOND: u64 = 1_000;
const SECONDS: u64 = 10;

fn main() {
    let runtime = Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("journal-bench");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{}.db", std::process::id()));
    runtime.block_on(measure("SQLite", &format!("sqlite:{}", file.display())));
    fs::remove_dir_all(folder).unwrap();
    match Postgres::start() {
        Ok(Some(postgres)) => {
            let url = postgres.create("deskbell").unwrap();
            runtime.block_on(measure("PostgreSQL", &url));
        }
        Ok(None) => {}
        Err(error) => println!("PostgreSQL does not start: {error:#}"),
    }
}

async fn measure(what: &str, url: &str) {
    let journal = Journal::open(url).await.unwrap();
    for conversation in 0..CONVERSATIONS {
        journal.commit(vec![opened(conversation)]).await.unwrap();
    }

    let before = journal.totals();
    let began = Instant::now();
    let mut speakers = JoinSet::new();
    for conversation in 0..CONVERSATIONS {
        let journal = journal.clone();
        speakers.spawn(async move {
            let mut waits = Vec::new();
            let mut seq = 0;
            while began.elapsed() < Duration::from_secs(SECONDS / 2) {
                seq += 1;
                let asked = Instant::now();
                journal.commit(vec![line(conversation, seq)]).await.unwrap();
                waits.push(asked.elapsed());
            }
            (conversation, seq, waits)
        });
    }
    let (mut waits, mut said) = (Vec::new(), vec![0; CONVERSATIONS as usize]);
    while let Some(ended) = speakers.join_next().await {
        let (conversation, seq, waited) = ended.unwrap();
        *said.get_mut(conversation as usize).unwrap() = seq;
        waits.extend(waited);
    }
    let (seconds, after) = (began.elapsed().as_secs_f64(), journal.totals());
    println!(
        "{what}, {CONVERSATIONS} conversations as fast as they can: {:.0} lines a second in {:.0} transactions; {}",
        waits.len() as f64 / seconds,
        (after.transactions - before.transactions) as f64 / seconds,
        summary(&mut waits)
    );

    let before = journal.totals();
    let began = Instant::now();
    let mut lines = JoinSet::new();
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    for number in 0..LINES_A_SECOND * SECONDS {
        tick.tick().await;
        // When it should have been said: a machine that lags is no excuse.
        let due = began + Duration::from_millis(number * 1_000 / LINES_A_SECOND);
        let conversation = number % CONVERSATIONS;
        let seq = said.get_mut(conversation as usize).unwrap();
        *seq += 1;
        let (journal, record) = (journal.clone(), line(conversation, *seq));
        lines.spawn(async move {
            journal.commit(vec![record]).await.unwrap();
            due.elapsed()
        });
    }
    let mut waits = lines.join_all().await;
    let (seconds, after) = (began.elapsed().as_secs_f64(), journal.totals());
    println!(
        "{what}, {LINES_A_SECOND} lines a second: {:.0} a second in {:.0} transactions; {}",
        waits.len() as f64 / seconds,
        (after.transactions - before.transactions) as f64 / seconds,
        summary(&mut waits)
    );
    journal.close().await;
}

fn summary(waits: &mut [Duration]) -> String {
    waits.sort();
    let at = |share: usize| {
        let place = waits.len().saturating_sub(1) * share / 1_000;
        waits.get(place).copied().unwrap_or_default()
    };
    format!(
        "acknowledged after p50 {:?}, p99 {:?}, worst {:?}",
        at(500),
        at(990),
        at(1_000)
    )
}

fn opened(conversation: u64) -> Record {
    let ask = Ask {
        ticket: ticket(conversation),
        access: AccessDigest([7; 32]),
        site: SiteId::new("shop"),
        skills: vec![SkillId::new("cameras")],
        tier: TierId::new("gold"),
        wishes: Wishes::default(),
        details: Vec::new(),
        proof: helpdesk::Proof::None,
        channel: helpdesk::Channel::Page,
        im: None,
        earlier: Vec::new(),
        rep: None,
        case: None,
        name: None,
        phone: None,
        message: None,
        page: None,
        language: None,
    };
    Record::Opened {
        ask: Box::new(ask),
        at_unix_ms: 0,
    }
}

fn line(conversation: u64, seq: u64) -> Record {
    Record::Line {
        ticket: ticket(conversation),
        line: Line {
            seq: Seq(seq),
            id: Some(LineId::new(&format!("line-{seq}"))),
            from: Speaker::Shopper,
            name: None,
            text: Arc::from("Does this lens fit the body I bought from you in spring?"),
            at_unix_ms: 1_000,
        },
    }
}

fn ticket(conversation: u64) -> TicketId {
    TicketId::new(&format!("conversation-{conversation}"))
}
