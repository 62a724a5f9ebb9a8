//! The presence of reps at consoles: each page publishes what its hand and its computer say, with an entity-tag of
//! its own, and it expires by itself unless the page gives signs of life. Must not know letters.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::{ConsoleId, Hand};
use helpdesk::RepId;
use presence::{
    Activity, Basic, Change, Document, PresentityId, Publish, PublishError, Published, Publisher,
    Store, UserInput,
};

use crate::desk::PresenceSignal;

/// How long a publication outlives its last sign of life; the store may lengthen it.
const LIFETIME: Duration = Duration::from_secs(60);

/// A page's sign of life is published so often at most.
const REFRESH: Duration = Duration::from_secs(15);

/// What is published by pages.
pub(super) struct Presences {
    store: Arc<Store>,
    signal: PresenceSignal,
    leases: HashMap<(RepId, ConsoleId), Lease>,
}

struct Lease {
    entity_tag: String,
    hand: Hand,
    user_input: UserInput,
    renewed_at: Instant,
}

impl Presences {
    /// Nothing yet.
    pub(super) fn new(store: Arc<Store>, signal: PresenceSignal) -> Self {
        Self {
            store,
            signal,
            leases: HashMap::new(),
        }
    }

    /// Says what a page says, where it is new or was last said a while ago.
    pub(super) fn publish(
        &mut self,
        rep: &RepId,
        console: &ConsoleId,
        hand: Hand,
        user_input: UserInput,
        now: Instant,
    ) {
        let key = (rep.clone(), console.clone());
        let held = self.leases.get(&key);
        let is_fresh = held.is_some_and(|lease| {
            lease.hand == hand && lease.user_input == user_input && now < lease.renewed_at + REFRESH
        });
        if is_fresh {
            return;
        }
        let published = held.map(|lease| {
            let same = lease.hand == hand && lease.user_input == user_input;
            let entity_tag = lease.entity_tag.as_str();
            let (lifetime, publisher) = (Some(LIFETIME), Some(publisher(console)));
            self.put(
                rep,
                if same {
                    Publish::Refresh {
                        entity_tag,
                        lifetime,
                        publisher,
                    }
                } else {
                    Publish::Modify {
                        entity_tag,
                        document: document(hand, user_input),
                        lifetime,
                        publisher,
                    }
                },
                now,
            )
        });
        let published = match published {
            None | Some(Err(PublishError::UnknownEntityTag)) => self.put(
                rep,
                Publish::Initial {
                    document: document(hand, user_input),
                    lifetime: Some(LIFETIME),
                    publisher: Some(publisher(console)),
                },
                now,
            ),
            Some(published) => published,
        };
        match published {
            Ok(published) => {
                let lease = Lease {
                    entity_tag: published.entity_tag.to_string(),
                    hand,
                    user_input,
                    renewed_at: now,
                };
                self.leases.insert(key, lease);
            }
            Err(error) => {
                tracing::warn!(%rep, %error, "a console's presence was not taken");
                self.leases.remove(&key);
            }
        }
    }

    /// Takes back what a page has said.
    pub(super) fn remove(&mut self, rep: &RepId, console: &ConsoleId, now: Instant) {
        let Some(lease) = self.leases.remove(&(rep.clone(), console.clone())) else {
            return;
        };
        let entity_tag = lease.entity_tag.as_str();
        match self.put(rep, Publish::Remove { entity_tag }, now) {
            // It has expired before.
            Ok(_) | Err(PublishError::UnknownEntityTag) => {}
            Err(error) => tracing::warn!(%rep, %error, "a console's presence was not taken back"),
        }
    }

    fn put(
        &self,
        rep: &RepId,
        publish: Publish<'_>,
        now: Instant,
    ) -> Result<Published, PublishError> {
        let published = self
            .store
            .publish(&PresentityId::new(rep.as_str()), publish, now)?;
        match published.change {
            Change::Changed { .. } => self.signal.mark(),
            Change::Unchanged => {}
        }
        Ok(published)
    }
}

/// What the hand says of the person, and the keyboard of the computer.
fn document(hand: Hand, user_input: UserInput) -> Document {
    let (basic, activity) = match hand {
        Hand::Available => (Basic::Open, None),
        Hand::Busy => (Basic::Open, Some(Activity::Busy)),
        Hand::Away => (Basic::Open, Some(Activity::Away)),
        Hand::Off => (Basic::Closed, None),
    };
    Document {
        basic: Some(basic),
        activities: activity.into_iter().collect(),
        user_input: Some(user_input),
        ..Document::default()
    }
}

/// A page that comes back after a restart takes the place of what it said before.
fn publisher(console: &ConsoleId) -> Publisher {
    let key = BuildHasherDefault::<DefaultHasher>::default().hash_one(("console", &console.0));
    Publisher(NonZeroU64::new(key).unwrap_or(NonZeroU64::MIN))
}
