//! What each watcher is told: the newest state in the form it takes, whole or as far as it is new to it.
//! Must not know when anybody is told.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use helpdesk::Snapshot;
use presence::Extent;
use presence::Store;
use presence::watchers::{
    Instance, ListedResource, PIDF_DIFF, ResourceList, write_pidf_diff, write_pidf_full, write_rlmi,
};
use sip::multipart::{ContentIds, Part, write_related};
use sip::subscription::{Content, Notifier, SubscriptionId};
use sip::{HeaderName, RequestDraft};

use super::formats::{Formats, ListDialect};
use super::group_states::GroupStates;
use super::watched::{
    Calendar, PIDF, RLMI, WATCHERINFO, Watched, group_document, hidden_document, rep_document,
    watchers_document,
};
use super::watched_list::{ListHandle, MemberState};
use crate::random;

/// The boundary where the system has no randomness; XML of ours does not hold it.
const BOUNDARY: &str = "deskbellBoundary0d9f2c71";

/// Knows the states of everything that is watched, and what the watchers with special wishes know of them.
pub(super) struct Telling {
    store: Arc<Store>,
    groups: GroupStates,
    calendar: Calendar,
    /// Those that are told anything but plain whole documents.
    ledger_by_subscription: HashMap<SubscriptionId, Ledger>,
    /// The document written last: those who watch the same are told one after the other.
    written: Option<Written>,
    /// Makes entity-tags: another one at each start, so that a tag of before never fits.
    tags: RandomState,
}

/// A document as it was written last, with what it is about.
#[derive(Debug)]
struct Written {
    resource: Watched,
    address: String,
    tag: Box<str>,
    document: Bytes,
}

/// What one watcher takes and knows.
#[derive(Debug, Default)]
struct Ledger {
    formats: Formats,
    /// The document it was told last, where it takes differences.
    document: Bytes,
    /// What each member of a list looked like when it was told last.
    marks: Vec<u64>,
}

/// Everything that is needed to fill one NOTIFY.
pub(super) struct Occasion<'a> {
    pub(super) subscription: SubscriptionId,
    pub(super) resource: &'a Watched,
    /// The address by which the watcher subscribed.
    pub(super) address: &'a str,
    pub(super) content: Content,
}

impl Telling {
    /// Reads reps' states in `store`; groups are as in `snapshot` until the next one.
    pub(super) fn new(store: Arc<Store>, snapshot: &Snapshot) -> Self {
        Self {
            store,
            groups: GroupStates::of(snapshot),
            calendar: Calendar::new(Instant::now()),
            ledger_by_subscription: HashMap::new(),
            written: None,
            tags: RandomState::new(),
        }
    }

    /// Takes in the groups' newer states and names those that differ.
    pub(super) fn handle_snapshot(&mut self, snapshot: &Snapshot) -> Vec<Watched> {
        let changed = self.groups.take(snapshot);
        changed.into_iter().map(Watched::Group).collect()
    }

    /// A SUBSCRIBE has said in which forms its watcher takes what it is told.
    pub(super) fn handle_subscribed(
        &mut self,
        subscription: SubscriptionId,
        resource: &Watched,
        formats: Formats,
    ) {
        if formats.is_plain() && !matches!(resource, Watched::List(_)) {
            self.ledger_by_subscription.remove(&subscription);
        } else {
            let ledger = self.ledger_by_subscription.entry(subscription).or_default();
            ledger.formats = formats;
        }
    }

    /// In which forms a subscription's watcher takes what it is told.
    pub(super) fn formats(&self, subscription: SubscriptionId) -> Formats {
        let ledger = self.ledger_by_subscription.get(&subscription);
        ledger.map(|ledger| ledger.formats).unwrap_or_default()
    }

    /// A subscription is over.
    pub(super) fn handle_ended(&mut self, subscription: SubscriptionId) {
        self.ledger_by_subscription.remove(&subscription);
    }

    /// The name of a resource's newest state (RFC 5839 §6.1).
    pub(super) fn entity_tag(
        &self,
        resource: &Watched,
        address: &str,
        notifier: &Notifier<Watched>,
    ) -> Box<str> {
        let mark = match resource {
            Watched::WatchersOf(rep) => {
                // Times pass without any news.
                let watchers = notifier.watchers(&Watched::Rep(rep.clone()));
                let who: Vec<_> = watchers
                    .map(|watcher| (watcher.subscription, watcher.standing))
                    .collect();
                self.tags.hash_one(format!("{who:?}"))
            }
            Watched::List(list) => self.tags.hash_one(self.marks(list)),
            Watched::Rep(_) | Watched::HiddenRep(_) | Watched::Group(_) => {
                return self.tag_of(&self.document(resource, address));
            }
        };
        format!("{mark:x}").into()
    }

    fn tag_of(&self, document: &[u8]) -> Box<str> {
        format!("{:x}", self.tags.hash_one(document)).into()
    }

