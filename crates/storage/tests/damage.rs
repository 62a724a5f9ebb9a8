//! A journal that is not what was written: bits that flipped, rows that somebody changed, files that are no database.
//! Whatever it is, it is told, and nothing is read as if it were true (rows D4, D6, D8 and D9 of the threat table).
//! `DESKBELL_DAMAGE=1000` damages so often instead of a fraction of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod stories;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use helpdesk::ticket::CloseReason;
use helpdesk::{
    Ask, Decision, Lesson, Line, LineId, Observation, Outcome, Record, RepId, Seq, SkillId,
    Speaker, TicketId, TierId,
};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use proptest::{num, prop_assert};
use rusqlite::Connection;
use storage::{
    Archive, Intent, IntentChange, IntentKind, Journal, Keyring, OpenError, OutboxChange,
    OutboxEntry, OutboxState, SoftChange, SoftKey, SoftKind, SoftValue, Standing, Story, Work,
};

use stories::ask;

/// A directory of its own for one test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("damage-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn url(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

fn times(usual: u32) -> u32 {
    std::env::var("DESKBELL_DAMAGE")
        .ok()
        .and_then(|times| times.parse().ok())
        .unwrap_or(usual)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// A ticket's story of some length.
fn story(ticket: &str, lines: u64) -> Vec<Record> {
    let (id, rep) = (TicketId::new(ticket), RepId::new("alice"));
    let ask = Ask {
        name: Some("Zoë".to_owned()),
        phone: Some("+33123456789".to_owned()),
        message: Some("which one?".to_owned()),
        ..ask(ticket)
    };
    let mut records = vec![
        Record::Opened {
            ask: Box::new(ask),
            at_unix_ms: 1_000,
        },
        Record::Accepted {
            ticket: id.clone(),
            rep,
            at_unix_ms: 1_001,
        },
    ];
    records.extend((1..=lines).map(|seq| Record::Line {
        ticket: id.clone(),
        line: Line {
            seq: Seq(seq),
            id: Some(LineId::new(&format!("{seq}"))),
            from: Speaker::Shopper,
            name: None,
            text: Arc::from(format!("line {seq} of {ticket}")),
            at_unix_ms: 1_002,
        },
    }));
    records.push(Record::Closed {
        ticket: id,
        reason: CloseReason::Rep,
        at_unix_ms: 2_000,
    });
    records
}

fn soft(kind: SoftKind, name: &str) -> SoftChange {
    SoftChange {
        key: SoftKey {
            kind,
            name: name.to_owned(),
        },
        value: Some(SoftValue {
            version: 1,
            expires_at_unix_ms: SoftValue::NEVER,
            body: "{\"note\":\"at lunch\"}".to_owned(),
        }),
    }
}

/// Something in every table.
fn everything(tickets: u32, lines: u64) -> Vec<Work> {
    let mut works: Vec<Work> = (0..tickets)
        .map(|number| Work {
            records: story(&format!("t{number}"), lines),
            ..Work::default()
        })
        .collect();
    let decision = Decision {
        ticket: TicketId::new("t0"),
        at_unix_ms: 1_000,
        age: Duration::ZERO,
        waited: Duration::ZERO,
        weight: 1.0,
        outcome: Outcome::Waits,
        relaxed: Vec::new(),
        candidates: Vec::new(),
        others: vec![(helpdesk::Standing::LacksSkill, 3)],
    };
    let lesson = Lesson {
        skill: SkillId::new("cameras"),
        tier: TierId::new("gold"),
        at_unix_ms: 1_000,
        observation: Observation::Handling { seconds: 240.0 },
    };
    works.push(Work {
        records: vec![Record::Decided(Arc::new(decision)), Record::Learnt(lesson)],
        soft: vec![
            soft(SoftKind::Publications, "alice"),
            soft(SoftKind::Calls, "cameras"),
        ],
        intents: vec![IntentChange::Begin(Intent {
            kind: IntentKind::Callback,
            id: "c1".to_owned(),
            ticket: Some(TicketId::new("t0")),
            step: "dialling".to_owned(),
            standing: Standing::Open,
            began_at_unix_ms: 1_500,
            changed_at_unix_ms: 1_500,
            version: 1,
            body: "{\"phone\":\"+33123456789\"}".to_owned(),
        })],
        outbox: vec![OutboxChange::Put(OutboxEntry {
            id: "o1".to_owned(),
            destination: "crm".to_owned(),
            ticket: Some(TicketId::new("t0")),
            at_unix_ms: 1_500,
            due_at_unix_ms: 1_500,
            attempts: 0,
            state: OutboxState::Waiting,
            why: None,
            version: 1,
            body: "{\"event\":\"opened\"}".to_owned(),
        })],
    });
    works
}

fn write(file: &Path, works: Vec<Work>) {
    run(async {
        let journal = Journal::open(&url(file)).await.unwrap();
        for work in works {
            journal.write(work).await.unwrap();
        }
        journal.close().await;
    });
}

/// What people and a restart read.
#[derive(Debug, PartialEq)]
struct Content {
    stories: Vec<Story>,
    soft: Vec<(String, SoftValue)>,
    intents: Vec<Intent>,
    outbox: Vec<OutboxEntry>,
    decisions: Vec<Record>,
}

/// What is read and whether the journal is found sound; `Err` where something could not be read at all.
async fn read(file: &Path) -> Result<(Content, Vec<String>), String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    let archive = Archive::open(&url(file), Keyring::default())
        .await
        .map_err(|error| told(&error))?;
    let verdict = archive.verify().await.map_err(|error| told(&error))?;
    let stories = archive.stories(i64::MIN, None, 10_000).await;
    let mut soft = Vec::new();
    for kind in [SoftKind::Publications, SoftKind::Calls] {
        soft.extend(
            archive
                .load_soft(kind, 0)
                .await
                .map_err(|error| told(&error))?,
        );
    }
    let content = Content {
        stories: stories.map_err(|error| told(&error))?,
        decisions: archive
            .history(&TicketId::new("t0"))
            .await
            .map_err(|error| told(&error))?,
        soft,
        intents: archive
            .intents(IntentKind::Callback, 0)
            .await
            .map_err(|error| told(&error))?,
        outbox: archive
            .outbox_due(i64::MAX, 100)
            .await
            .map_err(|error| told(&error))?,
    };
    Ok((content, verdict.wrong))
}

