//! Requests that come a second time by another way.

use expect_test::expect;

use super::script::{check, request_text};
use crate::flow::Protocol::{Tcp, Udp};

const VIA: &str = "branch=z9hG4bKone;rport";

fn by_another_way(request: &str) -> String {
    request.replace("=z9hG4bKone", "=z9hG4bKtwo")
}

#[test]
fn a_merged_request_is_answered_482_as_long_as_the_first_is_held() {
    check(
        Udp,
        |script| {
            let request = request_text("MESSAGE", VIA);
            script.receive(&request);
            script.receive(&by_another_way(&request));
            script.answer(200);
            script.receive(&by_another_way(&request));
            script.receive(&request);
            script.until(32_000);
            script.receive(&by_another_way(&request));
            assert_eq!(script.endpoint.take_counts().merged, 2);
        },
        expect![[r#"
            0 request MESSAGE
            0 send 482 to 40000
            0 send 200 to 40000
            0 send 482 to 40000
            0 send 200 to 40000
            32000 request MESSAGE
        "#]],
    );
}

#[test]
fn a_merged_invite_is_answered_482_and_leaves_nothing() {
    check(
        Udp,
        |script| {
            let request = request_text("INVITE", VIA);
            script.receive(&request);
            script.receive(&by_another_way(&request));
            script.note_held();
            script.receive(&by_another_way(&request_text("ACK", VIA)));
        },
        expect![[r#"
            0 request INVITE
            0 send 482 to 40000
            0 1 held
            0 acknowledged 5
        "#]],
    );
}

#[test]
fn requests_inside_a_dialog_and_of_other_numbers_never_merge() {
    check(
        Tcp,
        |script| {
            let request = request_text("MESSAGE", VIA);
            script.receive(&request);
            script.receive(&by_another_way(&request).replace("CSeq: 5", "CSeq: 6"));
            let inside = request.replace("example>\r\nCall", "example>;tag=ours\r\nCall");
            script.receive(&inside.replace("=z9hG4bKone", "=z9hG4bKthree"));
            let other = request.replace("tag=one", "tag=two");
            script.receive(&other.replace("=z9hG4bKone", "=z9hG4bKfour"));
        },
        expect![[r#"
            0 request MESSAGE
            0 request MESSAGE
            0 request MESSAGE
            0 request MESSAGE
        "#]],
    );
}

#[test]
fn a_stateless_answer_leaves_nothing_to_merge_with() {
    check(
        Udp,
        |script| {
            let request = request_text("MESSAGE", VIA);
            script.receive(&request);
            script.refuse_stateless(401);
            assert!(script.endpoint.is_empty());
            script.receive(&by_another_way(&request));
        },
        expect![[r#"
            0 request MESSAGE
            0 send 401 to 40000
            0 request MESSAGE
        "#]],
    );
}
