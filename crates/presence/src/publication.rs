//! One publication of event state and what can be done with it (RFC 3903).
//! Must not know headers: the edge has read Expires and SIP-If-Match.

use std::{
    fmt,
    num::NonZeroU64,
    sync::Arc,
    time::{Duration, Instant},
};

use smol_str::SmolStr;
use thiserror::Error;

use crate::{
    document::Document,
    entity_tag::EntityTag,
    partial::{Patch, PatchError},
};

/// What a PUBLISH asks for: RFC 3903 §4.1, table 1.
#[derive(Debug)]
pub enum Publish<'a> {
    /// A new publication.
    Initial {
        /// What it says.
        document: Document,
        /// The lifetime asked for; `None` leaves it to the store.
        lifetime: Option<Duration>,
        /// The phone it comes from, where it can be told.
        publisher: Option<Publisher>,
    },
    /// The same for longer.
    Refresh {
        /// The text of SIP-If-Match.
        entity_tag: &'a str,
        /// The lifetime asked for; zero removes.
        lifetime: Option<Duration>,
        /// The phone it comes from, where it can be told.
        publisher: Option<Publisher>,
    },
    /// Something else in its place.
    Modify {
        /// The text of SIP-If-Match.
        entity_tag: &'a str,
        /// What it says instead.
        document: Document,
        /// The lifetime asked for; zero removes.
        lifetime: Option<Duration>,
        /// The phone it comes from, where it can be told.
        publisher: Option<Publisher>,
    },
    /// Changes in what it says (RFC 5264).
    Patch {
        /// The text of SIP-If-Match.
        entity_tag: &'a str,
        /// What is to be changed.
        patch: Patch,
        /// The lifetime asked for; zero removes.
        lifetime: Option<Duration>,
        /// The phone it comes from, where it can be told.
        publisher: Option<Publisher>,
    },
    /// Away with it.
    Remove {
        /// The text of SIP-If-Match.
        entity_tag: &'a str,
    },
}

/// One phone, by whatever tells it from the others: the same number for everything that comes from it.
///
/// A phone that starts a second publication has forgotten the first (baresip 1 does so whenever it starts,
/// a phone that crashed does so when it comes back). The first then counts for nothing, unless the phone
/// proves by a refresh or a change that it knows it still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Publisher(pub NonZeroU64);

/// The answer to an accepted PUBLISH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Names the publication from here on; fresh, and the name of nothing if the publication is gone.
    pub entity_tag: EntityTag,
    /// The lifetime granted; zero if the publication is gone.
    pub lifetime: Duration,
    /// What it did to the presentity.
    pub change: Change,
}

/// What a PUBLISH did to the composed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Watchers have something new to see, and the presentity was marked for [`Store::poll_changed`](crate::Store::poll_changed).
    Changed {
        /// The version of the new state; rises with each change of this presentity.
        version: u64,
    },
    /// Watchers see what they saw.
    Unchanged,
}

/// Why a PUBLISH was refused. Each text fits "failed to publish: {text}".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PublishError {
    /// The lifetime asked for is below the configured floor; 423 with Min-Expires.
    #[error("the lifetime is shorter than {} s", floor.as_secs())]
    TooBrief {
        /// The least that is taken.
        floor: Duration,
    },
    /// The phone names a publication that is not there, or not any more; 412, and phones then publish anew.
    #[error("no publication has this entity-tag")]
    UnknownEntityTag,
    /// The phone asks for changes that cannot be made; 400.
    #[error("failed to patch: {0}")]
    Patch(#[from] PatchError),
    /// The presentity has as many publications as the configuration allows; 503.
    #[error("this presentity has too many publications")]
    TooManyPublications,
    /// The store holds, or has unread changes of, as many presentities as the configuration allows; 503.
    #[error("too many presentities are published")]
    TooManyPresentities,
}

/// One publication as the store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct Publication {
    pub(crate) entity_tag: EntityTag,
    /// Without its timestamp, so that documents that say the same are one.
    pub(crate) document: Arc<Document>,
    pub(crate) timestamp: Option<SmolStr>,
    pub(crate) since: Instant,
    pub(crate) expires_at: Instant,
    pub(crate) publisher: Option<Publisher>,
    pub(crate) standing: Standing,
}

/// Whether a publication has a say in the composed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has.
    Counts,
    /// It has until then, unless its phone speaks of it: the connection it came over is gone.
    CountsUntil(Instant),
    /// Nobody has spoken of it since its connection went.
    Doubted,
    /// Its phone has started another one since, and not spoken of this one again.
    Forgotten,
}

impl Publication {
    /// The tag its next PUBLISH must carry.
    pub fn entity_tag(&self) -> EntityTag {
        self.entity_tag
    }

    /// What it says, without the time at which it was written.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// When its phone says that it was written.
    pub fn timestamp(&self) -> Option<&str> {
        self.timestamp.as_deref()
    }

    /// Since when it has said that; refreshes do not count.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// When it lapses unless it is refreshed.
    pub fn expires_at(&self) -> Instant {
        self.expires_at
    }

    /// Everything about it that outlives a restart.
    pub fn kept(&self) -> KeptPublication {
        let document = match &self.timestamp {
            None => self.document.clone(),
            timestamp => Arc::new(Document {
                timestamp: timestamp.clone(),
                ..Document::clone(&self.document)
            }),
        };
        KeptPublication {
            entity_tag: self.entity_tag,
            document,
            since: self.since,
            expires_at: self.expires_at,
            publisher: self.publisher,
            memory: match self.standing {
                Standing::Counts | Standing::CountsUntil(_) | Standing::Doubted => {
                    PublisherMemory::Remembered
                }
                Standing::Forgotten => PublisherMemory::Forgotten,
            },
        }
    }

    /// Its connection is gone with the restart; that says nothing about its phone.
    pub(crate) fn from_kept(kept: &KeptPublication) -> Self {
        let mut document = kept.document.clone();
        let timestamp = match document.timestamp {
            None => None,
            Some(_) => Arc::make_mut(&mut document).timestamp.take(),
        };
        Self {
            entity_tag: kept.entity_tag,
            document,
            timestamp,
            since: kept.since,
            expires_at: kept.expires_at,
            publisher: kept.publisher,
            standing: match kept.memory {
                PublisherMemory::Remembered => Standing::Counts,
                PublisherMemory::Forgotten => Standing::Forgotten,
            },
        }
    }

    pub(crate) fn counts(&self) -> bool {
        match self.standing {
            Standing::Counts | Standing::CountsUntil(_) => true,
            Standing::Doubted | Standing::Forgotten => false,
        }
    }

    /// When it says no more what it says, unless its phone speaks of it.
    pub(crate) fn good_until(&self) -> Instant {
        match self.standing {
            Standing::CountsUntil(until) => until.min(self.expires_at),
            Standing::Counts | Standing::Doubted | Standing::Forgotten => self.expires_at,
        }
    }
}

/// A publication as a journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPublication {
    /// The tag its next PUBLISH must carry.
    pub entity_tag: EntityTag,
    /// What it says.
    pub document: Arc<Document>,
    /// Since when it has said that.
    pub since: Instant,
    /// When it lapses unless it is refreshed.
    pub expires_at: Instant,
    /// The phone it comes from, where it could be told.
    pub publisher: Option<Publisher>,
    /// Whether that phone still knows of it.
    pub memory: PublisherMemory,
}

/// Whether a phone knows of its publication, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublisherMemory {
    /// It does.
    Remembered,
    /// It has started another one since.
    Forgotten,
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication")
            .field("document", &self.document)
            .field("since", &self.since)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
