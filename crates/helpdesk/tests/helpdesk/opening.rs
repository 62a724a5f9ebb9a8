//! Opening hours: what is closed says when it opens, and a click meanwhile is answered so. The scripts
//! begin on a Thursday at 0:16:40.

use expect_test::expect;
use jiff::tz::TimeZone;

use helpdesk::{Config, Hours, SkillId};

use crate::room::check_with;
use crate::samples::sample;

#[test]
fn a_site_that_is_closed_takes_no_click_though_reps_are_there() {
    check_with(
        open("Th 00:20-02:00"),
        "
        alice available
        group cameras
        ask t1 cameras
        200s
        group cameras
        ask t2 cameras
        ",
        expect![[r#"
            cameras standard closed: 1 available, 0 busy, 0 away, 3 offline, 0 queued
            = refused: help with this is closed at this hour
            cameras standard available: 1 available, 0 busy, 0 away, 3 offline, 0 queued
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
        "#]],
    );
}

#[test]
fn who_waits_when_it_closes_is_still_served() {
    check_with(
        open("Th 00:00-00:20"),
        "
        alice busy
        ask t1 cameras
        200s
        show t1
        group cameras
        ask t2 cameras
        alice available
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            t1 is queued at 1, 250 s (26 to 576)
            cameras standard closed: 0 available, 1 busy, 0 away, 3 offline, 1 queued
            = refused: help with this is closed at this hour
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_skill_may_have_hours_of_its_own() {
    check_with(
        open_lenses("00:20-02:00"),
        "
        alice, erin available
        group cameras
        group lenses
        ask t1 cameras+lenses
        ask t2 cameras
        200s
        ask t3 cameras+lenses
        ",
        expect![[r#"
            cameras standard available: 2 available, 0 busy, 0 away, 2 offline, 0 queued
            lenses standard closed: 2 available, 0 busy, 0 away, 0 offline, 0 queued
            = refused: help with this is closed at this hour
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
            > erin (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Erin
            < t2 is queued at 1
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
            > erin (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Erin
            < t2 is queued at 1
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Alice
            > erin (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t2 is offered Erin
            < t2 is queued at 1
            = t3 queued at 2
        "#]],
    );
}

#[test]
fn within_the_hours_nobody_on_duty_is_closed_without_a_time() {
    check_with(
        open("24/7"),
        "
        group cameras
        ask t1 cameras
        ",
        expect![[r#"
            cameras standard closed: 0 available, 0 busy, 0 away, 4 offline, 0 queued
            = refused: nobody who can help with this is on duty
        "#]],
    );
}

fn open(hours: &str) -> Config {
    let mut config = sample();
    config.sites[0].hours = Some(read(hours));
    config
}

fn open_lenses(hours: &str) -> Config {
    let mut config = sample();
    config.sites[0].skill_hours = vec![(SkillId::new("lenses"), read(hours))];
    config
}

fn read(hours: &str) -> Hours {
    Hours::read(hours, TimeZone::UTC, None).unwrap()
}
