//! Changes of a call that is under way.

use expect_test::expect;

use super::script::check;
use crate::third_party::Flow;

#[test]
fn two_changes_at_once_are_one_too_many() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B answers, A wants, B wants, B glare, A wants, B modify-refused",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: acknowledge answer
            * Joined
            B: modify change
            B: refuse 7: 491
            A: refuse 7: 491
            B: modify change
            A: refuse 7: 488
        "#]],
    );
}

#[test]
fn a_change_that_is_withdrawn_leaves_the_call_as_it_was() {
    // The other has agreed meanwhile, and is asked back.
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B answers, A wants, A withdraws, A wants, B modified, B modified",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: acknowledge answer
            * Joined
            B: modify change
            A: refuse 7: 491
            B: modify offer
        "#]],
    );
    // The other makes an offer that nobody waits for.
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B answers, A asks, A withdraws, B modify-offers, A wants, B modified",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: acknowledge answer
            * Joined
            B: modify, no offer
            B: acknowledge offer
            B: modify change
            A: accept 7 with modified
        "#]],
    );
    check(
        Flow::OfferOfSecond,
        "begin, A answers, committed, B offers, A modified, B asks, B withdraws, A modify-offers, A hangs-up, B gone",
        expect![[r#"
            call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
            write it down
            * FirstAnswered
            call B by 0: no offer
            A: modify offer (o=- 7 2 IN IP4 192.0.2.1)
            B: acknowledge modified
            * Joined
            A: modify, no offer
            A: acknowledge offer (o=- 7 2 IN IP4 192.0.2.1)
            B: hang up
            ended: Talked { time: 0ns, by: Some(First) }
        "#]],
    );
    // What was refused has changed nothing.
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B answers, A wants, A withdraws, B modify-refused, B wants",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            A: acknowledge answer
            * Joined
            B: modify change
            A: modify change
        "#]],
    );
}
