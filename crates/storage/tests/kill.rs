//! A process that is killed at any moment loses nothing it has acknowledged.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stories;

use std::collections::HashSet;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use helpdesk::{Ask, Record};
use storage::Journal;

use stories::ask;

/// Names the database to the child process; absent in the parent.
const CHILD_DATABASE: &str = "STORAGE_TEST_CHILD_DATABASE";

#[test]
fn acknowledged_records_survive_kill_nine() {
    if let Ok(url) = env::var(CHILD_DATABASE) {
        commit_for_ever(&url);
    }
    let directory =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kill-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let url = format!("sqlite:{}", directory.join("deskbell.db").display());

    let mut acknowledged = HashSet::new();
    for round in 0..10 {
        acknowledged.extend(acknowledged_before_kill(&url, 20 + 37 * round));
        let kept = kept(&url);
        let lost: Vec<_> = acknowledged.difference(&kept).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
    }
    assert!(acknowledged.len() > 1_000, "{}", acknowledged.len());
    fs::remove_dir_all(directory).unwrap();
}

/// Starts a child, kills it once it has acknowledged so many records, and gives all it acknowledged.
fn acknowledged_before_kill(url: &str, enough: usize) -> Vec<String> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "acknowledged_records_survive_kill_nine",
            "--nocapture",
        ])
        .env(CHILD_DATABASE, url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    // A line cut short by the kill is no acknowledgement: it lacks its full stop.
    let tickets =
        lines.filter_map(|line| Some(line.ok()?.strip_prefix("acknowledged ")?.to_owned()));
    for ticket in tickets {
        let Some(ticket) = ticket.strip_suffix('.') else {
            continue;
        };
        acknowledged.push(ticket.to_owned());
        if acknowledged.len() == enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= enough, "the child ended by itself");
    acknowledged
}

fn kept(url: &str) -> HashSet<String> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let journal = Journal::open(url).await.unwrap();
        let records = journal.load(0).await.unwrap();
        journal.close().await;
        let tickets = records.iter().map(|record| match record {
            Record::Opened { ask, .. } => ask.ticket.as_str().to_owned(),
            other => panic!("unexpected {other:?}"),
        });
        tickets.collect()
    })
}

/// The child: several tasks commit and then say so, until the process is killed.
fn commit_for_ever(url: &str) -> ! {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let failure = runtime.block_on(async {
        let journal = Journal::open(url).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8 {
            let journal = journal.clone();
            tasks.spawn(async move {
                for number in 0_u64.. {
                    let ticket = format!("{}-{task}-{number}", std::process::id());
                    journal.commit(vec![opened(&ticket)]).await.unwrap();
                    let mut stdout = io::stdout().lock();
                    writeln!(stdout, "acknowledged {ticket}.").unwrap();
                }
            });
        }
        tasks.join_next().await
    });
    panic!("a task ended: {failure:?}");
}

fn opened(ticket: &str) -> Record {
    let ask = Ask {
        message: Some(
            "a message long enough to make the log grow and be moved now and then".repeat(8),
        ),
        ..ask(ticket)
    };
    Record::Opened {
        ask: Box::new(ask),
        at_unix_ms: 0,
    }
}
