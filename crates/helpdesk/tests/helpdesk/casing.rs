//! Cases: what is left to do for a shopper, and who knows about it.

use expect_test::expect;
use helpdesk::{Case, CaseId, CaseRefused, Record};

use crate::room::{Room, check};
use crate::samples::sample;

#[test]
fn who_comes_back_with_a_case_is_kept_for_the_rep_who_knows_it() {
    check(
        "
        records
        alice, bob available
        ask t1 cameras to=bob
        bob: I will look into it
        case c1 from=t1 : The shutter sticks
        t1 end
        20s
        ask t2 - case=c1
        ",
        expect![[r#"
            * opened t1
            * offered t1 bob
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Bob
            * accepted t1 bob
            < t1 is open Bob
            * line t1 1
            < t1 -: Bob has joined.
            * line t1 2
            < t1 Bob: I will look into it
            * case c1 open, known to bob: The shutter sticks
            = case c1 open, known to bob: The shutter sticks
            * closed t1 Shopper
            > bob (t1): A shopper has ended the conversation.
            < t1 is closed
            * opened t2
            * offered t2 bob
            > bob (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Bob
        "#]],
    );
}

#[test]
fn whoever_takes_it_next_knows_it_from_then_on() {
    check(
        "
        records
        case c1 about=cameras to=bob : Call me
        alice available
        ask t1 cameras case=c1
        alice: Hello
        c1 closes alice
        c1 closes alice
        ask t2 cameras case=c1
        ",
        expect![[r#"
            * case c1 open, known to bob: Call me
            = case c1 open, known to bob: Call me
            * opened t1
            * offered t1 alice
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * accepted t1 alice
            * case c1 open, known to alice: Call me
            < t1 is open Alice
            * line t1 1
            < t1 -: Alice has joined.
            * line t1 2
            < t1 Alice: Hello
            * case c1 closed, known to alice: Call me
            = case c1 closed, known to alice: Call me
            = case c1 closed, known to alice: Call me
            * opened t2
            = t2 queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn a_case_that_names_what_is_not_there_is_refused() {
    check(
        "
        case c1 about=knitting
        case c1 site=moon
        case c1 to=zoe
        case c1 from=t9
        c1 closes
        case c1 : one
        case c1 : one
        case c1 : another
        c1 closes zoe
        ",
        expect![[r#"
            = refused: this site has no skill called knitting
            = refused: no site is called moon
            = refused: no rep is called zoe
            = refused: there is no conversation t9 at this site
            = refused: there is no case called c1
            = case c1 open, known to nobody: one
            = case c1 open, known to nobody: one
            = refused: the case's identity is taken
            = refused: no rep is called zoe
        "#]],
    );
}

#[test]
fn a_case_whose_rep_cannot_help_goes_to_anybody() {
    check(
        "
        case c1 about=lenses to=bob : Call me
        bob, erin available
        ask t1 lenses case=c1
        ",
        expect![[r#"
            = case c1 open, known to bob: Call me
            > erin (t1): A shopper (standard) asks for help with Lenses. | Reply to take it, /no to pass (20 s).
            = t1 offered Erin
        "#]],
    );
}

#[test]
fn another_sites_case_is_only_a_word() {
    check(
        "
        case c1 site=lab to=bob : Call me
        alice, bob available
        ask t1 cameras case=c1
        ",
        expect![[r#"
            = case c1 open, known to bob: Call me
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
        "#]],
    );
}

#[test]
fn cases_come_back_after_a_restart_and_closed_ones_are_forgotten() {
    let mut room = Room::new(sample());
    for line in [
        "case c1 to=bob : one",
        "case c2 : two",
        "c2 closes",
        "restart",
    ] {
        room.play(line);
    }
    let ids = |room: &Room| -> Vec<(String, bool)> {
        let case = |case: &Case| (case.id.to_string(), case.is_open());
        room.desk.cases().map(case).collect()
    };
    let (one, two) = ("c1".to_owned(), "c2".to_owned());
    assert_eq!(ids(&room), [(one.clone(), true), (two, false)]);
    room.play("1801s");
    room.play("c2 closes");
    assert_eq!(ids(&room), [(one, true)]);
}

#[test]
fn no_more_cases_are_open_than_are_kept() {
    let mut room = Room::new(sample());
    for number in 0..50_000 {
        room.play(&format!("case c{number} : x"));
    }
    room.trace.clear();
    room.play("case more : x");
    assert_eq!(room.trace, format!("= refused: {}\n", CaseRefused::TooMany));
    room.play("c7 closes");
    room.play("case more : x");
    assert!(room.desk.case(&CaseId::new("more")).is_some());
    let kept = room.records.iter();
    let cases = kept.filter(|record| matches!(record, Record::Case(_)));
    assert_eq!(cases.count(), 50_002);
}

#[test]
fn with_a_ticket_its_cases_are_forgotten() {
    check(
        "
        records
        alice available
        ask t1 cameras name=Zoe : Broken
        alice: hi
        case c1 from=t1 : The shutter sticks
        case c2 about=cameras : Another's
        t1 forget
        t1 end
        t1 forget
        ",
        expect![[r#"
            * opened t1
            * line t1 1
            < t1 shopper: Broken
            * offered t1 alice
            > alice (t1): Zoe (standard) asks for help with Cameras: "Broken" | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            * accepted t1 alice
            < t1 is open Alice
            * line t1 2
            < t1 -: Alice has joined.
            * line t1 3
            < t1 Alice: hi
            * case c1 open, known to alice: The shutter sticks
            = case c1 open, known to alice: The shutter sticks
            * case c2 open, known to nobody: Another's
            = case c2 open, known to nobody: Another's
            * closed t1 Shopper
            > alice (t1): Zoe has ended the conversation.
            < t1 is closed
            * case c1 closed, known to alice: -
        "#]],
    );
}
