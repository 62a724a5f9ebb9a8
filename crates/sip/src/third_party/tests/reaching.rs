//! The next phone or trunk where one cannot be reached.

use expect_test::expect;

use super::script::check;
use crate::third_party::Flow;

#[test]
fn the_next_trunk_is_tried_where_the_first_never_had_the_call() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B 503, B unreachable, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * NextWay { way: 0, outcome: Refused(503 Service Unavailable) }
            call B by 1: offer
            * NextWay { way: 1, outcome: Unreachable(FlowClosed) }
            A: hang up
            ended: NotReached(Second, Unreachable(FlowClosed))
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B rings, B 503, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            A: hang up
            ended: NotReached(Second, Refused(503 Service Unavailable))
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B unplaced, B unplaced, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            call B by 1: offer
            A: hang up
            ended: NoWay(Second)
        "#]],
    );
}

#[test]
fn the_next_phone_of_the_first_is_called_where_one_is_out_of_reach() {
    check(
        Flow::OfferOfFirst,
        "begin, A unreachable, A 486",
        expect![[r#"
            call A by 0: no offer
            call A by 1: no offer
            ended: NotReached(First, Refused(486 Busy Here))
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A unplaced, A unplaced",
        expect![[r#"
            call A by 0: no offer
            call A by 1: no offer
            ended: NoWay(First)
        "#]],
    );
}

#[test]
fn a_trunk_from_which_nothing_comes_back_is_passed_over_and_one_that_rings_is_not() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B nothing-back, B rings, B 503, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * NextWay { way: 0, outcome: Silent }
            call B by 1: offer
            * Rings(Second)
            A: hang up
            ended: NotReached(Second, Refused(503 Service Unavailable))
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B 408, A gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: hang up
            ended: NotReached(Second, Refused(408 Request Timeout))
        "#]],
    );
}
