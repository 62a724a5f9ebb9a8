//! What reaches outside: an intent is on disk before its effect and begun once, and the outbox holds what is to be told
//! from the moment of the records it tells of until it was delivered.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod stories;

use std::path::Path;
use std::sync::Arc;

use examples::peer::postgres::Postgres;
use helpdesk::{Line, Record, Seq, Speaker, TicketId};
use storage::{
    CommitError, Intent, IntentChange, IntentKind, Journal, Keyring, OutboxChange, OutboxCounts,
    OutboxEntry, OutboxState, SoftChange, SoftKey, SoftKind, SoftValue, Standing, Work,
};

use stories::ask;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Everything, on each database; a journal is opened again under its address to see what a restart sees.
#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("errands-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut number = 0;
    all(|| {
        number += 1;
        format!("sqlite:{}", folder.join(format!("{number}.db")).display())
    })
    .await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let mut number = 0;
    all(|| {
        number += 1;
        postgres.create(&format!("d{number}")).unwrap()
    })
    .await;
}

async fn all(mut url: impl FnMut() -> String) {
    an_intent_is_begun_once_and_each_step_is_taken_once(&url()).await;
    a_restart_finds_open_intents_and_those_that_limits_count(&url()).await;
    a_refused_intent_takes_its_whole_work_with_it(&url()).await;
    an_outbox_entry_is_kept_until_it_was_delivered(&url()).await;
    what_is_to_be_told_of_an_erased_ticket_goes(&url()).await;
    whatever_is_kept_is_sealed_anew(&url()).await;
    what_no_key_opens_keeps_nothing_from_being_sealed_anew(&url()).await;
    ended_intents_are_purged_and_open_ones_stay(&url()).await;
}

async fn open(url: &str) -> Journal {
    Journal::open_sealed(url, Keyring::read(KEY).unwrap())
        .await
        .unwrap()
}

fn opened(ticket: &str) -> Record {
    Record::Opened {
        ask: Box::new(ask(ticket)),
        at_unix_ms: 1,
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
            text: Arc::from("hi"),
            at_unix_ms: 2,
        },
    }
}

fn call(id: &str, began_at_unix_ms: i64) -> Intent {
    Intent {
        kind: IntentKind::Callback,
        id: id.to_owned(),
        ticket: Some(TicketId::new("t1")),
        step: "intended".to_owned(),
        standing: Standing::Open,
        began_at_unix_ms,
        changed_at_unix_ms: began_at_unix_ms,
        version: 1,
        body: "{\"phone\":\"+33123456789\"}".to_owned(),
    }
}

fn step(id: &str, from: &str, to: &str, standing: Standing) -> IntentChange {
    IntentChange::Advance {
        kind: IntentKind::Callback,
        id: id.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        standing,
        at_unix_ms: 20,
        body: None,
    }
}

async fn intend(journal: &Journal, change: IntentChange) -> Result<(), CommitError> {
    let intents = vec![change];
    journal
        .write(Work {
            intents,
            ..Work::default()
        })
        .await
}

async fn put(journal: &Journal, outbox: Vec<OutboxChange>) {
    let work = Work {
        outbox,
        ..Work::default()
    };
    journal.write(work).await.unwrap();
}

fn moved(id: &str, step: Option<&str>) -> Result<(), CommitError> {
    Err(CommitError::IntentMoved {
        id: Arc::from(id),
        step: step.map(Arc::from),
    })
}

async fn an_intent_is_begun_once_and_each_step_is_taken_once(url: &str) {
    let journal = open(url).await;
    let begin = || IntentChange::Begin(call("c1", 5));
    assert_eq!(intend(&journal, begin()).await, Ok(()));
    assert_eq!(
        intend(&journal, begin()).await,
        moved("c1", Some("intended"))
    );
    // Of many that want to dial, one does, whether they share a transaction or not.
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let journal = journal.clone();
        racers.spawn(async move {
            let dial = step("c1", "intended", "dialling", Standing::Open);
            intend(&journal, dial).await
        });
    }
    let outcomes = racers.join_all().await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(won, 1, "{outcomes:?}");
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(outcome, moved("c1", Some("dialling")));
    }
    let unknown = step("c2", "intended", "dialling", Standing::Open);
    assert_eq!(intend(&journal, unknown).await, moved("c2", None));
}

async fn a_restart_finds_open_intents_and_those_that_limits_count(url: &str) {
    let journal = open(url).await;
    for (id, at) in [("old-open", 1), ("old-ended", 2), ("new-ended", 10)] {
        intend(&journal, IntentChange::Begin(call(id, at)))
            .await
            .unwrap();
        if id != "old-open" {
            let end = step(id, "intended", "answered", Standing::Ended);
            intend(&journal, end).await.unwrap();
        }
    }
    journal.close().await;
    let journal = open(url).await;
    let found = journal.intents(IntentKind::Callback, 10).await.unwrap();
    let ended = Intent {
        step: "answered".to_owned(),
        standing: Standing::Ended,
        changed_at_unix_ms: 20,
        ..call("new-ended", 10)
    };
    assert_eq!(found, [call("old-open", 1), ended]);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
}

