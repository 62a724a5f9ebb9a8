//! Whom this domain has: which hosts mean it, which users exist, and their credentials.
//! Replaced as a whole on reload. Must not know SIP methods.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use helpdesk::{RepId, SkillId, TierId};
use sip::digest::{Algorithm, Ha1};
use sip::{Host, Uri};

use super::permission::Permissions;

/// The tiers a rep serves; `None` is all.
pub(crate) type TiersServed = Option<Vec<TierId>>;

/// The user that means the sender's own current conversation.
const DESK: &str = "desk";

/// The longest user of an open domain, in bytes; the keys of databases have limits too.
const LONGEST_OPEN_USER: usize = 255;

/// What is searched in the place of the secrets of a user who does not exist.
static NOBODYS: LazyLock<Vec<Ha1>> =
    LazyLock::new(|| Algorithm::ALL.map(|it| Ha1::derive(it, "", "", "")).into());

/// The directory in force.
pub(crate) type SharedDirectory = Arc<ArcSwap<Directory>>;

/// Users and hosts of the domain.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// The realm of digest challenges.
    pub(crate) realm: String,
    /// Hosts that mean the domain, lower case.
    pub(crate) hosts: Vec<String>,
    /// Reps and how they prove themselves.
    pub(crate) secrets_by_rep: HashMap<RepId, Vec<Ha1>>,
    /// With the tiers, what groups are named after.
    pub(crate) skills: HashSet<SkillId>,
    /// See `skills`.
    pub(crate) tiers: HashSet<TierId>,
    /// What people call the reps.
    pub(crate) names_by_rep: HashMap<RepId, String>,
    /// Reps by what they can help with, each with the tiers they serve, or none for all.
    pub(crate) reps_by_skill: HashMap<SkillId, Vec<(RepId, TiersServed)>>,
    /// Who may watch whom.
    pub(crate) permissions: Permissions,
    /// Any user publishes without credentials; for load tests.
    pub(crate) open: bool,
}

/// Whom a URI of ours names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// The domain itself, no user.
    Domain,
    /// A rep.
    Rep(RepId),
    /// The reps for a skill.
    Group(GroupName),
    /// The sender's own current conversation.
    Desk,
    /// None of these: a conversation, or nobody.
    Other(String),
}

/// The reps who can serve a skill, for a tier or for any: `cameras.gold`, `cameras`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct GroupName {
    /// What they can help with.
    pub(crate) skill: SkillId,
    /// Whom they serve.
    pub(crate) tier: Option<TierId>,
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tier {
            Some(tier) => write!(f, "{}.{tier}", self.skill),
            None => write!(f, "{}", self.skill),
        }
    }
}

impl Directory {
    /// Whether there is such a rep.
    pub(crate) fn has(&self, rep: &RepId) -> bool {
        self.secrets_by_rep.contains_key(rep)
    }

    /// What proves the user under this algorithm.
    pub(crate) fn secret(&self, user: &str, algorithm: Algorithm) -> Option<Ha1> {
        let kept = self.secrets_by_rep.get(user);
        // Searched and copied for a user who does not exist too, so that time does not tell it.
        let secret = kept
            .unwrap_or(&NOBODYS)
            .iter()
            .find(|secret| secret.algorithm() == algorithm)
            .cloned();
        secret.filter(|_| kept.is_some())
    }

    /// Whom the URI names; `None` when its host is not ours. The port is not compared: phones differ on
    /// whether an address of record has one.
    pub(crate) fn resource(&self, uri: &Uri<'_>) -> Option<Resource> {
        if !self.is_ours(uri.host) {
            return None;
        }
        let Some(mut user) = uri.user_decoded() else {
            return Some(Resource::Domain);
        };
        if user.bytes().any(|byte| byte.is_ascii_uppercase()) {
            user.to_mut().make_ascii_lowercase();
        }
        if user == DESK {
            return Some(Resource::Desk);
        }
        if let Some((rep, _)) = self.secrets_by_rep.get_key_value(&*user) {
            return Some(Resource::Rep(rep.clone()));
        }
        if let Some(group) = self.group(&user) {
            return Some(Resource::Group(group));
        }
        if self.open && user.len() <= LONGEST_OPEN_USER {
            return Some(Resource::Rep(RepId::new(&user)));
        }
        Some(Resource::Other(user.into_owned()))
    }

