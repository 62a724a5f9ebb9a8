//! Security row S3: whoever has logged in is nobody else for that.

use super::caller::{Ask, challenge, status};
use super::strangers::assert_nothing_happened;
use super::wires::Wire;
use super::{names, password, shop};

#[test]
fn twenty_reps_cannot_speak_for_each_other() {
    let reps = names(20);
    let mut server = shop(&reps, "");
    let mut wire = Wire::udp(&server);
    let mut refused = 0;
    for (n, rep) in reps.iter().enumerate() {
        let password = password(rep);
        let known = challenge(&wire.ask(&Ask::new("MESSAGE", rep, "desk")));
        let mut count = 0;
        for (m, other) in reps.iter().enumerate().filter(|(_, other)| *other != rep) {
            // Half of them claim the other's name, half of them their own, for the other's state and phones.
            let name = if (n + m) % 2 == 0 { rep } else { other };
            for ask in [
                Ask::new("MESSAGE", other, "desk"),
                Ask::new("PUBLISH", name, other),
                Ask::new("SUBSCRIBE", other, other),
                Ask::new("REGISTER", name, other),
            ] {
                count += 1;
                let proof = ask.proof(&known, rep, &password, count);
                let method = ask.method.clone();
                let answer = wire.ask(&ask.with(proof));
                assert_eq!(status(&answer), 403, "{rep} as {other}: {method}: {answer}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 1_520);
    assert_nothing_happened(&server, &reps);
    server.check_alive().unwrap();
}
