//! Faulty configurations, and what a new one does to what is under way.

use std::time::Duration;

use expect_test::expect;
use helpdesk::{Clock, Config, Helpdesk, Level, RepId, SkillId, Tier, TierId};

use crate::room::{Room, any_instant};
use crate::samples::{relax, rep, sample};

#[test]
fn a_faulty_configuration_is_refused_by_name() {
    check_fault(|c| c.tiers.clear(), "no tier is configured");
    check_fault(
        |c| c.tiers[1].weight = 0.0,
        "tier gold has a weight that is not above 0 and at most 1000000",
    );
    check_fault(
        |c| c.tiers[1].weight = f64::NAN,
        "tier gold has a weight that is not above 0 and at most 1000000",
    );
    check_fault(
        |c| {
            c.tiers.push(Tier {
                id: TierId::new("gold"),
                weight: 1.0,
            })
        },
        "two tiers are called gold",
    );
    check_fault(
        |c| c.reps.push(rep("bob", "lenses 1")),
        "two reps are called bob",
    );
    check_fault(|c| c.sites[1].skills.clear(), "site lab offers no skill");
    check_fault(
        |c| c.sites[1].skills.push(SkillId::new("frames")),
        "site lab offers frames, which is no configured skill",
    );
    check_fault(
        |c| c.reps[0].skills.push((SkillId::new("frames"), Level::MAX)),
        "rep alice has frames, which is no configured skill",
    );
    check_fault(
        |c| c.reps[0].tiers = Some(vec![TierId::new("tin")]),
        "rep alice serves tin, which is no configured tier",
    );
    check_fault(|c| c.reps[2].capacity = 0, "rep carol has a capacity of 0");
    check_fault(
        |c| c.routing.offer_timeout = Duration::ZERO,
        "the offer timeout is 0",
    );
    check_fault(
        |c| c.routing.relax = vec![relax(30), relax(20)],
        "relaxing rule 2 comes before its predecessor's time",
    );
    check_fault(
        |c| {
            let mut rule = relax(30);
            rule.accept.push(SkillId::new("frames"));
            c.routing.relax = vec![rule];
        },
        "relaxing rule 1 names frames, which is no configured skill",
    );
}

#[test]
fn a_faulty_configuration_changes_nothing() {
    let mut room = Room::new(sample());
    room.play("alice busy");
    room.play("ask t1 cameras");
    let mut config = sample();
    config.reps.remove(0);
    config.tiers.clear();
    assert!(room.desk.reconfigure(config, room.now).is_err());
    room.play("alice available");
    room.play("alice: hi");
    room.play("show t1");
    assert!(room.trace.ends_with("t1 is open Alice\n"), "{}", room.trace);
}

#[test]
fn a_new_rep_is_asked_once_there() {
    let mut room = Room::new(sample());
    room.play("alice busy");
    room.play("ask t1 cameras");
    let mut config = sample();
    config.reps.push(rep("fay", "cameras 10"));
    reconfigure(&mut room, config);
    room.play("fay available");
    room.play("show t1");
    assert!(
        room.trace.ends_with("t1 is offered Fay\n"),
        "{}",
        room.trace
    );
}

#[test]
fn a_raised_capacity_pulls_the_queue_at_once() {
    let mut room = Room::new(sample());
    room.play("alice available");
    room.play("ask t1 cameras");
    room.play("ask t2 cameras");
    let mut config = sample();
    config.reps[0].capacity = 2;
    reconfigure(&mut room, config);
    room.play("show t2");
    assert!(
        room.trace.ends_with("t2 is offered Alice\n"),
        "{}",
        room.trace
    );
}

#[test]
fn an_open_conversation_of_a_removed_rep_waits_for_another() {
    let mut room = Room::new(sample());
    for line in [
        "alice available",
        "ask t1 cameras",
        "alice: hi",
        "bob available",
    ] {
        room.play(line);
    }
    room.trace.clear();
    let mut config = sample();
    config.reps.retain(|rep| rep.id != RepId::new("alice"));
    reconfigure(&mut room, config);
    expect![[r#"
        < t1 -: We are finding somebody else for you.
        > bob (t1): A shopper (standard) asks for help with Cameras: "hi" | Reply to take it, /no to pass (20 s).
        < t1 is offered Bob
    "#]].assert_eq(&room.trace);
}

#[test]
fn an_offer_to_a_removed_rep_goes_to_the_next() {
    let mut room = Room::new(sample());
    for line in ["alice, bob available", "ask t1 cameras"] {
        room.play(line);
    }
    let mut config = sample();
    config.reps.retain(|rep| rep.id != RepId::new("alice"));
    reconfigure(&mut room, config);
    room.play("show t1");
    assert!(
        room.trace.ends_with("t1 is offered Bob\n"),
        "{}",
        room.trace
    );
}

fn reconfigure(room: &mut Room, config: Config) {
    room.desk.reconfigure(config, room.now).unwrap();
    // Any input that does nothing lets the outputs out.
    room.play("0s");
    room.play("zed available");
}

fn check_fault(fault: impl FnOnce(&mut Config), text: &str) {
    let mut config = sample();
    fault(&mut config);
    let clock = Clock {
        at: any_instant(),
        unix_ms: 0,
    };
    let error = Helpdesk::new(config, clock).unwrap_err();
    assert_eq!(error.to_string(), text);
}
