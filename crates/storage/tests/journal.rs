//! The journal through its face: what is committed is there, in order, whatever happened between.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use examples::peer::postgres::Postgres;
use helpdesk::ticket::CloseReason;
use helpdesk::{
    AccessDigest, Ask, Form, GivenPromise, Level, Line, LineId, Prefer, Preference, Record, RepId,
    Seq, SiteId, SkillId, Speaker, TicketId, TierId, Wait, Wishes,
};
use storage::{
    After, CommitError, Journal, Keyring, LoadError, SoftChange, SoftKey, SoftKind, SoftValue,
};

/// A directory of its own for one test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "journal-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn database(&self) -> PathBuf {
        self.0.join("deskbell.db")
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.database().display())
    }

    async fn refusal(&self) -> String {
        let Err(error) = Journal::open(&self.url()).await else {
            panic!("the journal opened")
        };
        error
            .to_string()
            .replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
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
        details: Vec::new(),
        page: None,
        language: None,
        proof: helpdesk::Proof::None,
        channel: helpdesk::Channel::Page,
        im: None,
        earlier: Vec::new(),
    }
}

fn opened(ticket: &str) -> Record {
    Record::Opened {
        ask: Box::new(ask(ticket)),
        at_unix_ms: 1_000,
    }
}

fn line(ticket: &str, seq: u64, id: Option<&str>, text: &str) -> Record {
    let line = Line {
        seq: Seq(seq),
        id: id.map(LineId::new),
        from: Speaker::Shopper,
        name: None,
        text: Arc::from(text),
        at_unix_ms: 1_001,
    };
    Record::Line {
        ticket: TicketId::new(ticket),
        line,
    }
}

fn closed(ticket: &str, at_unix_ms: i64) -> Record {
    Record::Closed {
        ticket: TicketId::new(ticket),
        reason: CloseReason::Rep,
        at_unix_ms,
    }
}

/// One of every kind and every variant within, with every field both present and absent.
fn one_of_each() -> Vec<Record> {
    let (ticket, rep) = (TicketId::new("t1"), RepId::new("alice"));
    let full = Ask {
        skills: vec![SkillId::new("lenses"), SkillId::new("cameras")],
        rep: Some(rep.clone()),
        name: Some("Zoë \"Z\" O'Neil\n".to_owned()),
        phone: Some("+33 1 23 45 67 89".to_owned()),
        message: Some("emoji 📷 and \0 and \u{1f}".to_owned()),
        details: Vec::new(),
        page: Some("https://shop.example/?q=1&r=2".to_owned()),
        language: Some("fr-CA".to_owned()),
        proof: helpdesk::Proof::None,
        channel: helpdesk::Channel::Page,
        im: None,
        earlier: vec![TicketId::new("t0"), TicketId::new("t00")],
        case: Some("C-1".to_owned()),
        wishes: Wishes {
            least_levels: vec![(SkillId::new("lenses"), Level::MAX)],
            preferred: vec![
                Preference {
                    skill: SkillId::new("french"),
                    weight: Level::MAX,
                    least_level: Level::new(50),
                },
                Preference {
                    skill: SkillId::new("printing"),
                    weight: Level::MAX,
                    least_level: None,
                },
            ],
            prefer: Some(Prefer::Best),
            rep_deadline: Some(Duration::from_millis(1_500)),
        },
        ..ask("t1")
    };
    let speakers = [Speaker::Shopper, Speaker::Rep, Speaker::System];
    let said = (1..).zip(speakers).map(|(seq, from)| Record::Line {
        ticket: ticket.clone(),
        line: Line {
            seq: Seq(seq),
            id: (from == Speaker::Shopper).then(|| LineId::new("b-1")),
            from,
            name: (from == Speaker::Rep).then(|| Arc::from("Alice")),
            text: Arc::from("hello, world"),
            at_unix_ms: -5,
        },
    });
    let mut records = vec![
        Record::Opened {
            ask: Box::new(full),
            at_unix_ms: i64::MAX,
        },
        Record::Offered {
            ticket: ticket.clone(),
            rep: rep.clone(),
            at_unix_ms: 2,
        },
        Record::OfferEnded {
            ticket: ticket.clone(),
            rep: rep.clone(),
            why: Arc::from("no answer"),
            at_unix_ms: 3,
        },
        Record::Accepted {
            ticket: ticket.clone(),
            rep,
            at_unix_ms: 4,
        },
    ];
    records.extend(said);
    for to in [Some(RepId::new("bob")), None] {
        records.push(Record::Transferred {
            ticket: ticket.clone(),
            from: RepId::new("alice"),
            skills: vec![SkillId::new("lenses"), SkillId::new("printing")],
            to,
            at_unix_ms: 5,
        });
    }
    for reason in [
        CloseReason::Shopper,
        CloseReason::Rep,
        CloseReason::Abandoned,
    ] {
        records.push(Record::Closed {
            ticket: ticket.clone(),
            reason,
            at_unix_ms: 6,
        });
    }
    for comment in [Some("quick".to_owned()), None] {
        records.push(Record::Rated {
            ticket: ticket.clone(),
            stars: 5,
            comment,
            at_unix_ms: 7,
        });
    }
    for text in ["prefers e-mail", ""] {
        records.push(Record::Noted {
            ticket: ticket.clone(),
            rep: RepId::new("alice"),
            text: text.into(),
            at_unix_ms: 7,
        });
    }
    for form in [Form::Played, Form::Formula] {
        records.push(Record::Promised {
            ticket: ticket.clone(),
            promise: GivenPromise {
                wait: Wait {
                    seconds: 240,
                    low: 120,
                    high: 420,
                    confidence: 0.8,
                },
                position: 3,
                servers: 2,
                form,
            },
            at_unix_ms: 8,
        });
    }
    records.push(opened("t2"));
    records
}

