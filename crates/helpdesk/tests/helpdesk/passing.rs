//! Calls that a rep passes, or ends before anybody has talked.

use expect_test::expect;

use crate::calling::check_calling;

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
            < t1 -: You could not be called just now. You are called again in 5 min.
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
