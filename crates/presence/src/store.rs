//! Every publication of every presentity, for many threads at once: readers never wait, writers of one presentity
//! get one order. Must not know SIP, and reads no clock: each call is told the time.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    expiry::WakeUps,
    marks::Marks,
    sync::{self, AtomicIsize, AtomicU64, HashMap, Operation},
};
use crate::{
    alike::SharedDocuments,
    document::Document,
    entity_tag::{EntityTag, EntityTags},
    explain::{Explanation, explain},
    own::OwnKnowledge,
    presentity::{Edit, Lease, Presentity, Says, WakeUp, edit},
    presentity_id::PresentityId,
    publication::{Change, KeptPublication, Publish, PublishError, Published, Publisher},
    source::Precedence,
    store_config::StoreConfig,
};

/// The presentity store.
///
/// A presentity is an immutable [`Presentity`] behind an `Arc`, replaced as a whole by compare-and-swap. Whoever
/// loses a race looks at what the winner left and decides again, so that of two PUBLISHes with one entity-tag
/// the second finds it unknown.
///
/// The owner of the derived state drains [`poll_changed`](Self::poll_changed) after each
/// [`Change::Changed`] and calls [`expire`](Self::expire) at [`next_timeout`](Self::next_timeout).
pub struct Store {
    config: StoreConfig,
    tags: EntityTags,
    /// A place is empty (`None`) only for the moment before a first publication.
    presentities: HashMap<PresentityId, Option<Arc<Presentity>>>,
    /// May be below zero for a moment, when a removal is counted before what it removed.
    publications: AtomicIsize,
    last_version: AtomicU64,
    documents: SharedDocuments,
    wake_ups: WakeUps,
    marks: Marks,
    /// Presentities whose publications are not those that were kept last; absent where nobody keeps them.
    edits: Option<Marks>,
}

impl Store {
    /// An empty store.
    pub fn new(config: StoreConfig) -> Self {
        Self {
            tags: EntityTags::new(config.seed),
            config,
            presentities: sync::map(),
            publications: AtomicIsize::new(0),
            last_version: AtomicU64::new(0),
            documents: SharedDocuments::default(),
            wake_ups: WakeUps::default(),
            marks: Marks::new(),
            edits: None,
        }
    }

    /// The same store, whose owner reads [`poll_edited`](Self::poll_edited).
    pub fn with_edits(self) -> Self {
        Self {
            edits: Some(Marks::new()),
            ..self
        }
    }

    /// Brings back what was kept of a presentity over a restart, without what has lapsed by `now`.
    ///
    /// # Errors
    /// When the store is full.
    pub fn restore(
        &self,
        presentity: &PresentityId,
        kept: Vec<KeptPublication>,
        now: Instant,
    ) -> Result<(), PublishError> {
        if kept.iter().all(|kept| kept.expires_at <= now) {
            return Ok(());
        }
        self.replace(presentity, &Edit::Restore(kept), now)?;
        Ok(())
    }

    /// Takes one presentity whose publications, entity-tags or lifetimes are not those that they were. Read its
    /// snapshot only afterwards; absence means that nothing is published.
    pub fn poll_edited(&self) -> Option<PresentityId> {
        self.edits.as_ref()?.poll()
    }

    /// Says that what was polled of this presentity could not be kept: it comes again.
    pub fn mark_edited(&self, presentity: &PresentityId) {
        if let Some(edits) = &self.edits {
            edits.mark(presentity);
        }
    }

    /// Does what a PUBLISH for `presentity` asks (RFC 3903 §6). Takes no lock unless the presentity's first expiry
    /// comes nearer or its last publication goes. A lifetime of zero removes; an initial one stores nothing.
    pub fn publish(
        &self,
        presentity: &PresentityId,
        publish: Publish<'_>,
        now: Instant,
    ) -> Result<Published, PublishError> {
        // RFC 3903 §4.1: every accepted PUBLISH is answered with a new entity-tag, also one that removes.
        let new_tag = self.tags.next();
        let lease = |lifetime, publisher: Option<Publisher>| Lease {
            entity_tag: new_tag,
            expires_at: now + lifetime,
            publisher,
        };
        let says = |mut document: Document| {
            let timestamp = document.timestamp.take();
            Says {
                document: self.documents.share(document),
                timestamp,
            }
        };
        let (edit, lifetime) = match publish {
            Publish::Initial {
                document,
                lifetime,
                publisher,
            } => {
                let Some(lifetime) = self.config.granted(lifetime)? else {
                    // RFC 3903 §4.1 table 1 has no initial publication with lifetime zero. It is taken as one
                    // that lapses at once, which no watcher could see.
                    return Ok(Published {
                        entity_tag: new_tag,
                        lifetime: Duration::ZERO,
                        change: Change::Unchanged,
                    });
                };
                let edit = Edit::Add(says(document), lease(lifetime, publisher));
                (edit, lifetime)
            }
            Publish::Refresh {
                entity_tag,
                lifetime,
                publisher,
            } => {
                let entity_tag = read_tag(entity_tag)?;
                match self.config.granted(lifetime)? {
                    Some(lifetime) => (
                        Edit::Refresh(entity_tag, lease(lifetime, publisher)),
                        lifetime,
                    ),
                    None => (Edit::Remove(entity_tag), Duration::ZERO),
                }
            }
            Publish::Modify {
                entity_tag,
                document,
                lifetime,
                publisher,
            } => {
                let entity_tag = read_tag(entity_tag)?;
                match self.config.granted(lifetime)? {
                    Some(lifetime) => (
                        Edit::Modify(entity_tag, says(document), lease(lifetime, publisher)),
                        lifetime,
                    ),
                    None => (Edit::Remove(entity_tag), Duration::ZERO),
                }
            }
            Publish::Patch {
                entity_tag,
                patch,
                lifetime,
                publisher,
            } => {
                let entity_tag = read_tag(entity_tag)?;
                match self.config.granted(lifetime)? {
                    Some(lifetime) => (
                        Edit::Patch(entity_tag, patch, lease(lifetime, publisher)),
                        lifetime,
                    ),
                    None => (Edit::Remove(entity_tag), Duration::ZERO),
                }
            }
            Publish::Remove { entity_tag } => (Edit::Remove(read_tag(entity_tag)?), Duration::ZERO),
        };
        let outcome = self.replace(presentity, &edit, now)?;
        Ok(Published {
            entity_tag: new_tag,
            lifetime,
            change: outcome.change(),
        })
    }