fn random(seed: u64) -> TestRunner {
    TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        cases: times(150),
        ..Config::default()
    })
}

/// Row D4: a bit that flips anywhere in the file changes nothing that is read, or it is found.
#[test]
fn a_flipped_bit_is_harmless_or_found() {
    let scratch = Scratch::new("bits");
    let whole = scratch.file("whole.db");
    write(&whole, everything(6, 8));
    let bytes = fs::read(&whole).unwrap();
    let (content, wrong) = run(read(&whole)).unwrap();
    assert_eq!(wrong, [] as [String; 0]);
    let file = scratch.file("flipped.db");
    let (harmless, found) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    // Most of a small database is room that nothing uses, which is all zeros.
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let bits = (proptest::sample::select(used), 0..8_u32);
    let outcome = random(0xd4).run(&bits, |(at, bit)| {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        fs::write(&file, flipped).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        match run(read(&file)) {
            Ok((read, wrong)) if wrong.is_empty() => {
                prop_assert!(read == content, "byte {at} changed what is read, unseen");
                harmless.set(harmless.get() + 1);
            }
            Ok(_) | Err(_) => found.set(found.get() + 1),
        }
        Ok(())
    });
    outcome.unwrap();
    println!(
        "{} bits flipped: {} found, {} in nothing that is read, 0 silent",
        harmless.get() + found.get(),
        found.get(),
        harmless.get()
    );
    assert!(
        found.get() > harmless.get() / 10,
        "most of the file is data"
    );
}

/// Row D6: a file that is hardly a database any more is refused or read, and never worse.
#[test]
fn a_fuzzed_file_is_refused_or_read() {
    let scratch = Scratch::new("fuzzed");
    let whole = scratch.file("whole.db");
    write(&whole, everything(3, 3));
    let bytes = fs::read(&whole).unwrap();
    let file = scratch.file("fuzzed.db");
    let (refused, opened) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let changes = proptest::collection::vec((0..bytes.len(), num::u8::ANY), 1..60);
    let cuts = proptest::option::weighted(0.2, 0..bytes.len());
    let outcome = random(0xd6).run(&(changes, cuts), |(changes, cut)| {
        let mut fuzzed = bytes.clone();
        for (place, byte) in changes {
            fuzzed[place] = byte;
        }
        fuzzed.truncate(cut.unwrap_or(bytes.len()));
        fs::write(&file, fuzzed).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let read = run(read(&file));
        let count = if read.is_ok_and(|(_, wrong)| wrong.is_empty()) {
            &opened
        } else {
            &refused
        };
        count.set(count.get() + 1);
        Ok(())
    });
    outcome.unwrap();
    println!("{} files refused, {} read", refused.get(), opened.get());
    assert!(refused.get() > 0, "nothing was damaged");
}

