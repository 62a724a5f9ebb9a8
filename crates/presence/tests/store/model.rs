//! The store against a reference so naive that it can be read: a list of publications and nothing kept beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use presence::{
    Availability, Change, EntityTag, PresentityId, Publish, PublishError, Published, Source, Store,
    StoreConfig,
};
use proptest::prelude::{Strategy, any, prop, prop_oneof};

use crate::desk::{document, start};

const MOST_PUBLICATIONS: usize = 3;
const MOST_PRESENTITIES: usize = 3;
const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
const WORDS: [&str; 5] = ["free", "closed", "away", "meeting", "on-the-phone"];

#[derive(Debug, Clone)]
enum Operation {
    Initial {
        who: usize,
        says: usize,
        seconds: u64,
    },
    Refresh {
        who: usize,
        tag: prop::sample::Index,
        seconds: u64,
    },
    Modify {
        who: usize,
        tag: prop::sample::Index,
        says: usize,
        seconds: u64,
    },
    Remove {
        who: usize,
        tag: prop::sample::Index,
    },
    Wait {
        seconds: u64,
    },
    Expire,
    Poll,
}

fn operation() -> impl Strategy<Value = Operation> {
    let who = 0..NAMES.len();
    let says = 0..WORDS.len();
    let seconds = prop_oneof![1 => 0..1u64, 6 => 1..80u64];
    let tag = any::<prop::sample::Index>();
    prop_oneof![
        4 => (who.clone(), says.clone(), seconds.clone()).prop_map(|(who, says, seconds)| Operation::Initial { who, says, seconds }),
        4 => (who.clone(), tag.clone(), seconds.clone()).prop_map(|(who, tag, seconds)| Operation::Refresh { who, tag, seconds }),
        4 => (who.clone(), tag.clone(), says, seconds).prop_map(|(who, tag, says, seconds)| Operation::Modify { who, tag, says, seconds }),
        2 => (who, tag).prop_map(|(who, tag)| Operation::Remove { who, tag }),
        3 => (1..40u64).prop_map(|seconds| Operation::Wait { seconds }),
        2 => any::<bool>().prop_map(|_| Operation::Expire),
        2 => any::<bool>().prop_map(|_| Operation::Poll),
    ]
}

#[derive(Debug, Clone)]
struct NaivePublication {
    who: usize,
    tag: EntityTag,
    says: usize,
    expires_at: Instant,
}

/// What a watcher sees.
type Seen = (Availability, Source);

#[derive(Default)]
struct Naive {
    publications: Vec<NaivePublication>,
    marked: BTreeSet<usize>,
}

impl Naive {
    fn seen(&self, who: usize) -> Seen {
        let rank = |says: &str| match says {
            "closed" => (0, (Availability::Offline, Source::Hand)),
            "on-the-phone" => (1, (Availability::Busy, Source::Line)),
            "meeting" => (2, (Availability::Busy, Source::Hand)),
            "away" => (3, (Availability::Away, Source::Hand)),
            _ => (4, (Availability::Available, Source::Hand)),
        };
        self.publications
            .iter()
            .filter(|publication| publication.who == who)
            .map(|publication| rank(WORDS[publication.says]))
            .min_by_key(|(rank, _)| *rank)
            .map_or((Availability::Offline, Source::Nothing), |(_, seen)| seen)
    }

    fn count(&self, who: usize) -> usize {
        self.publications
            .iter()
            .filter(|publication| publication.who == who)
            .count()
    }

    fn find(&self, who: usize, tag: EntityTag) -> Result<usize, PublishError> {
        self.publications
            .iter()
            .position(|publication| publication.who == who && publication.tag == tag)
            .ok_or(PublishError::UnknownEntityTag)
    }

    /// Does `change` and marks `who` if that shows.
    fn doing<T>(
        &mut self,
        who: usize,
        now: Instant,
        change: impl FnOnce(&mut Self) -> Result<T, PublishError>,
    ) -> Result<(T, bool), PublishError> {
        let (before, kept) = (self.seen(who), self.publications.clone());
        let was_known = self.count(who) > 0;
        self.publications
            .retain(|publication| publication.who != who || publication.expires_at > now);
        // A store that is full refuses who is not in it, and whoever has lapsed unseen is in it.
        let full = !was_known
            && (self.known() >= MOST_PRESENTITIES || self.marked.len() >= MOST_PRESENTITIES);
        let done = match change(self) {
            Ok(_) if full && self.count(who) > 0 => Err(PublishError::TooManyPresentities),
            done => done,
        };
        let Ok(done) = done else {
            self.publications = kept;
            return done.map(|done| (done, false));
        };
        let changed = self.seen(who) != before;
        if changed {
            self.marked.insert(who);
        }
        Ok((done, changed))
    }

