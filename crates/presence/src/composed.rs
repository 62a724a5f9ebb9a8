//! One state made of everything that is published about a presentity, and the precedence that decides.
//! Must not know how publications are stored.

use std::{sync::Arc, time::Instant};

use crate::{
    activity::Activity,
    availability::Availability,
    document::Document,
    publication::{Publication, Standing},
};

/// What kind of source decided a composed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A person set it, or the softphone said no more than that it is there.
    Hand,
    /// The phone line: somebody is talking.
    Line,
    /// The use of the computer: nobody has touched it for a while.
    Computer,
    /// Nothing is published.
    Nothing,
}

/// The state of a presentity, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The one word.
    pub availability: Availability,
    /// What the person is doing, where the deciding publication says so.
    pub activity: Option<Activity>,
    /// Free text of the deciding publication.
    pub note: Option<Arc<str>>,
    /// What kind of source decided.
    pub source: Source,
    /// Since when the longest-standing publication of the same availability has said so; `None` if nothing is published.
    pub since: Option<Instant>,
}

impl Composed {
    /// The state of a presentity about whom nothing is published.
    pub const NOTHING: Self = Self {
        availability: Availability::Offline,
        activity: None,
        note: None,
        source: Source::Nothing,
        since: None,
    };

    /// True if a watcher would see no difference; since when it holds does not matter.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.availability == other.availability
            && self.activity == other.activity
            && self.note == other.note
            && self.source == other.source
    }
}

/// Composes a presentity's publications. The one place where publications are weighed against each other.
///
/// | precedence | a publication that says | for example | makes the presentity |
/// |---|---|---|---|
/// | 1 | open, on the phone | any `<rpid:on-the-phone/>` | busy, by the line |
/// | 2 | open, occupied | meeting, busy | busy, by hand |
/// | 3 | open, free | a softphone that is just running | available, by hand |
/// | 4 | open, away | away, meal, idle keyboard | away, by hand or by the computer |
/// | 5 | closed | the softphone at home, "do not disturb" | offline, by hand |
/// | 6 | nothing is published | | offline, by nothing |
///
/// A person has one pair of hands: whoever is occupied on one device is occupied for all. Whoever is away
/// from one device and free on another sits at the other. A device that is switched off hides nothing. A
/// publication that its phone has forgotten does not count.
///
/// Within one precedence the publication that changed last lends activity and note; the result does not
/// depend on the order of `publications`.
pub fn compose(publications: &[Publication]) -> Composed {
    let counting = || {
        publications
            .iter()
            .filter(|publication| publication.standing == Standing::Counts)
    };
    let deciding = counting().min_by(|one, other| {
        precedence(&one.document)
            .cmp(&precedence(&other.document))
            .then_with(|| other.since.cmp(&one.since))
            .then_with(|| one.document.activity().cmp(&other.document.activity()))
            .then_with(|| one.document.note.cmp(&other.document.note))
            .then_with(|| one.document.source().cmp(&other.document.source()))
    });
    let Some(deciding) = deciding else {
        return Composed::NOTHING;
    };
    let availability = deciding.document.availability();
    Composed {
        availability,
        activity: deciding.document.activity().cloned(),
        note: deciding.document.note.clone(),
        source: deciding.document.source(),
        since: counting()
            .filter(|publication| publication.document.availability() == availability)
            .map(|publication| publication.since)
            .min(),
    }
}