/// Row D8: a journal that others on the machine can read or write is refused.
#[test]
fn a_journal_for_others_is_refused_whichever_way_it_is_open() {
    let scratch = Scratch::new("modes");
    let file = scratch.file("deskbell.db");
    write(&file, everything(1, 1));
    for mode in [
        0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o660, 0o666, 0o677,
    ] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let served = run(Journal::open(&url(&file))).err();
        assert!(
            matches!(served, Some(OpenError::TooOpen { .. })),
            "{mode:o} {served:?}"
        );
        let read = run(Archive::open(&url(&file), Keyring::default())).err();
        assert!(
            matches!(read, Some(OpenError::TooOpen { .. })),
            "{mode:o} {read:?}"
        );
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert!(run(Journal::open(&url(&file))).is_ok());
}

/// Row D9: whatever is changed, taken away, added or moved in the journal by hand shows, whichever row it is.
#[test]
fn every_row_changed_by_hand_shows() {
    let scratch = Scratch::new("rows");
    let whole = scratch.file("whole.db");
    write(&whole, everything(3, 4));
    let connection = Connection::open(&whole).unwrap();
    let rows: Vec<(i64, String)> = connection
        .prepare("SELECT position, ticket FROM records ORDER BY position")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    drop(connection);
    let mut forgeries = Vec::new();
    for (index, (position, ticket)) in rows.iter().enumerate() {
        let at = format!("WHERE position = {position}");
        for change in [
            "kind = 'accepted'",
            "version = version + 1",
            "at = at + 1",
            "line = coalesce(line, 0) + 100",
            "line_id = coalesce(line_id, '') || 'x'",
            "body = replace(body, 'e', 'a')",
            "body = '{}'",
            "digest = zeroblob(16)",
        ] {
            forgeries.push(format!("UPDATE records SET {change} {at}"));
        }
        forgeries.push(format!("DELETE FROM records {at}"));
        // It and the record after it change places. Each ticket has a chain of its own, so that one can be erased:
        // how the records of two tickets lie between each other is not kept.
        if rows.get(index + 1).is_some_and(|(_, next)| next == ticket) {
            forgeries.push(format!(
                "UPDATE records SET position = -1 {at}; \
                 UPDATE records SET position = {position} WHERE position = {position} + 1; \
                 UPDATE records SET position = {position} + 1 WHERE position = -1"
            ));
        }
        forgeries.push(format!(
            "INSERT INTO records (ticket, kind, version, at, body, digest) \
             SELECT ticket, kind, version, at, body, digest FROM records {at}"
        ));
    }
    for change in [
        "site = 'bank'",
        "tier = 'standard'",
        "opened_at = 1",
        "ended_at = NULL",
        "ended_at = ended_at + 1",
        "records = records - 1",
        "chain = zeroblob(16)",
    ] {
        forgeries.push(format!("UPDATE tickets SET {change} WHERE id = 't1'"));
    }
    for change in [
        "step = 'intended'",
        "open = 0",
        "began_at = 0",
        "body = '{}'",
        "ticket = NULL",
    ] {
        forgeries.push(format!("UPDATE intents SET {change}"));
    }
    for change in [
        "destination = 'theirs'",
        "due_at = 9",
        "dead = 1",
        "body = ''",
    ] {
        forgeries.push(format!("UPDATE outbox SET {change}"));
    }
    for change in ["at = 5", "body = '{}'", "version = 2", "ticket = 't1'"] {
        forgeries.push(format!("UPDATE decisions SET {change}"));
    }
    for change in ["at = 5", "body = '{}'", "version = 2"] {
        forgeries.push(format!("UPDATE lessons SET {change}"));
    }
    for change in ["expires_at = 5", "body = '{}'", "version = 2"] {
        forgeries.push(format!("UPDATE state SET {change}"));
    }
    let file = scratch.file("forged.db");
    let mut shown = 0;
    for forgery in &forgeries {
        fs::copy(&whole, &file).unwrap();
        let connection = Connection::open(&file).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF")
            .unwrap();
        // The last record has none after it, and a kind may be what it was.
        let before = dump(&connection);
        if connection.execute_batch(forgery).is_err() || dump(&connection) == before {
            continue;
        }
        drop(connection);
        let wrong = match run(read(&file)) {
            Ok((_, wrong)) => wrong,
            Err(error) => vec![error],
        };
        assert!(!wrong.is_empty(), "{forgery} does not show");
        shown += 1;
    }
    println!(
        "{shown} of {} forgeries changed something, and all showed",
        forgeries.len()
    );
    assert!(shown * 10 > forgeries.len() * 8, "{shown}");
}

