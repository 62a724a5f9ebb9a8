//! Opening hours of sites and of their skills. Must not know what is open when.

use helpdesk::{Hours, SkillId};
use jiff::tz::TimeZone;

use super::document::{Section, Value};
use super::nearest;

/// The hours of a site, and of some of its skills.
#[derive(Default)]
pub(super) struct SiteHours {
    pub(super) site: Option<Hours>,
    pub(super) skills: Vec<(SkillId, Hours)>,
}

/// Reads them from the site's table; `skills` are those it offers.
pub(super) fn read(table: &Section<'_>, skills: &[SkillId]) -> SiteHours {
    let of_site = table.value("hours");
    let of_skills = table.value("skill_hours");
    let country = table.value("country");
    let zone = table.value("timezone");
    if of_site.is_none() && of_skills.is_none() {
        for value in [&country, &zone].into_iter().flatten() {
            value.warning("is not used: neither hours nor skill_hours are written");
        }
        return SiteHours::default();
    }
    let zone = match &zone {
        None => {
            table.warning(
                "timezone",
                "is missing: the hours are those of Greenwich (UTC); write one such as \"Europe/Paris\"",
            );
            Some(TimeZone::UTC)
        }
        Some(value) => read_zone(value),
    };
    let country = country.and_then(|value| Some((value.text()?.trim().to_uppercase(), value)));
    if let Some((code, value)) = &country
        && let Err(error) = Hours::read("24/7", TimeZone::UTC, Some(code))
    {
        value.mistake(error);
        return SiteHours::default();
    }
    let country = country.as_ref().map(|(code, _)| code.as_str());
    let Some(zone) = zone else {
        return SiteHours::default();
    };
    let read = |value: &Value<'_>| {
        let text = value.text()?;
        if text.contains("PH") && country.is_none() {
            value.warning("speaks of public holidays, but no country is written: there are none");
        }
        match Hours::read(text, zone.clone(), country) {
            Ok(hours) => Some(hours),
            Err(error) => {
                value.mistake(error);
                None
            }
        }
    };
    let of_skills = of_skills.and_then(|value| value.open_table());
    SiteHours {
        site: of_site.as_ref().and_then(read),
        skills: of_skills
            .iter()
            .flat_map(Section::entries)
            .filter_map(|(skill, value)| {
                if !skills.iter().any(|known| known.as_str() == skill) {
                    let known = skills.iter().map(SkillId::as_str);
                    let hint = nearest::hint(skill, known);
                    value.mistake_of_key(format!("is no skill of this site{hint}"));
                    return None;
                }
                Some((SkillId::new(skill), read(&value)?))
            })
            .collect(),
    }
}

fn read_zone(value: &Value<'_>) -> Option<TimeZone> {
    let name = value.text()?;
    match TimeZone::get(name) {
        Ok(zone) => Some(zone),
        Err(_) => {
            value.mistake(format!(
                "{name:?} is no time zone; write one such as \"Europe/Paris\""
            ));
            None
        }
    }
}
