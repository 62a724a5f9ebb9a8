//! What a backup of 100,000 conversations takes, and its way back: `deskbell backup` copies and reads the copy,
//! `deskbell restore` reads it again and puts it in place, and a start reads what has not ended. Run by
//! `cargo bench -p benches --bench custody`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that measures and prints"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use helpdesk::ticket::CloseReason;
use helpdesk::{
    AccessDigest, Ask, Line, LineId, Record, RepId, Seq, SiteId, SkillId, Speaker, TicketId,
    TierId, Wishes,
};
use storage::{Archive, Journal, Keyring};
use tokio::runtime::Runtime;

const CONVERSATIONS: u64 = 100_000;

/// Written in one transaction, so that making them takes no longer than what is measured.
const AT_ONCE: u64 = 500;

/// What each shopper and rep say, in turn.
const LINES: u64 = 6;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("custody-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    Runtime::new().unwrap().block_on(measure(&folder));
    fs::remove_dir_all(folder).unwrap();
}

async fn measure(folder: &Path) {
    let keys = || Keyring::read(KEY).unwrap();
    let at = |name: &str| format!("sqlite:{}", folder.join(name).display());
    let began = Instant::now();
    let journal = Journal::open_sealed(&at("journal.db"), keys())
        .await
        .unwrap();
    for first in (0..CONVERSATIONS).step_by(AT_ONCE as usize) {
        let records = (first..first + AT_ONCE).flat_map(conversation).collect();
        journal.commit(records).await.unwrap();
    }
    println!(
        "{CONVERSATIONS} conversations written in {:?}",
        began.elapsed()
    );

    let began = Instant::now();
    let archive = Archive::open(&at("journal.db"), keys()).await.unwrap();
    assert!(archive.back_up(&folder.join("copy.db")).await.unwrap());
    println!("copied in {:?}", began.elapsed());
    let began = Instant::now();
    let copy = Archive::open(&at("copy.db"), keys()).await.unwrap();
    let verdict = copy.verify().await.unwrap();
    assert_eq!((verdict.tickets, verdict.wrong.len()), (CONVERSATIONS, 0));
    println!(
        "{} records verified in {:?}",
        verdict.records,
        began.elapsed()
    );
    drop(copy);

    let began = Instant::now();
    fs::copy(folder.join("copy.db"), folder.join("restored.db")).unwrap();
    let restored = Journal::open_sealed(&at("restored.db"), keys())
        .await
        .unwrap();
    let open = restored.load(i64::MAX).await.unwrap();
    println!(
        "put in place and started in {:?}, {} records open",
        began.elapsed(),
        open.len()
    );
    restored.close().await;
    journal.close().await;
    let size = fs::metadata(folder.join("copy.db")).unwrap().len();
    println!("the copy has {} MiB", size >> 20);
}

fn conversation(number: u64) -> Vec<Record> {
    let (ticket, rep) = (TicketId::new(&format!("{number:026}")), RepId::new("alice"));
    let at_unix_ms = i64::try_from(number).unwrap() * 1_000;
    let ask = Ask {
        ticket: ticket.clone(),
        access: AccessDigest([7; 32]),
        site: SiteId::new("shop"),
        skills: vec![SkillId::new("cameras")],
        tier: TierId::new("gold"),
        wishes: Wishes::default(),
        rep: None,
        case: None,
        name: Some("Zoë".to_owned()),
        phone: Some("+33123456789".to_owned()),
        message: Some("Which of these lenses fits the camera I have?".to_owned()),
        details: Vec::new(),
        page: None,
        language: None,
        proof: helpdesk::Proof::None,
        channel: helpdesk::Channel::Page,
        im: None,
        earlier: Vec::new(),
    };
    let mut records = vec![
        Record::Opened {
            ask: Box::new(ask),
            at_unix_ms,
        },
        Record::Accepted {
            ticket: ticket.clone(),
            rep,
            at_unix_ms,
        },
    ];
    records.extend((1..=LINES).map(|seq| Record::Line {
        ticket: ticket.clone(),
        line: Line {
            seq: Seq(seq),
            id: Some(LineId::new(&format!("{seq}"))),
            from: Speaker::Shopper,
            name: None,
            text: Arc::from("It is the one with the silver ring, bought two years ago."),
            at_unix_ms,
        },
    }));
    records.push(Record::Closed {
        ticket,
        reason: CloseReason::Rep,
        at_unix_ms: at_unix_ms + 1,
    });
    records
}
