//! Whose offer goes to whom, and how the answers come back.

use expect_test::expect;

use super::script::check;
use crate::third_party::Flow;

#[test]
fn the_offer_of_the_first_goes_to_the_second_and_its_answer_back() {
    check(
        Flow::OfferOfFirst,
        "begin, A rings, A offers, committed, B rings, B answers, 60s, B hangs-up, A gone",
        expect![[r#"
            call A by 0: no offer
            * Rings(First)
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            A: acknowledge answer
            * Joined
            A: hang up
            ended: Talked { time: 60s, by: Some(Second) }
        "#]],
    );
}

#[test]
fn an_early_answer_is_the_firsts_at_once_and_another_phones_answer_changes_it() {
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B early, B early, B answers, A hangs-up, B gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            A: acknowledge early
            * Rings(Second)
            A: modify answer
            * Joined
            B: hang up
            ended: Talked { time: 0ns, by: Some(First) }
        "#]],
    );
    check(
        Flow::OfferOfFirst,
        "begin, A offers, committed, B early, B answers-early, end, A gone, B gone",
        expect![[r#"
            call A by 0: no offer
            write it down
            * FirstAnswered
            call B by 0: offer
            * Rings(Second)
            A: acknowledge early
            * Joined
            A: hang up
            B: hang up
            ended: Talked { time: 0ns, by: None }
        "#]],
    );
}

#[test]
fn with_the_seconds_offer_the_first_is_on_hold_until_it_comes() {
    check(
        Flow::OfferOfSecond,
        "begin, A rings, A answers, committed, B rings, 90s, B offers, A glare, 1s, A modified, B wants, A modified",
        expect![[r#"
            call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
            * Rings(First)
            write it down
            * FirstAnswered
            call B by 0: no offer
            * Rings(Second)
            A: modify offer (o=- 7 2 IN IP4 192.0.2.1)
            A: modify offer (o=- 7 2 IN IP4 192.0.2.1)
            B: acknowledge modified
            * Joined
            A: modify change (o=- 7 3 IN IP4 192.0.2.1)
            B: accept 7 with modified
        "#]],
    );
}

#[test]
fn a_phone_that_takes_no_call_without_an_offer_is_called_with_one() {
    check(
        Flow::OfferOfFirst,
        "begin, A 488, A answers, committed, B offers, A modified",
        expect![[r#"
            call A by 0: no offer
            call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
            write it down
            * FirstAnswered
            call B by 0: no offer
            A: modify offer (o=- 7 2 IN IP4 192.0.2.1)
            B: acknowledge modified
            * Joined
        "#]],
    );
    check(
        Flow::OfferOfSecond,
        "begin, A 488, A 488",
        expect![[r#"
        call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
        call A by 0: no offer
        call A by 1: - (o=- 7 2 IN IP4 192.0.2.1)
    "#]],
    );
}

#[test]
fn a_trunk_that_takes_no_call_without_an_offer_gets_that_of_the_first() {
    check(
        Flow::OfferOfSecond,
        "begin, A answers, committed, B 488, A modify-offers, B rings, B answers, B asks, A modify-offers, B acks",
        expect![[r#"
            call A by 0: - (o=- 7 1 IN IP4 192.0.2.1)
            write it down
            * FirstAnswered
            call B by 0: no offer
            A: modify, no offer
            call B by 0: counter
            * Rings(Second)
            A: acknowledge answer (o=- 7 2 IN IP4 192.0.2.1)
            * Joined
            A: modify, no offer
            B: accept 8 with counter
            A: acknowledge acked (o=- 7 3 IN IP4 192.0.2.1)
        "#]],
    );
}
