//! Subscriptions as a journal keeps them, and their way back after a restart. A form, once released, is only ever added
//! to. Must not know the journal.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use helpdesk::{Clock, RepId, SkillId, TierId};
use presence::watchers::ListEntry;
use serde::{Deserialize, Serialize};
use sip::subscription::{Saved, SavedRates, Standing, SubscriptionId};
use sip::{Protocol, SavedDialog};

use super::directory::{Directory, GroupName};
use super::formats::{Formats, ListDialect};
use super::watched::Watched;
use super::watched_list::{ListHandle, Origin};
use crate::unix_time::{to_instant, to_unix_ms};

/// Subscriptions of which something else has to be written down than was read here last. The agent puts the newest
/// word in, the keeper takes it out; for each subscription there is one at most.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptSubscriptions(Arc<Mutex<Words>>);

#[derive(Debug, Default)]
struct Words {
    /// Nothing for what is over.
    newest: BTreeMap<SubscriptionId, Option<Box<SavedSubscription>>>,
    /// Above it no subscription was ever taken out to be written down; ids rise.
    highest_taken: u64,
}

impl KeptSubscriptions {
    /// Says that there is something written down of this one from before the start.
    pub(crate) fn is_written(&self, id: SubscriptionId) {
        let mut words = self.words();
        words.highest_taken = words.highest_taken.max(id.0);
    }

    /// What has to be written down.
    pub(super) fn put(&self, id: SubscriptionId, saved: SavedSubscription) {
        self.words().newest.insert(id, Some(Box::new(saved)));
    }

    /// Nothing more has to be known of it. Where nothing was written down, nothing is: however long the journal takes
    /// nothing, those that come and go meanwhile leave nothing here.
    pub(super) fn end(&self, id: SubscriptionId) {
        let mut words = self.words();
        if id.0 <= words.highest_taken {
            words.newest.insert(id, None);
        } else {
            words.newest.remove(&id);
        }
    }

    /// Takes one out, with what has to be written down of it; `None` where it is over.
    pub(crate) fn poll(&self) -> Option<(SubscriptionId, Option<Box<SavedSubscription>>)> {
        let mut words = self.words();
        let (id, word) = words.newest.pop_first()?;
        words.highest_taken = words.highest_taken.max(id.0);
        Some((id, word))
    }