async fn a_refused_intent_takes_its_whole_work_with_it(url: &str) {
    let journal = open(url).await;
    intend(&journal, IntentChange::Begin(call("c1", 5)))
        .await
        .unwrap();
    let refused = Work {
        records: vec![opened("t1")],
        intents: vec![IntentChange::Begin(call("c1", 6))],
        ..Work::default()
    };
    // Whoever waits at the same time is not touched by it.
    let (refused, other) = tokio::join!(
        journal.write(refused),
        journal.commit(vec![opened("t2"), line("t2")])
    );
    assert_eq!((refused, other), (moved("c1", Some("intended")), Ok(())));
    assert_eq!(
        journal.load(0).await.unwrap(),
        [opened("t2"), line("t2")],
        "half a work"
    );
}

fn entry(id: &str, due_at_unix_ms: i64) -> OutboxEntry {
    OutboxEntry {
        id: id.to_owned(),
        destination: "crm".to_owned(),
        ticket: Some(TicketId::new("t1")),
        at_unix_ms: 3,
        due_at_unix_ms,
        attempts: 0,
        state: OutboxState::Waiting,
        why: None,
        version: 1,
        body: "{\"event\":\"opened\"}".to_owned(),
    }
}

async fn an_outbox_entry_is_kept_until_it_was_delivered(url: &str) {
    let journal = open(url).await;
    let told = Work {
        records: vec![opened("t1")],
        outbox: vec![
            OutboxChange::Put(entry("b", 30)),
            OutboxChange::Put(entry("a", 40)),
        ],
        ..Work::default()
    };
    journal.write(told).await.unwrap();
    // Put again, it stays as it is.
    put(&journal, vec![OutboxChange::Put(entry("b", 99))]).await;
    journal.close().await;

    let journal = open(url).await;
    assert_eq!(journal.outbox_due(29, 10).await.unwrap(), []);
    assert_eq!(journal.outbox_due(30, 10).await.unwrap(), [entry("b", 30)]);
    assert_eq!(journal.outbox_due(99, 1).await.unwrap(), [entry("b", 30)]);
    let both = [entry("a", 40), entry("b", 30)];
    let to = &both[0].destination;
    assert_eq!(journal.outbox_waiting_for(to, 9).await.unwrap(), both);
    assert_eq!(journal.outbox_waiting_for(to, 1).await.unwrap(), both[..1]);
    assert_eq!(journal.outbox_waiting_for("nobody", 9).await.unwrap(), []);
    let failed = |id: &str, retry_at_unix_ms| OutboxChange::Failed {
        id: id.to_owned(),
        why: "503 \0 Busy".to_owned(),
        retry_at_unix_ms,
    };
    put(&journal, vec![failed("b", Some(50)), failed("a", None)]).await;
    let tried = |id: &str, due_at_unix_ms, state| OutboxEntry {
        attempts: 1,
        why: Some("503  Busy".to_owned()),
        state,
        ..entry(id, due_at_unix_ms)
    };
    let again = tried("b", 50, OutboxState::Waiting);
    let dead = tried("a", 40, OutboxState::Dead);
    assert_eq!(journal.outbox_due(99, 10).await.unwrap(), [again]);
    assert_eq!(journal.outbox_dead(None, 10).await.unwrap(), [dead]);
    assert_eq!(journal.outbox_dead(Some("a"), 10).await.unwrap(), []);
    let counts = OutboxCounts {
        waiting: 1,
        dead: 1,
    };
    assert_eq!(journal.outbox_counts().await.unwrap(), counts);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);

    let revive = OutboxChange::Revive {
        id: "a".to_owned(),
        due_at_unix_ms: 60,
    };
    let delivered = OutboxChange::Delivered { id: "b".to_owned() };
    put(&journal, vec![revive, delivered]).await;
    let due = journal.outbox_due(99, 10).await.unwrap();
    assert_eq!((due.len(), due[0].attempts, &*due[0].id), (1, 0, "a"));
    put(&journal, vec![OutboxChange::Drop { id: "a".to_owned() }]).await;
    let none = OutboxCounts::default();
    assert_eq!(journal.outbox_counts().await.unwrap(), none);
    // What is not there is left alone.
    put(&journal, vec![failed("a", Some(9))]).await;
    assert_eq!(journal.outbox_counts().await.unwrap(), none);
}

