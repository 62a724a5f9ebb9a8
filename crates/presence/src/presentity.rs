//! One presentity at one moment: what is published about it and what that comes to. Never changes;
//! the store puts another one in its place. Must not know the store.

use std::{sync::Arc, time::Instant};

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::{
    composed::{Composed, compose_known},
    document::Document,
    entity_tag::EntityTag,
    own::{Known, OwnKnowledge},
    partial::Patch,
    presentity_id::PresentityId,
    publication::{KeptPublication, Publication, PublishError, Publisher, Standing},
    source::Source,
    store_config::StoreConfig,
};

/// Most people have one phone.
type Publications = SmallVec<[Publication; 1]>;

/// An immutable snapshot of a presentity of whom something is published or known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presentity {
    id: PresentityId,
    version: u64,
    composed: Composed,
    /// What is composed without the help desk's own knowledge, where it knows anything.
    published: Option<Box<Composed>>,
    publications: Publications,
    known: Option<Arc<Known>>,
    /// Invariant: a wake-up at or before this instant is armed, or about to be by whoever made this
    /// snapshot, and this instant is at or before everything that ends by itself. `None` if nothing does.
    pub(crate) wake_at: Option<Instant>,
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

    /// The state without the help desk's own knowledge: what the help desk itself has to hear.
    pub fn published(&self) -> &Composed {
        self.published.as_deref().unwrap_or(&self.composed)
    }

    /// What is published.
    pub fn publications(&self) -> &[Publication] {
        &self.publications
    }

    /// What the help desk itself knows.
    pub fn own_knowledge(&self) -> Option<&OwnKnowledge> {
        self.known.as_ref().map(|known| &known.knowledge)
    }

    /// Since when the help desk's own knowledge has said what it says.
    pub(crate) fn known(&self) -> Option<&Known> {
        self.known.as_deref()
    }

    /// When the composed availability lapses unless somebody refreshes: the last expiry of those who say it. `None` if
    /// nobody says it, or if the help desk does and has set no end.
    pub fn valid_until(&self) -> Option<Instant> {
        let rule = self.composed.rule?;
        if self.composed.source == Source::Desk {
            return self.known.as_ref()?.knowledge.end_of(rule);
        }
        let says_it = |publication: &&Publication| {
            publication.counts()
                && publication
                    .document
                    .statements()
                    .iter()
                    .any(|statement| statement.rule.availability() == rule.availability())
        };
        self.publications
            .iter()
            .filter(says_it)
            .map(Publication::good_until)
            .max()
    }
}

/// What is done to one presentity.
#[derive(Debug)]
pub(crate) enum Edit {
    /// Adds a publication.
    Add(Says, Lease),
    /// Renews one.
    Refresh(EntityTag, Lease),
    /// Renews one with another document.
    Modify(EntityTag, Says, Lease),
    /// Renews one and changes its document.
    Patch(EntityTag, Patch, Lease),
    /// Takes one away.
    Remove(EntityTag),
    /// Takes away what has lapsed, as every edit does.
    Expire,
    /// The connection of this publisher has gone: what came over it counts until then.
    Doubt(Publisher, Instant),
    /// The help desk knows this.
    Learn(OwnKnowledge),
    /// Brings back what was kept of a presentity over a restart.
    Restore(Vec<KeptPublication>),
}

impl Edit {
    /// How many publications more there may be after it: a snapshot has room for those it holds and no more.
    fn adds(&self) -> usize {
        match self {
            Self::Add(..) => 1,
            Self::Restore(kept) => kept.len(),
            Self::Refresh(..)
            | Self::Modify(..)
            | Self::Patch(..)
            | Self::Remove(_)
            | Self::Expire
            | Self::Doubt(..)
            | Self::Learn(_) => 0,
        }
    }
}

/// What a publication is to say.
#[derive(Debug, Clone)]
pub(crate) struct Says {
    /// Without its timestamp.
    pub(crate) document: Arc<Document>,
    pub(crate) timestamp: Option<SmolStr>,
}

/// What an edit gives to the publication that it adds or renews.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) entity_tag: EntityTag,
    pub(crate) expires_at: Instant,
    pub(crate) publisher: Option<Publisher>,
}

/// What becomes of a presentity by an edit.
#[derive(Debug)]
pub(crate) struct Edited {
    /// What is there afterwards; `None` if nothing is published or known any more.
    pub(crate) after: Option<Presentity>,
    /// The version if the composed state changed.
    pub(crate) changed: Option<u64>,
    /// Publications that lapsed and were dropped on the way.
    pub(crate) lapsed: usize,
    /// What to do about its wake-up.
    pub(crate) wake_up: WakeUp,
}

