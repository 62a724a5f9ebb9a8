//! baresip over UDP and linphonec over TCP as reps: what they publish reaches the shop within a second.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use examples::peer;
use examples::peer::baresip::Baresip;
use examples::peer::linphone::Linphone;
use examples::serve::Serve;
use examples::server::Server;
use examples::site::Site;
use examples::wire::Protocol;

/// How soon a page has to follow a phone.
const SOON: Duration = Duration::from_secs(1);

/// How long a phone may take to start or to end.
const PHONE_LIMIT: Duration = Duration::from_secs(20);

fn baresip_as_alice(program: &std::path::Path, server: &Server) -> Baresip {
    let alice = server.rep("alice").unwrap();
    let mut baresip = Baresip::start(program, server.sip(), "alice", &alice.password).unwrap();
    baresip.wait_registered().unwrap();
    baresip
}

#[test]
fn the_shop_follows_baresip_within_a_second() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let mut server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    let events = site.events().unwrap();
    events.wait_state("cameras", "closed", SOON).unwrap();

    let mut baresip = baresip_as_alice(&program, &server);
    site.wait_state("cameras", "available", PHONE_LIMIT)
        .unwrap();
    events.wait_state("cameras", "available", SOON).unwrap();
    let cameras = site.group("cameras", "standard").unwrap();
    assert_eq!((cameras.available, cameras.queued), (1, 0));
    assert_eq!(site.group("lenses", "gold").unwrap().state, "available");
    assert_eq!(site.group("printing", "standard").unwrap().state, "closed");

    baresip.go_offline().unwrap();
    events.wait_state("cameras", "closed", SOON).unwrap();
    site.wait_state("cameras", "closed", SOON).unwrap();

    baresip.go_online().unwrap();
    events.wait_state("cameras", "available", SOON).unwrap();
    site.wait_state("cameras", "available", SOON).unwrap();

    // It takes back its publication before it ends, so that no expiry has to.
    baresip.quit().unwrap();
    events.wait_state("cameras", "closed", SOON).unwrap();
    site.wait_state("cameras", "closed", SOON).unwrap();
    server.check_alive().unwrap();
}

#[test]
fn the_shop_follows_linphonec_over_tcp_within_a_second() {
    let Some(program) = peer::find("linphonec") else {
        return;
    };
    let mut server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    let events = site.events().unwrap();
    let bob = server.rep("bob").unwrap();
    let realm = &server.demo().domain;
    let mut linphone =
        Linphone::start(&program, server.sip(), realm, "bob", &bob.password).unwrap();
    linphone.wait_registered().unwrap();
    site.wait_state("printing", "available", PHONE_LIMIT)
        .unwrap();
    events.wait_state("printing", "available", SOON).unwrap();
    assert_eq!(site.group("cameras", "standard").unwrap().available, 1);
    assert_eq!(site.group("lenses", "standard").unwrap().state, "closed");

    linphone.quit().unwrap();
    events.wait_state("printing", "closed", SOON).unwrap();
    site.wait_state("printing", "closed", SOON).unwrap();
    server.check_alive().unwrap();
}

/// A phone that is killed leaves a publication that would be believed for minutes: the end of its connection shortens
/// that to the grace, which is thirty seconds unless the configuration says otherwise.
#[test]
fn the_page_knows_of_a_killed_linphonec_after_the_grace() {
    let Some(program) = peer::find("linphonec") else {
        return;
    };
    let grace = Duration::from_secs(2);
    let serve = Serve::start(
        env!("CARGO_BIN_EXE_deskbell"),
        r#"
[sip]
domain = "shop.example"
aliases = ["127.0.0.1"]
listen = ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]
[presence]
flow_grace = "2s"
[http]
listen = "127.0.0.1:0"
[storage]
url = "sqlite::memory:"
[[skill]]
id = "printing"
[[tier]]
id = "standard"
[[site]]
id = "shop"
[[rep]]
id = "bob"
password = "correct horse"
skills = { printing = 80 }
"#,
    )
    .unwrap();
    let site = Site::new(serve.http().unwrap(), "shop");
    let address = serve.sip(Protocol::Tcp).unwrap();
    let linphone =
        Linphone::start(&program, address, "shop.example", "bob", "correct horse").unwrap();
    site.wait_state("printing", "available", PHONE_LIMIT)
        .unwrap();
    let events = site.events().unwrap();
    let killed = Instant::now();
    linphone.kill();
    events
        .wait_state("printing", "closed", PHONE_LIMIT)
        .unwrap();
    let known = killed.elapsed();
    assert!(known >= grace, "it was doubted before the grace: {known:?}");
}

#[test]
fn two_phones_of_different_make_are_one_group() {
    let (Some(baresip), Some(linphonec)) = (peer::find("baresip"), peer::find("linphonec")) else {
        return;
    };
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    let baresip = baresip_as_alice(&baresip, &server);
    let bob = server.rep("bob").unwrap();
    let realm = &server.demo().domain;
    let linphone = Linphone::start(&linphonec, server.sip(), realm, "bob", &bob.password).unwrap();
    examples::wait::until("two reps for cameras", PHONE_LIMIT, || {
        Ok((site.group("cameras", "standard")?.available == 2).then_some(()))
    })
    .unwrap();

    baresip.quit().unwrap();
    examples::wait::until("one rep for cameras", SOON, || {
        Ok((site.group("cameras", "standard")?.available == 1).then_some(()))
    })
    .unwrap();
    linphone.quit().unwrap();
    site.wait_state("cameras", "closed", SOON).unwrap();
}

#[test]
fn a_click_reaches_linphonec_and_its_answer_reaches_the_shopper() {
    let Some(program) = peer::find("linphonec") else {
        return;
    };
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    let bob = server.rep("bob").unwrap();
    let domain = &server.demo().domain;
    let mut linphone =
        Linphone::start(&program, server.sip(), domain, "bob", &bob.password).unwrap();
    site.wait_state("printing", "available", PHONE_LIMIT)
        .unwrap();

    let ticket = site
        .ask("printing", "Sam", "my prints come out blue")
        .unwrap();
    let conversation = ticket.events().unwrap();
    linphone
        .wait_text("my prints come out blue", PHONE_LIMIT)
        .unwrap();
    let desk = format!("sip:{}@{}", ticket.id(), server.sip());
    linphone.say(&desk, "which paper is it?").unwrap();
    conversation
        .wait_line("rep", "which paper is it?", PHONE_LIMIT)
        .unwrap();
    ticket.say("one", "the glossy one").unwrap();
    linphone.wait_text("the glossy one", PHONE_LIMIT).unwrap();
    linphone.quit().unwrap();
}