    /// The documents that are written from here on are of a later moment.
    pub(super) fn forget_document(&mut self) {
        self.written = None;
    }

    /// Gives a NOTIFY its body: the state at this moment, or at that of the NOTIFY before, where it tells the same and
    /// [`Self::forget_document`] was not called between them.
    pub(super) fn fill(
        &mut self,
        mut draft: Box<RequestDraft>,
        occasion: &Occasion<'_>,
        notifier: &Notifier<Watched>,
    ) -> Box<RequestDraft> {
        let Occasion {
            subscription,
            resource,
            address,
            content,
        } = *occasion;
        match resource {
            // RFC 4662 §4.1.
            Watched::List(_) => draft.add_header(HeaderName::Require, "eventlist"),
            Watched::Rep(_)
            | Watched::HiddenRep(_)
            | Watched::Group(_)
            | Watched::WatchersOf(_) => {}
        }
        if content == Content::Nothing {
            return draft;
        }
        // Written once, for its tag and for the body, and for all who are told the same.
        let document = match resource {
            Watched::Rep(_) | Watched::HiddenRep(_) | Watched::Group(_) => {
                let written = self.written(resource, address);
                draft.add_header(HeaderName::SipEtag, &written.tag);
                written.document.clone()
            }
            Watched::WatchersOf(_) | Watched::List(_) => {
                let tag = self.entity_tag(resource, address, notifier);
                draft.add_header(HeaderName::SipEtag, tag);
                Bytes::new()
            }
        };
        if content == Content::Known {
            return draft;
        }
        let number = draft.cseq_number();
        let mut ledger = match self.ledger_by_subscription.is_empty() {
            true => None,
            false => self.ledger_by_subscription.remove(&subscription),
        };
        let dialect = ledger.as_ref().map(|ledger| ledger.formats.dialect);
        if let (Watched::List(_), Some(ListDialect::Linphone)) = (resource, dialect) {
            draft.replace_header(HeaderName::Event, "Presence");
        }
        let (content_type, body) = match resource {
            Watched::Rep(_) | Watched::HiddenRep(_) | Watched::Group(_) => {
                match ledger.as_mut().filter(|ledger| ledger.formats.differences) {
                    Some(ledger) => difference(ledger, number, &document, content),
                    None => (Cow::Borrowed(PIDF), document),
                }
            }
            Watched::WatchersOf(rep) => {
                // NOTIFYs are numbered from 1, versions from 0 (RFC 3858 §3).
                let version = number.saturating_sub(1);
                let body = watchers_document(address, version, rep, notifier, Instant::now());
                (Cow::Borrowed(WATCHERINFO), body.into())
            }
            Watched::List(list) => {
                let ledger = ledger.get_or_insert_default();
                let (content_type, body) = self.list(ledger, list, address, number, content);
                (Cow::Owned(content_type), body.into())
            }
        };
        let packed = ledger
            .as_ref()
            .and_then(|ledger| ledger.formats.pack(&body));
        if let Some(ledger) = ledger {
            self.ledger_by_subscription.insert(subscription, ledger);
        }
        match packed {
            Some(packed) => {
                draft.add_header(HeaderName::ContentEncoding, "deflate");
                draft.set_body(content_type, packed);
            }
            None => draft.set_body(content_type, body),
        }
        draft
    }

    fn written(&mut self, resource: &Watched, address: &str) -> &Written {
        let written = self
            .written
            .take_if(|written| written.resource == *resource && written.address == address);
        let written = written.unwrap_or_else(|| {
            let document = self.document(resource, address);
            Written {
                resource: resource.clone(),
                address: address.to_owned(),
                tag: self.tag_of(&document),
                document: document.into(),
            }
        });
        self.written.insert(written)
    }

    fn document(&self, resource: &Watched, address: &str) -> Vec<u8> {
        match resource {
            Watched::Rep(rep) => rep_document(rep, address, &self.store, &self.calendar),
            Watched::Group(name) => group_document(name, address, &self.groups),
            // Nobody asks for the one document of what has several.
            Watched::HiddenRep(_) | Watched::WatchersOf(_) | Watched::List(_) => {
                hidden_document(address)
            }
        }
    }

    /// What each member of a list looks like.
    fn marks(&self, list: &ListHandle) -> Vec<u64> {
        let mark = |member: &super::watched_list::Member| match &member.state {
            MemberState::Told(watched) => self.tags.hash_one(self.document(watched, &member.uri)),
            MemberState::Held | MemberState::Refused | MemberState::Unknown => 0,
        };
        list.members().iter().map(mark).collect()
    }