    /// Takes in what the help desk itself knows of `presentity`, in the place of what it knew before.
    ///
    /// # Errors
    /// When the store is full and the presentity is not in it.
    pub fn learn(
        &self,
        presentity: &PresentityId,
        knowledge: OwnKnowledge,
        now: Instant,
    ) -> Result<Change, PublishError> {
        let outcome = self.replace(presentity, &Edit::Learn(knowledge), now)?;
        Ok(outcome.change())
    }

    /// The connection by which `publisher` published for `presentity` has gone. What came over it counts until
    /// `until`, and longer only if its phone speaks of it again.
    pub fn doubt(
        &self,
        presentity: &PresentityId,
        publisher: Publisher,
        until: Instant,
        now: Instant,
    ) -> Change {
        // Doubt names no entity-tag and adds nothing: it is never refused.
        self.replace(presentity, &Edit::Doubt(publisher, until), now)
            .map_or(Change::Unchanged, |outcome| outcome.change())
    }

    /// Drops what lapsed by `now`, marks whose state that changes, and says how many publications went.
    pub fn expire(&self, now: Instant) -> usize {
        let mut lapsed = 0;
        for presentity in self.wake_ups.take_due(now) {
            // Expiry names no entity-tag and adds nothing: no edit of it is ever refused.
            if let Ok(outcome) = self.replace(&presentity, &Edit::Expire, now) {
                lapsed += outcome.lapsed;
            }
        }
        lapsed
    }

