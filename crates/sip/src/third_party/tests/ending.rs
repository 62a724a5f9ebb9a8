//! How a call of two ends before both talk, and for how long anything is waited for.

use expect_test::expect;

use super::script::check;
use crate::third_party::Flow;

#[test]
fn nobody_is_called_once_the_first_has_left_or_the_end_was_asked_for() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, A hangs-up, committed",
        expect![[r#"
            call A by 0: no offer
            write it down
            ended: FirstLeft
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, end, committed, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            A: hang up
            ended: Cancelled
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, end, B 503, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: hang up
            B: hang up
            ended: Cancelled
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, not-committed, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            A: hang up
            ended: NotCommitted
        "#]],
    );
}

#[test]
fn the_end_comes_in_every_state_and_cancels_what_rings() {
    check(
        Flow::OfferOfFirst,
        "begin, A rings, end, A cancelled, end",
        expect![[r#"
            call A by 0: no offer
            * Rings(First)
            A: hang up
            ended: Cancelled
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B rings, end, B cancelled, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            A: hang up
            B: hang up
            ended: Cancelled
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "end",
        expect![[r#"
        ended: Cancelled
    "#]],
    );
}

#[test]
fn a_call_that_rings_for_longer_than_the_first_waits_is_not_answered() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B rings, A too-late, B cancelled",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            B: hang up
            ended: NotReached(Second, NoAnswer)
        "#]],
    );
}

#[test]
fn every_wait_has_its_limit() {
    check(
        Flow::OfferOfFirst,
        "begin, 140s",
        expect![[r#"
        call A by 0: no offer
        A: hang up
        ended: NotReached(First, NoAnswer)
    "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, 50s",
        expect![[r#"
        call A by 0: no offer
        write it down
        A: hang up
        ended: NotCommitted
    "#]],
    );
    check(
        Flow::OfferOfSecond,
        "begin, A answers, committed, B rings, 240s",
        expect![[r#"
            call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
            write it down
            * FirstAnswered
            call B by 0: no offer
            * Rings(Second)
            A: hang up
            B: hang up
            ended: NotReached(Second, NoAnswer)
        "#]],
    );
}
