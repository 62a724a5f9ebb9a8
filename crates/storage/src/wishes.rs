//! What a shopper wished beyond the skills required, as part of a row's body.
//! Must not know the row. The form, once released, is only ever added to by a new version.

use std::time::Duration;

use helpdesk::{Level, Prefer, Preference, SkillId, Wishes};
use serde::{Deserialize, Serialize};

/// The serialisable twin of [`helpdesk::Wishes`].
#[derive(Serialize, Deserialize)]
pub(crate) struct WishesV1 {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    least_levels: Vec<(String, u8)>,
    /// Skill, weight and least level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    preferred: Vec<(String, u8, Option<u8>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefer: Option<PreferV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rep_deadline_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PreferV1 {
    Best,
    First,
}

impl WishesV1 {
    /// `None` where nothing is wished.
    pub(crate) fn from_wishes(wishes: &Wishes) -> Option<Self> {
        if *wishes == Wishes::NONE {
            return None;
        }
        let least = |(skill, level): &(SkillId, Level)| (skill.as_str().to_owned(), level.value());
        let preferred = |wish: &Preference| {
            (
                wish.skill.as_str().to_owned(),
                wish.weight.value(),
                wish.least_level.map(Level::value),
            )
        };
        Some(Self {
            least_levels: wishes.least_levels.iter().map(least).collect(),
            preferred: wishes.preferred.iter().map(preferred).collect(),
            prefer: wishes.prefer.map(|prefer| match prefer {
                Prefer::Best => PreferV1::Best,
                Prefer::First => PreferV1::First,
            }),
            rep_deadline_ms: wishes
                .rep_deadline
                .map(|deadline| u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)),
        })
    }

    /// The error says what is wrong.
    pub(crate) fn into_wishes(self) -> Result<Wishes, String> {
        let level = |level| Level::new(level).ok_or("a level is not 1 to 100");
        let least = |(skill, least): (String, u8)| Ok((SkillId::new(&skill), level(least)?));
        let preferred = |(skill, weight, least): (String, u8, Option<u8>)| {
            Ok(Preference {
                skill: SkillId::new(&skill),
                weight: level(weight)?,
                least_level: least.map(level).transpose()?,
            })
        };
        let least_levels: Result<_, &str> = self.least_levels.into_iter().map(least).collect();
        let preferred: Result<_, &str> = self.preferred.into_iter().map(preferred).collect();
        Ok(Wishes {
            least_levels: least_levels?,
            preferred: preferred?,
            prefer: self.prefer.map(|prefer| match prefer {
                PreferV1::Best => Prefer::Best,
                PreferV1::First => Prefer::First,
            }),
            rep_deadline: self.rep_deadline_ms.map(Duration::from_millis),
        })
    }
}