    fn known(&self) -> usize {
        self.publications
            .iter()
            .map(|publication| publication.who)
            .collect::<BTreeSet<_>>()
            .len()
    }

    fn expire(&mut self, now: Instant) -> usize {
        let before = self.publications.len();
        for who in 0..NAMES.len() {
            self.doing(who, now, |_| Ok(())).unwrap();
        }
        before - self.publications.len()
    }
}

/// Both sides of a comparison, and every tag ever given out with its owner.
struct Pair {
    store: Store,
    naive: Naive,
    tags: Vec<EntityTag>,
    now: Instant,
    versions: BTreeMap<usize, u64>,
}

fn granted(seconds: u64) -> Duration {
    Duration::from_secs(seconds.clamp(10, 60))
}

impl Pair {
    fn new() -> Self {
        let mut config = StoreConfig::new([3; 16]);
        config.longest_lifetime = Duration::from_secs(60);
        config.most_publications = MOST_PUBLICATIONS;
        config.most_presentities = MOST_PRESENTITIES;
        Self {
            store: Store::new(config),
            naive: Naive::default(),
            tags: vec![],
            now: start(),
            versions: BTreeMap::new(),
        }
    }

    fn tag(&self, index: &prop::sample::Index) -> Option<EntityTag> {
        (!self.tags.is_empty()).then(|| *index.get(&self.tags))
    }

    fn both(
        &mut self,
        who: usize,
        publish: Publish<'_>,
        change: impl FnOnce(&mut Naive, EntityTag) -> Result<(), PublishError>,
    ) {
        let now = self.now;
        let real = self
            .store
            .publish(&PresentityId::new(NAMES[who]), publish, now);
        let tag = real.map(|published| published.entity_tag);
        let naive = self.naive.doing(who, now, |naive| {
            // A refusal needs no tag: any will do.
            change(
                naive,
                tag.unwrap_or_else(|_| EntityTag::read(&"0".repeat(32)).unwrap()),
            )
        });
        assert_eq!(
            real.map(|published| matches!(published.change, Change::Changed { .. })),
            naive.map(|((), changed)| changed)
        );
        if let Ok(published) = real {
            self.accept(who, &published);
        }
    }

    fn accept(&mut self, who: usize, published: &Published) {
        assert!(
            !self.tags.contains(&published.entity_tag),
            "a tag came twice"
        );
        self.tags.push(published.entity_tag);
        if let Change::Changed { version } = published.change {
            let before = self.versions.insert(who, version);
            assert!(
                before.is_none_or(|before| before < version),
                "a version did not rise"
            );
        }
    }

