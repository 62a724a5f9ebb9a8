//! The help room that tests play in, and its variants: who works there, who may ask, and the rules.
//! Must not know what happens in it.

use std::time::Duration;

use helpdesk::{
    Choose, Config, Level, Priority, Relax, Rep, RepId, Routing, Site, SiteId, Skill, SkillId,
    Tier, TierId,
};

/// Skills cameras, lenses, printing; tiers standard, gold, platinum; alice, bob, carol, dave and erin.
pub(crate) fn sample() -> Config {
    let site = |id: &str, skills: &[&str]| Site {
        id: SiteId::new(id),
        name: id.to_owned(),
        skills: skills.iter().map(|s| SkillId::new(s)).collect(),
        hours: None,
        skill_hours: Vec::new(),
        shows_next_rep: false,
        callback: helpdesk::CallbackRules::default(),
    };
    let skill = |id: &str, name: &str| Skill {
        id: SkillId::new(id),
        name: name.to_owned(),
        language: None,
        handling: None,
    };
    let tier = |id: &str, weight: f64| Tier {
        id: TierId::new(id),
        weight,
    };
    Config {
        sites: vec![
            site("shop", &["cameras", "lenses", "printing"]),
            site("lab", &["printing"]),
        ],
        skills: vec![
            skill("cameras", "Cameras"),
            skill("lenses", "Lenses"),
            skill("printing", "Printing"),
        ],
        tiers: vec![
            tier("standard", 1.0),
            tier("gold", 2.0),
            tier("platinum", 4.0),
        ],
        reps: vec![
            rep("alice", "cameras 90, lenses 60"),
            rep("bob", "cameras 50, printing 80"),
            Rep {
                tiers: Some(vec![TierId::new("gold"), TierId::new("platinum")]),
                ..rep("carol", "lenses 95")
            },
            rep("dave", "printing 60, cameras 30"),
            rep("erin", "cameras 70, lenses 70, printing 70"),
        ],
        routing: Routing::default(),
    }
}

/// A rep of capacity 1 who serves all tiers; skills as in `"cameras 90, lenses 60"`.
pub(crate) fn rep(id: &str, skills: &str) -> Rep {
    let mut name = id.to_owned();
    name[..1].make_ascii_uppercase();
    Rep {
        id: RepId::new(id),
        name,
        skills: skills
            .split(", ")
            .filter_map(|skill| skill.split_once(' '))
            .map(|(skill, level)| (SkillId::new(skill), self::level(level.parse().unwrap())))
            .collect(),
        tiers: None,
        capacity: 1,
    }
}

pub(crate) fn level(level: u8) -> Level {
    Level::new(level).unwrap()
}

/// A rule that relaxes nothing yet.
pub(crate) fn relax(after_s: u64) -> Relax {
    Relax {
        after: Duration::from_secs(after_s),
        min_level: None,
        skill: None,
        accept: Vec::new(),
        any_tier: false,
    }
}

/// The sample with other routing.
pub(crate) fn routed(change: impl FnOnce(&mut Routing)) -> Config {
    let mut config = sample();
    change(&mut config.routing);
    config
}

/// After 90 s lenses will do for cameras.
pub(crate) fn accepting() -> Config {
    routed(|routing| {
        routing.relax = vec![Relax {
            skill: Some(SkillId::new("cameras")),
            accept: vec![SkillId::new("lenses")],
            ..relax(90)
        }];
    })
}

pub(crate) fn strict() -> Config {
    routed(|routing| routing.priority = Priority::Strict)
}

pub(crate) fn longest_idle() -> Config {
    routed(|routing| routing.choose = Choose::LongestIdle)
}

/// The sample with one rep's capacity raised.
pub(crate) fn with_capacity(id: &str, capacity: u32) -> Config {
    let mut config = sample();
    for rep in &mut config.reps {
        if rep.id.as_str() == id {
            rep.capacity = capacity;
        }
    }
    config
}
