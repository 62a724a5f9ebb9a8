//! By which way a shopper is reached: the page, the shopper's own messenger, the telephone.

use expect_test::expect;
use helpdesk::Reach;

use crate::calling::{calling, check_calling};
use crate::room::check_with;

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
            ~ sip:zoe@example.net (t1) -: Your page cannot be reached. The conversation goes on in your messenger: simply answer there.
            < t1 -: Your page cannot be reached. The conversation goes on in your messenger: simply answer there.
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
