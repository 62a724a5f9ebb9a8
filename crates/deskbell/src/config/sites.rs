//! The tables `[[site]]`. Must not know how a site is shown.

use gateway::SiteFace;
use helpdesk::{Dialling, Site, SiteId, SkillId};

use super::document::{Section, Value};
use super::forms;
use super::hosts;
use super::hours;
use super::names::{self, Names};
use super::secret::Sources;
use super::token_keys;
use super::trunks;

pub(super) const KEYS: [&str; 16] = [
    "id",
    "name",
    "origins",
    "secret",
    "secret_file",
    "secret_env",
    "key",
    "skills",
    "hours",
    "timezone",
    "country",
    "skill_hours",
    "show_next_rep",
    "retention",
    "callback",
    "form",
];

/// The sites as the helpdesk and as the web sees them, in the same order.
pub(super) fn read(
    tables: &[Section<'_>],
    names: &Names<'_>,
    secrets: Sources<'_>,
    dialling: &Dialling,
) -> (Vec<Site>, Vec<SiteFace>) {
    let mut taken = Vec::new();
    tables
        .iter()
        .filter_map(|table| {
            let id = names::read_id(table, &mut taken);
            let skills = read_skills(table, names);
            let origins = table
                .value("origins")
                .map_or_else(Vec::new, |origins| read_origins(&origins));
            let token_keys = token_keys::read(table, secrets);
            let hours = hours::read(table, &skills);
            let shows_next_rep = table.value("show_next_rep").and_then(|value| value.truth());
            let name = names::read_name(table, id.unwrap_or_default());
            let id = SiteId::new(id?);
            let site = Site {
                id: id.clone(),
                name: name.clone(),
                skills: skills.clone(),
                hours: hours.site,
                skill_hours: hours.skills,
                shows_next_rep: shows_next_rep.unwrap_or(false),
                callback: trunks::read_rules(table, dialling.clone()),
            };
            Some((
                site,
                SiteFace {
                    id,
                    name,
                    skills,
                    origins,
                    token_keys,
                    form: forms::read(table),
                },
            ))
        })
        .unzip()
}

/// The skills a site offers; all where it names none.
fn read_skills(table: &Section<'_>, names: &Names<'_>) -> Vec<SkillId> {
    let Some(value) = table.value("skills") else {
        return names.skills.iter().map(|id| SkillId::new(id)).collect();
    };
    let skills = names::refer_all(&value, "skill", &names.skills).unwrap_or_default();
    if value.items_written() == Some(0) {
        value.mistake("is empty; name a skill, or leave the key out to offer all");
    }
    skills.into_iter().map(SkillId::new).collect()
}

/// Origins as browsers send them.
pub(super) fn read_origins(value: &Value<'_>) -> Vec<String> {
    let mut origins: Vec<String> = Vec::new();
    for item in value.items().unwrap_or_default() {
        let Some(text) = item.text() else { continue };
        if !is_origin(text) {
            item.mistake(format!(
                "{text:?} is no origin; write scheme and host as browsers do, such as \"https://shop.example\""
            ));
        } else if origins.iter().any(|origin| origin == text) {
            item.mistake(format!("names {text} twice"));
        } else {
            origins.push(text.to_owned());
        }
    }
    origins
}

/// RFC 6454 §6.2: scheme, host in small letters, and a port that is not the scheme's own; no slash at the end.
pub(super) fn is_origin(text: &str) -> bool {
    let (rest, own_port) = match text.split_once("://") {
        Some(("https", rest)) => (rest, ":443"),
        Some(("http", rest)) => (rest, ":80"),
        Some(_) | None => return false,
    };
    if rest.ends_with(own_port) || rest.contains(char::is_uppercase) {
        return false;
    }
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if let Some(bracketed) = rest.strip_prefix('[') {
        let Some((host, port)) = bracketed.split_once(']') else {
            return false;
        };
        return host.parse::<std::net::Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    (hosts::is_domain_name(host) || host.parse::<std::net::Ipv4Addr>().is_ok())
        && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for origin in [
            "https://shop.example",
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "https://[::1]:8443",
            "https://[::1]",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "shop.example",
            "https://shop.example/",
            "https://shop.example/page",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://Shop.example",
            "https://",
            "https://a:",
            "https://a:0",
            "https://a:99999",
            "https://a:+1",
            "https://[::1",
            "https://[x]",
            "ftp://shop.example",
            "*",
            "null",
            "https://*.shop.example",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }
}
