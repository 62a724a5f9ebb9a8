//! That nobody waits for ever: behind heavier tiers, or because everybody declines.

use std::collections::BTreeSet;
use std::time::Duration;

use helpdesk::{Config, Priority, Record, TicketId, TicketState};
use proptest::prelude::*;

use crate::room::Room;
use crate::samples::{rep, routed, sample};

/// Names of reps, for as many as a play needs.
const REPS: [&str; 3] = ["alice", "bob", "erin"];

/// A light ticket behind heavier ones that keep coming.
#[derive(Debug, Clone)]
struct Rush {
    /// The levels of the reps, who hold one conversation each.
    levels: Vec<u8>,
    /// What every conversation takes, in seconds.
    handling: u64,
    /// Heavier tickets that wait before it.
    queued: usize,
    /// Work that heavier tickets bring, as a share of what the reps can do.
    load: f64,
    /// What heavier tickets are too late by, in seconds, one after the other and over again.
    lateness: Vec<u64>,
    /// What tier they are of, the same way.
    tiers: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    End { rep: String, ticket: String },
    Ask(usize),
}

/// Weights of the sample's tiers: standard 1, platinum 4.
const LIGHT_OVER_HEAVY: f64 = 1.0 / 4.0;
const MOST_LATE: u64 = 120;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Who came at s and goes before a light ticket that came at 0 and waits at t has 4 (t - s) > t, so that
    /// s < t (1 - 1/4). The n reps are busy all the time T that the light one waits, with conversations
    /// begun before, with those queued before it, and with who came before T (1 - 1/4): hence
    /// T <= handling (n + queued + 1 + rate x lateness) / n / (1 - load (1 - 1/4)), at any load up to 1
    /// and some way beyond. Under strict priority nothing of the kind holds.
    #[test]
    fn nobody_starves_behind_heavier_tiers(rush in rush()) {
        let bound = rush.bound();
        let waited = rush.wait_of_the_light_one(sample(), bound);
        prop_assert!(waited.is_some(), "still waits after {bound} s");
    }

    /// Whatever reps decline and however fast, nobody is asked for one ticket twice within a minute.
    #[test]
    fn no_decline_is_answered_by_the_same_offer(pauses in prop::collection::vec(0..25u64, 1..40)) {
        let mut room = Room::new(sample());
        room.play("alice, bob, erin available");
        room.play("ask t1 cameras");
        for pause in &pauses {
            if let Some((rep, _)) = offers(&room).last() {
                room.play(&format!("{rep}@t1: /no"));
            }
            room.pass(Duration::from_secs(*pause));
        }
        for rep in REPS {
            let times: Vec<i64> = offers(&room)
                .into_iter()
                .filter(|(asked, _)| asked == rep)
                .map(|(_, at)| at)
                .collect();
            for pair in times.windows(2) {
                prop_assert!(pair[1] - pair[0] >= 60_000, "{rep} at {times:?}");
            }
        }
    }
}

/// The bound is owed to the weighted score and to nothing else in the play.
#[test]
fn strict_priority_starves() {
    let rush = Rush {
        levels: vec![80],
        handling: 60,
        queued: 3,
        load: 1.0,
        lateness: vec![0],
        tiers: vec!["platinum"],
    };
    let bound = rush.bound();
    assert!(rush.wait_of_the_light_one(sample(), bound).is_some());
    let strict = routed(|routing| routing.priority = Priority::Strict);
    assert_eq!(rush.wait_of_the_light_one(strict, 3.0 * bound), None);
}

#[test]
fn a_ticket_that_everybody_declines_waits_for_who_comes_next() {
    let mut room = Room::new(sample());
    room.play("alice, bob available");
    room.play("ask t1 cameras");
    for _ in 0..590 {
        if let Some(rep) = offered_to(&room) {
            room.play(&format!("{rep}@t1: /no"));
        }
        room.pass(Duration::from_secs(1));
    }
    let asked = offers(&room).len();
    assert!(
        (20..=22).contains(&asked),
        "two reps, once a minute: {asked}"
    );
    let view = room.desk.ticket(&TicketId::new("t1")).unwrap();
    assert_eq!(view.state, TicketState::Queued);
    assert_eq!(view.position, Some(1));
    assert!(room.trace.ends_with(&told_queued(&room)), "{}", room.trace);

    room.play("erin available");
    assert_eq!(offered_to(&room).as_deref(), Some("erin"));
    room.play("erin@t1: I can help");
    let view = room.desk.ticket(&TicketId::new("t1")).unwrap();
    assert_eq!(view.state, TicketState::Open);
    assert_eq!(view.rep.as_deref(), Some("Erin"));
}

impl Rush {
    fn reps(&self) -> f64 {
        self.levels.len() as f64
    }

    /// Heavier tickets a second.
    fn rate(&self) -> f64 {
        self.load * self.reps() / self.handling as f64
    }

    /// Seconds that the light ticket waits at most.
    fn bound(&self) -> f64 {
        let before = self.reps() + self.queued as f64 + 1.0 + self.rate() * MOST_LATE as f64;
        let emptied = 1.0 - self.load * (1.0 - LIGHT_OVER_HEAVY);
        self.handling as f64 * before / self.reps() / emptied
    }

