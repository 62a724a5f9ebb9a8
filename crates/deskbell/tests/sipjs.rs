//! SIP.js over WebSocket as a rep, on the HTTP port: what it publishes reaches the shop, a click reaches it.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use examples::peer;
use examples::peer::sipjs::{Account, SipJs};
use examples::rsip::{Header, Response};
use examples::server::Server;
use examples::site::Site;
use examples::wait;
use examples::wire::Protocol;

/// How soon a page has to follow a phone.
const SOON: Duration = Duration::from_secs(1);

/// How long anything may take that goes through the helpdesk.
const LIMIT: Duration = Duration::from_secs(20);

/// Node and the script, or nothing where something is missing.
fn program() -> Option<(PathBuf, PathBuf)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/browser/sip-phone.mjs");
    let node = peer::find("node")?;
    peer::find_module(&script, "sip.js")?;
    peer::find_module(&script, "ws")?;
    Some((node, script))
}

fn alice((node, script): &(PathBuf, PathBuf), server: &Server) -> SipJs {
    let alice = server.rep("alice").unwrap();
    let account = Account {
        user: &alice.user,
        domain: &server.demo().domain,
        password: &alice.password,
    };
    let url = format!("ws://{}/sip", server.demo().http);
    SipJs::start(node, script, &url, account).unwrap()
}

#[test]
fn a_rep_in_a_web_page_is_offered_a_ticket_and_talks() {
    let Some(program) = program() else { return };
    let mut server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    let events = site.events().unwrap();
    events.wait_state("cameras", "closed", SOON).unwrap();
    let mut alice = alice(&program, &server);
    assert_eq!(
        alice.register().unwrap().answers,
        [(401, false), (200, false)]
    );
    assert_eq!(alice.publish("open", "Available").unwrap().status, 200);
    events.wait_state("cameras", "available", SOON).unwrap();

    let ticket = site.ask("cameras", "Sam", "which lens for birds?").unwrap();
    let conversation = ticket.events().unwrap();
    let desk = alice.wait_message("which lens for birds?").unwrap();
    assert_eq!(alice.say(&desk, "a long one").unwrap().status, 200);
    conversation.wait_line("rep", "a long one", LIMIT).unwrap();
    ticket.say("one", "how long?").unwrap();
    assert_eq!(alice.wait_message("how long?").unwrap(), desk);

    assert!(alice.rest().unwrap(), "keepalives must not end the socket");
    // It asks again with the nonce count it has used up (RFC 7616 §3.3: stale).
    let unregistered = alice.unregister().unwrap();
    assert_eq!(unregistered.answers, [(401, true), (200, false)]);
    assert_eq!(alice.unpublish().unwrap().status, 200);
    events.wait_state("cameras", "closed", SOON).unwrap();
    server.check_alive().unwrap();
}

#[test]
fn the_binding_of_a_page_that_is_gone_ends_with_its_connection() {
    let Some(program) = program() else { return };
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let mut page = alice(&program, &server);
    assert_eq!(page.register().unwrap().status, 200);
    let mut phone = server.phone(Protocol::Tcp, "alice").unwrap();
    assert_eq!(contacts(&phone.register(60).unwrap()), 2);

    // Killed: it neither says goodbye nor takes its registration back, and does not come again in the time of grace.
    drop(page);
    wait::until("the end of the page's binding", LIMIT, || {
        Ok((contacts(&phone.register(60)?) == 1).then_some(()))
    })
    .unwrap();
}

fn contacts(response: &Response) -> usize {
    let is_contact = |header: &&Header| matches!(header, Header::Contact(_));
    response.headers.iter().filter(is_contact).count()
}
