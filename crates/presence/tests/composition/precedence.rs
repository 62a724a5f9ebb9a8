//! The precedence of the sources and their words, line by line.

use presence::{Precedence, Rule, Source};

use crate::desk::Desk;

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
