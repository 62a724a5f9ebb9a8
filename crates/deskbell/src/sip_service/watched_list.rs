//! Lists that watchers subscribe to as one: their own (RFC 5367), and the reps of a group (RFC 4662).
//! Must not know what the members' states are.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use helpdesk::RepId;
use presence::watchers::ListEntry;
use sip::Uri;

use super::directory::{Directory, GroupName, Resource};
use super::permission::Verdict;
use super::watched::Watched;

/// The list of one subscription. Two lists with the same members are two.
#[derive(Debug, Clone)]
pub(crate) struct ListHandle(Arc<WatchedList>);

/// What is in a list.
#[derive(Debug)]
pub(crate) struct WatchedList {
    origin: Origin,
    /// In the order of the list.
    pub(super) members: Vec<Member>,
}

/// What a list was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The watcher's own entries.
    Own,
    /// A group, whose reps are told of under a host.
    Group {
        /// Which.
        name: GroupName,
        /// The host.
        host: Box<str>,
    },
}

/// One entry.
#[derive(Debug)]
pub(super) struct Member {
    /// As the watcher wrote it.
    pub(super) uri: String,
    /// For people.
    pub(super) name: Option<String>,
    /// Whether there is a state to tell.
    pub(super) state: MemberState,
}

/// What a list can say of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MemberState {
    /// The state of this.
    Told(Watched),
    /// The watcher waits for permission.
    Held,
    /// The watcher may not watch it.
    Refused,
    /// There is nobody of this address.
    Unknown,
}

impl ListHandle {
    /// The watcher's own list: whom its entries mean, as far as the watcher may know.
    pub(super) fn of_entries(
        entries: Vec<ListEntry>,
        watcher: &RepId,
        directory: &Directory,
    ) -> Self {
        let member = |entry: ListEntry| Member {
            state: state(&entry.uri, watcher, directory),
            uri: entry.uri,
            name: entry.name,
        };
        Self::new(Origin::Own, entries.into_iter().map(member).collect())
    }

    /// The reps of a group, each under `host`.
    pub(super) fn of_group(
        group: &GroupName,
        host: &str,
        watcher: &RepId,
        directory: &Directory,
    ) -> Self {
        let member = |rep: &RepId| {
            let uri = format!("sip:{rep}@{host}");
            Member {
                state: of_rep(rep.clone(), watcher, directory),
                name: directory.names_by_rep.get(rep).cloned(),
                uri,
            }
        };
        let origin = Origin::Group {
            name: group.clone(),
            host: host.into(),
        };
        Self::new(origin, directory.members(group).map(member).collect())
    }

    fn new(origin: Origin, members: Vec<Member>) -> Self {
        Self(Arc::new(WatchedList { origin, members }))
    }

    /// What it was made of.
    pub(super) fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The entries.
    pub(super) fn members(&self) -> &[Member] {
        &self.0.members
    }

    /// What the list's state depends on.
    pub(super) fn watched(&self) -> impl Iterator<Item = &Watched> {
        self.members()
            .iter()
            .filter_map(|member| match &member.state {
                MemberState::Told(watched) => Some(watched),
                MemberState::Held | MemberState::Refused | MemberState::Unknown => None,
            })
    }
}

impl PartialEq for ListHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ListHandle {}

impl Hash for ListHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

fn state(uri: &str, watcher: &RepId, directory: &Directory) -> MemberState {
    let resource = Uri::parse(uri.as_bytes())
        .ok()
        .and_then(|uri| directory.resource(&uri));
    match resource {
        Some(Resource::Rep(rep)) => of_rep(rep, watcher, directory),
        Some(Resource::Group(group)) => match directory.permissions.of_group(watcher) {
            Verdict::Allowed => MemberState::Told(Watched::Group(group)),
            // A group that is always closed would fool nobody.
            Verdict::Hidden | Verdict::Forbidden => MemberState::Refused,
            Verdict::Held => MemberState::Held,
        },
        Some(Resource::Domain | Resource::Desk | Resource::Other(_)) | None => MemberState::Unknown,
    }
}

fn of_rep(rep: RepId, watcher: &RepId, directory: &Directory) -> MemberState {
    match directory.permissions.of_rep(watcher, &rep) {
        Verdict::Allowed => MemberState::Told(Watched::Rep(rep)),
        Verdict::Hidden => MemberState::Told(Watched::HiddenRep(rep)),
        Verdict::Held => MemberState::Held,
        Verdict::Forbidden => MemberState::Refused,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use helpdesk::SkillId;

    use super::*;
    use crate::config::{Refusal, WatcherSettings};
    use crate::sip_service::permission::Permissions;

    fn directory(refusal: Refusal) -> Directory {
        let settings = WatcherSettings {
            refusal,
            chosen_by_rep: HashMap::from([(RepId::new("shy"), HashSet::new())]),
            ..WatcherSettings::default()
        };
        Directory {
            hosts: vec!["shop.example".to_owned()],
            secrets_by_rep: ["ann", "bob", "shy"]
                .map(|rep| (RepId::new(rep), Vec::new()))
                .into(),
            skills: HashSet::from([SkillId::new("cameras")]),
            permissions: Permissions::new(settings),
            ..Directory::default()
        }
    }

    #[track_caller]
    fn check(refusal: Refusal, uri: &str, expected: MemberState) {
        let entries = vec![ListEntry {
            uri: uri.to_owned(),
            name: None,
        }];
        let list = ListHandle::of_entries(entries, &RepId::new("bob"), &directory(refusal));
        assert_eq!(list.members()[0].state, expected, "{uri}");
    }

    #[test]
    fn an_entry_is_told_where_its_watcher_may_watch() {
        let ann = MemberState::Told(Watched::Rep(RepId::new("ann")));
        check(Refusal::Forbid, "sip:Ann@shop.example:5060", ann);
        let cameras = Watched::Group(GroupName {
            skill: SkillId::new("cameras"),
            tier: None,
        });
        check(
            Refusal::Hide,
            "sip:cameras@shop.example",
            MemberState::Told(cameras),
        );
        let shy = "sip:shy@shop.example";
        check(Refusal::Forbid, shy, MemberState::Refused);
        check(Refusal::Hold, shy, MemberState::Held);
        let hidden = Watched::HiddenRep(RepId::new("shy"));
        check(Refusal::Hide, shy, MemberState::Told(hidden));
        for nobody in [
            "sip:nobody@shop.example",
            "sip:ann@elsewhere.example",
            "tel:1",
            "",
        ] {
            check(Refusal::Hide, nobody, MemberState::Unknown);
        }
    }

    #[test]
    fn two_lists_are_never_one() {
        let list = || ListHandle::of_entries(Vec::new(), &RepId::new("bob"), &Directory::default());
        let one = list();
        assert_eq!(one, one.clone());
        assert_ne!(one, list());
    }
}
