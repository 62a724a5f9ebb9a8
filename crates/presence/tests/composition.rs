//! What everything said about a presentity comes to: the precedence line by line, each source for itself, and the
//! properties that hold for whatever is said.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use presence::{
    Activity, Availability, Basic, Change, Composed, Document, EntityTag, Explanation, Line,
    OwnKnowledge, Part, Precedence, PresentityId, Publish, Publisher, Rule, Source, Store,
    StoreConfig, Trust, UserInput, compose, explain,
};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

const MINUTE: Duration = Duration::from_secs(60);

#[expect(
    clippy::disallowed_methods,
    reason = "only the distance from it counts"
)]
fn start() -> Instant {
    Instant::now()
}

fn alice() -> PresentityId {
    PresentityId::new("alice")
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

/// Alice's desk: everything that is said about her, and a clock moved by hand.
struct Desk {
    store: Store,
    now: Instant,
}

impl Desk {
    fn new() -> Self {
        Self::with(Precedence::default())
    }

    fn with(precedence: Precedence) -> Self {
        Self {
            store: Store::new(StoreConfig {
                precedence,
                ..StoreConfig::new([1; 16])
            }),
            now: start(),
        }
    }

    fn publish(&self, words: &str, phone: Option<u64>) -> EntityTag {
        let publish = Publish::Initial {
            document: document(words),
            lifetime: Some(MINUTE),
            publisher: phone.map(Publisher),
        };
        let published = self.store.publish(&alice(), publish, self.now).unwrap();
        published.entity_tag
    }

    fn refresh(&self, tag: EntityTag, phone: Option<u64>) -> EntityTag {
        let publish = Publish::Refresh {
            entity_tag: &tag.to_string(),
            lifetime: Some(MINUTE),
            publisher: phone.map(Publisher),
        };
        let published = self.store.publish(&alice(), publish, self.now).unwrap();
        published.entity_tag
    }

    fn remove(&self, tag: EntityTag) {
        let entity_tag = &tag.to_string();
        self.store
            .publish(&alice(), Publish::Remove { entity_tag }, self.now)
            .unwrap();
    }

    fn learn(&self, knowledge: OwnKnowledge) -> Change {
        self.store.learn(&alice(), knowledge, self.now).unwrap()
    }

    fn doubt(&self, phone: u64, grace: u64) -> Change {
        let until = self.now + Duration::from_secs(grace);
        self.store
            .doubt(&alice(), Publisher(phone), until, self.now)
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        if self.store.next_timeout().is_some_and(|at| at <= self.now) {
            self.store.expire(self.now);
        }
    }

    fn composed(&self) -> Composed {
        self.store
            .presentity(&alice())
            .map_or(Composed::NOTHING, |alice| alice.composed().clone())
    }

    fn availability(&self) -> Availability {
        self.composed().availability
    }

    fn published(&self) -> Availability {
        self.store
            .presentity(&alice())
            .map_or(Availability::Offline, |alice| {
                alice.published().availability
            })
    }

    fn explanation(&self) -> Explanation {
        explain(
            &self.store.presentity(&alice()).unwrap(),
            &Precedence::default(),
        )
    }
}

/// Documents separated by blanks, each of a phone of its own.
fn check(documents: &str, expected: &str) {
    check_by(Precedence::default(), documents, expected);
}

fn check_by(precedence: Precedence, documents: &str, expected: &str) {
    let mut documents: Vec<&str> = documents.split_whitespace().collect();
    for _ in 0..2 {
        let desk = Desk::with(precedence);
        for (phone, words) in (1..).zip(&documents) {
            desk.publish(words, Some(phone));
        }
        let composed = desk.composed();
        let rule = composed.rule.map_or("nothing", Rule::as_str);
        let said = format!("{} by {}: {rule}", composed.availability, composed.source);
        assert_eq!(said, expected, "{documents:?}");
        documents.reverse();
    }
}

#[test]
fn the_precedence_is_as_its_table_says() {
    check("", "offline by nothing: nothing");
    check("nothing", "offline by nothing: nothing");
    check("open", "available by hand: available");
    check("active", "available by computer: available");
    check("open open+active", "available by hand: available");
    check("open idle", "away by computer: idle");
    check("open+idle away", "away by hand: away");
    check("away open", "away by hand: away");
    check("away meeting", "busy by hand: busy");
    check("meeting open+idle", "busy by hand: busy");
    check("meeting on-the-phone", "busy by line: on-the-phone");
    check("closed on-the-phone", "offline by hand: closed");
    check("closed open away", "offline by hand: closed");
    check("open+dnd on-the-phone", "offline by hand: closed");
}

#[test]
fn one_document_speaks_for_several_sources() {
    check("open+on-the-phone+away+idle", "busy by line: on-the-phone");
    check("open+away+idle", "away by hand: away");
    check("open+idle", "away by computer: idle");
    check("closed+away+on-the-phone", "offline by hand: closed");
    let desk = Desk::new();
    desk.publish("open+on-the-phone+away+idle", None);
    let sources: Vec<_> = desk
        .explanation()
        .sources
        .iter()
        .map(|account| (account.source, account.rule.unwrap()))
        .collect();
    let expected = [
        (Source::Line, Rule::OnThePhone),
        (Source::Hand, Rule::Away),
        (Source::Computer, Rule::Idle),
    ];
    assert_eq!(sources, expected);
}

#[test]
fn a_line_in_use_makes_busy_and_an_idle_line_makes_nothing() {
    check("open talking", "busy by line: on-the-phone");
    check("open ringing", "busy by line: on-the-phone");
    check("talking", "busy by line: on-the-phone");
    check("open on-hook", "available by hand: available");
    check("on-hook", "offline by nothing: nothing");
}

#[test]
fn whoever_uses_one_computer_is_idle_at_none() {
    check("open+idle open+active", "available by hand: available");
    check("idle active", "available by computer: available");
    check("open+idle open+idle", "away by computer: idle");
}

#[test]
fn the_precedence_can_be_chosen() {
    let switched_off_hides_nothing = Precedence::new(&[
        Rule::OnThePhone,
        Rule::Full,
        Rule::Busy,
        Rule::Available,
        Rule::Away,
        Rule::Idle,
        Rule::Closed,
    ])
    .unwrap();
    let check = |documents, expected| check_by(switched_off_hides_nothing, documents, expected);
    check("closed open", "available by hand: available");
    check("closed away", "away by hand: away");
    check("away open", "available by hand: available");
    check("closed", "offline by hand: closed");
    check("closed talking", "busy by line: on-the-phone");
}

#[test]
fn a_pbx_has_a_publication_for_each_call_and_forgets_none() {
    let desk = Desk::new();
    desk.publish("open", Some(1));
    let one = desk.publish("talking", Some(1));
    let other = desk.publish("ringing", Some(1));
    assert_eq!(desk.availability(), Availability::Busy);
    desk.remove(one);
    assert_eq!(desk.availability(), Availability::Busy);
    desk.remove(other);
    assert_eq!(desk.availability(), Availability::Available);
}

#[test]
fn each_source_expires_by_itself() {
    let mut desk = Desk::new();
    let phone = desk.publish("open", Some(1));
    desk.publish("talking", Some(2));
    desk.wait(30);
    desk.refresh(phone, Some(1));
    desk.wait(30);
    assert_eq!(desk.availability(), Availability::Available);
    desk.wait(30);
    assert_eq!(desk.availability(), Availability::Offline);
}

#[test]
fn a_publication_whose_connection_dropped_is_doubted_after_the_grace() {
    let mut desk = Desk::new();
    desk.publish("open", Some(1));
    assert_eq!(desk.doubt(1, 30), Change::Unchanged);
    assert_eq!(desk.doubt(9, 0), Change::Unchanged);
    desk.wait(29);
    assert_eq!(desk.availability(), Availability::Available);
    assert_eq!(
        desk.explanation().sources[0].trust,
        Trust::BelievedUntil(desk.now + Duration::from_secs(1))
    );
    assert_eq!(
        desk.explanation().good_until,
        Some(desk.now + Duration::from_secs(1))
    );
    desk.wait(1);
    assert_eq!(desk.composed(), Composed::NOTHING);
    assert_eq!(desk.explanation().sources[0].trust, Trust::Doubted);
    assert_eq!(
        desk.store.publications(),
        1,
        "its phone may yet speak of it"
    );
    desk.wait(30);
    assert!(desk.store.is_empty());
}

#[test]
fn a_phone_that_comes_back_in_time_is_never_doubted() {
    let mut desk = Desk::new();
    let tag = desk.publish("open", Some(1));
    desk.doubt(1, 30);
    desk.wait(20);
    desk.refresh(tag, Some(2));
    desk.wait(20);
    assert_eq!(desk.availability(), Availability::Available);
    // It goes by its new connection from then on.
    assert_eq!(desk.doubt(1, 0), Change::Unchanged);
    assert!(matches!(desk.doubt(2, 0), Change::Changed { .. }));
    assert_eq!(desk.availability(), Availability::Offline);
}

#[test]
fn a_doubted_publication_that_its_phone_speaks_of_counts_again() {
    let mut desk = Desk::new();
    let tag = desk.publish("open", Some(1));
    desk.doubt(1, 0);
    desk.wait(10);
    assert_eq!(desk.availability(), Availability::Offline);
    desk.refresh(tag, Some(2));
    assert_eq!(desk.availability(), Availability::Available);
}

fn full() -> OwnKnowledge {
    OwnKnowledge {
        conversations: 2,
        capacity: 2,
        ..OwnKnowledge::default()
    }
}

#[test]
fn the_desk_qualifies_who_is_there_and_makes_nobody_appear() {
    let mut desk = Desk::new();
    assert_eq!(desk.learn(full()), Change::Unchanged);
    assert_eq!(desk.availability(), Availability::Offline);
    desk.publish("open", None);
    let composed = desk.composed();
    assert_eq!(
        (composed.availability, composed.source, composed.rule),
        (Availability::Busy, Source::Desk, Some(Rule::Full))
    );
    assert_eq!(desk.published(), Availability::Available);
    let one_less = OwnKnowledge {
        conversations: 1,
        ..full()
    };
    assert!(matches!(desk.learn(one_less), Change::Changed { .. }));
    assert_eq!(desk.availability(), Availability::Available);
    desk.learn(OwnKnowledge::default());
    desk.wait(60);
    assert!(desk.store.is_empty(), "nothing is left of the knowledge");
    assert_eq!(desk.store.next_timeout(), None);
}

#[test]
fn what_the_desk_knows_ends_by_itself() {
    let mut desk = Desk::new();
    let tag = desk.publish("open", None);
    let until = |desk: &Desk, seconds| Some(desk.now + Duration::from_secs(seconds));
    desk.learn(OwnKnowledge {
        resting_until: until(&desk, 10),
        doubted_until: until(&desk, 20),
        ..OwnKnowledge::default()
    });
    assert_eq!(desk.composed().rule, Some(Rule::Full));
    assert_eq!(desk.explanation().good_until, until(&desk, 10));
    desk.wait(10);
    assert_eq!(desk.composed().rule, Some(Rule::Away));
    assert_eq!(desk.composed().source, Source::Desk);
    desk.wait(10);
    assert_eq!(desk.composed().rule, Some(Rule::Available));
    desk.remove(tag);
    assert!(desk.store.is_empty());
}

#[test]
fn a_call_of_the_desk_is_on_the_phone() {
    let desk = Desk::new();
    desk.publish("open+away", None);
    desk.learn(OwnKnowledge {
        calls: 1,
        ..OwnKnowledge::default()
    });
    assert_eq!(desk.composed().rule, Some(Rule::OnThePhone));
    assert_eq!(desk.composed().source, Source::Desk);
    // The line, if it is heard of, is named before the desk.
    desk.publish("talking", None);
    assert_eq!(desk.composed().source, Source::Line);
}

#[test]
fn the_age_is_that_of_the_word_and_not_of_the_latest_message() {
    let mut desk = Desk::new();
    desk.publish("open", None);
    let first = desk.now;
    desk.learn(OwnKnowledge {
        conversations: 1,
        capacity: 1,
        ..OwnKnowledge::default()
    });
    desk.wait(5);
    desk.learn(full());
    assert_eq!(desk.composed().since, Some(first));
}

#[test]
fn an_explanation_names_everybody_and_who_decides() {
    let mut desk = Desk::new();
    desk.publish("open", Some(1));
    desk.wait(1);
    desk.publish("open+meeting", Some(1));
    desk.wait(1);
    desk.publish("on-hook", Some(2));
    desk.publish("talking", Some(3));
    desk.doubt(3, 0);
    desk.learn(full());
    let explanation = desk.explanation();
    let told: Vec<_> = explanation
        .sources
        .iter()
        .map(|account| {
            let rule = account.rule.map_or("nothing", Rule::as_str);
            let trust = match account.trust {
                Trust::Believed => "",
                Trust::BelievedUntil(_) => " for a while",
                Trust::Doubted => " doubted",
                Trust::Forgotten => " forgotten",
            };
            let part = match account.part {
                Part::Decides => " decides",
                Part::Hidden => "",
            };
            format!("{} says {rule}{trust}{part}", account.source)
        })
        .collect();
    let expected = [
        "line says on-the-phone doubted",
        "desk says full decides",
        "hand says busy",
        "hand says available forgotten",
        "line says nothing",
    ];
    assert_eq!(told, expected);
    assert_eq!(
        explanation.sentence(),
        "busy: full by desk outweighs 4 other sources"
    );
    assert_eq!(explanation.published.rule, Some(Rule::Busy));
    let summary = explanation.sources[2].publication.as_ref().unwrap();
    assert_eq!(summary.activities, [Activity::Meeting]);
}

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
            publisher: Some(Publisher(phone)),
        };
        let published = desk.store.publish(&alice(), publish, desk.now).unwrap();
        Some(published.entity_tag)
    };
    (0..)
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