#[tokio::test]
async fn every_record_comes_back_as_it_went_in_after_reopening() {
    let scratch = Scratch::new();
    let journal = Journal::open(&scratch.url()).await.unwrap();
    for record in one_of_each() {
        journal.commit(vec![record]).await.unwrap();
    }
    assert_eq!(journal.load(0).await.unwrap(), one_of_each());
    journal.close().await;
    let journal = Journal::open(&scratch.url()).await.unwrap();
    assert_eq!(journal.load(0).await.unwrap(), one_of_each());
}

#[tokio::test]
async fn memory_serves_as_well_and_each_journal_has_its_own() {
    let journal = Journal::open("sqlite::memory:").await.unwrap();
    let other = Journal::open("sqlite::memory:").await.unwrap();
    journal.commit(one_of_each()).await.unwrap();
    assert_eq!(journal.load(0).await.unwrap(), one_of_each());
    assert_eq!(other.load(0).await.unwrap(), []);
}

#[tokio::test]
async fn dropped_journal_can_be_opened_again_at_once() {
    let scratch = Scratch::new();
    for round in 0..5 {
        let journal = Journal::open(&scratch.url()).await.unwrap();
        assert_eq!(journal.load(0).await.unwrap().len(), round);
        journal
            .commit(vec![opened(&format!("t{round}"))])
            .await
            .unwrap();
    }
}

async fn load_leaves_out_what_ended_long_ago(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    let old = vec![opened("old"), closed("old", 4_999)];
    let recent = vec![
        opened("recent"),
        line("recent", 1, None, "hi"),
        closed("recent", 5_000),
    ];
    let waiting = vec![opened("waiting")];
    journal
        .commit([waiting.clone(), old.clone(), recent.clone()].concat())
        .await
        .unwrap();
    assert_eq!(
        journal.load(5_000).await.unwrap(),
        [waiting.clone(), recent.clone()].concat()
    );
    assert_eq!(
        journal.load(4_999).await.unwrap(),
        [waiting, old, recent].concat()
    );
}

