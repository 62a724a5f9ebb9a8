//! What holds for whatever is said, in whatever order.

use presence::{
    Activity, Basic, Composed, Document, EntityTag, Line, OwnKnowledge, Part, Precedence, Publish,
    Rule, UserInput, compose, explain,
};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

use crate::desk::{Desk, MINUTE, alice, publisher};

/// One independent source.
#[derive(Debug, Clone)]
enum Told {
    Published(Document),
    /// Its connection has gone, and the grace is over.
    Doubted(Document),
    Known(OwnKnowledge),
}

fn any_document() -> impl Strategy<Value = Document> {
    let basic = prop::option::of(prop_oneof![Just(Basic::Open), Just(Basic::Closed)]);
    let activity =
        prop::sample::select(&["on-the-phone", "meeting", "away", "meal", "working", "dnd"])
            .prop_map(|name| Activity::from_element(name, ""));
    let user_input = prop::option::of(prop_oneof![Just(UserInput::Active), Just(UserInput::Idle)]);
    let line = prop::option::of(prop_oneof![
        Just(Line::Idle),
        Just(Line::Ringing),
        Just(Line::Talking)
    ]);
    let note = prop::option::of(prop::sample::select(&["one", "two"]));
    let activities = prop::collection::vec(activity, 0..3);
    (basic, activities, user_input, line, note).prop_map(
        |(basic, activities, user_input, line, note)| Document {
            basic,
            activities: activities.into(),
            note: note.map(Into::into),
            user_input,
            line,
            ..Document::default()
        },
    )
}

fn any_knowledge() -> impl Strategy<Value = OwnKnowledge> {
    (0..4u32, 0..4u32, 0..2u32).prop_map(|(conversations, capacity, calls)| OwnKnowledge {
        conversations,
        capacity,
        calls,
        ..OwnKnowledge::default()
    })
}

/// Publications, some of them doubted, and at most one thing that the desk knows.
fn any_sources() -> impl Strategy<Value = Vec<Told>> {
    let publication = prop_oneof![
        4 => any_document().prop_map(Told::Published),
        1 => any_document().prop_map(Told::Doubted),
    ];
    let publications = prop::collection::vec(publication, 0..6);
    (publications, prop::option::of(any_knowledge())).prop_map(|(mut all, known)| {
        all.extend(known.map(Told::Known));
        all
    })
}

fn any_precedence() -> impl Strategy<Value = Precedence> {
    Just(Rule::ALL.to_vec())
        .prop_shuffle()
        .prop_map(|rules| Precedence::new(&rules).unwrap())
}

/// Tells the desk of each source, in this order and at one moment; gives the names of the publications.
fn tell(desk: &Desk, sources: &[Told]) -> Vec<Option<EntityTag>> {
    let publish = |document: &Document, phone: u64| {
        let publish = Publish::Initial {
            document: document.clone(),
            lifetime: Some(MINUTE),
            publisher: Some(publisher(phone)),
        };
        let published = desk.store.publish(&alice(), publish, desk.now).unwrap();
        Some(published.entity_tag)
    };
    (1..)
        .zip(sources)
        .map(|(phone, source)| match source {
            Told::Published(document) => publish(document, phone),
            Told::Doubted(document) => {
                let tag = publish(document, phone);
                desk.doubt(phone, 0);
                tag
            }
            Told::Known(knowledge) => {
                desk.learn(*knowledge);
                None
            }
        })
        .collect()
}

/// What is composed from what the store holds, as if nothing had ever been composed before.
fn from_scratch(desk: &Desk, precedence: &Precedence) -> Composed {
    let Some(alice) = desk.store.presentity(&alice()) else {
        return Composed::NOTHING;
    };
    let known = alice.own_knowledge().map(|known| (known, desk.now));
    compose(alice.publications(), known, precedence)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(512))]

    #[test]
    fn the_order_of_arrival_does_not_matter(
        precedence in any_precedence(),
        (sources, shuffled) in any_sources().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let (one, mut other) = (Desk::with(precedence), Desk::with(precedence));
        other.now = one.now;
        tell(&one, &sources);
        tell(&other, &shuffled);
        assert_eq!(one.composed(), other.composed());
        assert_eq!(one.published(), other.published());
        let good_until = |desk: &Desk| desk.store.presentity(&alice()).and_then(|alice| alice.valid_until());
        assert_eq!(good_until(&one), good_until(&other));
    }

    #[test]
    fn a_source_that_went_might_never_have_been(
        precedence in any_precedence(),
        sources in any_sources(),
        picked in any::<prop::sample::Index>(),
    ) {
        proptest::prop_assume!(!sources.is_empty());
        let (with, mut without) = (Desk::with(precedence), Desk::with(precedence));
        without.now = with.now;
        let picked = picked.index(sources.len());
        match tell(&with, &sources)[picked] {
            Some(tag) => with.remove(tag),
            None => {
                with.learn(OwnKnowledge::default());
            }
        }
        let mut others = sources.clone();
        others.remove(picked);
        tell(&without, &others);
        assert_eq!(with.composed(), without.composed());
        assert_eq!(with.store.is_empty(), without.store.is_empty());
    }

    #[test]
    fn the_composed_state_is_what_composing_from_scratch_gives(
        precedence in any_precedence(),
        sources in any_sources(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_document(), 0..3u8), 0..8),
    ) {
        let desk = Desk::with(precedence);
        let mut tags: Vec<_> = tell(&desk, &sources).into_iter().flatten().collect();
        assert_eq!(desk.composed(), from_scratch(&desk, &precedence));
        for (picked, document, what) in changes {
            if tags.is_empty() {
                break;
            }
            let picked = picked.index(tags.len());
            let entity_tag = &tags[picked].to_string();
            let publish = match what {
                0 => Publish::Refresh { entity_tag, lifetime: Some(MINUTE), publisher: None },
                1 => Publish::Modify { entity_tag, document, lifetime: Some(MINUTE), publisher: None },
                _ => Publish::Remove { entity_tag },
            };
            let published = desk.store.publish(&alice(), publish, desk.now).unwrap();
            tags[picked] = published.entity_tag;
            if what == 2 {
                tags.remove(picked);
            }
            assert_eq!(desk.composed(), from_scratch(&desk, &precedence));
        }
    }

    /// One account decides for each reason there is, and it says what the composed state says.
    #[test]
    fn an_explanation_agrees_with_the_state(precedence in any_precedence(), sources in any_sources()) {
        let desk = Desk::with(precedence);
        tell(&desk, &sources);
        let Some(presentity) = desk.store.presentity(&alice()) else {
            return Ok(());
        };
        let explanation = explain(&presentity, &precedence);
        let deciding: Vec<_> = explanation.sources.iter().filter(|account| account.part == Part::Decides).collect();
        assert_eq!(deciding.is_empty(), explanation.composed.rule.is_none());
        for account in deciding {
            assert_eq!(account.rule, explanation.composed.rule);
            assert_eq!(account.source, explanation.composed.source);
        }
    }
}
