//! Security row S9: guessing passwords and users is slow, tells nothing, and keeps nobody out.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::caller::{Ask, challenge, status};
use super::wires::Wire;
use super::{names, password, shop};

/// How soon a rep's own phone gets in.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn fifty_guessers_get_ten_guesses_and_the_rep_gets_in() {
    let server = shop(&names(2), "");
    let register = Ask::new("REGISTER", "rep0", "rep0");
    let right = password("rep0");
    let mut phone = Wire::udp(&server);
    assert_eq!(status(&phone.ask_as("rep0", &right, &register)), 200);

    let address = server.sip_at("udp").unwrap();
    let mut guessers: Vec<_> = (10..60)
        .map(|host| {
            let mut wire = Wire::udp_from(Ipv4Addr::new(127, 0, 0, host), address);
            let known = challenge(&wire.ask(&register));
            (wire, known)
        })
        .collect();
    let mut judged = 0;
    let mut entered_in = Vec::new();
    let begun = Instant::now();
    for round in 0..60 {
        for (wire, known) in &mut guessers {
            let guess = register.proof(known, "rep0", &format!("guess {round}"), round + 1);
            match status(&wire.ask(&register.clone().with(guess))) {
                401 => judged += 1,
                403 | 503 => {}
                other => panic!("{other}"),
            }
        }
        let entering = Instant::now();
        assert_eq!(status(&phone.ask_as("rep0", &right, &register)), 200);
        entered_in.push(entering.elapsed());
    }
    // The right password does not get through where a wrong one is not looked at: that would tell it.
    let (wire, known) = &mut guessers[0];
    let guess = register.proof(known, "rep0", &right, 1000);
    assert_eq!(status(&wire.ask(&register.clone().with(guess))), 403);
    let minutes = 1 + u32::try_from(begun.elapsed().as_secs() / 60).unwrap();
    assert!(judged <= 10 * minutes, "{judged} guesses were looked at");
    // The machine may be busy with something else now and then.
    entered_in.sort();
    let usual = entered_in[entered_in.len() / 2];
    assert!(usual < AT_ONCE, "{entered_in:?}");
    // The rep's phone from where it was not seen before, and another rep from where the guessers are.
    let mut moved = Wire::udp(&server);
    assert_eq!(status(&moved.ask_as("rep0", &right, &register)), 200);
    let other = Ask::new("REGISTER", "rep1", "rep1");
    let wire = &mut guessers[1].0;
    assert_eq!(status(&wire.ask_as("rep1", &password("rep1"), &other)), 200);
}

/// The area under the curve of a guesser who tells users by the time an answer takes: a half is blindness.
///
/// Many users of both kinds: where one of them falls in a table costs its own time, whether it exists or not.
#[test]
fn time_does_not_tell_who_exists() {
    const USERS: usize = 16;
    const ROUNDS: u32 = 75;
    let server = shop(&names(USERS), "login_tries = 1000");
    let mut wire = Wire::udp(&server);
    let pairs: Vec<_> = (0..USERS)
        .map(|n| {
            ["rep", "nob"].map(|kind| {
                let user = format!("{kind}{n}");
                let ask = Ask::new("REGISTER", &user, &user);
                (user, ask)
            })
        })
        .collect();
    let known = challenge(&wire.ask(&pairs[0][0].1));
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (n, pair) in pairs.iter().enumerate() {
            // The order changes, so that neither kind profits from what the other has warmed up.
            for step in 0..2 {
                let which = (usize::try_from(round).unwrap() + n + step) % 2;
                let (user, ask) = &pair[which];
                let proof = ask.proof(&known, user, "wrong", round + 1);
                let text = ask.clone().with(proof).text("UDP");
                let begun = Instant::now();
                wire.send(&text);
                let answer = wire.receive();
                times[which].push(begun.elapsed());
                assert_eq!(status(&answer), 401, "{answer}");
            }
        }
    }
    let [of_rep, of_nobody] = times;
    let wins: usize = of_rep
        .iter()
        .map(|time| of_nobody.iter().filter(|other| time > *other).count())
        .sum();
    let compared = u32::try_from(of_rep.len() * of_nobody.len()).unwrap();
    let area = f64::from(u32::try_from(wins).unwrap()) / f64::from(compared);
    assert!((0.45..=0.55).contains(&area), "{area}");
}
