//! What a configuration would serve, as people read it. Must not know how it was read, and prints no secret.

use std::collections::HashSet;
use std::fmt::Write;

use helpdesk::{Choose, Priority, Relax, RepId, SkillId, TierId};
use sip::digest::Suite;

use super::duration;
use super::settings::{Audience, Extension, Refusal, Settings, TrunkSettings};

/// What would be served: a heading in the first column, its rows beside it.
pub(crate) fn summary(settings: &Settings) -> String {
    let mut text = String::new();
    for (heading, rows) in [
        ("SIP", sip_rows(settings)),
        (
            "HTTP",
            vec![vec![format!("http://{}", settings.http.listen)]],
        ),
        ("Watchers", watcher_rows(settings)),
        ("Lines", line_rows(settings)),
        ("Trunks", trunk_rows(settings)),
        ("Storage", vec![vec![settings.storage.place()]]),
        ("Skills", skill_rows(settings)),
        ("Tiers", tier_rows(settings)),
        ("Sites", site_rows(settings)),
        ("Reps", rep_rows(settings)),
        ("Routing", routing_rows(settings)),
    ] {
        write_block(&mut text, heading, &rows);
    }
    if settings.dangerous.open_domain {
        write_block(
            &mut text,
            "DANGER",
            &[vec!["any user, without password".to_owned()]],
        );
    }
    text
}

type Row = Vec<String>;

fn write_block(text: &mut String, heading: &str, rows: &[Row]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width_of = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width_of).collect();
    let mut heading = heading;
    for row in rows {
        let mut line = format!("{heading:<9}");
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a String cannot fail.
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
        heading = "";
    }
    if rows.is_empty() {
        let _ = writeln!(text, "{heading:<9}none");
    }
}

fn sip_rows(settings: &Settings) -> Vec<Row> {
    let sip = &settings.sip;
    let mut domain = format!("domain {}", sip.domain);
    if !sip.aliases.is_empty() {
        let _ = write!(domain, " (also {})", sip.aliases.join(", "));
    }
    let names = |suites: &[Suite]| {
        let names: Vec<_> = suites.iter().map(ToString::to_string).collect();
        names.join(", ")
    };
    let mut digest = names(&sip.digest.suites);
    for (protocol, suites) in &sip.digest.suites_by_protocol {
        let _ = write!(digest, "; over {protocol} {}", names(suites));
    }
    let [min, default, max] =
        [sip.expires.min, sip.expires.default, sip.expires.max].map(duration::write);
    let mut rows = vec![vec![domain]];
    rows.extend(sip.listen.iter().map(|listen| vec![listen.to_string()]));
    rows.push(vec![format!(
        "ws://{}/sip, for pages of {}",
        settings.http.listen,
        if sip.origins.is_empty() {
            "this server only".to_owned()
        } else {
            format!("this server and {}", sip.origins.join(", "))
        }
    )]);
    rows.push(vec![format!(
        "digest {} in realm {}, refused after {} wrong passwords",
        digest, sip.realm, sip.login_tries
    )]);
    rows.push(vec![format!(
        "registrations and publications kept {min} to {max}, by default {default}"
    )]);
    rows
}

fn watcher_rows(settings: &Settings) -> Vec<Row> {
    let watchers = &settings.watchers;
    let audience = |audience| match audience {
        Audience::Reps => "every rep",
        Audience::Supervisors => "supervisors",
    };
    let refusal = match watchers.refusal {
        Refusal::Forbid => "others are refused",
        Refusal::Hide => "others see everybody offline",
        Refusal::Hold => "others wait",
    };
    let mut rows = vec![vec![format!(
        "reps by {}, groups by {}, told every {} at most; {refusal}",
        audience(watchers.of_reps),
        audience(watchers.of_groups),
        duration::write(watchers.interval)
    )]];
    let mut chosen: Vec<_> = watchers.chosen_by_rep.iter().collect();
    chosen.sort_by_key(|(rep, _)| rep.as_str());
    if !watchers.supervisors.is_empty() {
        rows.push(vec![format!(
            "supervisors {}",
            join_reps(&watchers.supervisors)
        )]);
    }
    for (rep, by) in chosen {
        let by = match by.is_empty() {
            true => "supervisors only".to_owned(),
            false => join_reps(by),
        };
        rows.push(vec![format!("{rep} by {by}")]);
    }
    rows
}

fn line_rows(settings: &Settings) -> Vec<Row> {
    let Some(pbx) = &settings.pbx else {
        return Vec::new();
    };
    let row = |line: &Extension| vec![line.rep.to_string(), pbx.address(&line.number)];
    pbx.extensions.iter().map(row).collect()
}

