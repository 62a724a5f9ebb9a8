//! What was acknowledged survives a power cut at any write, a sync that fails once and a disk that is full for a while:
//! the journal on a disk that drops and tears whatever was not synced (rows D1, D2 and D3 of the threat table).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod cut;
mod disk;
mod vfs;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use helpdesk::{
    AccessDigest, Ask, Line, Record, Seq, SiteId, SkillId, Speaker, TicketId, TierId, Wishes,
};
use storage::{CommitError, Health, Journal};
use tokio::runtime::Runtime;

use vfs::disk;

/// The disk is one for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// How many power cuts are looked at.
const CUTS: usize = 300;

/// Which sync fails: each of so many.
const FAILING_SYNCS: u64 = 60;

struct Bench {
    path: PathBuf,
    runtime: Runtime,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        vfs::install();
        let path = fresh_path();
        *disk() = disk::Disk::default();
        disk().seed(seed);
        Self {
            path,
            runtime: Runtime::new().unwrap(),
            _alone: alone,
        }
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }
}

/// The journal also makes a real file and a real lock beside it.
fn fresh_path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "power-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("deskbell.db")
}

fn remove(path: &Path) {
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

fn ask(ticket: &str) -> Ask {
    Ask {
        ticket: TicketId::new(ticket),
        access: AccessDigest([7; 32]),
        site: SiteId::new("shop"),
        skills: vec![SkillId::new("cameras")],
        tier: TierId::new("gold"),
        wishes: Wishes::default(),
        rep: None,
        case: None,
        name: None,
        phone: None,
        message: None,
        page: None,
        language: None,
        proof: helpdesk::Proof::None,
        channel: helpdesk::Channel::Page,
        im: None,
    }
}

fn opened(ticket: &str) -> Record {
    Record::Opened {
        ask: Box::new(Ask {
            message: Some("which one?".repeat(40)),
            ..ask(ticket)
        }),
        at_unix_ms: 0,
    }
}

fn line(ticket: &str) -> Record {
    Record::Line {
        ticket: TicketId::new(ticket),
        line: Line {
            seq: Seq(1),
            id: None,
            from: Speaker::Shopper,
            name: None,
            text: Arc::from("a line that fills some pages ".repeat(20)),
            at_unix_ms: 1,
        },
    }
}

/// Several callers commit until `enough`; each promise is written down when it is given.
fn work(runtime: &Runtime, url: &str, enough: impl Fn() -> bool + Copy + Send + 'static) {
    runtime.block_on(async {
        let journal = Journal::open(url).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..4 {
            let journal = journal.clone();
            tasks.spawn(async move {
                let mut number = 0;
                while !enough() {
                    let ticket = format!("{task}-{number}");
                    journal
                        .commit(vec![opened(&ticket), line(&ticket)])
                        .await
                        .unwrap();
                    cut::acknowledge(ticket);
                    number += 1;
                }
            });
        }
        tasks.join_all().await;
        journal.close().await;
    });
}

/// Every ticket with its one line, and whether all of it verifies.
async fn kept(url: &str) -> HashSet<String> {
    let journal = Journal::open(url).await.unwrap();
    let verdict = journal.verify().await.unwrap();
    assert_eq!(verdict.wrong, [] as [String; 0]);
    let mut lines: HashMap<String, u32> = HashMap::new();
    for record in journal.load(0).await.unwrap() {
        match record {
            Record::Opened { ask, .. } => {
                let twice = lines.insert(ask.ticket.as_str().to_owned(), 0);
                assert_eq!(twice, None, "a ticket is there twice");
            }
            Record::Line { ticket, .. } => *lines.get_mut(ticket.as_str()).unwrap() += 1,
            other => panic!("unexpected {other:?}"),
        }
    }
    journal.close().await;
    assert!(lines.values().all(|lines| *lines == 1), "half a batch");
    lines.into_keys().collect()
}

#[test]
fn nothing_acknowledged_is_lost_at_300_power_cuts() {
    let bench = Bench::new(0x5eed);
    cut::begin(7, CUTS);
    work(&bench.runtime, &bench.url(), cut::is_done);
    let pictures = cut::end();
    assert_eq!(pictures.len(), CUTS);
    let promised: usize = pictures.iter().map(|cut| cut.acknowledged.len()).sum();
    assert!(promised > 10 * CUTS, "only {promised} promises");
    for (number, picture) in pictures.into_iter().enumerate() {
        vfs::forget_locks();
        disk().files = picture.files;
        let kept = bench.runtime.block_on(kept(&bench.url()));
        let lost: Vec<_> = picture
            .acknowledged
            .iter()
            .filter(|ticket| !kept.contains(*ticket))
            .collect();
        assert!(lost.is_empty(), "cut {number} lost {lost:?}");
    }
    remove(&bench.path);
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_nothing_before_is_lost() {
    let bench = Bench::new(7);
    for failing in 1..=FAILING_SYNCS {
        *disk() = disk::Disk::default();
        disk().seed(failing);
        vfs::forget_locks();
        let acknowledged = bench.runtime.block_on(async {
            let Ok(journal) = Journal::open(&bench.url()).await else {
                return Vec::new();
            };
            let already = disk().syncs;
            disk().failing_sync = Some(already + failing);
            let mut acknowledged = Vec::new();
            for number in 0..2 * FAILING_SYNCS {
                let ticket = format!("t{number}");
                match journal.commit(vec![opened(&ticket), line(&ticket)]).await {
                    Ok(()) => acknowledged.push(ticket),
                    Err(refusal) => {
                        assert!(matches!(refusal, CommitError::Poisoned(_)), "{refusal}");
                        let again = journal.commit(vec![opened("after")]).await;
                        assert_eq!(again, Err(refusal));
                        assert!(matches!(*journal.health().borrow(), Health::Failed(_)));
                        break;
                    }
                }
            }
            acknowledged
        });
        // The process is gone; the power goes too.
        let left = disk().after_power_cut();
        disk().files = left;
        disk().failing_sync = None;
        vfs::forget_locks();
        let kept = bench.runtime.block_on(kept(&bench.url()));
        assert!(!kept.contains("after"), "sync {failing}");
        let lost: Vec<_> = acknowledged
            .iter()
            .filter(|ticket| !kept.contains(*ticket))
            .collect();
        assert!(lost.is_empty(), "sync {failing} lost {lost:?}");
        assert!(!acknowledged.is_empty() || failing <= 2);
    }
    remove(&bench.path);
}

#[test]
fn a_full_disk_is_told_and_heals_without_a_restart() {
    let bench = Bench::new(3);
    let url = bench.url();
    bench.runtime.block_on(async {
        let journal = Journal::open(&url).await.unwrap();
        journal
            .commit(vec![opened("before"), line("before")])
            .await
            .unwrap();
        let mut health = journal.health();
        disk().full = true;
        let waiting = {
            let journal = journal.clone();
            tokio::spawn(
                async move { journal.commit(vec![opened("during"), line("during")]).await },
            )
        };
        health
            .wait_for(|health| *health == Health::Full)
            .await
            .unwrap();
        // Reading goes on.
        assert_eq!(journal.load(0).await.unwrap().len(), 2);
        assert!(!waiting.is_finished());
        disk().full = false;
        let healed = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        assert_eq!(healed.unwrap().unwrap(), Ok(()));
        health.wait_for(Health::is_sound).await.unwrap();
        journal
            .commit(vec![opened("after"), line("after")])
            .await
            .unwrap();
        journal.close().await;
        let kept = kept(&url).await;
        assert_eq!(
            kept,
            ["before", "during", "after"].map(str::to_owned).into()
        );
    });
    remove(&bench.path);
}
