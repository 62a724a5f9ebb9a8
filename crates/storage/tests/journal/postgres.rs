//! What is so of PostgreSQL alone: its settings, its owner, and what it does when it crashes and freezes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use examples::peer::postgres::Postgres;
use helpdesk::{Record, RepId, TicketId};
use storage::{CommitError, Journal, SoftChange, SoftKey, SoftKind, SoftValue};

use crate::stories::{closed, line, opened};

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

/// What a program of the first schema left, brought into this one's.
#[tokio::test]
async fn a_database_of_the_first_schema_keeps_what_it_held() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.create("deskbell").unwrap();
    let journal = Journal::open(&url).await.unwrap();
    let story = vec![opened("a"), line("a", 1, None, "hello"), closed("a", 9)];
    journal.commit(story.clone()).await.unwrap();
    let key = SoftKey {
        kind: SoftKind::Bindings,
        name: "alice".to_owned(),
    };
    let value = SoftValue {
        version: 1,
        expires_at_unix_ms: 50,
        body: "[]".to_owned(),
    };
    let word = SoftChange {
        key,
        value: Some(value.clone()),
    };
    journal.keep(vec![word]).await.unwrap();
    journal.close().await;
    let first = include_str!("../../src/migrations/postgres/0001_journal.sql");
    postgres
        .sql(
            "deskbell",
            &format!(
                "ALTER SCHEMA public RENAME TO newest; CREATE SCHEMA public; {first}; \
                 INSERT INTO tickets SELECT * FROM newest.tickets; \
                 INSERT INTO records OVERRIDING SYSTEM VALUE SELECT * FROM newest.records; \
                 INSERT INTO state SELECT kind, key, version, expires_at, body FROM newest.state; \
                 CREATE TABLE deskbell_schema AS SELECT 1::BIGINT AS version; DROP SCHEMA newest CASCADE"
            ),
        )
        .unwrap();
    let journal = Journal::open(&url).await.unwrap();
    assert_eq!(journal.load(0).await.unwrap(), story);
    let bindings = journal.load_soft(SoftKind::Bindings, 0).await.unwrap();
    assert_eq!(bindings, [("alice".to_owned(), value)]);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
}

async fn refused(url: &str) -> String {
    match Journal::open(url).await {
        Ok(_) => panic!("the journal opened"),
        Err(error) => error.to_string(),
    }
}