/// What follows from an edit for the presentity's wake-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WakeUp {
    /// One that the new snapshot counts on.
    pub(crate) arm: Option<Instant>,
    /// One that it does not count on any more.
    pub(crate) disarm: Option<Instant>,
}

/// Applies an edit to a snapshot, or to the absence of one. Pure, because racing writers repeat it;
/// `next_version` is only called if the composed state changes or begins.
pub(crate) fn edit(
    id: &PresentityId,
    before: Option<&Presentity>,
    edit: &Edit,
    config: &StoreConfig,
    next_version: impl FnOnce() -> u64,
    now: Instant,
) -> Result<Edited, PublishError> {
    let held = before.map_or(&[][..], |before| &before.publications);
    let mut publications = Publications::with_capacity(held.len() + edit.adds());
    let alive = held
        .iter()
        .filter(|publication| publication.expires_at > now);
    publications.extend(alive.cloned());
    let lapsed = held.len() - publications.len();
    let mut effect = match lapsed {
        0 => Effect::SaysTheSame,
        _ => Effect::SaysSomethingElse,
    };
    effect = effect.and(doubt_what_is_due(&mut publications, now));
    effect = effect.and(apply(
        &mut publications,
        edit,
        config.most_publications,
        now,
    )?);
    let known_before = before.and_then(|before| before.known.as_ref());
    let known = know(known_before, edit, now);
    if known.as_deref() != known_before.map(Arc::as_ref) {
        effect = Effect::SaysSomethingElse;
    }

    let (published, composed) = match (effect, before) {
        (Effect::SaysTheSame, Some(before)) => (before.published.clone(), before.composed.clone()),
        (Effect::SaysTheSame | Effect::SaysSomethingElse, _) => {
            let published = compose_known(&publications, None, &config.precedence);
            match known.as_deref() {
                None => (None, published),
                known => {
                    let composed = compose_known(&publications, known, &config.precedence);
                    (Some(Box::new(published)), composed)
                }
            }
        }
    };
    let before_composed = before.map_or(&Composed::NOTHING, |before| before.composed());
    let changed = !composed.says_the_same_as(before_composed);
    let version = match before {
        Some(before) if !changed => before.version,
        Some(_) | None => next_version(),
    };
    let changed = changed.then_some(version);
    let ends = publications
        .iter()
        .map(Publication::good_until)
        .chain(known.as_ref().and_then(|known| known.knowledge.first_end()));
    let first_end = ends.min();
    // The wake-up was used up by whoever calls for expiry.
    let armed = match edit {
        Edit::Expire => None,
        _ => before.and_then(|before| before.wake_at),
    };
    if publications.is_empty() && known.is_none() {
        return Ok(Edited {
            after: None,
            changed,
            lapsed,
            wake_up: WakeUp {
                arm: None,
                disarm: armed,
            },
        });
    }
    let (wake_at, wake_up) = match (first_end, armed) {
        (Some(end), Some(armed)) if armed <= end => (Some(armed), WakeUp::default()),
        // Nothing ends by itself, and what wakes then finds that out.
        (None, Some(armed)) => (Some(armed), WakeUp::default()),
        (end, armed) => {
            let (arm, disarm) = (end, armed);
            (end, WakeUp { arm, disarm })
        }
    };
    Ok(Edited {
        after: Some(Presentity {
            id: id.clone(),
            version,
            composed,
            published,
            publications,
            known,
            wake_at,
        }),
        changed,
        lapsed,
        wake_up,
    })
}

/// Whether the state has to be composed again.
#[derive(Clone, Copy)]
enum Effect {
    SaysTheSame,
    SaysSomethingElse,
}

impl Effect {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::SaysTheSame, Self::SaysTheSame) => Self::SaysTheSame,
            (Self::SaysSomethingElse, _) | (_, Self::SaysSomethingElse) => Self::SaysSomethingElse,
        }
    }
}

