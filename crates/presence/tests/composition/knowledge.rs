//! What the desk knows itself, beside what phones say, and how the whole is explained.

use std::time::Duration;

use presence::{Activity, Availability, Change, OwnKnowledge, Part, Rule, Source, Trust};

use crate::desk::Desk;

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
