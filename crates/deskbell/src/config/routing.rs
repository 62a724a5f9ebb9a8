//! The table `[routing]` and its relaxing rules. Must not know how tickets are routed.

use std::time::Duration;

use helpdesk::{Choose, Level, Priority, Relax, Rep, Routing, Site, SkillId};

use super::document::{Section, Value};
use super::names::{self, Names};
use super::{desk, duration};

const KEYS: [&str; 10] = [
    "priority",
    "choose",
    "offer_timeout",
    "wrap_up",
    "sticky_for",
    "handling",
    "promise_boost",
    "queue_limit",
    "keep_place",
    "relax",
];
const RELAX_KEYS: [&str; 5] = ["after", "min_level", "skill", "accept", "tiers"];

const SECOND: Duration = Duration::from_secs(1);
const TEN_MINUTES: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn read(root: &Section<'_>, names: &Names<'_>, sites: &[Site], reps: &[Rep]) -> Routing {
    read_beside(Routing::default(), root, names, sites, reps)
}

/// Reads the table; what it leaves out is as in `usual`.
pub(super) fn read_beside(
    usual: Routing,
    root: &Section<'_>,
    names: &Names<'_>,
    sites: &[Site],
    reps: &[Rep],
) -> Routing {
    let Some(table) = root.table("routing", "[routing]", &KEYS) else {
        return usual;
    };
    let duration = |key: &str, least, most, usual| {
        table
            .value(key)
            .and_then(|value| value.duration(least..=most))
            .unwrap_or(usual)
    };
    let priorities = [
        ("weighted", Priority::Weighted),
        ("strict", Priority::Strict),
    ];
    let choices = [
        ("best", Choose::Best),
        ("longest-idle", Choose::LongestIdle),
    ];
    let queue_limit = table
        .value("queue_limit")
        .and_then(|limit| limit.whole(1..=1_000_000));
    Routing {
        priority: table
            .value("priority")
            .and_then(|priority| priority.choice(&priorities))
            .unwrap_or(usual.priority),
        choose: table
            .value("choose")
            .and_then(|choose| choose.choice(&choices))
            .unwrap_or(usual.choose),
        offer_timeout: duration("offer_timeout", SECOND, TEN_MINUTES, usual.offer_timeout),
        wrap_up: duration("wrap_up", Duration::ZERO, HOUR, usual.wrap_up),
        sticky_for: duration("sticky_for", Duration::ZERO, HOUR, usual.sticky_for),
        handling: table
            .value("handling")
            .map_or(usual.handling, |handling| read_handling(&handling)),
        promise_boost: table
            .value("promise_boost")
            .and_then(|boost| read_boost(&boost))
            .unwrap_or(usual.promise_boost),
        queue_limit: queue_limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usual.queue_limit),
        keep_place: duration("keep_place", SECOND, DAY, usual.keep_place),
        relax: read_rules(&table, names, sites, reps),
    }
}

/// What is usual, or that nothing is known.
fn read_handling(value: &Value<'_>) -> Option<Duration> {
    if value.written_text() == Some("unknown") {
        return None;
    }
    value.duration(desk::SHORTEST_HANDLING..=desk::LONGEST_HANDLING)
}

/// At least 1: a promise in danger never counts less.
fn read_boost(value: &Value<'_>) -> Option<f64> {
    let boost = value.positive(1_000_000.0)?;
    if boost < 1.0 {
        value.mistake("is below 1; 1 is no difference");
        return None;
    }
    Some(boost)
}

