//! What outlives a ticket, and what is kept of a ticket beside its story: cases, pauses, promises kept, lessons,
//! decisions. Each comes back to a restart as it was said last, or as much of it as is worth keeping.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod stories;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use examples::peer::postgres::Postgres;
use helpdesk::{
    Candidate, Case, CaseId, CaseReason, CaseState, Decision, EstimateScore, LESSONS_KEPT, Lesson,
    Level, Observation, Outcome, PauseEnd, Record, RepId, SiteId, SkillId, Standing, TicketId,
    TierId, WaitEnd,
};
use presence::Availability;
use storage::{Archive, Journal, Keyring};

use stories::ask;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("keeping-{}", std::process::id()));
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
    everything_comes_back_as_it_was_said_last(&url()).await;
    of_decisions_the_first_and_the_latest_are_kept_and_go_with_their_ticket(&url()).await;
    of_lessons_the_newest_are_kept(&url()).await;
    cases_are_erased_beside_a_server(&url()).await;
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

fn case(id: &str, state: CaseState) -> Record {
    Record::Case(Box::new(Case {
        id: CaseId::new(id),
        site: SiteId::new("shop"),
        shopper: Some("zoe".to_owned()),
        name: Some("Zoë".to_owned()),
        contact: Some("+33 1 23".to_owned()),
        skills: vec![SkillId::new("cameras"), SkillId::new("lenses")],
        ticket: Some(TicketId::new("t1")),
        reason: CaseReason::Unfinished,
        words: Some("call me \0 back".to_owned()),
        state,
        opened_unix_ms: 5,
        rep: Some(RepId::new("alice")),
    }))
}

fn bare_case(id: &str, reason: CaseReason) -> Record {
    let Record::Case(full) = case(id, CaseState::Open) else {
        panic!("a case is none")
    };
    Record::Case(Box::new(Case {
        shopper: None,
        name: None,
        contact: None,
        ticket: None,
        words: None,
        rep: None,
        reason,
        ..*full
    }))
}

fn paused(rep: &str, pause: Option<PauseEnd>) -> Record {
    Record::Paused {
        rep: RepId::new(rep),
        pause,
        at_unix_ms: 6,
    }
}

fn scored(promised: u64) -> Record {
    Record::Scored {
        skill: SkillId::new("cameras \"x\""),
        tier: TierId::new("gold"),
        score: EstimateScore {
            promised,
            unknown: 2,
            scored: 3,
            held: 4,
            left: 5,
            left_after: 6,
            grown: 7,
            error_sum: -8.5,
            square_error_sum: 9.25,
        },
        at_unix_ms: 7,
    }
}

fn lesson(at_unix_ms: i64, observation: Observation) -> Record {
    Record::Learnt(Lesson {
        skill: SkillId::new("cameras"),
        tier: TierId::new("gold"),
        at_unix_ms,
        observation,
    })
}

fn decision(ticket: &str, at_unix_ms: i64, outcome: Outcome) -> Record {
    let standings = [
        Standing::Ready,
        Standing::NotAvailable,
        Standing::Doubted,
        Standing::Paused,
        Standing::OnCall,
        Standing::Full,
        Standing::Refused,
        Standing::HandedOn,
        Standing::KeptForAnother,
        Standing::OtherTier,
        Standing::LacksSkill,
        Standing::BelowLevel,
    ];
    let availabilities = [
        Availability::Available,
        Availability::Busy,
        Availability::Away,
        Availability::Offline,
    ];
    let candidates = standings.iter().zip(availabilities.iter().cycle());
    Record::Decided(Arc::new(Decision {
        ticket: TicketId::new(ticket),
        at_unix_ms,
        age: Duration::from_millis(1_500),
        waited: Duration::from_millis(500),
        weight: 2.5,
        outcome,
        relaxed: vec![Arc::from("lenses will do")],
        candidates: candidates
            .map(|(standing, availability)| Candidate {
                rep: RepId::new("alice"),
                standing: *standing,
                availability: *availability,
                level: (*standing == Standing::Ready).then_some(Level::MAX),
                substitute: *standing == Standing::Full,
                preference: 0.5,
                score: 12.25,
                idle: Duration::from_secs(9),
            })
            .collect(),
        others: vec![(Standing::LacksSkill, 3)],
    }))
}