    /// Seconds until the light ticket is taken; `None` if it is not within `limit`.
    fn wait_of_the_light_one(&self, mut config: Config, limit: f64) -> Option<u64> {
        config.reps = REPS
            .iter()
            .zip(&self.levels)
            .map(|(id, level)| rep(id, &format!("cameras {level}")))
            .collect();
        config.routing.queue_limit = 1_000;
        config.routing.wrap_up = Duration::ZERO;
        let mut room = Room::new(config);
        let mut agenda = BTreeSet::new();
        let mut heavier = 0;
        for rep in REPS.iter().take(self.levels.len()) {
            room.play(&format!("{rep} available"));
        }
        for _ in 0..self.levels.len() + self.queued {
            self.ask(&mut room, heavier);
            heavier += 1;
            self.answer(&mut room, &mut agenda, 0);
        }
        room.play("ask tlight cameras standard");
        agenda.insert((self.due(heavier, heavier), Next::Ask(heavier)));
        let first = heavier;
        let mut now = 0;
        while let Some((at, next)) = agenda.pop_first() {
            if at as f64 > limit {
                return None;
            }
            room.pass(Duration::from_secs(at - now));
            now = at;
            match next {
                Next::End { rep, ticket } => room.play(&format!("{rep}@{ticket}: /end")),
                Next::Ask(number) => {
                    self.ask(&mut room, number);
                    let due = self.due(first, number + 1).max(now);
                    agenda.insert((due, Next::Ask(number + 1)));
                }
            }
            if self.answer(&mut room, &mut agenda, now) {
                return Some(now);
            }
        }
        None
    }

    fn ask(&self, room: &mut Room, number: usize) {
        let tier = self.tiers[number % self.tiers.len()];
        room.play(&format!("ask t{number} cameras {tier}"));
    }

    /// When the heavier ticket of this number comes.
    fn due(&self, first: usize, number: usize) -> u64 {
        let regular = ((number - first) as f64 / self.rate()).ceil() as u64;
        regular + self.lateness[number % self.lateness.len()]
    }

    /// Every offer is taken at once; says whether the light ticket was among them.
    fn answer(&self, room: &mut Room, agenda: &mut BTreeSet<(u64, Next)>, now: u64) -> bool {
        let offered: Vec<(String, String)> = room
            .records
            .drain(..)
            .filter_map(|record| match record {
                Record::Offered { ticket, rep, .. } => {
                    Some((rep.as_str().to_owned(), ticket.as_str().to_owned()))
                }
                _ => None,
            })
            .collect();
        for (rep, ticket) in &offered {
            room.play(&format!("{rep}@{ticket}: hello"));
            let end = Next::End {
                rep: rep.clone(),
                ticket: ticket.clone(),
            };
            agenda.insert((now + self.handling, end));
        }
        offered.iter().any(|(_, ticket)| ticket == "tlight")
    }
}

fn rush() -> impl Strategy<Value = Rush> {
    let levels = prop::collection::vec(1..=100u8, 1..=REPS.len());
    let lateness = prop::collection::vec(0..=MOST_LATE, 1..8);
    let tiers = prop::collection::vec(prop::sample::select(vec!["gold", "platinum"]), 1..8);
    (levels, 60..300u64, 0..4usize, 0.5..1.0, lateness, tiers).prop_map(
        |(levels, handling, queued, load, lateness, tiers)| Rush {
            levels,
            handling,
            queued,
            load,
            lateness,
            tiers,
        },
    )
}

/// Who was offered the ticket, and when.
fn offers(room: &Room) -> Vec<(String, i64)> {
    let offered = room.records.iter().filter_map(|record| match record {
        Record::Offered {
            rep, at_unix_ms, ..
        } => Some((rep.as_str().to_owned(), *at_unix_ms)),
        _ => None,
    });
    offered.collect()
}

/// Who has the offer at this moment.
fn offered_to(room: &Room) -> Option<String> {
    let view = room.desk.ticket(&TicketId::new("t1"))?;
    let is_offered = view.state == TicketState::Offered;
    is_offered.then(|| offers(room).pop().map(|(rep, _)| rep))?
}

/// What the shopper was told last: the place in the queue.
fn told_queued(room: &Room) -> String {
    let last = room.trace.lines().rfind(|line| line.starts_with("< t1 is"));
    let last = last.unwrap_or_default();
    assert!(last.starts_with("< t1 is queued at 1"), "{last}");
    format!("{last}\n")
}

/// Whoever waits is told, but not all in one breath: nobody else is kept waiting for it.
#[test]
fn the_last_to_leave_keeps_nobody_waiting_but_those_who_wait() {
    let mut room = Room::new(routed(|routing| routing.queue_limit = 1_000));
    room.play("alice busy");
    for number in 1..=600 {
        room.play(&format!("ask t{number} cameras"));
    }
    let told = |room: &Room| room.trace.matches("Nobody who can help").count();
    room.play("alice offline");
    assert_eq!(told(&room), 256);
    room.play("1s");
    assert_eq!(told(&room), 600);
    let stranded = room.desk.all_decisions();
    let stranded = stranded.filter(|one| one.outcome == helpdesk::Outcome::Stranded);
    assert_eq!(stranded.count(), 600);
}
