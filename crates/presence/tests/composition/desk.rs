//! Alice's desk, of which everything is said, with a clock moved by hand.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

use presence::{
    Activity, Availability, Basic, Change, Composed, Document, EntityTag, Explanation, Line,
    OwnKnowledge, Precedence, PresentityId, Publish, Publisher, Store, StoreConfig, UserInput,
};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

#[expect(
    clippy::disallowed_methods,
    reason = "only the distance from it counts"
)]
fn start() -> Instant {
    Instant::now()
}

pub(crate) fn alice() -> PresentityId {
    PresentityId::new("alice")
}

pub(crate) fn publisher(phone: u64) -> Publisher {
    Publisher(NonZeroU64::new(phone).unwrap())
}

/// Alice's desk: everything that is said about her, and a clock moved by hand.
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) now: Instant,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(Precedence::default())
    }

    pub(crate) fn with(precedence: Precedence) -> Self {
        Self {
            store: Store::new(StoreConfig {
                precedence,
                ..StoreConfig::new([1; 16])
            }),
            now: start(),
        }
    }

    pub(crate) fn publish(&self, words: &str, phone: Option<u64>) -> EntityTag {
        let publish = Publish::Initial {
            document: document(words),
            lifetime: Some(MINUTE),
            publisher: phone.map(publisher),
        };
        let published = self.store.publish(&alice(), publish, self.now).unwrap();
        published.entity_tag
    }

    pub(crate) fn refresh(&self, tag: EntityTag, phone: Option<u64>) -> EntityTag {
        let publish = Publish::Refresh {
            entity_tag: &tag.to_string(),
            lifetime: Some(MINUTE),
            publisher: phone.map(publisher),
        };
        let published = self.store.publish(&alice(), publish, self.now).unwrap();
        published.entity_tag
    }

    pub(crate) fn remove(&self, tag: EntityTag) {
        let entity_tag = &tag.to_string();
        self.store
            .publish(&alice(), Publish::Remove { entity_tag }, self.now)
            .unwrap();
    }

    pub(crate) fn learn(&self, knowledge: OwnKnowledge) -> Change {
        self.store.learn(&alice(), knowledge, self.now).unwrap()
    }

    pub(crate) fn doubt(&self, phone: u64, grace: u64) -> Change {
        let until = self.now + Duration::from_secs(grace);
        self.store
            .doubt(&alice(), publisher(phone), until, self.now)
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        if self.store.next_timeout().is_some_and(|at| at <= self.now) {
            self.store.expire(self.now);
        }
    }

    pub(crate) fn composed(&self) -> Composed {
        self.store
            .presentity(&alice())
            .map_or(Composed::NOTHING, |alice| alice.composed().clone())
    }

    pub(crate) fn availability(&self) -> Availability {
        self.composed().availability
    }

    pub(crate) fn published(&self) -> Availability {
        self.store
            .presentity(&alice())
            .map_or(Availability::Offline, |alice| {
                alice.published().availability
            })
    }

    pub(crate) fn explanation(&self) -> Explanation {
        self.store.explain(&alice())
    }
}

/// A document of words joined by `+`.
fn document(words: &str) -> Document {
    let mut document = Document::default();
    for word in words.split('+') {
        match word {
            "open" => document.basic = Some(Basic::Open),
            "closed" => document.basic = Some(Basic::Closed),
            "idle" => document.user_input = Some(UserInput::Idle),
            "active" => document.user_input = Some(UserInput::Active),
            "talking" => document.line = Some(Line::Talking),
            "ringing" => document.line = Some(Line::Ringing),
            "on-hook" => document.line = Some(Line::Idle),
            "nothing" => {}
            activity => document
                .activities
                .push(Activity::from_element(activity, "")),
        }
    }
    document
}