    fn is_ours(&self, host: Host<'_>) -> bool {
        match host {
            Host::Name(name) => self
                .hosts
                .iter()
                .any(|ours| ours.eq_ignore_ascii_case(name)),
            Host::V4(_) | Host::V6(_) => {
                // Lower case as it is written.
                let host = host.to_string();
                self.hosts.contains(&host)
            }
        }
    }

    /// Whether there is such a group.
    pub(super) fn has_group(&self, group: &GroupName) -> bool {
        self.skills.contains(&group.skill)
            && group
                .tier
                .as_ref()
                .is_none_or(|tier| self.tiers.contains(tier))
    }

    /// The reps who can serve a group, in the order of the configuration.
    pub(super) fn members<'a>(&'a self, group: &GroupName) -> impl Iterator<Item = &'a RepId> {
        let reps = self.reps_by_skill.get(&group.skill).into_iter().flatten();
        reps.filter(move |(_, tiers)| match (&group.tier, tiers) {
            (None, _) | (_, None) => true,
            (Some(tier), Some(tiers)) => tiers.contains(tier),
        })
        .map(|(rep, _)| rep)
    }

    /// Neither a skill nor a tier has a dot in its name.
    fn group(&self, user: &str) -> Option<GroupName> {
        let (skill, tier) = match user.split_once('.') {
            Some((skill, tier)) => (skill, Some(TierId::new(tier))),
            None => (user, None),
        };
        if !self.skills.contains(skill) {
            return None;
        }
        let skill = SkillId::new(skill);
        let group = GroupName { skill, tier };
        self.has_group(&group).then_some(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, expected: Option<Resource>) {
        let directory = Directory {
            hosts: vec!["shop.example".to_owned()],
            secrets_by_rep: HashMap::from([(RepId::new("lenses"), Vec::new())]),
            skills: HashSet::from([SkillId::new("cameras"), SkillId::new("lenses")]),
            tiers: HashSet::from([TierId::new("gold")]),
            ..Directory::default()
        };
        let found = directory.resource(&Uri::parse(uri.as_bytes()).unwrap());
        assert_eq!(found, expected, "{uri}");
    }

    #[test]
    fn an_open_domain_has_no_users_of_any_length() {
        let directory = Directory {
            hosts: vec!["shop.example".to_owned()],
            open: true,
            ..Directory::default()
        };
        let found = |length: usize| {
            let uri = format!("sip:{}@shop.example", "u".repeat(length));
            directory.resource(&Uri::parse(uri.as_bytes()).unwrap())
        };
        assert_eq!(
            found(255),
            Some(Resource::Rep(RepId::new(&"u".repeat(255))))
        );
        assert_eq!(found(256), Some(Resource::Other("u".repeat(256))));
    }

    fn group(skill: &str, tier: Option<&str>) -> Option<Resource> {
        Some(Resource::Group(GroupName {
            skill: SkillId::new(skill),
            tier: tier.map(TierId::new),
        }))
    }

    #[test]
    fn a_group_is_a_skill_or_a_skill_and_a_tier() {
        check("sip:Cameras@shop.example:5060", group("cameras", None));
        check(
            "sip:cameras.gold@shop.example",
            group("cameras", Some("gold")),
        );
        for nobody in [
            "cameras.tin",
            "tin.gold",
            "gold",
            "cameras.gold.x",
            "cameras.",
        ] {
            let expected = Some(Resource::Other(nobody.to_owned()));
            check(&format!("sip:{nobody}@shop.example"), expected);
        }
        check("sip:cameras@elsewhere.example", None);
    }

    #[test]
    fn a_rep_who_is_called_like_a_skill_comes_first() {
        let rep = Resource::Rep(RepId::new("lenses"));
        check("sip:lenses@shop.example", Some(rep));
        check(
            "sip:lenses.gold@shop.example",
            group("lenses", Some("gold")),
        );
    }
}
