//! Callbacks: who wants one, what is allowed, and what becomes of it.

use std::time::Duration;

use expect_test::{Expect, expect};
use helpdesk::{
    CallbackRules, Config, Country, Dialling, Fate, NumberError, PastCall, PhoneNumber, Reach,
    SiteId, Strangers, TicketId,
};

use crate::room::{Room, check_with, sample};

/// The sample, whose shop calls France.
fn calling(change: impl FnOnce(&mut CallbackRules)) -> Config {
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

fn check_calling(script: &str, expect: Expect) {
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
fn a_page_out_of_reach_for_longer_than_the_grace_turns_into_a_call() {
    check_calling(
        "
        alice busy
        ask t1 cameras phone=0612345678 by=token
        t1 page here
        10s
        t1 page gone
        40s
        alice available
        decisions t1
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            < t1 is callback Alice, CallingRep +33•••••••78
            Waits, after 0 s: nobody who may take it is free.
            alice: fits, but is busy, level 90.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            Offered to alice after 50 s: the only one who could take it.
            alice: could take it at once, level 90, idle for 0 s, score 45.0.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            The page has been out of reach for 40 s, which is longer than 30 s.
            Not by messenger: the shop's token names none.
            The phone of alice rings; +33•••••••78 is dialled once alice is there.
        "#]],
    );
}

#[test]
fn a_page_within_its_grace_is_waited_for() {
    check_calling(
        "
        alice busy
        ask t1 cameras phone=0612345678 by=token
        t1 page here
        10s
        t1 page gone
        20s
        alice available
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn without_a_number_the_rep_is_told_so() {
    check_calling(
        "
        alice busy
        ask t1 cameras by=token
        t1 page here
        t1 page gone
        40s
        alice available
        alice: /phone
        alice: hello
        alice: /phone
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            > alice (t1): The shopper's page has been out of reach for 40 s, and there is no other way to the shopper; what you write waits for the page.
            < t1 is offered Alice
            > alice (t1): You have not taken it yet: reply to take it, then /phone calls.
            < t1 is open Alice
            < t1 -: Alice has joined.
            < t1 Alice: hello
            > alice (t1): Not called: no telephone number is known.
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
            < t1 -: Your phone was declined. You are called again in 5 min.
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
fn who_may_be_called_is_up_to_the_site() {
    check_calling(
        "
        alice available
        ask t1 cameras phone=0612345678 answer=call
        ask t1 cameras phone=+442079460018 by=token answer=call
        ask t1 cameras phone=0899701234 by=token answer=call
        ask t1 cameras phone=+870776123456 by=token answer=call
        ask t1 cameras phone=12 by=token answer=call
        ask t1 cameras by=token answer=call
        ask t1 printing phone=0612345678 by=token answer=call site=lab
        ask t1 cameras
        t1 call 0612345678
        ",
        expect![[r#"
            = refused: you cannot be called: only customers who are signed in at the shop are called back
            = refused: you cannot be called: numbers that begin like this one are not called from here
            = refused: you cannot be called: the number cannot be called: numbers of this kind are never called: premium, shared-cost or satellite
            = refused: you cannot be called: the number cannot be called: numbers of this kind are never called: premium, shared-cost or satellite
            = refused: you cannot be called: the number cannot be called: it is no telephone number of that country; write it with its country code, like +33 1 23 45 67 89
            = refused: you cannot be called: no telephone number is known
            = refused: nobody who can help with this is on duty
            > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            = t1 offered Alice
            = not called: only customers who are signed in at the shop are called back
        "#]],
    );
    check_with(
        calling(|rules| rules.strangers = Strangers::Allowed),
        "
        alice available
        ask t1 cameras phone=0612345678 answer=call
        ",
        expect![[r#"
            < t1 -: You will be called at +33•••••••78.
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
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

#[test]
fn the_shoppers_own_messenger_goes_before_the_telephone() {
    check_calling(
        "
        alice busy
        ask t1 cameras name=Zoe phone=0612345678 by=token im=sip:zoe@example.net
        t1 page here
        t1 page gone
        40s
        alice available
        alice: Hello Zoe
        t1 im sip:zoe@example.net hi
        t1 im sip:zoe@example.net hi
        t1 im sip:eve@example.net hi
        t1 page here
        t1: back on the page
        t1 page gone
        alice: Good
        letter lost
        decisions t1
        ",
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            ~ sip:zoe@example.net (t1) -: Your page cannot be reached. You can go on here: answer to this message.
            < t1 -: Your page cannot be reached. You can go on here: answer to this message.
            > alice (t1): Zoe (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Alice
            < t1 is open Alice
            ~ sip:zoe@example.net (t1) -: Alice has joined.
            < t1 -: Alice has joined.
            ~ sip:zoe@example.net (t1) Alice: Hello Zoe
            < t1 Alice: Hello Zoe
            < t1 shopper: hi
            > alice (t1): hi
            = said 4
            = said 4
            = not said: there is no such conversation
            < t1 shopper: back on the page
            > alice (t1): back on the page
            = said 5
            ~ sip:zoe@example.net (t1) Alice: Good
            < t1 Alice: Good
            > alice (t1): Zoe can be reached neither by page nor by messenger. /phone calls.
            Waits, after 0 s: nobody who may take it is free.
            alice: fits, but is busy, level 90.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            Offered to alice after 40 s: the only one who could take it.
            alice: could take it at once, level 90, idle for 0 s, score 36.0.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            The page has been out of reach for 40 s, which is longer than 30 s.
            The shopper's own messenger takes the conversation.
            Not by messenger: it did not take the last message.
        "#]],
    );
}

#[test]
fn a_restart_keeps_the_wish_and_never_dials_again_by_itself() {
    let mut room = Room::new(calling(|_| {}));
    let play = |room: &mut Room, script: &str| {
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            room.play(line);
        }
    };
    play(
        &mut room,
        "
        alice available
        ask t1 cameras phone=0612345678 by=token answer=call
        t1 heard rep
        ",
    );
    room.trace.clear();
    let past = PastCall {
        call: helpdesk::CallId::new("t1.1"),
        ticket: Some(TicketId::new("t1")),
        site: SiteId::new("shop"),
        number: PhoneNumber::from_e164("+33612345678"),
        at_unix_ms: room.unix_ms(),
        fate: Fate::Unknown,
    };
    room.restart_with(vec![past]);
    play(
        &mut room,
        "
        alice available
        decisions t1
        ",
    );
    expect![[r#"
        < t1 -: You cannot be called: nobody knows whether the last call went out; it is not made again by itself.
        > alice (t1): A shopper wanted to be called, but: nobody knows whether the last call went out; it is not made again by itself.
        > alice (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
        < t1 is offered Alice
        The shopper asked to be called at +33•••••••78.
        Offered to alice after 0 s: the only one who could take it.
        alice: could take it at once, level 90, idle for 0 s, score 0.0.
        erin: fits, but is offline, level 70.
        bob: fits, but is offline, level 50.
        dave: fits, but is offline, level 30.
        carol: serves other tiers.
        The phone of alice rings; +33•••••••78 is dialled once alice is there.
        The rep has answered; +33•••••••78 is dialled.
        The server was restarted during a call: nobody knows whether the number was dialled, and it is not dialled again by itself.
        Waits, after 0 s: nobody who could ever take it is on duty.
        alice: fits, but is offline, level 90.
        erin: fits, but is offline, level 70.
        bob: fits, but is offline, level 50.
        dave: fits, but is offline, level 30.
        carol: serves other tiers.
        Offered to alice after 0 s: the only one who could take it.
        alice: could take it at once, level 90, idle for 0 s, score 0.0.
        erin: fits, but is offline, level 70.
        bob: fits, but is offline, level 50.
        dave: fits, but is offline, level 30.
        carol: serves other tiers.
        Not by telephone: nobody knows whether the last call went out; it is not made again by itself.
    "#]].assert_eq(&room.trace);
}

#[test]
fn a_site_may_prefer_the_telephone_to_the_messenger_or_do_without_it() {
    let script = "
        alice busy
        ask t1 cameras name=Zoe phone=0612345678 by=token im=sip:zoe@example.net
        t1 page here
        t1 page gone
        40s
        alice available
        ";
    check_with(
        calling(|rules| rules.order = vec![Reach::Browser, Reach::Telephone, Reach::Messenger]),
        script,
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            @ call alice, then +33612345678: Zoe wants a call: Cameras
            < t1 is callback Alice, CallingRep +33•••••••78
        "#]],
    );
    check_with(
        calling(|rules| rules.order = vec![Reach::Browser]),
        script,
        expect![[r#"
            = t1 queued at 1, 250 s (26 to 576)
            > alice (t1): Zoe (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            > alice (t1): The shopper's page has been out of reach for 40 s, and there is no other way to the shopper; what you write waits for the page.
            < t1 is offered Alice
        "#]],
    );
}

#[test]
fn a_rep_who_passes_a_call_is_not_called_again_and_the_next_one_is() {
    check_calling(
        "
        alice, bob available
        ask t1 cameras phone=0612345678 by=token answer=call
        alice@t1: /no
        t1 heard cancelled
        ",
        expect![[r#"
            < t1 -: You will be called at +33•••••••78.
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            @ end the call of t1
            @ call bob, then +33612345678: A shopper wants a call: Cameras
            < t1 is callback Bob, CallingRep +33•••••••78
        "#]],
    );
}

#[test]
fn a_call_that_is_passed_while_the_telephone_rings_counts_as_a_try() {
    check_calling(
        "
        alice, bob available
        ask t1 cameras phone=0612345678 by=token answer=call
        t1 heard rep
        alice@t1: /no
        t1 heard cancelled
        300s
        t1 heard rep
        t1 heard left
        ",
        expect![[r#"
            < t1 -: You will be called at +33•••••••78.
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            < t1 is callback Alice, CallingShopper +33•••••••78
            @ end the call of t1
            < t1 -: Your phone could not be reached: the call was ended. You are called again in 5 min.
            < t1 is queued at 1, 125 s (13 to 288), Waiting +33•••••••78 again
            < t1 is queued at 1, 125 s (13 to 288), because conversations take longer than they usually do, Waiting +33•••••••78 again
            @ call bob, then +33612345678: A shopper wants a call: Cameras
            < t1 is callback Bob, CallingRep +33•••••••78
            < t1 is callback Bob, CallingShopper +33•••••••78
            < t1 -: We could not reach you by telephone. What you wanted is kept, and somebody will see to it.
            > bob (t1): The shopper could not be reached by telephone.
            < t1 is closed
        "#]],
    );
}

#[test]
fn a_rep_who_ends_a_call_before_the_talk_ends_the_wish_for_it_too() {
    check_calling(
        "
        alice, bob available
        ask t1 cameras phone=0612345678 by=token answer=call
        t1 page here
        t1 heard rep
        alice@t1: /end
        t1 heard cancelled
        decisions t1
        ",
        expect![[r#"
            < t1 -: You will be called at +33•••••••78.
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            < t1 is callback Alice, CallingShopper +33•••••••78
            < t1 -: You will not be called.
            @ end the call of t1
            < t1 is callback Alice
            > bob (t1): A shopper (standard) asks for help with Cameras. | Reply to take it, /no to pass (20 s).
            < t1 is offered Bob
            The shopper asked to be called at +33•••••••78.
            Offered to alice after 0 s, of 2 who could take it: level 90 before bob's 50.
            alice: could take it at once, level 90, idle for 0 s, score 0.0.
            bob: could take it at once, level 50, idle for 0 s, score 0.0.
            erin: fits, but is offline, level 70.
            dave: fits, but is offline, level 30.
            carol: serves other tiers.
            The phone of alice rings; +33•••••••78 is dialled once alice is there.
            The rep has answered; +33•••••••78 is dialled.
            alice called it off: nobody is to be called.
            The call was ended before anybody talked.
            Offered to bob after 0 s: the only one who could take it.
            bob: could take it at once, level 50, idle for 0 s, score 0.0.
            erin: fits, but is offline, level 70.
            dave: fits, but is offline, level 30.
            alice: fits, but did not take it a short while ago, level 90.
            carol: serves other tiers.
        "#]],
    );
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

#[test]
fn no_line_free_holds_a_ticket_back_whoever_wants_the_call() {
    check_with(
        calling(|rules| rules.at_once = 1),
        "
        records
        alice available
        ask t1 cameras phone=0612345678 by=token answer=call
        ask t2 cameras phone=0612345679 by=token
        t2 page gone
        40s
        bob available
        dave available
        dave busy
        decisions t2
        ",
        expect![[r#"
            * opened t1
            * call wanted t1 +33612345678 Shopper
            * line t1 1
            < t1 -: You will be called at +33•••••••78.
            * offered t1 alice
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            * opened t2
            = t2 queued at 1, 250 s (26 to 576)
            * call wanted t2 +33612345679 Desk
            < t2 is queued at 1, 125 s (13 to 288), Waiting +33•••••••79 again
            < t2 is queued at 1, 83 s (9 to 192), Waiting +33•••••••79 again
            Waits, after 0 s: nobody who may take it is free.
            erin: fits, but is offline, level 70.
            bob: fits, but is offline, level 50.
            dave: fits, but is offline, level 30.
            alice: fits, but is on a call, level 90.
            carol: serves other tiers.
            Offered to bob after 40 s: the only one who could take it.
            bob: could take it at once, level 50, idle for 0 s, score 20.0.
            erin: fits, but is offline, level 70.
            dave: fits, but is offline, level 30.
            alice: fits, but is on a call, level 90.
            carol: serves other tiers.
            The page has been out of reach for 40 s, which is longer than 30 s.
            Not by messenger: the shop's token names none.
            Not by telephone: all lines are in use at the moment.
        "#]],
    );
}

#[test]
fn a_wish_outlasts_the_return_of_the_page_though_the_desk_had_the_same_thought() {
    check_with(
        calling(|rules| rules.at_once = 1),
        "
        records
        alice available
        ask t1 cameras phone=0612345678 by=token answer=call
        ask t2 cameras phone=0612345679 by=token
        t2 page gone
        40s
        bob available
        t2 call
        t2 page here
        show t2
        ",
        expect![[r#"
            * opened t1
            * call wanted t1 +33612345678 Shopper
            * line t1 1
            < t1 -: You will be called at +33•••••••78.
            * offered t1 alice
            @ call alice, then +33612345678: A shopper wants a call: Cameras
            = t1 callback Alice, CallingRep +33•••••••78
            * opened t2
            = t2 queued at 1, 250 s (26 to 576)
            * call wanted t2 +33612345679 Desk
            < t2 is queued at 1, 125 s (13 to 288), Waiting +33•••••••79 again
            * call wanted t2 +33612345679 Shopper
            * line t2 1
            < t2 -: You will be called at +33•••••••79.
            = t2 queued at 1, 125 s (13 to 288), Waiting +33•••••••79 again
            t2 is queued at 1, 125 s (13 to 288), Waiting +33•••••••79 again
        "#]],
    );
}

#[test]
fn the_breaker_counts_past_a_call_under_way() {
    let mut room = Room::new(calling(|rules| {
        rules.failures = 2;
        rules.at_once = 3;
        rules.tries = 1;
    }));
    for line in [
        "records",
        "alice, bob, dave available",
        "ask t1 cameras phone=0612345671 by=token answer=call",
        "ask t2 cameras phone=0612345672 by=token answer=call",
        "ask t3 cameras phone=0612345673 by=token answer=call",
        "t1 heard rep",
        "t1 heard shopper engaged",
        "t2 heard rep",
        "t2 heard shopper engaged",
    ] {
        room.play(line);
    }
    let told = room
        .trace
        .matches("* calls stop after t2: too many calls in a row");
    assert_eq!(told.count(), 1, "security row M2: {}", room.trace);
    room.trace.clear();
    room.play("ask t4 cameras phone=0612345674 by=token answer=call");
    expect![[r#"
        = refused: you cannot be called: too many calls in a row came to nothing; somebody has to look at the trunk first
    "#]].assert_eq(&room.trace);
}

/// Security row M5, and the limits of M2.
#[test]
fn limits_hold_over_all_shoppers_and_over_a_restart() {
    let mut room = Room::new(calling(|rules| {
        rules.at_once = 100;
        rules.per_hour = 7;
        rules.tries = 1;
    }));
    let mut dialled = 0;
    for click in 0..1_000 {
        // Three numbers take turns.
        let number = format!("061234560{}", click % 3);
        let before = room.trace.matches("@ call").count();
        room.play("alice available");
        room.play(&format!(
            "ask t{click} cameras phone={number} by=token answer=call"
        ));
        if room.trace.matches("@ call").count() > before {
            dialled += 1;
            room.play(&format!("t{click} heard rep"));
            room.play(&format!("t{click} heard shopper engaged"));
        }
        if room
            .desk
            .ticket(&TicketId::new(&format!("t{click}")))
            .is_some()
        {
            room.play(&format!("t{click} end"));
        }
        room.pass(Duration::from_secs(20));
    }
    assert_eq!(
        dialled,
        6,
        "two calls to each of three numbers: {}",
        room.trace.chars().take(3000).collect::<String>()
    );
}

#[test]
fn the_spend_breaker_trips_and_survives_a_restart() {
    let mut room = Room::new(calling(|rules| {
        rules.failures = 3;
        rules.per_number_per_day = 100;
    }));
    let past = |number: i64| PastCall {
        call: helpdesk::CallId::new(&format!("old.{number}")),
        ticket: None,
        site: SiteId::new("shop"),
        number: None,
        at_unix_ms: room.unix_ms(),
        fate: Fate::Failed,
    };
    let calls: Vec<_> = (0..3).map(past).collect();
    room.restart_with(calls);
    room.play("alice available");
    room.play("ask t1 cameras phone=0612345678 by=token answer=call");
    expect![[r#"
        = refused: you cannot be called: too many calls in a row came to nothing; somebody has to look at the trunk first
    "#]].assert_eq(&room.trace);
    // A day later it is closed again.
    room.pass(Duration::from_secs(24 * 3600));
    room.trace.clear();
    room.play("ask t1 cameras phone=0612345678 by=token answer=call");
    assert!(room.trace.contains("@ call alice"), "{}", room.trace);
}

#[test]
fn minutes_of_calls_in_doubt_count_as_the_longest() {
    let mut room = Room::new(calling(|rules| {
        rules.talk_per_day = Duration::from_secs(3600);
    }));
    let past = PastCall {
        call: helpdesk::CallId::new("old.1"),
        ticket: None,
        site: SiteId::new("shop"),
        number: None,
        at_unix_ms: room.unix_ms(),
        fate: Fate::Unknown,
    };
    room.restart_with(vec![past]);
    room.play("alice available");
    room.play("ask t1 cameras phone=0612345678 by=token answer=call");
    assert!(
        room.trace.contains("minutes of today are used up"),
        "{}",
        room.trace
    );
}

fn check_number(text: &str, expected: Result<&str, NumberError>) {
    let read = PhoneNumber::read(text, Country::read("FR"));
    assert_eq!(
        read.as_ref().map(PhoneNumber::as_str).map_err(|e| *e),
        expected,
        "{text:?}"
    );
}

#[test]
fn numbers_are_read_as_people_write_them() {
    check_number("06 12 34 56 78", Ok("+33612345678"));
    check_number("+33 (0)6-12.34.56.78", Ok("+33612345678"));
    check_number("0033612345678", Ok("+33612345678"));
    check_number("+44 20 7946 0018", Ok("+442079460018"));
    for costly in [
        "0899 70 12 34",
        "+1 900 555 1234",
        "+870 776 123 456",
        "+979 1 2345 6789",
    ] {
        check_number(costly, Err(NumberError::Costly));
    }
    for none in ["112", "15", "12", "+33", "+999 123456789", "000000000000"] {
        check_number(none, Err(NumberError::NoNumber));
    }
    for signs in [
        "",
        "0612345678;ext=5",
        "tel:+33612345678",
        "06123456٧8",
        "+33+612345678",
        "06\r\n1",
    ] {
        check_number(signs, Err(NumberError::Signs));
    }
    assert_eq!(
        PhoneNumber::read("0612345678", None),
        Err(NumberError::NoCountry)
    );
    let number = PhoneNumber::read("0612345678", Country::read("fr")).unwrap();
    assert_eq!(number.masked(), "+33•••••••78");
    assert_eq!(format!("{number:?}"), "PhoneNumber(+33•••••••78)");
}

proptest::proptest! {
    /// Security row M1: whatever is written, what is dialled is `+` and 7 to 15 digits.
    #[test]
    fn nothing_but_digits_is_ever_a_number(text in "[0-9+ ./()%;:a-z\\r\\n-]{0,45}|\\PC{0,45}") {
        if let Ok(number) = PhoneNumber::read(&text, Country::read("FR")) {
            let digits = number.as_str().strip_prefix('+').unwrap();
            proptest::prop_assert!((7..=15).contains(&digits.len()));
            proptest::prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
        }
    }
}
