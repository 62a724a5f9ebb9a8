//! Callbacks: who wants one, and what becomes of it.

use std::time::Duration;

use expect_test::{Expect, expect};
use helpdesk::{CallbackRules, Config, Country, Dialling};

use crate::room::{Room, check_with};
use crate::samples::sample;

/// The sample, whose shop calls France.
pub(crate) fn calling(change: impl FnOnce(&mut CallbackRules)) -> Config {
    let mut config = sample();
    let shop = &mut config.sites[0];
    shop.callback = CallbackRules {
        prefixes: vec!["+33".to_owned()],
        country: Country::read("FR"),
        ..CallbackRules::default()
    };
    change(&mut shop.callback);
    config
}

pub(crate) fn check_calling(script: &str, expect: Expect) {
    check_with(calling(|_| {}), script, expect);
}

#[test]
fn a_shopper_who_asks_for_a_call_has_the_rep_called_first() {
    check_calling(
        "
        records
        ask t1 cameras name=Zoe phone=0612345678 by=token answer=call
        alice available
        ask t1 cameras name=Zoe phone=0612345678 by=token answer=call
        t1 heard rep
        show t1
        t1 heard shopper
        t1 heard over 125
        decisions t1
        ",
        expect![[r#"
            = refused: nobody who can help with this is on duty
            * opened t1
            * call wanted t1 +33612345678 Shopper
            * line t1 1
            < t1 -: You will be called at +33•••••••78.
            * offered t1 alice
            @ call alice, then +33612345678: Zoe wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            < t1 is callback Alice, CallingShopper +33•••••••78
            t1 is callback Alice, CallingShopper +33•••••••78
            * accepted t1 alice
            * line t1 2
            < t1 -: You are on the telephone with Alice.
            < t1 is callback Alice, Talking +33•••••••78
            * line t1 3
            < t1 -: The call is over.
            * closed t1 Called
            < t1 is closed
            The shopper asked to be called at +33•••••••78.
            Offered to alice after 0 s: the only one who could take it.
            alice: could take it at once, level 90, idle for 0 s, score 0.0.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            The phone of alice rings; +33•••••••78 is dialled once alice is there.
            The rep has answered; +33•••••••78 is dialled.
            The shopper has answered.
            They talked for 125 s.
        "#]],
    );
}

#[test]
fn a_busy_rep_lets_the_next_one_be_called() {
    check_calling(
        "
        alice, bob available
        ask t1 cameras phone=0612345678 by=token answer=call
        t1 heard rep engaged
        t1 heard rep
        t1 heard shopper
        t1 heard over 60
        ",
        expect![[r#"
            < t1 -: You will be called at +33•••••••78.
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            @ call bob, then +33612345678: A shopper wants a call: Cameras
            < t1 is callback Bob, CallingRep +33•••••••78
            < t1 is callback Bob, CallingShopper +33•••••••78
            < t1 -: You are on the telephone with Bob.
            < t1 is callback Bob, Talking +33•••••••78
            < t1 -: The call is over.
            < t1 is closed
        "#]],
    );
}

#[test]
fn a_telephone_that_leads_to_nothing_is_tried_again_and_then_becomes_a_case() {
    check_calling(
        "
        alice available
        ask t1 cameras phone=0612345678 by=token answer=call : My X100 is broken
        t1 heard rep
        t1 heard shopper engaged
        ask t2 cameras
        alice: /no
        200s
        100s
        t1 heard rep
        t1 heard shopper silent
        decisions t1
        ",
        expect![[r#"
            < t1 shopper: My X100 is broken
            < t1 -: You will be called at +33•••••••78.
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            < t1 is callback Alice, CallingShopper +33•••••••78
            < t1 -: Your phone is busy. You are called again in 5 min.
            < t1 is queued at 1, 250 s (26 to 576), Waiting +33•••••••78 again
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t2 offered Alice
            < t2 is queued at 2, 500 s (133 to 972)
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            > alice (t2): The shopper's page has been out of reach for 1 min, and there is no other way to the shopper; what you write waits for the page.
            < t2 is offered Alice
            < t1 is queued at 1, Waiting +33•••••••78 again
            < t2 is queued at 2
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            > alice (t2): The shopper's page has been out of reach for 140 s, and there is no other way to the shopper; what you write waits for the page.
            < t2 is offered Alice
            < t1 is queued at 1, 250 s (26 to 576), Waiting +33•••••••78 again
            < t1 is queued at 1, Waiting +33•••••••78 again
            < t2 is queued at 2
            > alice (t2): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            > alice (t2): The shopper's page has been out of reach for 220 s, and there is no other way to the shopper; what you write waits for the page.
            < t2 is offered Alice
            < t1 is queued at 1, 250 s (26 to 576), Waiting +33•••••••78 again
            < t1 is queued at 1, Waiting +33•••••••78 again
            < t2 is queued at 2
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            < t1 is callback Alice, CallingRep +33•••••••78
            < t2 is queued at 1, 250 s (26 to 576)
            < t1 is callback Alice, CallingShopper +33•••••••78
            < t1 -: We could not reach you by telephone. What you wanted is kept, and somebody will see to it.
            > alice (t1): The shopper could not be reached by telephone.
            < t1 is closed
            The shopper asked to be called at +33•••••••78.
            Offered to alice after 0 s: the only one who could take it.
            alice: could take it at once, level 90, idle for 0 s, score 0.0.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            The phone of alice rings; +33•••••••78 is dialled once alice is there.
            The rep has answered; +33•••••••78 is dialled.
            Try 1 of 2: the shopper's phone is busy; again in 5 min.
            Waits, after 0 s: nobody who may take it is free.
            alice: could take it at once, level 90, idle for 0 s, score 0.0.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            Offered to alice after 300 s: the only one who could take it.
            alice: could take it at once, level 90, idle for 80 s, score 270000.0.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            The phone of alice rings; +33•••••••78 is dialled once alice is there.
            The rep has answered; +33•••••••78 is dialled.
            Try 2 of 2: the shopper's phone was not answered.
            No try is left: it becomes a case.
        "#]],
    );
}

#[test]
fn a_failed_call_goes_before_all_others() {
    check_with(
        calling(|rules| rules.retry_after = Duration::from_secs(1)),
        "
        alice available
        ask t1 cameras phone=0612345678 by=token answer=call
        ask t2 cameras platinum
        100s
        t1 heard rep
        alice busy
        t1 heard shopper engaged
        5s
        show t1
        show t2
        alice available
        ",
        expect![[r#"
            < t1 -: You will be called at +33•••••••78.
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            = t2 queued at 1, 250 s (26 to 576)
            < t1 is callback Alice, CallingShopper +33•••••••78
            < t1 -: Your phone is busy. You are called again in 1 s.
            < t1 is queued at 1, 250 s (26 to 576), Waiting +33•••••••78 again
            < t2 is queued at 2, 500 s (133 to 972), because more urgent requests go first
            t1 is queued at 1, 250 s (26 to 576), Waiting +33•••••••78 again
            t2 is queued at 2, 500 s (133 to 972), because more urgent requests go first
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            < t1 is callback Alice, CallingRep +33•••••••78
            < t2 is queued at 1, 250 s (26 to 576)
        "#]],
    );
}

#[test]
fn a_rep_calls_from_a_conversation() {
    check_calling(
        "
        alice available
        ask t1 cameras name=Zoe phone=0612345678 by=token
        alice: hello
        alice: /phone
        alice: /phone
        t1: I hear it ring
        t1 heard rep
        t1 heard shopper declines
        alice: It was declined
        310s
        t1 heard rep
        t1 heard shopper
        alice: /to bob
        t1 heard over 30
        15s
        ",
        expect![[r#"
            > alice (t1): Zoe (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hello
            @ call alice, then +33612345678: Zoe wants a call: Cameras
            < t1 is callback Alice, CallingRep +33•••••••78
            > alice (t1): This one is being called. /no ends the call.
            < t1 shopper: I hear it ring
            > alice (t1): I hear it ring
            = said 3
            < t1 is callback Alice, CallingShopper +33•••••••78
            < t1 -: Your phone declined the call. You are called again in 5 min.
            > alice (t1): The shopper's phone was declined. It is called again in 5 min.
            < t1 is open Alice, Waiting +33•••••••78 again
            < t1 Alice: It was declined
            @ call alice, then +33612345678: Zoe wants a call: Cameras
            < t1 is callback Alice, CallingRep +33•••••••78
            < t1 is callback Alice, CallingShopper +33•••••••78
            < t1 -: You are on the telephone with Alice.
            < t1 is callback Alice, Talking +33•••••••78
            > alice (t1): This one is being called. /no ends the call.
            < t1 -: The call is over.
            < t1 is closed
        "#]],
    );
}

#[test]
fn a_call_of_which_nothing_is_heard_ends_by_itself() {
    check_calling(
        "
        alice available
        ask t1 cameras name=Zoe phone=0612345678 by=token answer=call
        t1 heard rep
        3930s
        ",
        expect![[r#"
            < t1 -: You will be called at +33•••••••78.
            @ call alice, then +33612345678: Zoe wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            < t1 is callback Alice, CallingShopper +33•••••••78
            @ end the call of t1
            < t1 -: You cannot be called: nobody knows whether the last call went out; it is not made again by itself.
            > alice (t1): Zoe wanted to be called, but: nobody knows whether the last call went out; it is not made again by itself.
            > alice (t1): Zoe (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_shopper_who_changes_the_mind_is_not_called() {
    check_calling(
        "
        alice available
        ask t1 cameras phone=0612345678 by=token answer=call
        t1 heard rep
        t1 uncall
        t1 heard cancelled
        ask t2 cameras phone=0612345678 by=token answer=call
        alice: /no
        t2 end
        t2 heard shopper
        t2 heard over 3
        ",
        expect![[r#"
            < t1 -: You will be called at +33•••••••78.
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            < t1 is callback Alice, CallingShopper +33•••••••78
            @ end the call of t1
            < t1 -: You will not be called.
            < t1 is callback Alice
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            < t2 -: You will be called at +33•••••••78.
            = t2 queued at 1, 250 s (26 to 576), Waiting +33•••••••78
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            < t2 is callback Alice, CallingRep +33•••••••78
            < t1 is queued at 1, 250 s (26 to 576)
            @ end the call of t2
            > alice (t2): A shopper does not want to be called any more.
            < t2 is abandoned
        "#]],
    );
}

#[test]
fn a_rep_without_call_control_is_given_the_number() {
    check_with(
        calling(|rules| rules.dialling = Dialling::ByHand),
        "
        alice available
        ask t1 cameras name=Zoe phone=0612345678 by=token answer=call
        alice: I take it
        alice: /done
        decisions t1
        ",
        expect![[r#"
            < t1 -: You will be called at +33•••••••78.
            > alice (t1): Zoe (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice, Waiting +33•••••••78
            < t1 is open Alice, Waiting +33•••••••78
            < t1 -: Alice has joined.
            > alice (t1): Call Zoe: tel:+33612345678 | /done when you have spoken, /end if nobody answers.
            < t1 Alice: I take it
            < t1 -: You have been called back.
            > alice (t1): Done.
            < t1 is closed
            The shopper asked to be called at +33•••••••78.
            Offered to alice after 0 s: the only one who could take it.
            alice: could take it at once, level 90, idle for 0 s, score 0.0.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            alice was given +33•••••••78 to call by hand.
            alice confirmed the call.
        "#]],
    );
}

/// What is wrong with a trunk, and which trunks there are, is nothing for the public.
#[test]
fn a_shopper_is_not_told_why_a_call_could_not_be_made() {
    let mut room = Room::new(calling(|_| {}));
    room.play("alice available");
    room.play("ask t1 cameras phone=0612345678 by=token answer=call");
    room.play("t1 heard refused");
    room.trace.clear();
    room.play("lines t1");
    room.play("decisions t1");
    let (lines, decisions) = room.trace.split_once("The shopper asked").unwrap();
    assert!(
        lines.contains("You could not be called just now."),
        "{lines}"
    );
    assert!(!lines.contains("trunk"), "{lines}");
    assert!(decisions.contains("no trunk answers"), "{decisions}");
}

#[test]
fn a_conversation_that_is_a_call_waits_again_when_its_rep_is_configured_no_more() {
    let mut room = Room::new(calling(|_| {}));
    for line in [
        "alice available",
        "ask t1 cameras phone=0612345678 by=token",
        "t1 page here",
        "alice: hello",
        "alice: /phone",
        "bob available",
    ] {
        room.play(line);
    }
    room.trace.clear();
    let mut config = calling(|_| {});
    config.reps.retain(|rep| rep.id.as_str() != "alice");
    room.desk.reconfigure(config, room.now).unwrap();
    room.play("show t1");
    expect![[r#"
        t1 is offered Bob
    "#]]
    .assert_eq(&room.trace);
}