async fn everything_comes_back_as_it_was_said_last(url: &str) {
    let journal = open(url).await;
    let closed = CaseState::Closed {
        at_unix_ms: 9,
        by: Some(RepId::new("bob")),
    };
    journal
        .commit(vec![
            case("c1", CaseState::Open),
            paused("alice", Some(PauseEnd::At(100))),
            paused("bob", Some(PauseEnd::At(100))),
            scored(1),
        ])
        .await
        .unwrap();
    let said = vec![
        case("c1", closed),
        bare_case("c2", CaseReason::Offline),
        bare_case("c3", CaseReason::CallbackFailed),
        paused("alice", Some(PauseEnd::WhenResumed)),
        paused("carol", Some(PauseEnd::At(100))),
        scored(10),
        lesson(1, Observation::Arrival),
        lesson(2, Observation::Handling { seconds: 240.5 }),
        lesson(
            3,
            Observation::Wait {
                seconds: 30.0,
                end: WaitEnd::Served,
            },
        ),
        lesson(
            4,
            Observation::Wait {
                seconds: 31.0,
                end: WaitEnd::Left,
            },
        ),
        lesson(
            5,
            Observation::Range {
                low: 1.0,
                high: 2.0,
                seconds: 1.5,
            },
        ),
        opened("t1"),
        decision("t1", 2, Outcome::Waits),
        decision("t1", 3, Outcome::Stranded),
        decision("t1", 4, Outcome::Offered(RepId::new("alice"))),
    ];
    let mut also = said.clone();
    also.push(paused("bob", None));
    journal.commit(also).await.unwrap();
    journal.close().await;

    let journal = open(url).await;
    assert_eq!(journal.load(50).await.unwrap(), said);
    // A pause that is over by then is none.
    assert_eq!(journal.load(100).await.unwrap().len(), said.len() - 1);
    assert_eq!(journal.cases().await.unwrap().len(), 3);
    let history = journal.history(&TicketId::new("t1")).await.unwrap();
    assert_eq!(history, said[said.len() - 4..]);
    assert_eq!(journal.verify().await.unwrap().wrong, [] as [String; 0]);
}

async fn of_decisions_the_first_and_the_latest_are_kept_and_go_with_their_ticket(url: &str) {
    let journal = open(url).await;
    journal
        .commit(vec![opened("t1"), opened("t2")])
        .await
        .unwrap();
    for at in 0..40 {
        let both = ["t1", "t2"].map(|ticket| decision(ticket, at, Outcome::Waits));
        journal.commit(both.into()).await.unwrap();
    }
    let kept = |records: Vec<Record>| -> Vec<i64> {
        let times = records.into_iter().filter_map(|record| match record {
            Record::Decided(decision) => Some(decision.at_unix_ms),
            _ => None,
        });
        times.collect()
    };
    let expected: Vec<i64> = [0].into_iter().chain(25..40).collect();
    for ticket in ["t1", "t2"] {
        let history = journal.history(&TicketId::new(ticket)).await.unwrap();
        assert_eq!(kept(history), expected);
    }
    journal.erase(vec![TicketId::new("t1")], 9).await.unwrap();
    // One that comes late is passed over.
    let late = decision("t1", 50, Outcome::Waits);
    assert_eq!(journal.commit(vec![late]).await, Ok(()));
    assert_eq!(kept(journal.load(0).await.unwrap()), expected);
}

async fn of_lessons_the_newest_are_kept(url: &str) {
    let journal = open(url).await;
    let many = i64::try_from(LESSONS_KEPT).unwrap() + 500;
    let all: Vec<Record> = (0..many)
        .map(|at| lesson(at, Observation::Arrival))
        .collect();
    for lessons in all.chunks(2_000) {
        journal.commit(lessons.to_vec()).await.unwrap();
    }
    let kept = journal.load(0).await.unwrap();
    assert_eq!(kept.len(), LESSONS_KEPT);
    assert_eq!(kept.first(), Some(&lesson(500, Observation::Arrival)));
    assert_eq!(kept.last(), all.last());
}

async fn cases_are_erased_beside_a_server(url: &str) {
    let journal = open(url).await;
    for id in ["c1", "c2"] {
        journal
            .commit(vec![case(id, CaseState::Open)])
            .await
            .unwrap();
    }
    let archive = Archive::open(url, Keyring::read(KEY).unwrap())
        .await
        .unwrap();
    let gone = vec![CaseId::new("c1"), CaseId::new("nobody")];
    assert_eq!(archive.erase(Vec::new(), gone, 9).await.unwrap(), 1);
    let left = journal.cases().await.unwrap();
    assert_eq!((left.len(), left[0].id.as_str()), (1, "c2"));
    journal.erase_cases(vec![CaseId::new("c2")]).await.unwrap();
    assert_eq!(journal.cases().await.unwrap(), []);
}