/// What is not in the table `state` yet is no easier to change.
#[test]
fn changes_altered_by_hand_show_and_hold_up_no_others() {
    let scratch = Scratch::new("changes");
    let (whole, file) = (scratch.file("whole.db"), scratch.file("forged.db"));
    run(async {
        let journal = Journal::open(&url(&whole)).await.unwrap();
        for name in ["alice", "bob"] {
            let said = soft(SoftKind::Publications, name);
            journal.keep(vec![said]).await.unwrap();
        }
        let archive = Archive::open(&url(&whole), Keyring::default())
            .await
            .unwrap();
        let copy = scratch.file("copy.db");
        assert!(archive.back_up(&copy).await.unwrap());
        fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
        for (forgery, left) in [
            ("SELECT 1", vec!["alice", "bob"]),
            (
                "UPDATE changes SET digest = x'' WHERE number = 1",
                vec!["bob"],
            ),
            (
                "UPDATE changes SET body = substr(body, 1, length(body) - 1) WHERE number = 2",
                vec!["alice"],
            ),
        ] {
            fs::copy(&copy, &file).unwrap();
            let connection = Connection::open(&file).unwrap();
            connection.execute_batch(forgery).unwrap();
            drop(connection);
            let faults = usize::from(left.len() < 2);
            let (_, wrong) = read(&file).await.unwrap();
            assert_eq!(wrong.len(), faults, "{forgery}: {wrong:?}");
            let journal = Journal::open(&url(&file)).await.unwrap();
            for _ in 0..2 {
                let kept = journal.load_soft(SoftKind::Publications, 0).await.unwrap();
                let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, left, "{forgery}");
                assert_eq!(journal.verify().await.unwrap().wrong.len(), faults);
                journal.purge_lapsed(0).await.unwrap();
            }
            journal.close().await;
        }
        journal.close().await;
    });
}

/// New digests would make what was changed by hand look true.
#[test]
fn sealing_anew_hides_no_forgery() {
    let scratch = Scratch::new("resealed");
    let whole = scratch.file("whole.db");
    write(&whole, everything(2, 3));
    let file = scratch.file("forged.db");
    let key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    for forgery in [
        "UPDATE records SET body = replace(body, 'e', 'a') WHERE kind = 'line' AND ticket = 't0'",
        "UPDATE records SET at = at + 1 WHERE kind = 'accepted' AND ticket = 't0'",
        "DELETE FROM records WHERE kind = 'line' AND ticket = 't0' AND line = 1",
        "UPDATE intents SET step = 'intended'",
        "UPDATE outbox SET due_at = 9",
        "UPDATE state SET expires_at = 5",
    ] {
        fs::copy(&whole, &file).unwrap();
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch(forgery).unwrap();
        assert!(connection.changes() > 0, "{forgery}");
        drop(connection);
        run(async {
            let keyring = Keyring::read(key).unwrap();
            let journal = Journal::open_sealed(&url(&file), keyring).await.unwrap();
            // The other ticket, and whatever else is sound.
            assert!(journal.reseal(10).await.unwrap() > 0, "{forgery}");
            let wrong = journal.verify().await.unwrap().wrong;
            assert!(!wrong.is_empty(), "{forgery} is hidden");
            journal.close().await;
        });
    }
}

fn dump(connection: &Connection) -> Vec<String> {
    let mut rows = Vec::new();
    for table in [
        "records",
        "tickets",
        "intents",
        "outbox",
        "state",
        "decisions",
        "lessons",
    ] {
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .unwrap();
        let columns = statement.column_count();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values: Vec<String> = (0..columns)
                .map(|column| format!("{:?}", row.get_ref(column).unwrap()))
                .collect();
            rows.push(values.join(" "));
        }
    }
    rows
}
