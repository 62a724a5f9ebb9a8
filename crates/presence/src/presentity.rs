//! One presentity at one moment: what is published about it and what that comes to. Never changes;
//! the store puts another one in its place. Must not know the store.

use std::{sync::Arc, time::Instant};

use smallvec::SmallVec;

use crate::{
    composed::{Composed, compose},
    document::Document,
    entity_tag::EntityTag,
    presentity_id::PresentityId,
    publication::{Publication, PublishError, Publisher, Standing},
};

/// Most people have one phone.
type Publications = SmallVec<[Publication; 1]>;

/// An immutable snapshot of a presentity with at least one publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presentity {
    id: PresentityId,
    version: u64,
    composed: Arc<Composed>,
    publications: Publications,
    /// Invariant: a wake-up at or before this instant is armed, or about to be by whoever made this
    /// snapshot, and this instant is at or before every expiry.
    pub(crate) wake_at: Instant,
}

impl Presentity {
    /// Who it is.
    pub fn id(&self) -> &PresentityId {
        &self.id
    }

    /// Rises with each change of the composed state, also over times at which nothing was published.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The state. Publications that lapsed since the last [`Store::expire`](crate::Store::expire) still count.
    pub fn composed(&self) -> &Composed {
        &self.composed
    }

    /// What it is composed of, at least one.
    pub fn publications(&self) -> &[Publication] {
        &self.publications
    }

    /// When the composed availability lapses unless somebody refreshes: the last expiry of those who say it.
    pub fn valid_until(&self) -> Option<Instant> {
        self.publications
            .iter()
            .filter(|publication| publication.document.availability() == self.composed.availability)
            .map(|publication| publication.expires_at)
            .max()
    }
}

/// What is done to the publications of one presentity.
#[derive(Debug)]
pub(crate) enum Edit {
    /// Adds a publication.
    Add(Arc<Document>, Lease, Option<Publisher>),
    /// Renews one.
    Refresh(EntityTag, Lease),
    /// Renews one with another document.
    Modify(EntityTag, Arc<Document>, Lease),
    /// Takes one away.
    Remove(EntityTag),
    /// Takes away what has lapsed, as every edit does.
    Expire,
}

/// What an edit gives to the publication that it adds or renews.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) entity_tag: EntityTag,
    pub(crate) expires_at: Instant,
}

/// What becomes of a presentity by an edit.
#[derive(Debug)]
pub(crate) struct Edited {
    /// What is there afterwards; `None` if nothing is published any more.
    pub(crate) after: Option<Presentity>,
    /// The version if the composed state changed.
    pub(crate) changed: Option<u64>,
    /// Publications that lapsed and were dropped on the way.
    pub(crate) lapsed: usize,
    /// Set if a wake-up must be armed.
    pub(crate) arm_at: Option<Instant>,
}

/// Applies an edit to a snapshot, or to the absence of one. Pure, because racing writers repeat it;
/// `next_version` is only called if the composed state changes or begins.
pub(crate) fn edit(
    id: &PresentityId,
    before: Option<&Presentity>,
    edit: &Edit,
    most_publications: usize,
    next_version: impl FnOnce() -> u64,
    now: Instant,
) -> Result<Edited, PublishError> {
    let mut publications =
        before.map_or_else(Publications::new, |before| before.publications.clone());
    let held = publications.len();
    publications.retain(|publication| publication.expires_at > now);
    let lapsed = held - publications.len();

    let effect = apply(&mut publications, edit, most_publications, now)?;

    let before_composed = before.map_or(&Composed::NOTHING, |before| before.composed());
    let composed = match (effect, before) {
        (Effect::SaysTheSame, Some(before)) if lapsed == 0 => before.composed.clone(),
        (Effect::SaysTheSame | Effect::SaysSomethingElse, _) => Arc::new(compose(&publications)),
    };
    let changed = !composed.says_the_same_as(before_composed);
    let version = match before {
        Some(before) if !changed => before.version,
        Some(_) | None => next_version(),
    };
    let changed = changed.then_some(version);
    let Some(first_expiry) = publications
        .iter()
        .map(|publication| publication.expires_at)
        .min()
    else {
        return Ok(Edited {
            after: None,
            changed,
            lapsed,
            arm_at: None,
        });
    };
    let (wake_at, arm_at) = match (edit, before) {
        // The wake-up was used up by whoever calls for expiry.
        (Edit::Expire, _) | (_, None) => (first_expiry, Some(first_expiry)),
        (_, Some(before)) if before.wake_at <= first_expiry => (before.wake_at, None),
        (_, Some(_)) => (first_expiry, Some(first_expiry)),
    };
    Ok(Edited {
        after: Some(Presentity {
            id: id.clone(),
            version,
            composed,
            publications,
            wake_at,
        }),
        changed,
        lapsed,
        arm_at,
    })
}

enum Effect {
    SaysTheSame,
    SaysSomethingElse,
}

fn apply(
    publications: &mut Publications,
    edit: &Edit,
    most_publications: usize,
    now: Instant,
) -> Result<Effect, PublishError> {
    match edit {
        Edit::Add(document, lease, publisher) => {
            if publications.len() >= most_publications {
                let forgotten = publications
                    .iter()
                    .position(|publication| publication.standing == Standing::Forgotten)
                    .ok_or(PublishError::TooManyPublications)?;
                publications.remove(forgotten);
            }
            for earlier in publications.iter_mut() {
                if publisher.is_some() && earlier.publisher == *publisher {
                    earlier.standing = Standing::Forgotten;
                }
            }
            publications.push(Publication {
                entity_tag: lease.entity_tag,
                document: document.clone(),
                since: now,
                expires_at: lease.expires_at,
                publisher: *publisher,
                standing: Standing::Counts,
            });
            Ok(Effect::SaysSomethingElse)
        }
        Edit::Refresh(entity_tag, lease) => {
            let publication = find(publications, *entity_tag)?;
            publication.entity_tag = lease.entity_tag;
            publication.expires_at = lease.expires_at;
            Ok(remember(publication))
        }
        Edit::Modify(entity_tag, document, lease) => {
            let publication = find(publications, *entity_tag)?;
            publication.entity_tag = lease.entity_tag;
            publication.expires_at = lease.expires_at;
            let remembered = remember(publication);
            let says_the_same = publication.document.says_the_same_as(document);
            publication.document = document.clone();
            if says_the_same {
                return Ok(remembered);
            }
            publication.since = now;
            Ok(Effect::SaysSomethingElse)
        }
        Edit::Remove(entity_tag) => {
            find(publications, *entity_tag)?;
            publications.retain(|publication| publication.entity_tag != *entity_tag);
            Ok(Effect::SaysSomethingElse)
        }
        Edit::Expire => Ok(Effect::SaysTheSame),
    }
}

/// Its phone has spoken of it: it counts.
fn remember(publication: &mut Publication) -> Effect {
    match publication.standing {
        Standing::Counts => Effect::SaysTheSame,
        Standing::Forgotten => {
            publication.standing = Standing::Counts;
            Effect::SaysSomethingElse
        }
    }
}

fn find(
    publications: &mut Publications,
    entity_tag: EntityTag,
) -> Result<&mut Publication, PublishError> {
    publications
        .iter_mut()
        .find(|publication| publication.entity_tag == entity_tag)
        .ok_or(PublishError::UnknownEntityTag)
}
