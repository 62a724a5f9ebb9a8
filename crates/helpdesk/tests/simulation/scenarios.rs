//! Scenarios in a few words.

use helpdesk::simulation::{Arrivals, Class, Law, Pool, Scenario};
use helpdesk::{Level, Priority, Routing, SkillId, Tier, TierId, Wishes};

/// `servers` reps of one skill, conversations of mean 1, arrivals at `rate`; without rests or limits.
pub(crate) fn markov(servers: u32, rate: f64, arrivals: u64) -> Scenario {
    Scenario {
        seed: 7,
        warm_up: arrivals / 10,
        arrivals: Arrivals::Chance(arrivals),
        classes: vec![class("all", rate, "general", "standard")],
        pools: vec![pool("desk", servers, &[("general", 70)])],
        tiers: vec![tier("standard", 1.0), tier("gold", 2.0)],
        routing: plain(Priority::Weighted),
        quotes: 0,
    }
}

pub(crate) fn class(name: &str, rate: f64, skill: &str, tier: &str) -> Class {
    Class {
        name: name.to_owned(),
        rate,
        skills: vec![SkillId::new(skill)],
        wishes: Wishes::default(),
        tier: TierId::new(tier),
        service: Law::Exponential { mean: 1.0 },
        patience: None,
        usual: None,
    }
}

pub(crate) fn pool(name: &str, count: u32, skills: &[(&str, u8)]) -> Pool {
    let level = |level| Level::new(level).unwrap();
    Pool {
        name: name.to_owned(),
        count,
        skills: skills
            .iter()
            .map(|&(skill, of)| (SkillId::new(skill), level(of)))
            .collect(),
        tiers: None,
        capacity: 1,
    }
}

pub(crate) fn tier(id: &str, weight: f64) -> Tier {
    Tier {
        id: TierId::new(id),
        weight,
    }
}

/// Neither rests nor limits nor rules.
pub(crate) fn plain(priority: Priority) -> Routing {
    Routing {
        priority,
        wrap_up: std::time::Duration::ZERO,
        queue_limit: 1_000_000,
        ..Routing::default()
    }
}