    /// RFC 4662 §4.3: all members, or those that look different from when they were told last.
    fn list(
        &self,
        ledger: &mut Ledger,
        list: &ListHandle,
        address: &str,
        number: u32,
        content: Content,
    ) -> (String, Vec<u8>) {
        let newer = self.marks(list);
        let extent = match content {
            Content::Changes if ledger.marks.len() == newer.len() => Extent::Partial,
            Content::Changes | Content::Full | Content::Known | Content::Nothing => Extent::Full,
        };
        let host = address.split_once('@').map_or(address, |(_, host)| host);
        let mut parts = Vec::new();
        let mut resources = Vec::new();
        for (place, (member, mark)) in list.members().iter().zip(&newer).enumerate() {
            if extent == Extent::Partial && ledger.marks.get(place) == Some(mark) {
                continue;
            }
            let instance = match &member.state {
                MemberState::Told(watched) => {
                    let content_id = format!("{place}.{number}@{host}");
                    parts.push(Part {
                        content_id: content_id.clone(),
                        content_type: PIDF.to_owned(),
                        body: self.document(watched, &member.uri).into(),
                    });
                    Instance::Active { content_id }
                }
                MemberState::Held => Instance::Pending,
                MemberState::Refused => Instance::Terminated {
                    reason: "rejected".to_owned(),
                },
                MemberState::Unknown => Instance::Terminated {
                    reason: "noresource".to_owned(),
                },
            };
            resources.push(ListedResource {
                uri: member.uri.clone(),
                name: member.name.clone(),
                instance: Some(instance),
            });
        }
        ledger.marks = newer;
        let root = Part {
            content_id: format!("list.{number}@{host}"),
            content_type: format!("{RLMI};charset=\"UTF-8\""),
            body: write_rlmi(&ResourceList {
                uri: address.to_owned(),
                // RFC 4662 §5.1: versions begin with 0 and rise by one.
                version: number.saturating_sub(1),
                extent,
                resources,
            })
            .into(),
        };
        parts.insert(0, root);
        let ids = match ledger.formats.dialect {
            ListDialect::Standard => ContentIds::Bracketed,
            ListDialect::Linphone => ContentIds::Bare,
        };
        let boundary = random::word::<16>().unwrap_or_else(|_| BOUNDARY.to_owned());
        let (content_type, body) = write_related(&boundary, ids, &parts);
        (content_type, body.into())
    }
}

/// RFC 5263 §4.4: the whole document with its number, then what is new since the one before.
fn difference(
    ledger: &mut Ledger,
    number: u32,
    document: &Bytes,
    content: Content,
) -> (Cow<'static, str>, Bytes) {
    let new = match content {
        Content::Changes => write_pidf_diff(number, &ledger.document, document),
        Content::Full | Content::Known | Content::Nothing => None,
    };
    let told = new.or_else(|| write_pidf_full(number, document));
    ledger.document = document.clone();
    match told {
        Some(told) => (Cow::Borrowed(PIDF_DIFF), told.into()),
        None => (Cow::Borrowed(PIDF), document.clone()),
    }
}

#[cfg(test)]
mod tests {
    use helpdesk::GroupState;
    use presence::StoreConfig;
    use sip::Method;
    use sip::subscription::Config;

    use super::super::group_states::tests::{group, name, snapshot};
    use super::*;

    const ADDRESS: &str = "sip:cameras@shop.example";

    fn available(count: u32) -> Snapshot {
        snapshot(vec![group(
            "gold",
            GroupState::Available,
            [count, 0, 0, 0, 0],
        )])
    }

    fn told(telling: &mut Telling, subscription: u64, address: &str) -> String {
        let group = Watched::Group(name(None));
        let occasion = Occasion {
            subscription: SubscriptionId(subscription),
            resource: &group,
            address,
            content: Content::Full,
        };
        let notifier = Notifier::new(Config::default());
        let draft = Box::new(RequestDraft::new(Method::Notify, "sip:zoe@shop.example"));
        let draft = telling.fill(draft, &occasion, &notifier);
        let text = draft.print("UDP 192.0.2.1:5060", "z9hG4bKa");
        String::from_utf8(text.into()).unwrap()
    }

    #[test]
    fn those_who_are_told_the_same_in_one_round_are_told_one_document() {
        let store = Arc::new(Store::new(StoreConfig::new([7; 16])));
        let mut telling = Telling::new(store, &available(1));
        let first = told(&mut telling, 1, ADDRESS);
        assert!(
            first.contains("SIP-ETag") && first.contains("<tuple"),
            "{first}"
        );
        telling.handle_snapshot(&available(2));
        assert_eq!(told(&mut telling, 2, ADDRESS), first, "written once");
        let other = told(&mut telling, 3, "sip:cameras@192.0.2.1");
        assert!(other.contains("sip:cameras@192.0.2.1"), "{other}");
        telling.forget_document();
        let newer = told(&mut telling, 1, ADDRESS);
        assert_ne!(newer, first);
        telling.handle_snapshot(&available(3));
        assert_eq!(told(&mut telling, 2, ADDRESS), newer);
        telling.forget_document();
        assert_ne!(told(&mut telling, 2, ADDRESS), newer);
    }
}