async fn history_is_one_tickets_whole_story(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    let story = [
        opened("a"),
        line("a", 1, None, "one"),
        line("a", 2, None, "two"),
        closed("a", 9),
    ];
    for record in &story {
        journal.commit(vec![record.clone()]).await.unwrap();
        journal.commit(vec![opened("b")]).await.unwrap();
    }
    assert_eq!(journal.history(&TicketId::new("a")).await.unwrap(), story);
    assert_eq!(
        journal.history(&TicketId::new("b")).await.unwrap(),
        [opened("b")]
    );
    assert_eq!(journal.history(&TicketId::new("c")).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_together_share_a_transaction() {
    let scratch = Scratch::new();
    let journal = Journal::open(&scratch.url()).await.unwrap();
    let commits = 200;
    let tasks: Vec<_> = (0..commits)
        .map(|number| {
            let journal = journal.clone();
            let ticket = format!("t{number}");
            tokio::spawn(async move {
                journal
                    .commit(vec![opened(&ticket), line(&ticket, 1, None, "hi")])
                    .await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let totals = journal.totals();
    assert_eq!((totals.batches, totals.records), (commits, 2 * commits));
    assert!(totals.transactions < commits, "{totals:?}");
    assert_eq!(journal.load(0).await.unwrap().len(), 400);
}

async fn one_callers_batches_keep_their_order_without_waiting(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    let said: Vec<Record> = (1..=50).map(|seq| line("a", seq, None, "hi")).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for record in said.clone() {
        let journal = journal.clone();
        // On the one thread of this runtime tasks start in the order of their making.
        tasks.spawn(async move { journal.commit(vec![record]).await.unwrap() });
    }
    tasks.join_all().await;
    let history = journal.history(&TicketId::new("a")).await.unwrap();
    assert_eq!(history.get(1..).unwrap(), said);
}

async fn repeated_line_is_kept_once_and_another_in_its_place_refused(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    journal
        .commit(vec![opened("a"), line("a", 1, Some("x"), "hi")])
        .await
        .unwrap();
    let conflict = Err(CommitError::Conflict(TicketId::new("a")));

    assert_eq!(
        journal.commit(vec![line("a", 1, Some("x"), "hi")]).await,
        Ok(())
    );
    assert_eq!(
        journal.commit(vec![line("a", 1, Some("x"), "ho")]).await,
        conflict
    );
    assert_eq!(
        journal.commit(vec![line("a", 1, Some("y"), "hi")]).await,
        conflict
    );
    assert_eq!(
        journal.commit(vec![line("a", 2, Some("x"), "hi")]).await,
        conflict
    );
    assert_eq!(
        journal.commit(vec![line("a", u64::MAX, None, "hi")]).await,
        conflict
    );
    assert_eq!(journal.history(&TicketId::new("a")).await.unwrap().len(), 2);
}

async fn repeated_opening_is_kept_once_and_another_of_that_id_refused(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    assert_eq!(journal.commit(vec![opened("a")]).await, Ok(()));
    let other = Ask {
        access: AccessDigest([8; 32]),
        ..ask("a")
    };
    let other = Record::Opened {
        ask: Box::new(other),
        at_unix_ms: 1_000,
    };
    let conflict = CommitError::Conflict(TicketId::new("a"));
    assert_eq!(journal.commit(vec![other]).await, Err(conflict));
    assert_eq!(journal.load(0).await.unwrap(), [opened("a")]);
}

async fn refused_batch_leaves_nothing_behind_and_others_alone(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    let good = journal.commit(vec![opened("a")]);
    let bad = journal.commit(vec![opened("b"), line("nobody", 1, None, "hi")]);
    let (good, bad) = tokio::join!(good, bad);
    assert_eq!(good, Ok(()));
    assert_eq!(
        bad,
        Err(CommitError::UnknownTicket(TicketId::new("nobody")))
    );
    assert_eq!(journal.load(0).await.unwrap(), [opened("a")]);
}

#[tokio::test]
async fn close_commits_what_waits_and_refuses_what_comes_after() {
    let scratch = Scratch::new();
    let journal = Journal::open(&scratch.url()).await.unwrap();
    let clone = journal.clone();
    let waiting = journal.commit(vec![opened("a")]);
    let (committed, ()) = tokio::join!(waiting, journal.clone().close());
    assert_eq!(committed, Ok(()));
    assert_eq!(
        clone.commit(vec![opened("b")]).await,
        Err(CommitError::Closed)
    );
    drop((journal, clone));
    let journal = Journal::open(&scratch.url()).await.unwrap();
    assert_eq!(journal.load(0).await.unwrap(), [opened("a")]);
}

#[tokio::test]
async fn database_and_its_log_are_for_their_owner_only() {
    let scratch = Scratch::new();
    let journal = Journal::open(&scratch.url()).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(&scratch.0).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o077, 0, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "deskbell.db",
            "deskbell.db-lock",
            "deskbell.db-shm",
            "deskbell.db-wal"
        ]
    );
}

#[tokio::test]
async fn database_others_can_read_is_refused() {
    let scratch = Scratch::new();
    Journal::open(&scratch.url()).await.unwrap().close().await;
    fs::set_permissions(scratch.database(), Permissions::from_mode(0o640)).unwrap();
    assert_eq!(
        scratch.refusal().await,
        "deskbell.db can be read or written by other users; run chmod 600 on it"
    );
}

#[tokio::test]
async fn second_owner_is_refused() {
    let scratch = Scratch::new();
    let _first = Journal::open(&scratch.url()).await.unwrap();
    assert_eq!(
        scratch.refusal().await,
        "deskbell.db is in use by another deskbell; stop that one or choose another storage"
    );
}

#[tokio::test]
async fn file_that_is_no_database_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    let garbage = "not a database, but quite long enough to be looked at as one ".repeat(100);
    fs::write(scratch.database(), &garbage).unwrap();
    fs::set_permissions(scratch.database(), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(
        scratch.refusal().await,
        "deskbell.db is not a deskbell database; choose another storage or move the file away"
    );
    assert_eq!(fs::read_to_string(scratch.database()).unwrap(), garbage);
}

#[tokio::test]
async fn newer_schema_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    Journal::open(&scratch.url()).await.unwrap().close().await;
    let change = |sql: &str| {
        rusqlite::Connection::open(scratch.database())
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    };
    let known: i64 = rusqlite::Connection::open(scratch.database())
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    change("PRAGMA user_version = 999");
    assert_eq!(
        scratch.refusal().await,
        format!(
            "deskbell.db has schema 999 and this program knows schemas up to {known}; \
             run the newer deskbell that wrote it"
        )
    );
    change(&format!("PRAGMA user_version = {known}"));
    Journal::open(&scratch.url()).await.unwrap();
}

#[tokio::test]
async fn directory_that_does_not_exist_is_named() {
    let Err(error) = Journal::open("sqlite:/nonexistent/deskbell.db").await else {
        panic!("the journal opened")
    };
    assert_eq!(
        error.to_string(),
        "cannot open /nonexistent/deskbell.db-lock: No such file or directory (os error 2)"
    );
}

#[tokio::test]
async fn record_of_a_newer_program_is_named_on_loading() {
    let scratch = Scratch::new();
    let journal = Journal::open(&scratch.url()).await.unwrap();
    journal
        .commit(vec![opened("a"), line("a", 1, None, "hi")])
        .await
        .unwrap();
    let other = rusqlite::Connection::open(scratch.database()).unwrap();
    other
        .execute_batch("UPDATE records SET version = 2 WHERE kind = 'line'")
        .unwrap();
    let error = journal.load(0).await.unwrap_err();
    assert!(
        matches!(
            error,
            LoadError::Unreadable {
                position: 2,
                version: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn story_view_shows_people_who_said_what() {
    let scratch = Scratch::new();
    let journal = Journal::open(&scratch.url()).await.unwrap();
    journal.commit(one_of_each()).await.unwrap();
    journal.close().await;
    let shell = rusqlite::Connection::open(scratch.database()).unwrap();
    let told: String = shell
        .query_row(
            "SELECT group_concat(concat_ws(' ', at, kind, who, what), char(10)) FROM \
             (SELECT * FROM story WHERE kind IN ('line', 'offer-ended') ORDER BY position)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        told,
        "1970-01-01T00:00:00.003Z offer-ended alice no answer\n\
         1969-12-31T23:59:59.995Z line shopper hello, world\n\
         1969-12-31T23:59:59.995Z line Alice hello, world\n\
         1969-12-31T23:59:59.995Z line system hello, world"
    );
}

/// One batch of many, each line by a different rep, for the path that takes a group apart.
async fn a_group_with_one_bad_batch_keeps_the_others_in_order(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    journal
        .commit(vec![opened("a"), line("a", 1, None, "one")])
        .await
        .unwrap();
    let good = vec![line("a", 2, None, "two"), line("a", 3, None, "three")];
    let bad = vec![line("a", 4, None, "four"), line("a", 1, None, "other")];
    let after = vec![opened("b"), line("b", 1, None, "hi"), closed("b", 9)];
    let (good, bad, after) = tokio::join!(
        journal.commit(good),
        journal.commit(bad),
        journal.commit(after)
    );
    assert_eq!((good, after), (Ok(()), Ok(())));
    assert_eq!(bad, Err(CommitError::Conflict(TicketId::new("a"))));
    journal
        .commit(vec![line("a", 4, None, "four")])
        .await
        .unwrap();
    let history = journal.history(&TicketId::new("a")).await.unwrap();
    assert_eq!(history.len(), 5);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
}

async fn every_record_comes_back_as_it_went_in(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    for record in one_of_each() {
        journal.commit(vec![record]).await.unwrap();
    }
    assert_eq!(journal.load(0).await.unwrap(), one_of_each());
    journal.close().await;
    if url.starts_with("postgres") {
        let journal = Journal::open(url).await.unwrap();
        assert_eq!(journal.load(0).await.unwrap(), one_of_each());
        let verdict = journal.verify().await.unwrap();
        assert_eq!(verdict.wrong, [] as [String; 0]);
        assert_eq!(verdict.records, one_of_each().len() as u64);
    }
}

fn soft(name: &str, expires_at_unix_ms: i64, body: &str) -> SoftChange {
    SoftChange {
        key: SoftKey {
            kind: SoftKind::Publications,
            name: name.to_owned(),
        },
        value: Some(SoftValue {
            version: 3,
            expires_at_unix_ms,
            body: body.to_owned(),
        }),
    }
}

/// Names come from the network: any text will do.
async fn of_soft_state_the_newest_word_is_kept_until_it_lapses(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    let odd = "ali\0ce %";
    let words = vec![
        soft(odd, 100, "{\"first\":1}"),
        soft("bob", 50, "{}"),
        soft(odd, 200, "{\"second\":2}"),
    ];
    journal.keep(words).await.unwrap();
    let gone = SoftChange {
        value: None,
        ..soft("carol", 0, "")
    };
    let carol = soft("carol", 300, "{}");
    journal.keep(vec![carol, gone]).await.unwrap();
    let kept = |now| journal.load_soft(SoftKind::Publications, now);
    let expected = SoftValue {
        version: 3,
        expires_at_unix_ms: 200,
        body: "{\"second\":2}".to_owned(),
    };
    assert_eq!(kept(50).await.unwrap(), [(odd.to_owned(), expected)]);
    assert_eq!(kept(49).await.unwrap().len(), 2);
    let bindings = journal.load_soft(SoftKind::Bindings, 0).await.unwrap();
    assert!(bindings.is_empty());
    assert_eq!(journal.purge_lapsed(50).await.unwrap(), 1);
    assert_eq!(kept(0).await.unwrap().len(), 1);
}

async fn what_is_said_of_an_erased_ticket_is_not_kept(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    journal.commit(one_of_each()).await.unwrap();
    let gone = vec![TicketId::new("t1"), TicketId::new("nobody")];
    assert_eq!(journal.erase(gone, 7).await.unwrap(), 1);
    assert_eq!(journal.load(0).await.unwrap(), [opened("t2")]);
    let late = line("t1", 99, None, "are you there?");
    let (late, other) = tokio::join!(
        journal.commit(vec![late]),
        journal.commit(vec![line("t2", 1, None, "hi")])
    );
    assert_eq!((late, other), (Ok(()), Ok(())));
    assert_eq!(journal.load(0).await.unwrap().len(), 2);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
}

async fn what_ended_before_its_sites_retention_is_purged(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    for (ticket, ended_at) in [("old", 10), ("older", 5), ("recent", 20)] {
        journal
            .commit(vec![opened(ticket), closed(ticket, ended_at)])
            .await
            .unwrap();
    }
    journal.commit(vec![opened("open")]).await.unwrap();
    assert_eq!(journal.purge("library", 20, 10, 30).await.unwrap(), 0);
    assert_eq!(journal.purge("shop", 20, 1, 30).await.unwrap(), 1);
    assert_eq!(journal.history(&TicketId::new("older")).await.unwrap(), []);
    assert_eq!(journal.purge("shop", 20, 10, 30).await.unwrap(), 1);
    assert_eq!(journal.purge("shop", 20, 10, 30).await.unwrap(), 0);
    let left = journal.stories(i64::MIN, None, 10).await.unwrap();
    let left: Vec<&str> = left.iter().map(|story| story.ticket.as_str()).collect();
    assert_eq!(left, ["open", "recent"]);
}

async fn stories_come_in_pages(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    for number in 0..5 {
        let ticket = format!("t{number}");
        journal
            .commit(vec![opened(&ticket), line(&ticket, 1, None, "hi")])
            .await
            .unwrap();
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = journal.stories(0, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(After {
            opened_at_unix_ms: last.opened_at_unix_ms,
            ticket: last.ticket.clone(),
        });
        for story in page {
            assert_eq!(story.records.len(), 2);
            seen.push(story.ticket.as_str().to_owned());
        }
    }
    assert_eq!(seen, ["t0", "t1", "t2", "t3", "t4"]);
    assert!(journal.stories(1_001, None, 2).await.unwrap().is_empty());
}

const OLD_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const NEW_KEY: &str = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

async fn sealed_bodies_are_opened_by_their_keys_and_sealed_anew(url: &str) {
    let keys = Keyring::read(OLD_KEY).unwrap();
    let journal = Journal::open_sealed(url, keys).await.unwrap();
    journal.commit(one_of_each()).await.unwrap();
    // What is repeated is known under its seal.
    journal.commit(vec![opened("t2")]).await.unwrap();
    journal
        .keep(vec![soft("alice", 9, "{\"note\":\"at lunch\"}")])
        .await
        .unwrap();
    assert_eq!(journal.load(0).await.unwrap(), one_of_each());
    let kept = journal.load_soft(SoftKind::Publications, 0).await.unwrap();
    assert!(kept[0].1.body.contains("at lunch"), "{kept:?}");
    if !url.starts_with("postgres") {
        return;
    }
    journal.close().await;

    let keys = Keyring::read(&format!("{NEW_KEY}\n{OLD_KEY}")).unwrap();
    let journal = Journal::open_sealed(url, keys).await.unwrap();
    let resealed = journal.reseal(1).await.unwrap();
    assert_eq!(resealed, 3, "two tickets and a word of soft state");
    journal.close().await;

    let keys = Keyring::read(NEW_KEY).unwrap();
    let journal = Journal::open_sealed(url, keys).await.unwrap();
    assert_eq!(journal.load(0).await.unwrap(), one_of_each());
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
    journal.close().await;

    let keys = Keyring::read(OLD_KEY).unwrap();
    let journal = Journal::open_sealed(url, keys).await.unwrap();
    let unreadable = journal.load(0).await.unwrap_err().to_string();
    assert!(unreadable.contains("not among the keys"), "{unreadable}");
}

/// Defines each test for SQLite, and one for PostgreSQL that runs them all on a database each.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name("sqlite::memory:").await;
                }
            )*
        }

        #[tokio::test]
        async fn all_of_it_on_postgres() {
            let Some(postgres) = Postgres::start().unwrap() else {
                return;
            };
            let mut number = 0;
            $(
                number += 1;
                println!("{}", stringify!($name));
                let url = postgres.create(&format!("d{number}")).unwrap();
                $name(&url).await;
            )*
        }
    };
}

on_both![
    every_record_comes_back_as_it_went_in,
    a_group_with_one_bad_batch_keeps_the_others_in_order,
    of_soft_state_the_newest_word_is_kept_until_it_lapses,
    what_is_said_of_an_erased_ticket_is_not_kept,
    what_ended_before_its_sites_retention_is_purged,
    stories_come_in_pages,
    sealed_bodies_are_opened_by_their_keys_and_sealed_anew,
    load_leaves_out_what_ended_long_ago,
    history_is_one_tickets_whole_story,
    one_callers_batches_keep_their_order_without_waiting,
    repeated_line_is_kept_once_and_another_in_its_place_refused,
    repeated_opening_is_kept_once_and_another_of_that_id_refused,
    refused_batch_leaves_nothing_behind_and_others_alone,
];

async fn refused(url: &str) -> String {
    match Journal::open(url).await {
        Ok(_) => panic!("the journal opened"),
        Err(error) => error.to_string(),
    }
}

/// Row D2 of the threat table.
#[tokio::test]
async fn postgres_without_fsync_is_refused() {
    let Some(postgres) = Postgres::start_with("-c fsync=off").unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    assert!(refused(&url).await.contains("fsync is off"));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_has_one_owner_and_stops_one_that_was_replaced() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    let journal = Journal::open(&url).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    let refusal = refused(&url).await;
    assert!(refusal.contains("in use by another deskbell"), "{refusal}");
    // As after a network that was cut: the other one could not see this one live.
    postgres
        .sql("deskbell", "UPDATE head SET epoch = epoch + 1")
        .unwrap();
    let refusal = journal.commit(vec![opened("b")]).await.unwrap_err();
    assert!(matches!(refusal, CommitError::Poisoned(_)), "{refusal}");
    assert_eq!(journal.load(0).await.unwrap(), [opened("a")]);
}

#[tokio::test]
async fn postgres_with_tables_of_another_program_is_left_alone() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    postgres
        .sql("deskbell", "CREATE TABLE tickets (theirs TEXT)")
        .unwrap();
    assert!(refused(&url).await.contains("tables of another program"));
    postgres
        .sql(
            "deskbell",
            "DROP TABLE tickets; CREATE TABLE deskbell_schema AS SELECT 999::BIGINT AS version",
        )
        .unwrap();
    assert!(refused(&url).await.contains("schema 999"));
}

/// Records of one kind, which no identity protects: only the numbers of transactions keep them from being doubled.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_postgres_crashes_and_freezes() {
    let Some(mut postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    let journal = Journal::open(&url).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let (journal, done) = (journal.clone(), done.clone());
            tokio::spawn(async move {
                let mut said = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let why = format!("{task} {}", said.len());
                    let record = Record::OfferEnded {
                        ticket: TicketId::new("a"),
                        rep: RepId::new("alice"),
                        why: Arc::from(why.as_str()),
                        at_unix_ms: 1,
                    };
                    journal.commit(vec![record]).await.unwrap();
                    said.push(why);
                }
                said
            })
        })
        .collect();
    let mut health = journal.health();
    for round in 0..3 {
        let before = journal.totals().batches;
        while journal.totals().batches < before + 50 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        postgres = tokio::task::spawn_blocking(move || {
            if round == 1 {
                postgres.freeze().unwrap();
                let seconds = Duration::from_secs(4);
                std::thread::park_timeout(seconds);
                postgres.thaw().unwrap();
            } else {
                postgres.crash_and_restart().unwrap();
            }
            postgres
        })
        .await
        .unwrap();
        let healed = health.wait_for(storage::Health::takes_records);
        let limit = Duration::from_secs(30);
        tokio::time::timeout(limit, healed).await.unwrap().unwrap();
    }
    done.store(true, Ordering::Relaxed);
    let mut said = Vec::new();
    for task in tasks {
        said.extend(task.await.unwrap());
    }
    let mut kept: Vec<String> = journal
        .history(&TicketId::new("a"))
        .await
        .unwrap()
        .into_iter()
        .filter_map(|record| match record {
            Record::OfferEnded { why, .. } => Some(why.to_string()),
            _ => None,
        })
        .collect();
    kept.sort();
    said.sort();
    assert!(said.len() > 20, "{}", said.len());
    assert_eq!(kept, said);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
}
