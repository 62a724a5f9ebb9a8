//! What holds whatever happens in whatever order.

use std::collections::BTreeSet;
use std::time::Duration;

use helpdesk::{
    Answer, AskRefused, Choose, Config, GroupState, Helpdesk, Hours, Level, Prefer, Preference,
    Priority, Record, Relax, Seq, SkillId, TicketState, TierId, Wishes,
};
use jiff::tz::TimeZone;
use presence::Availability;
use proptest::prelude::*;

use crate::account::Stage;
use crate::room::any_instant;
use crate::samples::{level, relax, sample};
use crate::watched::{Event, REPS, SKILLS, TIERS, Watched, ticket_id};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The watch itself checks: no ticket lost, opened, offered or ended twice, no rep beyond capacity,
    /// nobody asked who must not be, nobody idle while somebody waits, lines without gaps, no state told
    /// twice, every wake-up to some purpose.
    #[test]
    fn the_account_of_tickets_and_reps_is_kept(events in events(), config in config()) {
        Watched::new(config, any_instant()).play(&events);
    }

    #[test]
    fn a_group_says_what_a_click_meets(
        events in events(),
        config in config(),
        skill in 0..3usize,
        tier in 0..3usize,
    ) {
        let mut watched = Watched::new(config, any_instant());
        watched.play(&events);
        let snapshot = watched.desk.snapshot();
        let [skill] = SKILLS[skill] else {
            panic!("the first asks name one skill each")
        };
        let group = snapshot.sites[0]
            .groups
            .iter()
            .find(|group| group.skill.as_str() == *skill && group.tier.as_str() == TIERS[tier])
            .unwrap();
        let answer = watched.ask(&[skill], TIERS[tier], None);
        match answer {
            Answer::Ticket(view) if view.state == TicketState::Offered => {
                prop_assert_eq!(group.state, GroupState::Available);
            }
            Answer::Ticket(view) => {
                prop_assert_eq!(group.state, GroupState::Wait);
                prop_assert_eq!(group.wait, view.wait);
            }
            Answer::Refused(AskRefused::QueueFull) => {
                prop_assert_eq!(group.state, GroupState::Wait);
            }
            Answer::Refused(AskRefused::Closed) => {
                prop_assert_eq!(group.state, GroupState::Closed);
                prop_assert_eq!(group.opens_unix_ms, None);
            }
            Answer::Refused(AskRefused::OutsideHours { opens_unix_ms }) => {
                prop_assert_eq!(group.state, GroupState::Closed);
                prop_assert_eq!(group.opens_unix_ms, opens_unix_ms);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    /// A large desk forecasts waits seldom; all else holds at every moment.
    #[test]
    fn a_large_desk_keeps_the_same_account(
        events in events(),
        config in config(),
        skill in 0..3usize,
        tier in 0..3usize,
    ) {
        let mut watched = Watched::large(config, any_instant());
        watched.play(&events);
        let snapshot = watched.desk.snapshot();
        let [skill] = SKILLS[skill] else {
            panic!("the first asks name one skill each")
        };
        let groups = &snapshot.sites[0].groups;
        let asked_for = |group: &&helpdesk::GroupSnapshot| {
            group.skill.as_str() == *skill && group.tier.as_str() == TIERS[tier]
        };
        let group = groups.iter().find(asked_for).unwrap();
        let met = match watched.ask(&[skill], TIERS[tier], None) {
            Answer::Ticket(view) if view.state == TicketState::Offered => GroupState::Available,
            Answer::Ticket(view) => {
                prop_assert_eq!(group.wait.is_some(), view.wait.is_some());
                GroupState::Wait
            }
            Answer::Refused(AskRefused::QueueFull) => GroupState::Wait,
            Answer::Refused(_) => GroupState::Closed,
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(group.state, met);
    }

    #[test]
    fn a_restart_brings_back_every_ticket(events in events(), config in config()) {
        let mut watched = Watched::new(config, any_instant());
        watched.play(&events);
        let mut restored = watched.restored();
        same_tickets(&watched, &restored);
        let mut interrupted = BTreeSet::new();
        while let Some(output) = restored.poll_output() {
            if let helpdesk::Output::Record(record) = output {
                match &record {
                    Record::OfferEnded { ticket, .. } => {
                        interrupted.insert(ticket.clone());
                    }
                    Record::Promised { .. } | Record::Decided(_) | Record::Scored { .. } => {}
                    other => panic!("a restart ends offers, nothing else: {other:?}"),
                }
                watched.records.push(record);
            }
        }
        let offered = watched
            .tickets
            .iter()
            .filter(|(_, account)| matches!(account.stage, Stage::Offered(_)))
            .map(|(id, _)| id.clone());
        prop_assert_eq!(interrupted, offered.collect::<BTreeSet<_>>());
        same_tickets(&watched, &watched.restored());
    }

    #[test]
    fn the_same_events_give_the_same_outputs(events in events(), config in config()) {
        let start = any_instant();
        let mut one = Watched::new(config.clone(), start);
        let mut two = Watched::new(config, start);
        one.play(&events);
        two.play(&events);
        prop_assert!(one.desk.all_decisions().eq(two.desk.all_decisions()));
        prop_assert_eq!(one.outputs, two.outputs);
    }

    #[test]
    fn every_ticket_is_served_once_reps_work(events in events(), config in config()) {
        let mut watched = Watched::new(config, any_instant());
        watched.play(&events);
        for rep in 0..REPS.len() {
            let free = [Event::Pause(rep, 0), Event::Calls(rep, 0)];
            watched.play(&free);
            watched.play(&[Event::Presence(rep, Availability::Available)]);
        }
        for _ in 0..40 {
            for rep in (0..REPS.len()).filter(|&rep| watched.has_work(rep)).collect::<Vec<_>>() {
                let says = |text| Event::RepSays { rep, to: None, text };
                watched.play(&[says("hello"), says("/end")]);
            }
            watched.play(&[Event::Pass(15)]);
        }
        for (id, account) in &watched.tickets {
            prop_assert_eq!(&account.stage, &Stage::Ended, "{} is stuck", id);
        }
    }

    /// What others write reaches a rep as lines of text, never as controls.
    #[test]
    fn no_text_breaks_anything(name in any::<String>(), text in any::<String>(), said in ".*|/.*") {
        let mut watched = Watched::new(sample(), any_instant());
        watched.happen(&Event::Presence(0, Availability::Available));
        watched.ask_in_words(&name, &text);
        for said in [said.as_str(), "hello", said.as_str()] {
            watched.say_in_words(REPS[0], said);
        }
        for output in &watched.outputs {
            if let helpdesk::Output::ToRep { text, .. } = output {
                prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
            }
        }
    }

    #[test]
    fn a_new_configuration_loses_nothing(before in events(), after in events(), config in config()) {
        let mut watched = Watched::new(sample(), any_instant());
        for event in &before {
            watched.happen(event);
        }
        let states = |desk: &Helpdesk| -> Vec<Option<TicketState>> {
            (1..=before.len())
                .map(|number| desk.ticket(&ticket_id(number)).map(|view| view.state))
                .collect()
        };
        let open = |states: &[Option<TicketState>]| -> Vec<bool> {
            states.iter().map(|state| *state == Some(TicketState::Open)).collect()
        };
        let then = states(&watched.desk);
        watched.desk.reconfigure(config, watched.now).unwrap();
        let now = states(&watched.desk);
        prop_assert_eq!(open(&then), open(&now));
        for (before, after) in then.iter().zip(&now) {
            prop_assert_eq!(before.is_some(), after.is_some());
        }
        for event in &after {
            // The account does not know the new configuration; only that nothing panics is checked.
            if let Event::Pass(seconds) = event {
                watched.now += Duration::from_secs(*seconds);
                watched.desk.handle_timeout(watched.now);
            }
        }
    }
}

fn same_tickets(watched: &Watched, restored: &Helpdesk) {
    for id in watched.tickets.keys() {
        let (before, after) = (watched.desk.ticket(id), restored.ticket(id));
        let settled = |state| match state {
            TicketState::Offered => TicketState::Queued,
            other => other,
        };
        assert_eq!(
            before.as_ref().map(|view| settled(view.state)),
            after.as_ref().map(|view| view.state),
            "{id}"
        );
        if let (Some(before), Some(after)) = (before, after)
            && after.state == TicketState::Open
        {
            assert_eq!(before.rep, after.rep);
        }
        let lines = |desk: &Helpdesk| desk.lines_after(id, Seq(0)).cloned().collect::<Vec<_>>();
        assert_eq!(lines(&watched.desk), lines(restored));
        assert_eq!(watched.desk.access(id), restored.access(id));
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let availability = prop_oneof![
        4 => Just(Availability::Available),
        1 => Just(Availability::Busy),
        1 => Just(Availability::Away),
        1 => Just(Availability::Offline),
    ];
    let text = prop_oneof![
        6 => Just("hello"),
        3 => Just("/no"),
        3 => Just("/end"),
        1 => Just("/to lenses"),
        1 => Just("/to bob"),
        1 => Just("/to erin"),
        1 => Just("/who"),
        1 => Just("/pause 1"),
        1 => Just("/resume"),
        1 => Just("/dance"),
    ];
    let rep = 0..REPS.len();
    let ticket = 1..12usize;
    let named = prop_oneof![4 => Just(None), 1 => rep.clone().prop_map(Some)];
    let to = prop_oneof![2 => Just(None), 1 => ticket.clone().prop_map(Some)];
    let event = prop_oneof![
        8 => (rep.clone(), availability).prop_map(|(rep, state)| Event::Presence(rep, state)),
        8 => (0..SKILLS.len(), 0..TIERS.len(), named, wishes())
            .prop_map(|(skills, tier, named, mut wishes)| {
                // A least level is of a skill that is asked for.
                for (skill, _) in &mut wishes.least_levels {
                    *skill = SkillId::new(SKILLS[skills][0]);
                }
                Event::Ask { skills, tier, named, wishes }
            }),
        1 => (rep.clone(), prop_oneof![Just(0), 1..90u64])
            .prop_map(|(rep, seconds)| Event::Pause(rep, seconds)),
        1 => (rep.clone(), 0..2u32).prop_map(|(rep, calls)| Event::Calls(rep, calls)),
        4 => ticket.clone().prop_map(Event::ShopperSays),
        2 => ticket.prop_map(Event::ShopperEnds),
        12 => (rep, to, text).prop_map(|(rep, to, text)| Event::RepSays { rep, to, text }),
        2 => (0..3usize).prop_map(Event::Fail),
        1 => Just(Event::Restart),
        6 => prop_oneof![0..3u64, 3..70u64, Just(600u64)].prop_map(Event::Pass),
    ];
    prop::collection::vec(event, 0..80)
}

fn wishes() -> impl Strategy<Value = Wishes> {
    let prefer = prop::sample::select(vec![None, None, Some(Prefer::Best), Some(Prefer::First)]);
    let preferred = prop::option::weighted(0.2, (0..3usize, 1..100u8));
    let least = prop::option::weighted(0.2, 1..90u8);
    let deadline = prop::option::weighted(0.2, 0..90u64);
    (prefer, preferred, least, deadline).prop_map(|(prefer, preferred, least, deadline)| Wishes {
        least_levels: least
            .map(|least| (SkillId::new("cameras"), level(least)))
            .into_iter()
            .collect(),
        preferred: preferred
            .map(|(skill, weight)| Preference {
                skill: SkillId::new(SKILLS[skill][0]),
                weight: level(weight),
                least_level: None,
            })
            .into_iter()
            .collect(),
        prefer,
        rep_deadline: deadline.map(Duration::from_secs),
    })
}

/// The sample's skills and tiers, reps of any skills, rules that do not narrow, hours now and then.
fn config() -> impl Strategy<Value = Config> {
    let priority = prop_oneof![Just(Priority::Weighted), Just(Priority::Strict)];
    let choose = prop_oneof![Just(Choose::Best), Just(Choose::LongestIdle)];
    let rules = prop_oneof![
        3 => Just(Vec::new()),
        1 => Just(vec![
            Relax {
                accept: vec![SkillId::new("lenses")],
                skill: Some(SkillId::new("cameras")),
                ..relax(30)
            },
            Relax { any_tier: true, ..relax(60) },
        ]),
        1 => Just(vec![
            Relax { min_level: Some(level(60)), ..relax(30) },
            Relax { min_level: Some(level(1)), any_tier: true, ..relax(60) },
        ]),
    ];
    let reps = prop_oneof![
        1 => Just(None),
        2 => prop::collection::vec(roster_of_one(), REPS.len()).prop_map(Some),
    ];
    let capacities = prop::collection::vec(1..4u32, REPS.len());
    // The play begins on a Tuesday at 22:13:20.
    let hours = prop::option::weighted(
        0.2,
        prop::sample::select(vec![
            "Tu 22:00-22:15",
            "22:20-23:30",
            "Tu 22:00-22:14,22:30-23:00",
        ]),
    );
    (priority, choose, rules, reps, capacities, hours).prop_map(
        |(priority, choose, rules, reps, capacities, hours)| {
            let mut config = sample();
            config.routing.priority = priority;
            config.routing.choose = choose;
            config.routing.relax = rules;
            config.routing.queue_limit = 6;
            for (rep, capacity) in config.reps.iter_mut().zip(capacities) {
                rep.capacity = capacity;
            }
            for (rep, (skills, tiers)) in config.reps.iter_mut().zip(reps.into_iter().flatten()) {
                rep.skills = skills;
                rep.tiers = tiers;
            }
            let read = |text| Hours::read(text, TimeZone::UTC, None).unwrap();
            config.sites[0].hours = hours.map(read);
            config
        },
    )
}

type Roster = (Vec<(SkillId, Level)>, Option<Vec<TierId>>);

fn roster_of_one() -> impl Strategy<Value = Roster> {
    let skills = prop::collection::btree_map(0..3usize, 1..=100u8, 1..4);
    let tiers = prop::option::weighted(0.3, prop::collection::btree_set(0..3usize, 1..3));
    (skills, tiers).prop_map(|(skills, tiers)| {
        let skill = |(skill, of): (usize, u8)| (SkillId::new(SKILLS[skill][0]), level(of));
        let tier = |tier| TierId::new(TIERS[tier]);
        (
            skills.into_iter().map(skill).collect(),
            tiers.map(|tiers| tiers.into_iter().map(tier).collect()),
        )
    })
}