    fn run(&mut self, operation: &Operation) {
        let now = self.now;
        match operation {
            Operation::Initial { who, says, seconds } => {
                let publish = Publish::Initial {
                    document: document(WORDS[*says]),
                    lifetime: Some(Duration::from_secs(*seconds)),
                    publisher: None,
                };
                if *seconds == 0 {
                    let published = self
                        .store
                        .publish(&PresentityId::new(NAMES[*who]), publish, now)
                        .unwrap();
                    assert_eq!(published.change, Change::Unchanged);
                    self.accept(*who, &published);
                    return;
                }
                self.both(*who, publish, |naive, tag| {
                    if naive.count(*who) >= MOST_PUBLICATIONS {
                        return Err(PublishError::TooManyPublications);
                    }
                    let expires_at = now + granted(*seconds);
                    naive.publications.push(NaivePublication {
                        who: *who,
                        tag,
                        says: *says,
                        expires_at,
                    });
                    Ok(())
                });
            }
            Operation::Refresh { who, tag, seconds } => {
                let Some(old) = self.tag(tag) else { return };
                let publish = Publish::Refresh {
                    entity_tag: &old.to_string(),
                    lifetime: Some(Duration::from_secs(*seconds)),
                    publisher: None,
                };
                self.both(*who, publish, |naive, tag| {
                    let found = naive.find(*who, old)?;
                    if *seconds == 0 {
                        naive.publications.remove(found);
                    } else {
                        naive.publications[found].tag = tag;
                        naive.publications[found].expires_at = now + granted(*seconds);
                    }
                    Ok(())
                });
            }
            Operation::Modify {
                who,
                tag,
                says,
                seconds,
            } => {
                let Some(old) = self.tag(tag) else { return };
                let publish = Publish::Modify {
                    entity_tag: &old.to_string(),
                    document: document(WORDS[*says]),
                    lifetime: Some(Duration::from_secs(*seconds)),
                    publisher: None,
                };
                self.both(*who, publish, |naive, tag| {
                    let found = naive.find(*who, old)?;
                    if *seconds == 0 {
                        naive.publications.remove(found);
                    } else {
                        let expires_at = now + granted(*seconds);
                        naive.publications[found] = NaivePublication {
                            who: *who,
                            tag,
                            says: *says,
                            expires_at,
                        };
                    }
                    Ok(())
                });
            }
            Operation::Remove { who, tag } => {
                let Some(old) = self.tag(tag) else { return };
                self.both(
                    *who,
                    Publish::Remove {
                        entity_tag: &old.to_string(),
                    },
                    |naive, _| {
                        let found = naive.find(*who, old)?;
                        naive.publications.remove(found);
                        Ok(())
                    },
                );
            }
            Operation::Wait { seconds } => self.now += Duration::from_secs(*seconds),
            Operation::Expire => {
                assert_eq!(self.store.expire(now), self.naive.expire(now));
                assert!(self.store.next_timeout().is_none_or(|at| at > now));
            }
            Operation::Poll => {
                let polled: BTreeSet<_> = std::iter::from_fn(|| self.store.poll_changed())
                    .map(|id| id.to_string())
                    .collect();
                let marked: BTreeSet<_> = std::mem::take(&mut self.naive.marked)
                    .into_iter()
                    .map(|who| NAMES[who].to_owned())
                    .collect();
                assert_eq!(polled, marked);
            }
        }
    }

    fn compare(&self) {
        assert_eq!(self.store.publications(), self.naive.publications.len());
        assert_eq!(self.store.len(), self.naive.known());
        assert_eq!(self.store.unread_changes(), self.naive.marked.len());
        for (who, name) in NAMES.iter().enumerate() {
            let presentity = self.store.presentity(&PresentityId::new(name));
            let seen = presentity.as_ref().map_or(
                (Availability::Offline, Source::Nothing),
                |presentity| {
                    (
                        presentity.composed().availability,
                        presentity.composed().source,
                    )
                },
            );
            assert_eq!(seen, self.naive.seen(who), "{name}");
            if let Some(presentity) = presentity {
                // The composed state is never anything but the composition of what is there.
                assert_eq!(
                    *presentity.composed(),
                    presence::compose(
                        presentity.publications(),
                        None,
                        &presence::Precedence::default()
                    )
                );
            }
        }
        // Sleeping until the next timeout never sleeps through an expiry.
        let first_expiry = self
            .naive
            .publications
            .iter()
            .map(|publication| publication.expires_at)
            .min();
        match (self.store.next_timeout(), first_expiry) {
            (Some(timeout), Some(expiry)) => assert!(timeout <= expiry),
            (None, Some(_)) => panic!("nobody wakes for the next expiry"),
            (Some(_), None) => panic!("a wake-up is left over"),
            (None, None) => {}
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    #[test]
    fn the_store_does_what_a_plain_list_would_do(operations in prop::collection::vec(operation(), 1..120)) {
        let mut pair = Pair::new();
        for operation in &operations {
            pair.run(operation);
            pair.compare();
        }
    }

    #[test]
    fn what_was_removed_might_never_have_been_published(
        words in prop::collection::vec(0..WORDS.len(), 1..6),
        removed in any::<prop::sample::Index>(),
    ) {
        let (with, without) = (Store::new(StoreConfig::new([4; 16])), Store::new(StoreConfig::new([5; 16])));
        let (alice, now, removed) = (PresentityId::new("alice"), start(), removed.index(words.len()));
        let mut tag = None;
        for (index, says) in words.iter().enumerate() {
            let initial = || Publish::Initial { document: document(WORDS[*says]), lifetime: None, publisher: None };
            let published = with.publish(&alice, initial(), now).unwrap();
            if index == removed {
                tag = Some(published.entity_tag.to_string());
            } else {
                without.publish(&alice, initial(), now).unwrap();
            }
        }
        with.publish(&alice, Publish::Remove { entity_tag: &tag.unwrap() }, now).unwrap();
        let composed = |store: &Store| store.presentity(&alice).map(|alice| alice.composed().clone());
        assert_eq!(composed(&with), composed(&without));
        assert_eq!(with.publications(), without.publications());
    }
}