    /// Held for one step of the tree by the agent or the keeper, and by nobody whom a phone waits for.
    fn words(&self) -> MutexGuard<'_, Words> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One subscription as it is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedSubscription {
    dialog: DialogV1,
    resource: ResourceV1,
    watcher: String,
    address: String,
    event: String,
    contact: String,
    transport: ProtocolV1,
    local: SocketAddr,
    remote: SocketAddr,
    /// Unix milliseconds, as every time here.
    since: i64,
    /// When it ends unless refreshed.
    pub(crate) expires_at: i64,
    #[serde(default, skip_serializing_if = "is_false")]
    pending: bool,
    #[serde(default, skip_serializing_if = "RatesV1::is_none")]
    rates: RatesV1,
    #[serde(default, skip_serializing_if = "FormatsV1::is_plain")]
    formats: FormatsV1,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct DialogV1 {
    call_id: String,
    local_tag: String,
    remote_tag: String,
    local_uri: String,
    remote_uri: String,
    target: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routes: Vec<String>,
    /// No NOTIFY had a higher number.
    cseq: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote_cseq: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ResourceV1 {
    Rep(String),
    HiddenRep(String),
    WatchersOf(String),
    Group(GroupV1),
    /// The reps of a group, each under a host.
    ListOfGroup(GroupV1, String),
    /// A watcher's own list: addresses and names.
    List(Vec<(String, Option<String>)>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct GroupV1 {
    skill: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ProtocolV1 {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct RatesV1 {
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adaptive: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct FormatsV1 {
    #[serde(skip_serializing_if = "is_false")]
    differences: bool,
    #[serde(skip_serializing_if = "is_false")]
    deflate: bool,
    #[serde(skip_serializing_if = "is_false")]
    lists: bool,
    #[serde(skip_serializing_if = "is_false")]
    linphone: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is that of serde"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl RatesV1 {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl FormatsV1 {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl SavedSubscription {
    /// In the words of this form.
    pub(super) fn write(saved: Saved<Watched>, formats: Formats, clock: Clock) -> Self {
        let Saved {
            subscription: _,
            dialog,
            resource,
            watcher,
            address,
            event,
            contact,
            transport,
            local,
            remote,
            since,
            until,
            standing,
            rates,
        } = saved;
        let SavedDialog {
            call_id,
            local_tag,
            remote_tag,
            local_uri,
            remote_uri,
            remote_target,
            route_set,
            local_cseq,
            remote_cseq,
        } = dialog;
        Self {
            dialog: DialogV1 {
                call_id,
                local_tag,
                remote_tag,
                local_uri,
                remote_uri,
                target: remote_target,
                routes: route_set,
                cseq: local_cseq,
                remote_cseq,
            },
            resource: ResourceV1::of(&resource),
            watcher,
            address,
            event,
            contact,
            transport: ProtocolV1::of(transport),
            local,
            remote,
            since: to_unix_ms(since, clock),
            expires_at: to_unix_ms(until, clock),
            pending: standing == Standing::Pending,
            rates: RatesV1 {
                max: rates.max,
                min: rates.min,
                adaptive: rates.adaptive,
            },
            formats: FormatsV1 {
                differences: formats.differences,
                deflate: formats.deflate,
                lists: formats.lists,
                linphone: formats.dialect == ListDialect::Linphone,
            },
        }
    }

    /// The subscription of these words. Who is in a list, and may be told of, is as `directory` says.
    pub(super) fn read(
        self,
        subscription: SubscriptionId,
        directory: &Directory,
        clock: Clock,
    ) -> (Saved<Watched>, Formats) {
        let watcher = RepId::new(&self.watcher);
        let saved = Saved {
            subscription,
            dialog: SavedDialog {
                call_id: self.dialog.call_id,
                local_tag: self.dialog.local_tag,
                remote_tag: self.dialog.remote_tag,
                local_uri: self.dialog.local_uri,
                remote_uri: self.dialog.remote_uri,
                remote_target: self.dialog.target,
                route_set: self.dialog.routes,
                local_cseq: self.dialog.cseq,
                remote_cseq: self.dialog.remote_cseq,
            },
            resource: self.resource.into_watched(&watcher, directory),
            watcher: self.watcher,
            address: self.address,
            event: self.event,
            contact: self.contact,
            transport: self.transport.protocol(),
            local: self.local,
            remote: self.remote,
            since: to_instant(self.since, clock),
            until: to_instant(self.expires_at, clock),
            standing: if self.pending {
                Standing::Pending
            } else {
                Standing::Active
            },
            rates: SavedRates {
                max: self.rates.max,
                min: self.rates.min,
                adaptive: self.rates.adaptive,
            },
        };
        let formats = Formats {
            differences: self.formats.differences,
            deflate: self.formats.deflate,
            lists: self.formats.lists,
            dialect: if self.formats.linphone {
                ListDialect::Linphone
            } else {
                ListDialect::Standard
            },
        };
        (saved, formats)
    }
}

impl ResourceV1 {
    fn of(watched: &Watched) -> Self {
        match watched {
            Watched::Rep(rep) => Self::Rep(rep.to_string()),
            Watched::HiddenRep(rep) => Self::HiddenRep(rep.to_string()),
            Watched::WatchersOf(rep) => Self::WatchersOf(rep.to_string()),
            Watched::Group(group) => Self::Group(GroupV1::of(group)),
            Watched::List(list) => match list.origin() {
                Origin::Group { name, host } => {
                    Self::ListOfGroup(GroupV1::of(name), host.to_string())
                }
                Origin::Own => {
                    let members = list.members().iter();
                    let entries = members.map(|member| (member.uri.clone(), member.name.clone()));
                    Self::List(entries.collect())
                }
            },
        }
    }

    fn into_watched(self, watcher: &RepId, directory: &Directory) -> Watched {
        match self {
            Self::Rep(rep) => Watched::Rep(RepId::new(&rep)),
            Self::HiddenRep(rep) => Watched::HiddenRep(RepId::new(&rep)),
            Self::WatchersOf(rep) => Watched::WatchersOf(RepId::new(&rep)),
            Self::Group(group) => Watched::Group(group.into_name()),
            Self::ListOfGroup(group, host) => {
                let name = group.into_name();
                Watched::List(ListHandle::of_group(&name, &host, watcher, directory))
            }
            Self::List(entries) => {
                let entries = entries.into_iter();
                let entries = entries.map(|(uri, name)| ListEntry { uri, name }).collect();
                Watched::List(ListHandle::of_entries(entries, watcher, directory))
            }
        }
    }
}

impl GroupV1 {
    fn of(name: &GroupName) -> Self {
        Self {
            skill: name.skill.to_string(),
            tier: name.tier.as_ref().map(ToString::to_string),
        }
    }

    fn into_name(self) -> GroupName {
        GroupName {
            skill: SkillId::new(&self.skill),
            tier: self.tier.as_deref().map(TierId::new),
        }
    }
}

impl ProtocolV1 {
    fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Udp => Self::Udp,
            Protocol::Tcp => Self::Tcp,
            Protocol::Tls => Self::Tls,
            Protocol::Ws => Self::Ws,
            Protocol::Wss => Self::Wss,
        }
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::Udp => Protocol::Udp,
            Self::Tcp => Protocol::Tcp,
            Self::Tls => Protocol::Tls,
            Self::Ws => Protocol::Ws,
            Self::Wss => Protocol::Wss,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::{Duration, Instant};

    use super::*;

    fn saved(resource: Watched, at: Instant) -> Saved<Watched> {
        Saved {
            subscription: SubscriptionId(7),
            dialog: SavedDialog {
                call_id: "c@h".to_owned(),
                local_tag: "ours.7".to_owned(),
                remote_tag: "theirs".to_owned(),
                local_uri: "sip:alice@shop.example".to_owned(),
                remote_uri: "sip:bob@shop.example".to_owned(),
                remote_target: "sip:bob@192.0.2.1:5091".to_owned(),
                route_set: vec!["<sip:proxy.example;lr>".to_owned()],
                local_cseq: 32,
                remote_cseq: Some(4),
            },
            resource,
            watcher: "bob".to_owned(),
            address: "sip:alice@shop.example".to_owned(),
            event: "presence;id=1".to_owned(),
            contact: "<sip:192.0.2.9:5060>".to_owned(),
            transport: Protocol::Udp,
            local: "192.0.2.9:5060".parse().unwrap(),
            remote: "192.0.2.1:5091".parse().unwrap(),
            since: at,
            until: at + Duration::from_secs(600),
            standing: Standing::Pending,
            rates: SavedRates {
                max: Some(0.05),
                ..SavedRates::default()
            },
        }
    }

    fn clock() -> Clock {
        Clock {
            at: Instant::now(),
            unix_ms: 1_700_000_000_000,
        }
    }

    /// Through JSON, and 90 seconds later by both clocks.
    #[track_caller]
    fn check(resource: Watched, formats: Formats, directory: &Directory) {
        let clock = clock();
        let written = SavedSubscription::write(saved(resource.clone(), clock.at), formats, clock);
        let text = serde_json::to_string(&written).unwrap();
        let read: SavedSubscription = serde_json::from_str(&text).unwrap();
        let later = Clock {
            at: clock.at + Duration::from_secs(90),
            unix_ms: clock.unix_ms + 90_000,
        };
        let (found, found_formats) = read.read(SubscriptionId(7), directory, later);
        assert_eq!(found_formats, formats);
        match (&found.resource, &resource) {
            (Watched::List(found), Watched::List(list)) => {
                assert_eq!(found.origin(), list.origin());
                let told = |list: &ListHandle| -> Vec<_> {
                    let members = list.members().iter();
                    let told = members.map(|m| (m.uri.clone(), m.name.clone(), m.state.clone()));
                    told.collect()
                };
                assert_eq!(told(found), told(list));
            }
            (found, resource) => assert_eq!(found, resource),
        }
        let expected = saved(found.resource.clone(), clock.at);
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn everything_comes_back_as_it_was() {
        let bob = RepId::new("bob");
        let directory = Directory {
            hosts: vec!["shop.example".to_owned()],
            secrets_by_rep: [(RepId::new("alice"), Vec::new())].into(),
            skills: HashSet::from([SkillId::new("cameras")]),
            open: true,
            ..Directory::default()
        };
        let group = |tier: Option<&str>| GroupName {
            skill: SkillId::new("cameras"),
            tier: tier.map(TierId::new),
        };
        let special = Formats {
            differences: true,
            deflate: true,
            lists: true,
            dialect: ListDialect::Linphone,
        };
        let alice = || RepId::new("alice");
        check(Watched::Rep(alice()), Formats::default(), &directory);
        check(Watched::HiddenRep(alice()), special, &directory);
        check(Watched::WatchersOf(alice()), Formats::default(), &directory);
        check(Watched::Group(group(None)), Formats::default(), &directory);
        check(Watched::Group(group(Some("gold"))), special, &directory);
        let list = ListHandle::of_group(&group(None), "shop.example", &bob, &directory);
        check(Watched::List(list), special, &directory);
        let entries = ["sip:alice@shop.example", "sip:nobody@elsewhere"].map(|uri| ListEntry {
            uri: uri.to_owned(),
            name: Some("A \"friend\"".to_owned()),
        });
        let list = ListHandle::of_entries(entries.into(), &bob, &directory);
        check(Watched::List(list), special, &directory);
    }

    /// Released: what an earlier program wrote is read for ever.
    #[test]
    fn the_first_form_is_read() {
        let text = r#"{"dialog":{"call_id":"c","local_tag":"t.1","remote_tag":"r","local_uri":"sip:alice@h",
            "remote_uri":"sip:bob@h","target":"sip:bob@192.0.2.1","cseq":32},"resource":{"rep":"alice"},
            "watcher":"bob","address":"sip:alice@h","event":"presence","contact":"<sip:h>","transport":"udp",
            "local":"192.0.2.9:5060","remote":"192.0.2.1:5060","since":1700000000000,"expires_at":1700000600000}"#;
        let read: SavedSubscription = serde_json::from_str(text).unwrap();
        let (saved, formats) = read.read(SubscriptionId(1), &Directory::default(), clock());
        assert_eq!(saved.resource, Watched::Rep(RepId::new("alice")));
        assert_eq!(
            (saved.standing, formats),
            (Standing::Active, Formats::default())
        );
        assert_eq!(
            (saved.dialog.local_cseq, saved.dialog.remote_cseq),
            (32, None)
        );
    }

    #[test]
    fn the_newest_word_is_taken_once() {
        let kept = KeptSubscriptions::default();
        let clock = clock();
        let word = |event: &str| {
            let mut saved = saved(Watched::Rep(RepId::new("alice")), clock.at);
            saved.event = event.to_owned();
            SavedSubscription::write(saved, Formats::default(), clock)
        };
        let (one, two) = (SubscriptionId(1), SubscriptionId(2));
        kept.put(one, word("presence"));
        kept.put(one, word("presence;id=2"));
        let (id, taken) = kept.poll().unwrap();
        assert_eq!((id, taken.unwrap().event.as_str()), (one, "presence;id=2"));
        assert_eq!(kept.poll(), None);
        // What was never written down is not taken away either.
        kept.put(two, word("presence"));
        kept.end(two);
        assert_eq!(kept.poll(), None);
        kept.end(one);
        assert_eq!(kept.poll(), Some((one, None)));
        // What was written before this start is.
        kept.is_written(two);
        kept.end(two);
        assert_eq!(kept.poll(), Some((two, None)));
    }
}
