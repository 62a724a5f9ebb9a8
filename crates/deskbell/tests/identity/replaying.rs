//! Security row S8: credentials that were heard on the way are worth nothing a second time.

use super::caller::{Ask, challenge, status};
use super::wires::Wire;
use super::{names, password, shop};

/// Requests that are heard, and sent again.
const HEARD: u32 = 300;

fn is_stale(answer: &str) -> bool {
    status(answer) == 401 && challenge(answer).is_stale
}

#[test]
fn what_was_heard_is_refused_by_count_by_age_and_by_source() {
    let server = shop(&names(1), "");
    let mut phone = Wire::udp(&server);
    let register = Ask::new("REGISTER", "rep0", "rep0");
    let known = challenge(&phone.ask(&register));
    let password = password("rep0");
    let proof = |count| register.proof(&known, "rep0", &password, count);
    let heard: Vec<_> = (1..=HEARD)
        .map(|n| register.clone().with(proof(n)))
        .collect();
    for ask in &heard {
        assert_eq!(status(&phone.ask(ask)), 200);
    }
    let mut elsewhere = Wire::udp_from([127, 0, 0, 2].into(), server.sip_at("udp").unwrap());
    let mut neighbour = Wire::udp(&server);
    for ask in &heard {
        for wire in [&mut phone, &mut neighbour, &mut elsewhere] {
            let answer = wire.ask(ask);
            assert!(is_stale(&answer), "{answer}");
        }
    }
    // Counts below the window, above it, and a nonce that this server never gave.
    assert!(is_stale(
        &phone.ask(&register.clone().with(proof(HEARD - 64)))
    ));
    assert_eq!(
        status(&phone.ask(&register.clone().with(proof(HEARD + 1)))),
        200
    );
    let unheard = register.clone().with(proof(HEARD + 2));
    assert!(is_stale(&elsewhere.ask(&unheard)), "another source");
    let mut foreign = known.clone();
    foreign.nonce = "0".repeat(64);
    let foreign = register.proof(&foreign, "rep0", &password, 1);
    assert!(is_stale(&phone.ask(&register.clone().with(foreign))));
    // Whoever does not know the password learns nothing about the nonce.
    for nonce in [known.nonce.clone(), "0".repeat(64)] {
        let mut challenge_of = known.clone();
        challenge_of.nonce = nonce;
        let wrong = register.proof(&challenge_of, "rep0", "wrong", 1);
        let answer = elsewhere.ask(&register.clone().with(wrong));
        assert_eq!(status(&answer), 401);
        assert!(!challenge(&answer).is_stale, "{answer}");
    }
}
