//! What is so of both databases: each test runs over SQLite by itself, and over PostgreSQL with all others.

use std::collections::BTreeMap;

use examples::peer::postgres::Postgres;
use helpdesk::{AccessDigest, Ask, Record, TicketId};
use storage::{After, CommitError, Journal, Keyring, SoftChange, SoftKey, SoftKind, SoftValue};

use crate::stories::{ask, closed, line, one_of_each, opened};

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
    words_by_the_thousand_are_read_wherever_they_are,
    what_is_said_of_an_erased_ticket_is_not_kept,
    names_of_erased_tickets_are_forgotten_in_time,
    what_ended_before_its_sites_retention_is_purged,
    stories_come_in_pages,
    sealed_bodies_are_opened_by_their_keys_and_sealed_anew,
    load_leaves_out_what_ended_long_ago,
    history_is_one_tickets_whole_story,
    one_callers_batches_keep_their_order_without_waiting,
    repeated_line_is_kept_once_and_another_in_its_place_refused,
    repeated_opening_is_kept_once_and_another_of_that_id_refused,
    refused_batch_leaves_nothing_behind_and_others_alone,
    what_is_written_meanwhile_is_no_fault,
];

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

/// More than one page of them, said anew, taken back and added to, before and after what was said is brought together.
async fn words_by_the_thousand_are_read_wherever_they_are(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    let mut expected = BTreeMap::new();
    let binding = SoftChange {
        key: SoftKey {
            kind: SoftKind::Bindings,
            name: "p0002".to_owned(),
        },
        ..soft("", 100, "[]")
    };
    journal.keep(vec![binding]).await.unwrap();
    for (round, step) in [(1, 1), (2, 3), (3, 7)] {
        let body = format!("{{\"round\":{round}}}");
        let names = (0..9_000).step_by(step);
        let changes = names.map(|number| {
            let said = soft(&format!("p{number:04}"), 100, &body);
            let value = said.value.filter(|_| number % 5 != round);
            SoftChange { value, ..said }
        });
        let changes: Vec<SoftChange> = changes.collect();
        for SoftChange { key, value } in &changes {
            match value {
                Some(value) => expected.insert(key.name.clone(), value.clone()),
                None => expected.remove(&key.name),
            };
        }
        journal.keep(changes).await.unwrap();
        let read = async || journal.load_soft(SoftKind::Publications, 99).await;
        let expected: Vec<_> = expected.clone().into_iter().collect();
        assert!(read().await.unwrap() == expected, "round {round}");
        if round != 2 {
            // Upkeep reads `state` alone.
            assert_eq!(journal.purge_lapsed(99).await.unwrap(), 0);
            assert!(read().await.unwrap() == expected, "round {round}, settled");
        }
    }
    let lapsed = journal.load_soft(SoftKind::Publications, 100).await;
    assert_eq!(lapsed.unwrap(), []);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
    let bindings = journal.load_soft(SoftKind::Bindings, 0).await.unwrap();
    assert_eq!(bindings.len(), 1);
    let all = expected.len() as u64 + 1;
    assert_eq!(journal.purge_lapsed(100).await.unwrap(), all);
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

async fn names_of_erased_tickets_are_forgotten_in_time(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    journal
        .commit(vec![opened("a"), opened("b")])
        .await
        .unwrap();
    for (ticket, at) in [("a", 5), ("b", 9)] {
        let gone = vec![TicketId::new(ticket)];
        assert_eq!(journal.erase(gone, at).await.unwrap(), 1);
    }
    assert_eq!(journal.purge_erased(5).await.unwrap(), 0);
    assert_eq!(journal.purge_erased(9).await.unwrap(), 1);
    let late = |ticket| journal.commit(vec![line(ticket, 1, None, "hi")]);
    assert_eq!(late("b").await, Ok(()));
    let unknown = CommitError::UnknownTicket(TicketId::new("a"));
    assert_eq!(late("a").await, Err(unknown));
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

/// A ticket that grows without a pause while all is verified.
async fn what_is_written_meanwhile_is_no_fault(url: &str) {
    let journal = Journal::open(url).await.unwrap();
    journal.commit(vec![opened("a")]).await.unwrap();
    let write = async {
        for number in 1..=400 {
            journal
                .commit(vec![line("a", number, None, "and on")])
                .await
                .unwrap();
        }
    };
    let verify = async {
        loop {
            let verdict = journal.verify().await.unwrap();
            assert_eq!(verdict.wrong, [] as [String; 0]);
            if verdict.records > 400 {
                return;
            }
        }
    };
    tokio::join!(write, verify);
}
