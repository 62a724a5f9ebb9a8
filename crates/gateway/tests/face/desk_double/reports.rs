//! What the double reports: always the same reps and decisions.

use std::sync::Arc;
use std::time::Duration;

use ::presence::Availability;
use gateway::Report;
use helpdesk::{
    Candidate, Decision, EstimateScore, EstimateScores, Level, NewCase, Outcome, PauseFor, RepId,
    RepReport, SkillId, Standing, TicketId, TierId,
};

use super::kept;

pub(super) fn tell(report: Report, cases: &[NewCase]) {
    match report {
        Report::Reps(answer) => drop(answer.send(reps())),
        Report::Queue(answer) => drop(answer.send(Vec::new())),
        Report::Cases(answer) => drop(answer.send(cases.iter().map(kept).collect())),
        Report::Decisions { ticket, answer } => {
            let decisions = (ticket.as_str() == "t1").then(|| decision(ticket));
            drop(answer.send(decisions.into_iter().collect()));
        }
        Report::Decided { asked, answer } => {
            let all: Vec<Decision> = ["t1", "t1", "t2", "t3"]
                .map(|ticket| decision(TicketId::new(ticket)))
                .into();
            drop(answer.send(asked.of(all.iter())));
        }
        Report::WaitsEnded { answer, .. } => drop(answer.send(Vec::new())),
        Report::Estimates(answer) => {
            let score = EstimateScore {
                promised: 5,
                by_length: 2,
                scored: 4,
                held: 3,
                error_sum: -8.0,
                square_error_sum: 64.0,
                ..EstimateScore::default()
            };
            drop(answer.send(EstimateScores {
                total: score,
                groups: vec![(SkillId::new("cameras"), TierId::new("gold"), score)],
            }));
        }
    }
}

fn decision(ticket: TicketId) -> Decision {
    Decision {
        ticket,
        at_unix_ms: 0,
        age: Duration::from_millis(1_500),
        waited: Duration::from_millis(1_500),
        weight: 2.0,
        outcome: Outcome::Offered(RepId::new("alice")),
        relaxed: vec![Arc::from("after 30 s level 60 is enough")],
        candidates: vec![Candidate {
            availability: Availability::Available,
            rep: RepId::new("alice"),
            standing: Standing::Ready,
            level: Level::new(90),
            substitute: false,
            preference: 0.0,
            score: 2.7,
            idle: Duration::from_secs(12),
        }],
        others: vec![(Standing::OtherTier, 2)],
    }
}

/// alice at work, bob with a pause of ten minutes, carol with one without an end and on two calls.
fn reps() -> Vec<RepReport> {
    let bob = RepReport {
        paused: Some(PauseFor::Time(Duration::from_secs(600))),
        ..rep("bob")
    };
    let carol = RepReport {
        paused: Some(PauseFor::Good),
        on_calls: 2,
        ..rep("carol")
    };
    vec![rep("alice"), bob, carol]
}

fn rep(name: &str) -> RepReport {
    RepReport {
        rep: RepId::new(name),
        name: name.to_owned(),
        availability: Availability::Available,
        is_free: true,
        doubted_for: None,
        wrap_up_for: None,
        paused: None,
        on_calls: 0,
        idle_for: Duration::from_secs(12),
        capacity: 3,
        offers: Vec::new(),
        conversations: vec![TicketId::new("t1")],
        skills: vec![(SkillId::new("cameras"), Level::new(90).unwrap())],
        tiers: None,
    }
}
