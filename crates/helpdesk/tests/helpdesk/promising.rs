//! Waits that are promised: by the length of the queue while little is known, then what the queue comes
//! to when it is played forward.

use std::time::Duration;

use helpdesk::{Config, TicketId, Tier, TierId, Wait};

use crate::room::Room;
use crate::samples::sample;

/// Alice has held this many conversations of `seconds` each; nobody waits, and nobody said what is usual.
fn after(conversations: u32, seconds: u64) -> Room {
    let mut config = sample();
    config.routing.handling = None;
    after_in(config, conversations, seconds)
}

fn after_in(config: Config, conversations: u32, seconds: u64) -> Room {
    let mut room = Room::new(config);
    room.play("alice available");
    for number in 0..conversations {
        room.play(&format!("ask t9{number} cameras"));
        room.play(&format!("alice@t9{number}: Hello"));
        room.play(&format!("{seconds}s"));
        room.play(&format!("t9{number} end"));
        room.play("60s");
    }
    room
}

/// Alice has just begun the one conversation that she can hold at once.
fn fill(room: &mut Room) {
    room.play("ask t1 cameras");
    room.play("alice@t1: Hello");
}

fn wait(room: &Room, ticket: &str) -> Option<Wait> {
    room.desk.ticket(&TicketId::new(ticket)).unwrap().wait
}

#[test]
fn a_desk_that_knows_nothing_promises_nothing() {
    let mut room = after(9, 30);
    fill(&mut room);
    room.play("ask t4 cameras");
    assert_eq!(wait(&room, "t4"), None);
    room.play("t1 end");
    room.play("ask t5 cameras");
    assert!(wait(&room, "t5").is_some(), "ten conversations are enough");
    let scores = room.desk.estimate_scores();
    assert_eq!((scores.total.unknown, scores.total.promised), (1, 2));
}

#[test]
fn a_desk_that_has_seen_few_conversations_goes_by_what_is_usual() {
    let mut room = after_in(sample(), 9, 30);
    fill(&mut room);
    room.play("ask t4 cameras");
    let first = wait(&room, "t4").unwrap();
    // Ten conversations of 240 s are believed in beside the nine, and ten seconds of rest.
    assert!((150..=152).contains(&first.seconds), "{first:?}");
    assert!(first.high > 2 * first.seconds, "little is known: {first:?}");
    room.play("ask t5 cameras");
    let second = wait(&room, "t5").unwrap();
    assert!(second.seconds > first.seconds + 100, "{second:?}");
}

#[test]
fn while_nobody_is_at_work_no_wait_is_promised() {
    let mut room = Room::new(sample());
    room.play("alice available");
    fill(&mut room);
    room.play("ask t4 cameras");
    room.play("alice offline");
    assert_eq!(wait(&room, "t4"), None);
}

/// Conversations of two minutes each and ten seconds of rest leave no doubt when it is whose turn.
#[test]
fn conversations_that_never_differ_give_a_wait_without_doubt() {
    let mut room = after(12, 120);
    fill(&mut room);
    room.play("ask t4 cameras");
    let first = wait(&room, "t4").unwrap();
    assert_eq!(first.seconds, 135);
    assert!(first.low <= 130 && 130 <= first.high, "{first:?}");
    room.play("ask t5 cameras");
    let later = wait(&room, "t5").unwrap();
    assert_eq!(later.seconds, 255, "behind one more");
}

#[test]
fn what_has_passed_of_the_conversations_in_hand_shortens_the_wait() {
    let mut room = after(12, 120);
    fill(&mut room);
    room.play("60s");
    room.play("ask t4 cameras");
    let wait = wait(&room, "t4").unwrap();
    assert!(wait.low <= 70 && 70 <= wait.high, "{wait:?}");
    assert!(wait.high < 100, "{wait:?}");
}

#[test]
fn a_restart_forgets_nothing_that_was_learnt() {
    let mut room = after(12, 120);
    fill(&mut room);
    room.play("ask t4 cameras");
    let before = wait(&room, "t4");
    room.restart();
    room.play("alice available");
    assert_eq!(wait(&room, "t4"), before);
}

/// Everybody sets another deadline, each of which would have to be played: all are promised all the same, and it is
/// counted how.
#[test]
fn wishes_that_cannot_be_played_in_time_are_promised_by_length_and_counted() {
    let mut room = after(12, 120);
    fill(&mut room);
    let asked = 70;
    for number in 0..asked {
        let ticket = format!("t5{number}");
        room.play(&format!(
            "ask {ticket} cameras prefer=best wait={}",
            300 + number
        ));
        assert!(wait(&room, &ticket).is_some());
    }
    let total = room.desk.estimate_scores().total;
    assert_eq!(total.promised, asked);
    assert!((20..asked).contains(&total.by_length), "{total:?}");
}