async fn what_is_to_be_told_of_an_erased_ticket_goes(url: &str) {
    let journal = open(url).await;
    let work = Work {
        records: vec![opened("t1"), opened("t2")],
        intents: vec![IntentChange::Begin(call("c1", 5))],
        outbox: vec![OutboxChange::Put(entry("a", 30))],
        ..Work::default()
    };
    journal.write(work).await.unwrap();
    assert_eq!(
        journal.erase(vec![TicketId::new("t1")], 7).await.unwrap(),
        1
    );
    put(&journal, vec![OutboxChange::Put(entry("late", 30))]).await;
    assert_eq!(
        journal.outbox_counts().await.unwrap(),
        OutboxCounts::default()
    );
    // That there was a call still counts; whose it was is forgotten, and stays so.
    let end = IntentChange::Advance {
        kind: IntentKind::Callback,
        id: "c1".to_owned(),
        from: "intended".to_owned(),
        to: "ended".to_owned(),
        standing: Standing::Ended,
        at_unix_ms: 9,
        body: Some("{\"phone\":\"+33123456789\"}".to_owned()),
    };
    intend(&journal, end).await.unwrap();
    let forgotten = Intent {
        ticket: None,
        step: "ended".to_owned(),
        standing: Standing::Ended,
        changed_at_unix_ms: 9,
        body: String::new(),
        ..call("c1", 5)
    };
    let found = journal.intents(IntentKind::Callback, 0).await.unwrap();
    assert_eq!(found, [forgotten]);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
}

const NEW_KEY: &str = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

async fn whatever_is_kept_is_sealed_anew(url: &str) {
    let journal = open(url).await;
    let learnt = SoftChange {
        key: SoftKey {
            kind: SoftKind::Calls,
            name: "cameras".to_owned(),
        },
        value: Some(SoftValue {
            version: 1,
            expires_at_unix_ms: SoftValue::NEVER,
            body: "{\"mean\":240}".to_owned(),
        }),
    };
    let work = Work {
        records: vec![opened("t1")],
        soft: vec![learnt],
        intents: vec![IntentChange::Begin(call("c1", 5))],
        outbox: vec![OutboxChange::Put(entry("a", 30))],
    };
    journal.write(work).await.unwrap();
    journal.close().await;
    let both = Keyring::read(&format!("{NEW_KEY}\n{KEY}")).unwrap();
    let journal = Journal::open_sealed(url, both).await.unwrap();
    assert_eq!(journal.reseal(10).await.unwrap(), 4);
    assert_eq!(journal.reseal(10).await.unwrap(), 0);
    journal.close().await;
    // The old key is not needed any more.
    let new = Keyring::read(NEW_KEY).unwrap();
    let journal = Journal::open_sealed(url, new).await.unwrap();
    assert_eq!(journal.load(0).await.unwrap(), [opened("t1")]);
    let learnt = journal.load_soft(SoftKind::Calls, i64::MAX - 1).await;
    assert_eq!(learnt.unwrap()[0].1.body, "{\"mean\":240}");
    let calls = journal.intents(IntentKind::Callback, 0).await.unwrap();
    assert_eq!(calls, [call("c1", 5)]);
    assert_eq!(journal.outbox_due(30, 9).await.unwrap(), [entry("a", 30)]);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
}

const LOST_KEY: &str = "00ff2233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// More of it than is looked at in one transaction, and before what the keys open.
async fn what_no_key_opens_keeps_nothing_from_being_sealed_anew(url: &str) {
    let write = async |key: &str, names: [&str; 3]| {
        let journal = Journal::open_sealed(url, Keyring::read(key).unwrap())
            .await
            .unwrap();
        for name in names {
            let work = Work {
                records: vec![opened(name)],
                intents: vec![IntentChange::Begin(call(name, 5))],
                outbox: vec![OutboxChange::Put(entry(name, 30))],
                ..Work::default()
            };
            journal.write(work).await.unwrap();
        }
        journal.close().await;
    };
    write(LOST_KEY, ["a1", "a2", "a3"]).await;
    write(KEY, ["b1", "b2", "b3"]).await;
    let both = Keyring::read(&format!("{NEW_KEY}\n{KEY}")).unwrap();
    let journal = Journal::open_sealed(url, both).await.unwrap();
    assert_eq!(journal.reseal(2).await.unwrap(), 9);
    assert_eq!(journal.reseal(2).await.unwrap(), 0);
    journal.close().await;
    let new = Keyring::read(NEW_KEY).unwrap();
    let journal = Journal::open_sealed(url, new).await.unwrap();
    for ticket in ["b1", "b2", "b3"] {
        let history = journal.history(&TicketId::new(ticket)).await.unwrap();
        assert_eq!(history, [opened(ticket)]);
    }
    journal.close().await;
}

async fn ended_intents_are_purged_and_open_ones_stay(url: &str) {
    let journal = open(url).await;
    for id in ["open", "ended"] {
        intend(&journal, IntentChange::Begin(call(id, 5)))
            .await
            .unwrap();
    }
    let end = step("ended", "intended", "answered", Standing::Ended);
    intend(&journal, end).await.unwrap();
    assert_eq!(journal.purge_intents(20).await.unwrap(), 0);
    assert_eq!(journal.purge_intents(21).await.unwrap(), 1);
    let left = journal.intents(IntentKind::Callback, 0).await.unwrap();
    assert_eq!(left, [call("open", 5)]);
}
