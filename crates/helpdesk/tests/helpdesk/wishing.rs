//! What a shopper may wish beyond the skills required: levels, preferred skills, the expert, deadlines, a
//! language.

use expect_test::expect;

use helpdesk::{Config, Skill, SkillId};

use crate::room::{check, check_with};
use crate::samples::{level, longest_idle, relax, routed, sample};

#[test]
fn a_least_level_is_held_out_for() {
    check(
        "
        bob, erin available
        ask t1 cameras level=60
        ask t2 cameras level=60
        why t2
        ",
        expect![[r#"
            > erin (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Erin
            = t2 queued at 1, 250 s (26 to 576)
            alice NotAvailable
            bob BelowLevel
            carol OtherTier
            dave BelowLevel
            erin Full
        "#]],
    );
}

#[test]
fn a_rule_lowers_the_least_level_that_was_asked_for() {
    check_with(
        level_50_after_30_s(),
        "
        alice away
        bob available
        ask t1 cameras level=60
        why t1
        30s
        ",
        expect![[r#"
            = t1 queued at 1
            alice NotAvailable
            bob BelowLevel
            carol OtherTier
            dave BelowLevel
            erin NotAvailable
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}

#[test]
fn a_level_that_nobody_has_is_refused_by_name() {
    check(
        "
        alice, bob available
        ask t1 cameras level=95
        ask t2 cameras+lenses level=80
        alice busy
        ask t3 lenses+printing
        ask t4 lenses+printing level=99
        ",
        expect![[r#"
            = refused: no rep has all that is asked for: cameras of level 95
            > alice (t2): A shopper (standard) asks for help with Cameras, Lenses. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
            = refused: nobody who can help with this is on duty
            = refused: no rep has all that is asked for: lenses of level 99 and printing
        "#]],
    );
}

/// Alice has cameras 90; Erin has 70 and, where printing weighs 100, 70 more.
#[test]
fn who_has_a_preferred_skill_is_asked_before_a_higher_level() {
    check(
        "
        alice, bob, erin available
        ask t1 cameras likes=printing:100
        ask t2 cameras likes=printing:1
        ",
        expect![[r#"
            > erin (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Erin
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
        "#]],
    );
}

#[test]
fn the_first_who_is_free_is_the_longest_idle() {
    check(
        "
        bob available
        1s
        alice available
        ask t1 cameras prefer=first
        ask t2 cameras
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
        "#]],
    );
}

#[test]
fn the_expert_is_waited_for_until_the_deadline() {
    check_with(
        longest_idle(),
        "
        alice, bob available
        alice busy
        ask t1 cameras prefer=best
        why t1
        44s
        1s
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            alice NotAvailable
            bob BelowLevel
            carol OtherTier
            dave BelowLevel
            erin BelowLevel
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
        "#]],
    );
}

#[test]
fn a_shopper_may_set_the_deadline() {
    check(
        "
        alice, bob available
        alice busy
        ask t1 cameras to=alice wait=10
        10s
        ask t2 cameras to=alice wait=0
        ",
        expect![[r#"
            = t1 queued at 1, 125 s (13 to 288)
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
            = t2 queued at 1, 125 s (13 to 288)
        "#]],
    );
}

#[test]
fn a_page_in_a_language_prefers_who_speaks_it() {
    check_with(
        with_french(),
        "
        alice, bob available
        ask t1 cameras lang=fr-CA
        ask t2 cameras lang=de
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
        "#]],
    );
}

#[test]
fn a_language_can_be_required() {
    check_with(
        with_french(),
        "
        alice, erin available
        bob busy
        ask t1 cameras+french
        why t1
        ask t2 french
        ask t3 cameras likes=finnish:10
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            alice LacksSkill
            bob NotAvailable
            carol OtherTier
            dave LacksSkill
            erin LacksSkill
            = refused: this site has no skill called french
            = refused: this site has no skill called finnish
        "#]],
    );
}

#[test]
fn a_named_rep_who_is_away_is_not_waited_for() {
    check(
        "
        alice, bob available
        alice away
        ask t1 cameras to=alice
        ",
        expect![[r#"
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
        "#]],
    );
}

fn level_50_after_30_s() -> Config {
    routed(|routing| {
        let mut rule = relax(30);
        rule.min_level = Some(level(50));
        routing.relax = vec![rule];
    })
}

/// Bob speaks French.
fn with_french() -> Config {
    let mut config = sample();
    config.skills.push(Skill {
        id: SkillId::new("french"),
        name: "French".to_owned(),
        language: Some("fr".to_owned()),
        handling: None,
    });
    for rep in &mut config.reps {
        if rep.id.as_str() == "bob" {
            rep.skills.push((SkillId::new("french"), level(80)));
        }
    }
    config
}
