//! A store under test with the words to speak to it: one line for a PUBLISH, and a clock moved by hand.

use std::time::{Duration, Instant};

use presence::{
    Activity, Availability, Basic, Change, Document, PresentityId, Publish, PublishError,
    Published, Publisher, Store, StoreConfig,
};

/// A store with its clock.
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) now: Instant,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(StoreConfig::new([1; 16]))
    }

    pub(crate) fn with(config: StoreConfig) -> Self {
        Self {
            store: Store::new(config),
            now: start(),
        }
    }

    pub(crate) fn wait(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    pub(crate) fn initial(
        &self,
        who: &str,
        says: &str,
        seconds: u64,
    ) -> Result<Published, PublishError> {
        let lifetime = Some(Duration::from_secs(seconds));
        self.publish(
            who,
            Publish::Initial {
                document: document(says),
                lifetime,
                publisher: None,
            },
        )
    }

    /// An initial publication for a minute that comes from the phone of this number.
    pub(crate) fn initial_from(&self, who: &str, says: &str, phone: u64) -> Published {
        let publish = Publish::Initial {
            document: document(says),
            lifetime: Some(Duration::from_secs(60)),
            publisher: Some(Publisher(phone)),
        };
        self.publish(who, publish).unwrap()
    }

    pub(crate) fn refresh(
        &self,
        who: &str,
        published: &Published,
        seconds: u64,
    ) -> Result<Published, PublishError> {
        let entity_tag = &published.entity_tag.to_string();
        let lifetime = Some(Duration::from_secs(seconds));
        self.publish(
            who,
            Publish::Refresh {
                entity_tag,
                lifetime,
                publisher: None,
            },
        )
    }

    pub(crate) fn modify(
        &self,
        who: &str,
        published: &Published,
        says: &str,
        seconds: u64,
    ) -> Result<Published, PublishError> {
        let entity_tag = &published.entity_tag.to_string();
        let lifetime = Some(Duration::from_secs(seconds));
        self.publish(
            who,
            Publish::Modify {
                entity_tag,
                document: document(says),
                lifetime,
                publisher: None,
            },
        )
    }

    pub(crate) fn remove(
        &self,
        who: &str,
        published: &Published,
    ) -> Result<Published, PublishError> {
        let entity_tag = &published.entity_tag.to_string();
        self.publish(who, Publish::Remove { entity_tag })
    }

    pub(crate) fn publish(
        &self,
        who: &str,
        publish: Publish<'_>,
    ) -> Result<Published, PublishError> {
        self.store
            .publish(&PresentityId::new(who), publish, self.now)
    }

    pub(crate) fn availability(&self, who: &str) -> Availability {
        self.store
            .presentity(&PresentityId::new(who))
            .map_or(Availability::Offline, |presentity| {
                presentity.composed().availability
            })
    }

    /// Everybody who is marked, in order of marking.
    pub(crate) fn changed(&self) -> Vec<String> {
        std::iter::from_fn(|| self.store.poll_changed())
            .map(|id| id.to_string())
            .collect()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "only the distance from it counts"
)]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A document in one word: `free`, `closed`, or an activity of RFC 4480.
pub(crate) fn document(says: &str) -> Document {
    let basic = Some(if says == "closed" {
        Basic::Closed
    } else {
        Basic::Open
    });
    let activities = match says {
        "free" | "closed" => vec![],
        activity => vec![Activity::from_element(activity, "")],
    };
    Document {
        basic,
        activities: activities.into(),
        ..Document::default()
    }
}

pub(crate) fn version(published: &Published) -> Option<u64> {
    match published.change {
        Change::Changed { version } => Some(version),
        Change::Unchanged => None,
    }
}
