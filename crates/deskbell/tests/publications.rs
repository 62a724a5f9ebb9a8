//! What becomes of a rep's publications as phones really handle them.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::phone::TestPhone;
use examples::rsip::message::HeadersExt;
use examples::server::Server;
use examples::site::Site;
use examples::wire::Protocol;

/// How soon a page has to follow a phone.
const SOON: Duration = Duration::from_secs(1);

fn start() -> (Server, Site) {
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    (server, site)
}

fn publish(phone: &mut TestPhone, basic: Basic) {
    let answer = phone.publish(basic, Activity::None, 60).unwrap();
    assert_eq!(answer.status_code.code(), 200);
}

/// baresip 1.0 starts a second publication before the first is answered, and knows only the second from then on:
/// what it says there, and that it takes it back, has to count.
#[test]
fn a_publication_that_its_phone_forgot_does_not_outlive_the_next() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let (server, site) = start();
        let mut alice = server.phone(protocol, "alice").unwrap();
        alice.register(60).unwrap();
        publish(&mut alice, Basic::Open);
        alice.forget_publication();
        publish(&mut alice, Basic::Open);
        site.wait_state("cameras", "available", SOON).unwrap();

        publish(&mut alice, Basic::Closed);
        site.wait_state("cameras", "closed", SOON).unwrap();
        publish(&mut alice, Basic::Open);
        site.wait_state("cameras", "available", SOON).unwrap();

        alice.unpublish().unwrap();
        alice.register(0).unwrap();
        site.wait_state("cameras", "closed", SOON).unwrap();
    }
}

#[test]
fn a_publication_ends_with_its_time() {
    let (server, site) = start();
    let mut alice = server.phone(Protocol::Udp, "alice").unwrap();
    alice.register(60).unwrap();
    let answer = alice.publish(Basic::Open, Activity::None, 2).unwrap();
    assert_eq!(answer.status_code.code(), 200);
    site.wait_state("cameras", "available", SOON).unwrap();
    // The server may lengthen what was asked for, and says so.
    let granted = answer.expires_header().unwrap().seconds().unwrap();
    let granted = Duration::from_secs(granted.into());
    assert!(granted <= Duration::from_secs(10), "{granted:?}");
    site.wait_state("cameras", "closed", granted + SOON)
        .unwrap();
}

#[test]
fn a_rep_whose_activity_is_busy_is_on_duty_and_not_available() {
    let (server, site) = start();
    let mut alice = server.phone(Protocol::Udp, "alice").unwrap();
    alice.register(60).unwrap();
    for activity in [Activity::Busy, Activity::Away, Activity::OnThePhone] {
        publish(&mut alice, Basic::Open);
        site.wait_state("cameras", "available", SOON).unwrap();
        alice.publish(Basic::Open, activity, 60).unwrap();
        site.wait_state("cameras", "wait", SOON).unwrap();
    }
}
