//! What a rep does at a console: taking without a word, lines that come twice, wrap-ups cut short, and the seat as shown.

use std::sync::Arc;

use helpdesk::{Input, LineId, Record, RepId, ReplyId, Seq, Stand, TicketId};

use crate::room::Room;
use crate::samples::{routed, sample};

fn alice() -> RepId {
    RepId::new("alice")
}

fn t1() -> TicketId {
    TicketId::new("t1")
}

fn take(room: &mut Room) {
    room.input(Input::RepTake {
        rep: alice(),
        ticket: t1(),
        reply: ReplyId(7),
    });
}

fn say(room: &mut Room, id: &str, text: &str) {
    room.input(Input::RepLine {
        rep: alice(),
        ticket: t1(),
        id: LineId::new(id),
        text: Arc::from(text),
        reply: ReplyId(8),
    });
}

fn lines(room: &Room) -> Vec<String> {
    let ticket = t1();
    let lines = room.desk.lines_after(&ticket, Seq(0));
    lines.map(|line| line.text.to_string()).collect()
}

#[test]
fn an_offer_is_taken_without_a_word() {
    let mut room = Room::new(sample());
    for line in [
        "alice available",
        "ask t1 cameras name=Zoe form=Order:42 : Hi",
    ] {
        room.play(line);
    }
    let view = room.desk.seat_view(&alice()).unwrap();
    let [order] = &view.in_hand[0].details[..] else {
        panic!("{view:?}")
    };
    assert_eq!((&*order.label, &*order.answer), ("Order", "42"));
    let Stand::Offered { until_unix_ms } = view.in_hand[0].stand else {
        panic!("{view:?}")
    };
    assert_eq!(until_unix_ms, room.unix_ms() + 20_000);
    assert_eq!(view.in_hand[0].name.as_deref(), Some("Zoe"));
    take(&mut room);
    let view = room.desk.seat_view(&alice()).unwrap();
    assert!(matches!(view.in_hand[0].stand, Stand::Open { .. }));
    assert_eq!(lines(&room), ["Hi", "Alice has joined."]);
    // Taken twice, it is taken once.
    take(&mut room);
    assert_eq!(lines(&room).len(), 2);
}

#[test]
fn a_line_that_comes_twice_is_said_once() {
    let mut room = Room::new(sample());
    for line in ["alice available", "ask t1 cameras"] {
        room.play(line);
    }
    for id in ["a", "b", "a", "b"] {
        say(&mut room, id, id);
    }
    assert_eq!(lines(&room), ["Alice has joined.", "a", "b"]);
    // Also over a restart, after which the console does not know what was heard.
    room.play("restart");
    room.play("alice available");
    say(&mut room, "b", "b");
    say(&mut room, "c", "c");
    assert_eq!(lines(&room), ["Alice has joined.", "a", "b", "c"]);
}

#[test]
fn a_lapsed_offer_is_in_sight_until_somebody_has_it() {
    let mut room = Room::new(sample());
    for line in ["alice available", "ask t1 cameras", "20s"] {
        room.play(line);
    }
    let view = room.desk.seat_view(&alice()).unwrap();
    assert_eq!(view.in_hand[0].stand, Stand::Lapsed);
    assert!(view.doubted_until_unix_ms.is_some());
    take(&mut room);
    let view = room.desk.seat_view(&alice()).unwrap();
    assert!(matches!(view.in_hand[0].stand, Stand::Open { .. }));
    assert_eq!(view.doubted_until_unix_ms, None);
}

#[test]
fn a_sign_of_life_ends_the_doubt() {
    let mut room = Room::new(sample());
    for line in ["alice available", "ask t1 cameras", "20s", "t1 end"] {
        room.play(line);
    }
    assert!(!room.desk.seat_view(&alice()).unwrap().is_free);
    room.input(Input::RepLife { rep: alice() });
    assert!(room.desk.seat_view(&alice()).unwrap().is_free);
}

#[test]
fn a_rep_who_is_ready_pulls_the_queue_at_once() {
    let config = routed(|routing| routing.wrap_up = std::time::Duration::from_secs(60));
    let mut room = Room::new(config);
    for line in ["alice available", "ask t1 cameras", "alice: hello"] {
        room.play(line);
    }
    room.play("ask t2 cameras");
    say(&mut room, "e", "/end");
    let view = room.desk.seat_view(&alice()).unwrap();
    assert_eq!(view.wrap_ups_unix_ms, [room.unix_ms() + 60_000]);
    assert!(view.in_hand.is_empty());
    room.input(Input::RepReady { rep: alice() });
    let view = room.desk.seat_view(&alice()).unwrap();
    assert!(matches!(view.in_hand[0].stand, Stand::Offered { .. }));
}

#[test]
fn nobody_takes_what_is_offered_to_another() {
    let mut room = Room::new(sample());
    for line in ["alice available", "ask t1 cameras", "bob available"] {
        room.play(line);
    }
    room.input(Input::RepTake {
        rep: RepId::new("bob"),
        ticket: t1(),
        reply: ReplyId(7),
    });
    let view = room.desk.seat_view(&alice()).unwrap();
    assert!(matches!(view.in_hand[0].stand, Stand::Offered { .. }));
    assert!(
        room.desk
            .seat_view(&RepId::new("bob"))
            .unwrap()
            .in_hand
            .is_empty()
    );
}

#[test]
fn a_note_is_kept_of_a_conversation_that_is_or_was_the_reps_own() {
    let mut room = Room::new(sample());
    let note = |room: &mut Room, rep: &str, text: &str| {
        room.input(Input::RepNote {
            rep: RepId::new(rep),
            ticket: t1(),
            text: Arc::from(text),
            reply: ReplyId(9),
        });
        let notes = room.records.iter().filter_map(|record| match record {
            Record::Noted { rep, text, .. } => Some(format!("{rep}: {text}")),
            _ => None,
        });
        notes.collect::<Vec<_>>()
    };
    for line in ["alice available", "bob available", "ask t1 cameras"] {
        room.play(line);
    }
    // It is offered to alice, and nobody has talked yet.
    assert!(note(&mut room, "alice", "too early").is_empty());
    take(&mut room);
    assert_eq!(
        note(&mut room, "alice", " likes\nmail "),
        ["alice: likes\nmail"]
    );
    say(&mut room, "e", "/end");
    let long = "x".repeat(helpdesk::NOTE_CHARS + 1);
    let kept = note(&mut room, "alice", &long);
    assert_eq!(kept.len(), 2, "the end changes nothing");
    assert_eq!(kept[1].len(), "alice: ".len() + long.len() - 1);
    assert_eq!(note(&mut room, "bob", "was never mine"), kept);
    room.restart();
    assert_eq!(note(&mut room, "alice", "").len(), 3, "nor does a restart");
}

#[test]
fn a_rep_sees_since_when_the_shopper_is_out_of_reach() {
    let mut room = Room::new(sample());
    for line in [
        "alice available",
        "ask t1 cameras : Hi",
        "t1 page here",
        "t1 page gone",
    ] {
        room.play(line);
    }
    let gone = |room: &Room| {
        let view = room.desk.seat_view(&alice()).unwrap();
        view.in_hand[0].gone_since_unix_ms
    };
    // An offer is no conversation yet.
    assert_eq!(gone(&room), None);
    let left_at = room.unix_ms();
    take(&mut room);
    room.desk.take_changed_seats();
    assert_eq!(gone(&room), Some(left_at));
    room.play("t1 page here");
    assert!(room.desk.take_changed_seats().contains(&alice()));
    assert_eq!(gone(&room), None);
}