/// A desk that counts as large, beside the same that is small: changes that follow each other at once share a
/// forecast, and who waits is told a few times a second; a click is answered by a forecast of its moment.
#[test]
fn a_large_desk_tells_those_who_wait_later_and_answers_clicks_as_a_small_one() {
    let mut small = after(12, 120);
    let mut large = after(12, 120);
    large.desk = large.desk.forecasting_seldom_from(0);
    let position = |room: &Room, ticket| {
        let view = room.desk.ticket(&TicketId::new(ticket));
        view.unwrap().position.unwrap()
    };
    for room in [&mut small, &mut large] {
        fill(room);
        for ask in ["ask t4 cameras", "ask t5 cameras", "ask t6 cameras"] {
            room.play(ask);
        }
        room.pass(Duration::from_millis(1_500));
        assert_eq!(position(room, "t6"), 3);
        room.play("t4 end");
        room.play("t5 end");
    }
    assert_eq!(position(&small, "t6"), 1);
    assert_eq!(position(&large, "t6"), 2, "told a moment ago");
    for room in [&mut small, &mut large] {
        room.pass(Duration::from_millis(20));
        room.play("ask t7 cameras");
    }
    assert_eq!(position(&large, "t7"), 2);
    assert_eq!(wait(&large, "t7"), wait(&small, "t7"));
    assert_eq!(position(&large, "t6"), 2);
    large.pass(Duration::from_millis(250));
    assert_eq!(position(&large, "t6"), 1, "told by time alone");
}

/// A forecast is told to every group, so that many of them make a desk large although hardly anybody waits there.
#[test]
fn a_desk_of_many_groups_counts_as_large() {
    let with_tiers = |tiers: usize| {
        let mut config = sample();
        config.routing.handling = None;
        let more = (0..tiers).map(|number| Tier {
            id: TierId::new(&format!("tier{number}")),
            weight: 1.0,
        });
        config.tiers.extend(more);
        after_in(config, 12, 120)
    };
    let position = |room: &Room| {
        let view = room.desk.ticket(&TicketId::new("t6"));
        view.unwrap().position.unwrap()
    };
    // Four skills of two sites, each with three tiers and these: 212 and 256 groups.
    for (tiers, told_at_once) in [(50, true), (61, false)] {
        let mut room = with_tiers(tiers);
        let groups = room.desk.snapshot();
        let groups: usize = groups.sites.iter().map(|site| site.groups.len()).sum();
        assert_eq!(groups, 4 * (3 + tiers));
        fill(&mut room);
        for ask in ["ask t4 cameras", "ask t5 cameras", "ask t6 cameras"] {
            room.play(ask);
        }
        room.pass(Duration::from_millis(1_500));
        assert_eq!(position(&room), 3);
        room.play("t4 end");
        room.play("t5 end");
        assert_eq!(position(&room) == 1, told_at_once, "{groups} groups");
        room.pass(Duration::from_millis(300));
        assert_eq!(position(&room), 1);
    }
}

/// Ten thousand who are told in one turn would hold up everybody else.
#[test]
fn of_many_who_wait_a_thousand_are_told_in_a_turn() {
    const ASKED: u32 = 2_500;
    let mut config = sample();
    config.routing.queue_limit = 3_000;
    let mut room = after_in(config, 12, 120);
    fill(&mut room);
    let ticket = |number: u32| format!("t5{number:04}");
    for number in 1..=ASKED {
        room.play(&format!("ask {} cameras", ticket(number)));
    }
    // All but the first know of this place.
    let told = |room: &Room, place: fn(u32) -> u32| {
        let knows = |number: &u32| {
            let view = room.desk.ticket(&TicketId::new(&ticket(*number)));
            view.unwrap().position == Some(place(*number))
        };
        (2..=ASKED).filter(knows).count()
    };
    room.pass(Duration::from_secs(2));
    assert_eq!(told(&room, |number| number), 2_499);
    room.play(&format!("{} end", ticket(1)));
    assert_eq!(told(&room, |number| number - 1), 1_000);
    // Who leaves meanwhile leaves it as it is for those who were told, until they are told again.
    room.play(&format!("{} end", ticket(ASKED)));
    assert_eq!(told(&room, |number| number - 1), 2_000);
    room.pass(Duration::from_millis(1));
    assert_eq!(told(&room, |number| number - 1), 2_498);
}
