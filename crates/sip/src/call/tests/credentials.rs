//! Who gets our credentials: the trunk, for its own realm, and nobody twice.

use expect_test::expect;

use super::script::{Script, check_with};
use crate::call::{Config, Input, Outcome, Trunk};
use crate::digest::{Algorithm, Challenge, Credentials, Ha1, Qop};
use crate::header_name::HeaderName;
use crate::method::Method;

fn trunk() -> Trunk {
    Trunk::with_password("trunk.example", "desk", "wonder")
}

fn challenge(realm: &str, algorithm: Algorithm, nonce: &str) -> Challenge {
    Challenge {
        realm: realm.to_owned(),
        nonce: nonce.to_owned(),
        suite: algorithm.into(),
        is_stale: false,
        qualities: vec![Qop::Auth],
        opaque: None,
    }
}

fn challenged(call: &mut Script, method: Method, challenge: &Challenge) {
    call.with(HeaderName::ProxyAuthenticate, &challenge.to_string());
    call.respond(method, 407, "");
}

fn credentials(call: &Script) -> usize {
    let sent = call.sent.iter();
    sent.filter(|(_, request)| {
        request.header(HeaderName::ProxyAuthorization).is_some()
            || request.header(HeaderName::Authorization).is_some()
    })
    .count()
}

#[test]
fn the_trunks_challenge_is_answered_and_the_ack_repeats_the_credentials() {
    check_with(
        Config::default(),
        Some(trunk()),
        |call| {
            call.place(Some("offer"));
            let asked = challenge("trunk.example", Algorithm::Sha256, "n1");
            challenged(call, Method::Invite, &asked);
            let (_, invite) = call.sent.last().unwrap().clone();
            let value = invite.header(HeaderName::ProxyAuthorization).unwrap();
            let given = Credentials::parse(HeaderName::ProxyAuthorization, value)
                .unwrap()
                .unwrap();
            let secret = Ha1::derive(Algorithm::Sha256, "desk", "trunk.example", "wonder");
            assert!(given.prove(&secret, b"INVITE", invite.body()));
            call.respond(Method::Invite, 200, "answer");
            call.handle(Input::HangUp);
            challenged(call, Method::Bye, &asked);
            call.respond(Method::Bye, 200, "");
            call.note_over();
        },
        expect![[r#"
            0 send INVITE 1 [offer]
            0 send INVITE 2 [offer]
            0 send ACK 2
            0 tell answered [answer]
            0 send BYE 3
            0 tell ended HungUp
            0 send BYE 4
            0 over
        "#]],
    );
}

#[test]
fn an_ack_repeats_the_credentials_of_its_invite() {
    let mut call = Script::new(Config::default(), Some(trunk()));
    call.place(Some("offer"));
    let asked = challenge("trunk.example", Algorithm::Md5, "n1");
    challenged(&mut call, Method::Invite, &asked);
    let (id, invite) = call.sent.last().unwrap().clone();
    let ok = crate::write::response::ResponseBuilder::answer(&invite, super::script::status(200))
        .to_tag("theirs")
        .body("application/sdp", "answer");
    let response = super::script::response(ok.build());
    call.leg.handle(
        Input::Response {
            request: id,
            response,
        },
        call.now,
    );
    let Some(crate::call::Output::Acknowledge { draft, .. }) = call.leg.poll_output() else {
        panic!("the 2xx is acknowledged")
    };
    let ack = super::script::request(&draft);
    assert_eq!(
        ack.header(HeaderName::ProxyAuthorization),
        invite.header(HeaderName::ProxyAuthorization)
    );
}

#[test]
fn nobody_else_gets_credentials_whatever_is_asked() {
    for realm in ["evil.example", "", "TRUNK.EXAMPLE", "trunk.example ", "*"] {
        let mut call = Script::new(Config::default(), Some(trunk()));
        call.place(Some("offer"));
        let asked = challenge(realm, Algorithm::Md5, "n1");
        challenged(&mut call, Method::Invite, &asked);
        assert_eq!(call.leg.outcome(), Some(Outcome::NotAuthorised), "{realm}");
        assert_eq!((call.sent.len(), credentials(&call)), (1, 0));
    }
    // In the call, too, and for every method.
    let mut call = Script::new(Config::default(), Some(trunk()));
    let asked = challenge("evil.example", Algorithm::Md5, "n1");
    call.taken();
    call.handle(Input::Modify { offer: None });
    challenged(&mut call, Method::Invite, &asked);
    call.handle(Input::HangUp);
    challenged(&mut call, Method::Bye, &asked);
    assert_eq!(credentials(&call), 0);
    assert!(call.leg.is_over());
}

#[test]
fn without_a_trunk_nothing_is_answered() {
    let mut call = Script::new(Config::default(), None);
    call.place(Some("offer"));
    let asked = challenge("trunk.example", Algorithm::Md5, "n1");
    challenged(&mut call, Method::Invite, &asked);
    assert_eq!(call.leg.outcome(), Some(Outcome::NotAuthorised));
    assert_eq!(credentials(&call), 0);
}

#[test]
fn a_fresh_nonce_each_time_makes_two_invites_and_no_more() {
    let mut call = Script::new(Config::default(), Some(trunk()));
    call.place(Some("offer"));
    for number in 0..10_000 {
        if call.leg.is_over() {
            break;
        }
        let asked = challenge("trunk.example", Algorithm::Md5, &format!("n{number}"));
        challenged(&mut call, Method::Invite, &asked);
    }
    assert_eq!((call.sent.len(), credentials(&call)), (2, 1));
    assert_eq!(call.leg.outcome(), Some(Outcome::NotAuthorised));
}

#[test]
fn a_stale_nonce_is_answered_once_more() {
    let mut call = Script::new(Config::default(), Some(trunk()));
    call.place(Some("offer"));
    for number in 0..10 {
        if call.leg.is_over() {
            break;
        }
        let asked = Challenge {
            is_stale: true,
            ..challenge("trunk.example", Algorithm::Md5, &format!("n{number}"))
        };
        challenged(&mut call, Method::Invite, &asked);
    }
    assert_eq!((call.sent.len(), credentials(&call)), (3, 2));
}

#[test]
fn the_strongest_algorithm_that_is_offered_is_answered() {
    let mut call = Script::new(Config::default(), Some(trunk()));
    call.place(Some("offer"));
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let asked = challenge("trunk.example", algorithm, "n1");
        call.with(HeaderName::ProxyAuthenticate, &asked.to_string());
    }
    call.respond(Method::Invite, 407, "");
    let (_, invite) = call.sent.last().unwrap();
    let value = invite.header(HeaderName::ProxyAuthorization).unwrap();
    assert!(String::from_utf8_lossy(value).contains("algorithm=SHA-256"));
}

#[test]
fn a_cancelled_call_is_not_placed_again_with_credentials() {
    let mut call = Script::new(Config::default(), Some(trunk()));
    call.place(Some("offer"));
    call.handle(Input::HangUp);
    let asked = challenge("trunk.example", Algorithm::Md5, "n1");
    challenged(&mut call, Method::Invite, &asked);
    assert_eq!(call.leg.outcome(), Some(Outcome::Cancelled));
    assert_eq!(call.sent.len(), 1);
}

#[test]
fn an_account_is_not_printed() {
    let shown = format!("{:?}", trunk());
    assert!(
        !shown.contains("desk") && !shown.contains("wonder"),
        "{shown}"
    );
}
