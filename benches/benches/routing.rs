//! What one event costs the helpdesk, in a desk of 500 reps: a served click, and a change of presence
//! while 200 tickets wait.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use helpdesk::{
    AccessDigest, Addressee, Ask, Clock, Config, Helpdesk, Input, Level, Rep, RepId, ReplyId,
    Routing, Site, SiteId, Skill, SkillId, TicketId, Tier, TierId,
};
use presence::Availability;

const REPS: usize = 500;
const SKILLS: usize = 10;
const TIERS: usize = 3;

fn routing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("helpdesk of 500 reps");

    let now = Instant::now();
    let mut desk = desk(now, Availability::Available);
    let mut clicks = 0;
    group.bench_function("click, answer, end", |bencher| {
        bencher.iter(|| {
            clicks += 1;
            let ticket = TicketId::new(&format!("t{clicks}"));
            desk.handle(click(&ticket, clicks), now);
            let rep = offered_to(&mut desk);
            for text in ["Hello", "/end"] {
                desk.handle(says(&rep, &ticket, text), now);
            }
            drain(&mut desk);
        });
    });

    let mut desk = desk_with_queue(now, 200);
    let mut flips = 0;
    group.bench_function("presence change, 200 waiting", |bencher| {
        bencher.iter(|| {
            flips += 1;
            let availability = match flips % 2 {
                0 => Availability::Busy,
                _ => Availability::Away,
            };
            desk.handle(presence(flips % REPS, availability), now);
            drain(&mut desk);
        });
    });
    group.finish();
}

fn desk(now: Instant, availability: Availability) -> Helpdesk {
    let clock = Clock {
        at: now,
        unix_ms: 0,
    };
    let mut desk = match Helpdesk::new(config(), clock) {
        Ok(desk) => desk,
        Err(error) => unreachable!("the configuration is ours: {error}"),
    };
    for rep in 0..REPS {
        desk.handle(presence(rep, availability), now);
    }
    drain(&mut desk);
    desk
}

fn desk_with_queue(now: Instant, waiting: usize) -> Helpdesk {
    let mut desk = desk(now, Availability::Busy);
    for number in 0..waiting {
        desk.handle(click(&TicketId::new(&format!("w{number}")), number), now);
    }
    drain(&mut desk);
    desk
}

fn config() -> Config {
    let skill = |number: usize| SkillId::new(&format!("skill{}", number % SKILLS));
    Config {
        sites: vec![Site {
            id: SiteId::new("shop"),
            name: "Shop".to_owned(),
            skills: (0..SKILLS).map(skill).collect(),
            hours: None,
            skill_hours: Vec::new(),
            shows_next_rep: false,
            callback: helpdesk::CallbackRules::default(),
        }],
        skills: (0..SKILLS)
            .map(|number| Skill {
                id: skill(number),
                name: format!("Skill {number}"),
                language: None,
                handling: None,
            })
            .collect(),
        tiers: (0..TIERS)
            .map(|number| Tier {
                id: TierId::new(&format!("tier{number}")),
                weight: 1.0 + number as f64,
            })
            .collect(),
        reps: (0..REPS)
            .map(|number| Rep {
                id: RepId::new(&format!("rep{number}")),
                name: format!("Rep {number}"),
                skills: (0..3)
                    .map(|more| (skill(number + more * 3), Level::MAX))
                    .collect(),
                tiers: None,
                capacity: 2,
            })
            .collect(),
        routing: Routing {
            wrap_up: std::time::Duration::ZERO,
            ..Routing::default()
        },
    }
}

fn presence(rep: usize, availability: Availability) -> Input {
    Input::Presence {
        rep: RepId::new(&format!("rep{rep}")),
        availability,
    }
}

fn click(ticket: &TicketId, number: usize) -> Input {
    Input::Ask {
        ask: Box::new(Ask {
            ticket: ticket.clone(),
            access: AccessDigest([0; 32]),
            site: SiteId::new("shop"),
            skills: vec![SkillId::new(&format!("skill{}", number % SKILLS))],
            tier: TierId::new(&format!("tier{}", number % TIERS)),
            wishes: helpdesk::Wishes::default(),
            rep: None,
            case: None,
            name: None,
            phone: None,
            message: Some("Does it float?".to_owned()),
            details: Vec::new(),
            page: None,
            language: None,
            proof: helpdesk::Proof::None,
            channel: helpdesk::Channel::Page,
            im: None,
            earlier: Vec::new(),
        }),
        reply: ReplyId(0),
    }
}

fn says(rep: &RepId, ticket: &TicketId, text: &str) -> Input {
    Input::RepMessage {
        rep: rep.clone(),
        to: Addressee::Ticket(ticket.clone()),
        text: Arc::from(text),
        reply: ReplyId(0),
    }
}

fn offered_to(desk: &mut Helpdesk) -> RepId {
    let mut offered = None;
    while let Some(output) = desk.poll_output() {
        if let helpdesk::Output::ToRep { rep, .. } = output {
            offered = Some(rep);
        }
    }
    match offered {
        Some(rep) => rep,
        None => unreachable!("every rep is free"),
    }
}

fn drain(desk: &mut Helpdesk) {
    while let Some(output) = desk.poll_output() {
        black_box(output);
    }
}

criterion_group!(benches, routing);
criterion_main!(benches);
