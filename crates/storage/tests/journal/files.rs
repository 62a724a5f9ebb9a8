//! What is so of SQLite alone: files, their owner and their schema.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use storage::{CommitError, Journal, LoadError};

use crate::stories::{line, one_of_each, opened};

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
    // What is reserved of the disk is there a little later.
    names.retain(|name| !name.ends_with("-reserve"));
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