fn precedence(document: &Document) -> u8 {
    match (document.availability(), document.source()) {
        (Availability::Busy, Source::Line) => 1,
        (Availability::Busy, Source::Hand | Source::Computer | Source::Nothing) => 2,
        (Availability::Available, _) => 3,
        (Availability::Away, _) => 4,
        (Availability::Offline, _) => 5,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Arc,
        time::{Duration, Instant},
    };

    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
    use smallvec::SmallVec;

    use super::{Composed, Source, compose};
    use crate::{
        activity::Activity,
        availability::Availability,
        document::{Basic, Document, UserInput},
        entity_tag::EntityTags,
        publication::{Publication, Standing},
    };

    /// A document in one word, as the table has them.
    fn document(word: &str) -> Document {
        let activities: SmallVec<[Activity; 1]> = match word {
            "phone" => SmallVec::from_elem(Activity::OnThePhone, 1),
            "meeting" => SmallVec::from_elem(Activity::Meeting, 1),
            "away" | "do-not-disturb" => SmallVec::from_elem(Activity::Away, 1),
            _ => SmallVec::new(),
        };
        Document {
            basic: Some(match word {
                "closed" | "do-not-disturb" => Basic::Closed,
                _ => Basic::Open,
            }),
            activities,
            user_input: (word == "idle").then_some(UserInput::Idle),
            ..Document::default()
        }
    }

    fn publications(documents: impl IntoIterator<Item = (Document, Duration)>) -> Vec<Publication> {
        let tags = EntityTags::new([0; 16]);
        #[expect(
            clippy::disallowed_methods,
            reason = "only the distance from it counts"
        )]
        let start = Instant::now();
        documents
            .into_iter()
            .map(|(document, age)| Publication {
                entity_tag: tags.next(),
                document: Arc::new(document),
                since: start + age,
                expires_at: start + Duration::from_secs(60),
                publisher: None,
                standing: Standing::Counts,
            })
            .collect()
    }

    fn check(words: &str, availability: Availability, source: Source) {
        let documents = words
            .split_whitespace()
            .map(|word| (document(word), Duration::ZERO));
        let mut publications = publications(documents);
        for _ in 0..2 {
            let composed = compose(&publications);
            assert_eq!(
                (composed.availability, composed.source),
                (availability, source),
                "{words}"
            );
            publications.reverse();
        }
    }

    #[test]
    fn precedence_is_as_the_table_says() {
        check("", Availability::Offline, Source::Nothing);
        check("closed", Availability::Offline, Source::Hand);
        check("do-not-disturb", Availability::Offline, Source::Hand);
        check("closed away", Availability::Away, Source::Hand);
        check("closed idle", Availability::Away, Source::Computer);
        check("away free", Availability::Available, Source::Hand);
        check("idle free closed", Availability::Available, Source::Hand);
        check("free meeting", Availability::Busy, Source::Hand);
        check("meeting phone", Availability::Busy, Source::Line);
        check("free phone closed away", Availability::Busy, Source::Line);
    }

    #[test]
    fn the_last_change_lends_the_note_and_the_first_says_since_when() {
        let with_note = |note: &str| Document {
            note: Some(note.into()),
            ..document("meeting")
        };
        let publications = publications([
            (with_note("until four"), Duration::from_secs(5)),
            (with_note("until five"), Duration::from_secs(9)),
            (document("free"), Duration::ZERO),
        ]);
        let composed = compose(&publications);
        assert_eq!(composed.note.as_deref(), Some("until five"));
        assert_eq!(
            composed.since,
            publications.first().map(|first| first.since)
        );
    }

    fn any_document() -> impl Strategy<Value = Document> {
        let basic = prop_oneof![
            Just(None),
            Just(Some(Basic::Open)),
            Just(Some(Basic::Closed))
        ];
        let activity =
            prop::sample::select(&["on-the-phone", "meeting", "away", "meal", "working"])
                .prop_map(|name| Activity::from_element(name, ""));
        let user_input =
            prop::option::of(prop_oneof![Just(UserInput::Active), Just(UserInput::Idle)]);
        let note = prop::option::of(prop::sample::select(&["one", "two"]));
        (
            basic,
            prop::collection::vec(activity, 0..3),
            user_input,
            note,
        )
            .prop_map(|(basic, activities, user_input, note)| Document {
                basic,
                activities: activities.into(),
                note: note.map(Arc::from),
                user_input,
                ..Document::default()
            })
    }

    fn any_publications() -> impl Strategy<Value = Vec<Publication>> {
        let one = (any_document(), (0..4u64).prop_map(Duration::from_secs));
        prop::collection::vec(one, 0..6).prop_map(publications)
    }

    proptest::proptest! {
        #[test]
        fn the_order_of_publications_does_not_matter(
            (publications, shuffled) in any_publications()
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
        ) {
            assert_eq!(compose(&publications), compose(&shuffled));
        }

        #[test]
        fn one_more_publication_never_lowers_the_precedence(publications in any_publications(), more in any_document()) {
            let before = compose(&publications);
            let mut with_more = publications.clone();
            with_more.extend(self::publications([(more, Duration::ZERO)]));
            let after = compose(&with_more);
            // Busy hides available, but nothing open is ever hidden by something closed.
            if before.availability != Availability::Offline {
                assert_ne!(after.availability, Availability::Offline);
            }
            if before.availability == Availability::Busy {
                assert_eq!(after.availability, Availability::Busy);
            }
        }

        #[test]
        fn the_deciding_publication_says_what_the_composed_state_says(publications in any_publications(), pick in any::<prop::sample::Index>()) {
            let composed = compose(&publications);
            if publications.is_empty() {
                assert_eq!(composed, Composed::NOTHING);
            } else {
                assert!(publications.iter().any(|publication| {
                    publication.document.availability() == composed.availability
                        && publication.document.note == composed.note
                        && publication.document.activity() == composed.activity.as_ref()
                }));
                let alone = vec![pick.get(&publications).clone()];
                assert_eq!(compose(&alone).since, alone.first().map(|one| one.since));
            }
        }
    }
}