fn trunk_rows(settings: &Settings) -> Vec<Row> {
    let row = |trunk: &TrunkSettings| {
        let mut ways = Vec::new();
        if let Some(lifetime) = trunk.register {
            ways.push(format!("registered for {}", duration::write(lifetime)));
        }
        if let Some(interval) = trunk.ping {
            ways.push(format!("asked every {}", duration::write(interval)));
        }
        if let Some(proxy) = &trunk.outbound_proxy {
            ways.push(format!("over {proxy}"));
        }
        vec![trunk.label(), ways.join(", ")]
    };
    settings.trunks.iter().map(row).collect()
}

fn join_reps(reps: &HashSet<RepId>) -> String {
    let mut reps: Vec<&str> = reps.iter().map(RepId::as_str).collect();
    reps.sort_unstable();
    reps.join(", ")
}

fn skill_rows(settings: &Settings) -> Vec<Row> {
    let row = |skill: &helpdesk::Skill| vec![skill.id.to_string(), skill.name.clone()];
    settings.helpdesk.skills.iter().map(row).collect()
}

fn tier_rows(settings: &Settings) -> Vec<Row> {
    let row = |tier: &helpdesk::Tier| vec![tier.id.to_string(), format!("weight {}", tier.weight)];
    settings.helpdesk.tiers.iter().map(row).collect()
}

fn site_rows(settings: &Settings) -> Vec<Row> {
    let row = |site: &gateway::SiteFace| {
        let tokens = if !site.token_keys.is_empty() {
            "tokens verified"
        } else {
            "no tokens"
        };
        let origins = if site.origins.is_empty() {
            "own pages only".to_owned()
        } else {
            site.origins.join(", ")
        };
        vec![
            site.id.to_string(),
            site.name.clone(),
            join_skills(&site.skills),
            tokens.to_owned(),
            origins,
        ]
    };
    settings.sites.iter().map(row).collect()
}

fn rep_rows(settings: &Settings) -> Vec<Row> {
    let row = |rep: &helpdesk::Rep| {
        let skills: Vec<String> = rep
            .skills
            .iter()
            .map(|(skill, level)| format!("{skill} {}", level.value()))
            .collect();
        let tiers = rep.tiers.as_ref().map_or_else(
            || "all tiers".to_owned(),
            |tiers| {
                tiers
                    .iter()
                    .map(TierId::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            },
        );
        let address = format!("sip:{}@{}", rep.id, settings.sip.domain);
        let capacity = format!("{} at once", rep.capacity);
        vec![
            address,
            rep.name.clone(),
            skills.join(", "),
            tiers,
            capacity,
        ]
    };
    settings.helpdesk.reps.iter().map(row).collect()
}

fn routing_rows(settings: &Settings) -> Vec<Row> {
    let routing = &settings.helpdesk.routing;
    let priority = match routing.priority {
        Priority::Weighted => "tier weight times time waited first",
        Priority::Strict => "heavier tier first",
    };
    let choose = match routing.choose {
        Choose::Best => "highest level",
        Choose::LongestIdle => "longest idle",
    };
    let mut rows = vec![
        vec![format!("{priority}, to the rep of {choose}")],
        vec![format!(
            "offers ring {}, then {} of rest; a named rep is kept {}",
            duration::write(routing.offer_timeout),
            duration::write(routing.wrap_up),
            duration::write(routing.sticky_for)
        )],
        vec![format!(
            "at most {} tickets wait; who is out of reach keeps the place {}",
            routing.queue_limit,
            duration::write(routing.keep_place)
        )],
    ];
    rows.extend(routing.relax.iter().map(|rule| vec![relax_sentence(rule)]));
    rows
}

fn relax_sentence(rule: &Relax) -> String {
    let mut parts = Vec::new();
    if let Some(level) = rule.min_level {
        parts.push(format!("level {} is enough", level.value()));
    }
    if !rule.accept.is_empty() {
        parts.push(format!("{} will do", join_skills(&rule.accept)));
    }
    if rule.any_tier {
        parts.push("reps of any tier will do".to_owned());
    }
    let skill = rule
        .skill
        .as_ref()
        .map_or_else(String::new, |skill| format!(" for {skill}"));
    format!(
        "after {}{skill}: {}",
        duration::write(rule.after),
        parts.join(", ")
    )
}

fn join_skills(skills: &[SkillId]) -> String {
    skills
        .iter()
        .map(SkillId::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
