//! SIPp, which shares no line and no habit with our own phones, goes through each scenario without a failed call.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use examples::peer::sipp::{Load, Transport};
use examples::peer::{self, sipp};
use examples::secured::{self, Secured};
use examples::server::Server;
use examples::site::Site;
use examples::tunnel::Tunnel;

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

/// Scale: 100 calls each instead of 10,000; `siege PROGRAM calls` makes them all.
#[track_caller]
fn check_many(transport: Transport, loss_percent: u32, address: impl Fn(&Secured) -> SocketAddr) {
    let Some(program) = peer::find("sipp") else {
        return;
    };
    let mut server = Secured::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let address = address(&server);
    for scenario in ["register.xml", "publish.xml"] {
        let load = Load {
            transport,
            calls: 100,
            per_second: 50,
            at_once: 10,
            loss_percent,
        };
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../sip-fixtures/sipp")
            .join(scenario);
        let figures = sipp::run(
            &program,
            &scenario,
            address,
            &server.reps(),
            secured::NAME,
            load,
            LIMIT,
        );
        let figures = figures.unwrap();
        assert_eq!((figures.successful, figures.failed), (100, 0));
    }
    server.check_alive().unwrap();
}

#[test]
fn many_calls_over_udp_go_through() {
    check_many(Transport::Udp, 0, |server| server.address("udp").unwrap());
}

#[test]
fn many_calls_go_through_where_one_message_in_twenty_is_lost() {
    check_many(Transport::Udp, 5, |server| server.address("udp").unwrap());
}

#[test]
fn many_calls_over_one_connection_go_through() {
    check_many(Transport::Tcp, 0, |server| server.address("tcp").unwrap());
}

#[test]
fn many_calls_inside_tls_go_through() {
    check_many(Transport::Tcp, 0, |server| {
        let tunnel = Tunnel::open(server.address("tls").unwrap(), server.certificate());
        tunnel.unwrap().address()
    });
}