fn apply(
    publications: &mut Publications,
    edit: &Edit,
    most_publications: usize,
    now: Instant,
) -> Result<Effect, PublishError> {
    match edit {
        Edit::Add(says, lease) => {
            if publications.len() >= most_publications {
                let forgotten = publications
                    .iter()
                    .position(|publication| publication.standing == Standing::Forgotten)
                    .ok_or(PublishError::TooManyPublications)?;
                publications.remove(forgotten);
            }
            for earlier in publications.iter_mut() {
                if lease.publisher.is_some()
                    && earlier.publisher == lease.publisher
                    && forgets(&says.document, &earlier.document)
                {
                    earlier.standing = Standing::Forgotten;
                }
            }
            publications.push(Publication {
                entity_tag: lease.entity_tag,
                document: says.document.clone(),
                timestamp: says.timestamp.clone(),
                since: now,
                expires_at: lease.expires_at,
                publisher: lease.publisher,
                standing: Standing::Counts,
            });
            Ok(Effect::SaysSomethingElse)
        }
        Edit::Refresh(entity_tag, lease) => {
            let publication = find(publications, *entity_tag)?;
            Ok(renew(publication, lease))
        }
        Edit::Modify(entity_tag, says, lease) => {
            let publication = find(publications, *entity_tag)?;
            Ok(modify(publication, says.clone(), lease, now))
        }
        Edit::Patch(entity_tag, patch, lease) => {
            let publication = find(publications, *entity_tag)?;
            // RFC 5264 §4.4: changes need a document that can be changed. Told that there is none, the phone
            // publishes the whole anew.
            let text = publication.document.text.as_deref();
            let text = text.ok_or(PublishError::UnknownEntityTag)?;
            let mut document = patch.apply(text)?;
            let timestamp = document.timestamp.take();
            let document = Arc::new(document);
            let says = Says {
                document,
                timestamp,
            };
            Ok(modify(publication, says, lease, now))
        }
        Edit::Remove(entity_tag) => {
            find(publications, *entity_tag)?;
            publications.retain(|publication| publication.entity_tag != *entity_tag);
            Ok(Effect::SaysSomethingElse)
        }
        Edit::Doubt(publisher, until) => {
            for publication in publications.iter_mut() {
                if publication.publisher == Some(*publisher)
                    && publication.standing == Standing::Counts
                {
                    publication.standing = Standing::CountsUntil(*until);
                }
            }
            Ok(doubt_what_is_due(publications, now))
        }
        Edit::Restore(kept) => {
            let alive = kept.iter().filter(|kept| kept.expires_at > now);
            let room = most_publications.saturating_sub(publications.len());
            publications.extend(alive.take(room).map(Publication::from_kept));
            Ok(Effect::SaysSomethingElse)
        }
        Edit::Expire | Edit::Learn(_) => Ok(Effect::SaysTheSame),
    }
}

/// A PBX tells of each call by a publication of its own, and has forgotten none of them.
fn forgets(newer: &Document, earlier: &Document) -> bool {
    newer.line.is_none() && earlier.line.is_none()
}

fn doubt_what_is_due(publications: &mut Publications, now: Instant) -> Effect {
    let mut effect = Effect::SaysTheSame;
    for publication in publications.iter_mut() {
        if let Standing::CountsUntil(until) = publication.standing
            && until <= now
        {
            publication.standing = Standing::Doubted;
            effect = Effect::SaysSomethingElse;
        }
    }
    effect
}

/// What the help desk knows after the edit.
fn know(before: Option<&Arc<Known>>, edit: &Edit, now: Instant) -> Option<Arc<Known>> {
    let knowledge = match edit {
        Edit::Learn(learnt) => *learnt,
        Edit::Add(..)
        | Edit::Refresh(..)
        | Edit::Modify(..)
        | Edit::Patch(..)
        | Edit::Remove(_)
        | Edit::Expire
        | Edit::Doubt(..)
        | Edit::Restore(_) => before?.knowledge,
    };
    let knowledge = knowledge.at(now);
    if knowledge.is_nothing() {
        return None;
    }
    match before {
        Some(before) if before.knowledge == knowledge => Some(before.clone()),
        Some(before) if before.knowledge.rules().eq(knowledge.rules()) => Some(Arc::new(Known {
            knowledge,
            since: before.since,
        })),
        Some(_) | None => Some(Arc::new(Known {
            knowledge,
            since: now,
        })),
    }
}

fn modify(publication: &mut Publication, says: Says, lease: &Lease, now: Instant) -> Effect {
    let renewed = renew(publication, lease);
    let says_the_same = publication.document.says_the_same_as(&says.document);
    publication.document = says.document;
    publication.timestamp = says.timestamp;
    if says_the_same {
        return renewed;
    }
    publication.since = now;
    Effect::SaysSomethingElse
}

/// Its phone has spoken of it, and may have come back by another way: it counts.
fn renew(publication: &mut Publication, lease: &Lease) -> Effect {
    publication.entity_tag = lease.entity_tag;
    publication.expires_at = lease.expires_at;
    publication.publisher = lease.publisher.or(publication.publisher);
    let counted = publication.counts();
    publication.standing = Standing::Counts;
    if counted {
        Effect::SaysTheSame
    } else {
        Effect::SaysSomethingElse
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