    /// When to call [`expire`](Self::expire) next. A PUBLISH may move it nearer, by a shorter lifetime even without
    /// a change: whoever sleeps until then should look again every second or so.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.wake_ups.next()
    }

    /// Takes one presentity whose composed state changed since it was last taken. However often it changed, it
    /// comes once; the newest state is what [`presentity`](Self::presentity) says afterwards.
    pub fn poll_changed(&self) -> Option<PresentityId> {
        self.marks.poll()
    }

    /// The newest snapshot; `None` if nothing is published or known. Never waits.
    pub fn presentity(&self, presentity: &PresentityId) -> Option<Arc<Presentity>> {
        self.presentities.pin().get(presentity)?.clone()
    }

    /// Why `presentity` is what it is.
    pub fn explain(&self, presentity: &PresentityId) -> Explanation {
        match self.presentity(presentity) {
            Some(presentity) => explain(&presentity, &self.config.precedence),
            None => Explanation::of_nothing(&self.config.precedence),
        }
    }

    /// Whether a publication of `presentity` bears this entity-tag, the text of SIP-If-Match, and has not lapsed. A
    /// hint: what asks to change it may still come too late.
    pub fn knows(&self, presentity: &PresentityId, entity_tag: &str, now: Instant) -> bool {
        let (Some(tag), Some(presentity)) =
            (EntityTag::read(entity_tag), self.presentity(presentity))
        else {
            return false;
        };
        let mut publications = presentity.publications().iter();
        publications
            .any(|publication| publication.entity_tag() == tag && publication.expires_at() > now)
    }

    /// Which source outweighs which.
    pub fn precedence(&self) -> &Precedence {
        &self.config.precedence
    }

    /// How many presentities have a publication or are known of.
    pub fn len(&self) -> usize {
        self.presentities.len()
    }

    /// True if nothing is published or known.
    pub fn is_empty(&self) -> bool {
        self.presentities.is_empty()
    }

    /// How many publications there are.
    pub fn publications(&self) -> usize {
        self.publications.load(Ordering::Relaxed).max(0) as usize
    }

    /// How many changed presentities wait to be polled.
    pub fn unread_changes(&self) -> usize {
        self.marks.len()
    }

    /// Puts the edited snapshot in the place of the present one, as often as somebody else was faster.
    fn replace(
        &self,
        presentity: &PresentityId,
        change: &Edit,
        now: Instant,
    ) -> Result<Outcome, PublishError> {
        let presentities = self.presentities.pin();
        let outcome = loop {
            let mut outcome = Ok(Outcome::default());
            let mut needs_place = false;
            presentities.compute(presentity.clone(), |entry| {
                let place = entry.map(|(_, place)| place);
                needs_place = place.is_none() && adds(change);
                if needs_place {
                    return Operation::Abort(());
                }
                // Whatever is in a place drew its version before it was put there; the next is drawn after that was
                // read, and only goes there if it is still there: the versions of one presentity rise. Where there
                // is no place, others may have come and gone since it was looked at, hence the empty one.
                let next_version = || self.last_version.fetch_add(1, Ordering::Relaxed) + 1;
                let before = place.and_then(Option::as_deref);
                let edited = match edit(presentity, before, change, &self.config, next_version, now)
                {
                    Ok(edited) => edited,
                    Err(refused) => {
                        outcome = Err(refused);
                        return Operation::Abort(());
                    }
                };
                let count = |presentity: Option<&Presentity>| {
                    presentity.map_or(0, |presentity| presentity.publications().len())
                };
                outcome = Ok(Outcome {
                    changed: edited.changed,
                    lapsed: edited.lapsed,
                    publications_before: count(before),
                    publications_after: count(edited.after.as_ref()),
                    wake_up: edited.wake_up,
                });
                match (before, edited.after) {
                    (_, Some(after)) => Operation::Insert(Some(Arc::new(after))),
                    (Some(_), None) => Operation::Remove,
                    // An empty place stays for whoever made it.
                    (None, None) => Operation::Abort(()),
                }
            });
            if !needs_place {
                break outcome;
            }
            if self.is_full() {
                return Err(PublishError::TooManyPresentities);
            }
            // Not left to `compute`: that never helps to move what the map holds into the larger table which a map
            // needs that grows, and each look would go through every table there has been.
            presentities.get_or_insert(presentity.clone(), None);
        };
        let outcome = outcome?;
        self.settle(presentity, &outcome);
        match change {
            // What the help desk knows and what connections are there is not kept.
            Edit::Learn(_) | Edit::Doubt(..) | Edit::Restore(_) => {}
            Edit::Add(..)
            | Edit::Refresh(..)
            | Edit::Modify(..)
            | Edit::Patch(..)
            | Edit::Remove(_)
            | Edit::Expire => self.mark_edited(presentity),
        }
        Ok(outcome)
    }

    /// What follows from a replacement. Each part reads the store again or does no harm when it comes late.
    fn settle(&self, presentity: &PresentityId, outcome: &Outcome) {
        let (before, after) = (outcome.publications_before, outcome.publications_after);
        if after != before {
            let difference = after as isize - before as isize;
            self.publications.fetch_add(difference, Ordering::Relaxed);
        }
        let WakeUp { arm, disarm } = outcome.wake_up;
        if let Some(at) = arm {
            self.wake_ups.arm(presentity, at);
        }
        if let Some(at) = disarm {
            self.wake_ups.disarm(presentity, at, || {
                let newest = self.presentity(presentity);
                newest.is_some_and(|newest| newest.wake_at == Some(at))
            });
        }
        if outcome.changed.is_some() {
            self.marks.mark(presentity);
        }
    }

    fn is_full(&self) -> bool {
        let most = self.config.most_presentities;
        let unkept = self.edits.as_ref().map_or(0, Marks::len);
        self.presentities.len() >= most || self.marks.len() >= most || unkept >= most
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("config", &self.config)
            .field("presentities", &self.len())
            .field("publications", &self.publications())
            .finish_non_exhaustive()
    }
}

/// What a replacement came to.
#[derive(Debug, Default)]
struct Outcome {
    changed: Option<u64>,
    lapsed: usize,
    publications_before: usize,
    publications_after: usize,
    wake_up: WakeUp,
}

impl Outcome {
    fn change(&self) -> Change {
        match self.changed {
            Some(version) => Change::Changed { version },
            None => Change::Unchanged,
        }
    }
}

/// Whether an edit may put a presentity into the store that is not there.
fn adds(edit: &Edit) -> bool {
    match edit {
        Edit::Add(..) | Edit::Restore(_) => true,
        Edit::Learn(knowledge) => !knowledge.is_nothing(),
        Edit::Refresh(..)
        | Edit::Modify(..)
        | Edit::Patch(..)
        | Edit::Remove(_)
        | Edit::Expire
        | Edit::Doubt(..) => false,
    }
}

// RFC 3903 §6: an entity-tag that names no publication is answered 412 and starts none.
fn read_tag(entity_tag: &str) -> Result<EntityTag, PublishError> {
    EntityTag::read(entity_tag).ok_or(PublishError::UnknownEntityTag)
}
