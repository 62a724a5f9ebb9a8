//! Security row M3: the server is killed between any two steps of a call, and no number is ever dialled twice.
//! Must not know what is written down.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use examples::http::Http;
use examples::peer;
use examples::server::{Server, Setup};
use serde_json::{Value, json};

use crate::desk::{baresip_as_alice, setup, start};
use crate::trunk::Trunk;

/// When the server dies.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// So long after the click was answered: the intent is written, the rep's phone rings, takes the call, and that the
    /// number is dialled is written, in this time.
    AfterClick(Duration),
    /// The trunk has the INVITE.
    Dialled,
    /// The telephone rings.
    Rings,
    /// It is taken up.
    Taken,
    /// They talk.
    Talks,
    /// The telephone has hung up.
    HungUp,
}

const fn after(milliseconds: u64) -> Point {
    Point::AfterClick(Duration::from_millis(milliseconds))
}

/// The first ten are played each time.
const POINTS: [Point; 25] = [
    after(0),
    after(4),
    after(10),
    after(25),
    after(60),
    Point::Dialled,
    Point::Rings,
    Point::Taken,
    Point::Talks,
    Point::HungUp,
    after(1),
    after(2),
    after(3),
    after(5),
    after(6),
    after(7),
    after(8),
    after(12),
    after(14),
    after(16),
    after(18),
    after(20),
    after(30),
    after(40),
    after(90),
];

/// How often the server is killed, at one point after the other: as often as `DESKBELL_CALL_KILLS` says.
fn kills() -> usize {
    let named = std::env::var("DESKBELL_CALL_KILLS");
    named.map_or(10, |number| number.parse().unwrap())
}

/// After a restart nothing is dialled that was to be dialled at once.
const QUIET: Duration = Duration::from_millis(600);

#[test]
fn no_number_is_dialled_twice_wherever_the_server_dies() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let trunk = Trunk::open();
    let lasting = Setup {
        site_lines: "callback = { allow = [\"+33\"], country = \"FR\", strangers = \"allowed\", per_hour = 10000, \
                     per_day = 10000, failures = 10000, at_once = 100, talk_per_day = \"24h\", longest = \"1s\" }"
            .to_owned(),
        ..setup(&trunk, "").lasting()
    };
    let mut server = start(&lasting);
    let mut alice = baresip_as_alice(&program, &server);
    for (number, point) in POINTS.into_iter().cycle().take(kills()).enumerate() {
        let number = format!("+3361234{number:04}");
        let mut invites = HashSet::new();
        let ticket = ask(&server.http(), &number);
        match point {
            Point::AfterClick(time) => let_work(time),
            Point::Dialled | Point::Rings | Point::Taken | Point::Talks | Point::HungUp => {
                go_to(&trunk, point, &mut invites);
            }
        }
        server.crash_and_restart().unwrap();
        alice.hang_up().unwrap();
        watch(&trunk, &number, &mut invites);
        assert!(invites.len() <= 1, "{point:?}: {invites:?}");
        end(&server, &ticket);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server dies after this time, whatever it does then"
)]
fn let_work(time: Duration) {
    std::thread::sleep(time);
}

/// Plays the trunk up to this point.
fn go_to(trunk: &Trunk, point: Point, invites: &mut HashSet<String>) {
    let (invite, peer) = trunk.receive("INVITE ");
    invites.insert(call_id(&invite));
    if let Point::Dialled = point {
        return;
    }
    trunk.answer(&invite, peer, "180 Ringing", "", "");
    if let Point::Rings = point {
        return;
    }
    trunk.take(&invite, peer);
    if let Point::Taken = point {
        return;
    }
    trunk.receive("ACK ");
    if let Point::Talks = point {
        return;
    }
    trunk.hang_up(&invite, peer);
}

/// Notes every call to the number that still comes; those of a server that lives are declined.
fn watch(trunk: &Trunk, number: &str, invites: &mut HashSet<String>) {
    let until = Instant::now() + QUIET;
    trunk.sip.set_read_timeout(Some(QUIET / 4)).unwrap();
    let mut buffer = [0; 8192];
    while Instant::now() < until {
        let Ok((length, peer)) = trunk.sip.recv_from(&mut buffer) else {
            continue;
        };
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap()).into_owned();
        if text.starts_with("INVITE ") {
            assert!(text.starts_with(&format!("INVITE sip:{number}@")), "{text}");
            invites.insert(call_id(&text));
            trunk.answer(&text, peer, "603 Decline", "", "");
        }
    }
    trunk
        .sip
        .set_read_timeout(Some(crate::desk::LIMIT))
        .unwrap();
}

fn call_id(invite: &str) -> String {
    let line = invite.lines().find(|line| line.starts_with("Call-ID:"));
    line.unwrap().to_owned()
}

/// Asks to be called at this number; gives the ticket's path and what opens it.
fn ask(http: &Http, number: &str) -> (String, String) {
    let body = json!({"skills": ["cameras"], "phone": number, "callback": true});
    let answer = examples::wait::until("a rep", crate::desk::LIMIT, || {
        let answer = http.post("/v1/sites/shop/tickets", &body)?;
        Ok((answer.status == 201).then_some(answer))
    });
    let ticket = answer.unwrap().json().unwrap();
    let text = |key: &str| ticket.get(key).and_then(Value::as_str).unwrap().to_owned();
    (format!("/v1/tickets/{}", text("id")), text("token"))
}

/// The shopper wants nothing any more.
fn end(server: &Server, (path, token): &(String, String)) {
    let bearer = format!("Bearer {token}");
    let ended = server
        .http()
        .request("DELETE", path, &[("Authorization", &bearer)], "");
    let ended = ended.unwrap();
    // A click that was answered is on disk.
    assert!([200, 204].contains(&ended.status), "{}", ended.body);
}
