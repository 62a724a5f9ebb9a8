//! SIPp, which shares no line and no habit with our own phones, goes through each scenario without a failed call.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::time::Duration;

use examples::peer::sipp::Load;
use examples::peer::{self, sipp};
use examples::server::Server;
use examples::site::Site;

/// Enough for a slow machine; SIPp itself gives up on an answer after five seconds.
const LIMIT: Duration = Duration::from_secs(60);

#[track_caller]
fn check(scenario: &str, calls: u32) {
    let Some(program) = peer::find("sipp") else {
        return;
    };
    let mut server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let alice = server.rep("alice").unwrap();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../sip-fixtures/sipp")
        .join(scenario);
    let figures = sipp::run(
        &program,
        &scenario,
        server.sip(),
        &[(&alice.user, &alice.password)],
        &server.demo().domain,
        Load::gentle(calls),
        LIMIT,
    )
    .unwrap();
    assert_eq!((figures.successful, figures.failed), (calls.into(), 0));
    server.check_alive().unwrap();
    // Each scenario takes back what it published.
    Site::new(server.http(), "shop")
        .wait_state("cameras", "closed", Duration::from_secs(1))
        .unwrap();
}

#[test]
fn a_rep_registers_and_unregisters() {
    check("register.xml", 20);
}

#[test]
fn a_publication_goes_from_initial_to_removed() {
    check("publish.xml", 20);
}

#[test]
fn a_stale_entity_tag_is_refused() {
    check("stale-entity-tag.xml", 20);
}