/// The rules, ascending by time.
fn read_rules(
    routing: &Section<'_>,
    names: &Names<'_>,
    sites: &[Site],
    reps: &[Rep],
) -> Vec<Relax> {
    let tables = routing.tables("relax", "[[routing.relax]]", &RELAX_KEYS);
    let mut rules: Vec<(&Section<'_>, Relax)> = tables
        .iter()
        .filter_map(|table| Some((table, read_rule(table, names)?)))
        .collect();
    rules.sort_by_key(|(_, rule)| rule.after);
    let mut before: Vec<Relax> = Vec::new();
    for (table, rule) in rules {
        refuse_narrowing(table, &rule, &before);
        warn_of_idle_rule(table, &rule, sites, reps);
        warn_of_repetition(table, &rule, &before);
        before.push(rule);
    }
    before
}

fn read_rule(table: &Section<'_>, names: &Names<'_>) -> Option<Relax> {
    let after = table
        .required(
            "after",
            "write the time waited from which the rule holds, such as \"30s\"",
        )
        .and_then(|after| after.duration(Duration::ZERO..=DAY));
    let min_level = table
        .value("min_level")
        .and_then(|level| level.whole(1..=100))
        .and_then(|level| Level::new(u8::try_from(level).ok()?));
    let skill = table
        .value("skill")
        .and_then(|skill| names::refer(&skill, "skill", &names.skills));
    let accept = table.value("accept");
    let accepted = accept
        .as_ref()
        .and_then(|accept| names::refer_all(accept, "skill", &names.skills))
        .unwrap_or_default();
    let any_tier = table
        .value("tiers")
        .and_then(|tiers| tiers.choice(&[("any", true)]));

    if let (Some(accept), Some(skill)) = (&accept, skill)
        && accepted.contains(&skill)
    {
        accept.mistake(format!(
            "names {skill}, the skill it stands in for; take it out"
        ));
    }
    if ["min_level", "accept", "tiers"]
        .iter()
        .all(|key| table.value(key).is_none())
    {
        table.mistake(
            "",
            "relaxes nothing; add min_level, accept or tiers = \"any\"",
        );
    }
    Some(Relax {
        after: after?,
        min_level,
        skill: skill.map(SkillId::new),
        accept: accepted.into_iter().map(SkillId::new).collect(),
        any_tier: any_tier.unwrap_or(false),
    })
}

/// A rule may only ask for less than those before it.
fn refuse_narrowing(table: &Section<'_>, rule: &Relax, before: &[Relax]) {
    let Some(level) = rule.min_level else { return };
    let narrowed = before.iter().find(|earlier| rule.narrows(earlier));
    if let Some(Relax {
        after,
        min_level: Some(earlier),
        ..
    }) = narrowed
    {
        let value = table.value("min_level");
        let text = format!(
            "is {}, but after {} level {} is enough already; a rule can only ask for less",
            level.value(),
            duration::write(*after),
            earlier.value()
        );
        match value {
            Some(value) => value.mistake(text),
            None => table.mistake("min_level", text),
        }
    }
}

/// A level that is enough already, and nothing else, changes nothing.
fn warn_of_repetition(table: &Section<'_>, rule: &Relax, before: &[Relax]) {
    let Some(level) = rule.min_level else { return };
    let is_enough = |earlier: &&Relax| {
        (earlier.skill.is_none() || earlier.skill == rule.skill) && earlier.min_level == Some(level)
    };
    if rule.accept.is_empty()
        && !rule.any_tier
        && let Some(earlier) = before.iter().find(is_enough)
    {
        table.warning(
            "min_level",
            format!(
                "level {} is enough already after {}",
                level.value(),
                duration::write(earlier.after)
            ),
        );
    }
}

fn warn_of_idle_rule(table: &Section<'_>, rule: &Relax, sites: &[Site], reps: &[Rep]) {
    if let Some(skill) = &rule.skill
        && !sites.iter().any(|site| site.skills.contains(skill))
    {
        table.warning(
            "skill",
            format!("no site offers {skill}: this rule can never apply"),
        );
    }
    let has_any = |rep: &Rep| {
        rep.skills
            .iter()
            .any(|(skill, _)| rule.accept.contains(skill))
    };
    if !rule.accept.is_empty() && !reps.iter().any(has_any) {
        let skills: Vec<&str> = rule.accept.iter().map(SkillId::as_str).collect();
        table.warning(
            "accept",
            format!(
                "no rep has {}: this rule can never find anybody",
                skills.join(" or ")
            ),
        );
    }
    if rule.any_tier && reps.iter().all(|rep| rep.tiers.is_none()) {
        table.warning(
            "tiers",
            "no rep is kept for some tiers: this rule can never find anybody more",
        );
    }
}
