//! Shoppers over HTTP and reps on test phones: who is offered a ticket, who gets it next, what happens to the rest.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::phone::{Answering, TestPhone};
use examples::server::Server;
use examples::site::Site;
use examples::wire::Protocol;

/// How long anything may take that happens at once.
const LIMIT: Duration = Duration::from_secs(5);

/// How long the absence of something is watched.
const A_WHILE: Duration = Duration::from_millis(300);

fn start() -> (Server, Site) {
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    (server, site)
}

fn on_duty(server: &Server, protocol: Protocol, rep: &str) -> TestPhone {
    let mut phone = server.phone(protocol, rep).unwrap();
    assert_eq!(phone.register(60).unwrap().status_code.code(), 200);
    let published = phone.publish(Basic::Open, Activity::None, 60).unwrap();
    assert_eq!(published.status_code.code(), 200);
    phone
}

#[track_caller]
fn assert_reads(phone: &TestPhone, text: &str) {
    let shown = phone.next_text(LIMIT).unwrap().unwrap();
    assert!(shown.text.contains(text), "{shown:?}");
}

/// Whether the phone shows `text` soon; other texts, such as which conversation a reply went to, may come first.
fn is_offered(phone: &TestPhone, text: &str) -> bool {
    while let Some(shown) = phone.next_text(Duration::from_secs(1)).unwrap() {
        if shown.text.contains(text) {
            return true;
        }
    }
    false
}

fn wait_available(site: &Site, skill: &str, reps: u64) {
    examples::wait::until("the reps", LIMIT, || {
        Ok((site.group(skill, "standard")?.available == reps).then_some(()))
    })
    .unwrap();
}

#[test]
fn a_click_is_offered_to_the_rep_of_the_highest_level() {
    let (server, site) = start();
    let alice = on_duty(&server, Protocol::Udp, "alice");
    let bob = on_duty(&server, Protocol::Tcp, "bob");
    wait_available(&site, "cameras", 2);
    site.ask("cameras", "Sam", "which camera for birds?")
        .unwrap();
    assert_reads(&alice, "which camera for birds?");
    assert_eq!(bob.next_text(A_WHILE).unwrap(), None);
}

#[test]
fn a_reply_accepts_and_the_two_talk_in_order() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let (server, site) = start();
        let mut alice = on_duty(&server, protocol, "alice");
        wait_available(&site, "cameras", 1);
        let ticket = site
            .ask("cameras", "Sam", "which camera for birds?")
            .unwrap();
        let conversation = ticket.events().unwrap();
        assert_reads(&alice, "which camera for birds?");
        let desk = format!("sip:desk@{}", server.demo().domain);
        let answer = alice.send_text(&desk, "how far away are they?").unwrap();
        assert_eq!(answer.status_code.code(), 200);
        let first = conversation
            .wait_line("rep", "how far away are they?", LIMIT)
            .unwrap();
        ticket.wait_state("open", LIMIT).unwrap();
        ticket.say("a", "fifty metres").unwrap();
        // The shopper's browser may send a line again that it never saw confirmed.
        ticket.say("a", "fifty metres").unwrap();
        ticket.say("b", "or more").unwrap();
        assert_reads(&alice, "fifty metres");
        assert_reads(&alice, "or more");
        let conversation_address = format!("sip:{}@{}", ticket.id(), server.demo().domain);
        alice
            .send_text(&conversation_address, "a long lens")
            .unwrap();
        let last = conversation.wait_line("rep", "a long lens", LIMIT).unwrap();
        assert!(last > first);
    }
}

#[test]
fn a_declined_offer_goes_to_the_next_rep() {
    let (server, site) = start();
    let mut alice = on_duty(&server, Protocol::Udp, "alice");
    let bob = on_duty(&server, Protocol::Udp, "bob");
    wait_available(&site, "cameras", 2);
    site.ask("cameras", "Sam", "which camera for birds?")
        .unwrap();
    assert_reads(&alice, "which camera for birds?");
    let desk = format!("sip:desk@{}", server.demo().domain);
    alice.send_text(&desk, "/no").unwrap();
    assert_reads(&bob, "which camera for birds?");
}

#[test]
fn a_phone_that_refuses_the_offer_is_passed_over() {
    let (server, site) = start();
    let alice = on_duty(&server, Protocol::Udp, "alice");
    let bob = on_duty(&server, Protocol::Udp, "bob");
    alice.answer_texts(Answering::Refuse);
    wait_available(&site, "cameras", 2);
    site.ask("cameras", "Sam", "which camera for birds?")
        .unwrap();
    assert_reads(&bob, "which camera for birds?");
}

#[test]
fn a_ticket_waits_until_a_rep_comes_on_duty() {
    let (server, site) = start();
    let mut away = on_duty(&server, Protocol::Udp, "bob");
    away.publish(Basic::Open, Activity::Away, 60).unwrap();
    site.wait_state("cameras", "wait", LIMIT).unwrap();
    let ticket = site
        .ask("cameras", "Sam", "which camera for birds?")
        .unwrap();
    ticket.wait_state("queued", LIMIT).unwrap();
    let alice = on_duty(&server, Protocol::Udp, "alice");
    assert_reads(&alice, "which camera for birds?");
    ticket.wait_state("offered", LIMIT).unwrap();
}

#[test]
fn the_end_of_one_conversation_is_the_turn_of_the_next_ticket() {
    let (server, site) = start();
    let mut alice = on_duty(&server, Protocol::Udp, "alice");
    wait_available(&site, "cameras", 1);
    let desk = format!("sip:desk@{}", server.demo().domain);
    let mut tickets = Vec::new();
    // Alice takes conversations until she has no hand free; the next ticket waits.
    let waiting = loop {
        let text = format!("question {}", tickets.len());
        let ticket = site.ask("cameras", "Sam", &text).unwrap();
        if !is_offered(&alice, &text) {
            break ticket;
        }
        alice.send_text(&desk, "hello").unwrap();
        ticket.wait_state("open", LIMIT).unwrap();
        tickets.push(ticket);
        assert!(tickets.len() < 20, "alice never has her hands full");
    };
    waiting.wait_state("queued", LIMIT).unwrap();
    site.wait_state("cameras", "wait", LIMIT).unwrap();

    alice.send_text(&desk, "/end").unwrap();
    let last = tickets.last().unwrap();
    last.wait_state("closed", LIMIT).unwrap();
    // Wrapping up takes ten seconds before the next ticket is offered.
    waiting
        .wait_state("offered", LIMIT + Duration::from_secs(10))
        .unwrap();
}

#[test]
fn an_acknowledged_line_outlives_a_crash() {
    let (mut server, site) = start();
    let mut alice = on_duty(&server, Protocol::Udp, "alice");
    wait_available(&site, "cameras", 1);
    let ticket = site
        .ask("cameras", "Sam", "which camera for birds?")
        .unwrap();
    assert_reads(&alice, "which camera for birds?");
    let desk = format!("sip:desk@{}", server.demo().domain);
    alice.send_text(&desk, "how far away are they?").unwrap();
    ticket.wait_state("open", LIMIT).unwrap();
    ticket.say("a", "fifty metres").unwrap();

    server.crash_and_restart().unwrap();
    let conversation = ticket.events().unwrap();
    for (from, text) in [
        ("shopper", "which camera for birds?"),
        ("rep", "how far away are they?"),
        ("shopper", "fifty metres"),
    ] {
        conversation.wait_line(from, text, LIMIT).unwrap();
    }
}

#[test]
fn the_server_stops_when_it_is_asked_to() {
    let (server, site) = start();
    let _events = site.events().unwrap();
    let _alice = on_duty(&server, Protocol::Tcp, "alice");
    assert!(server.stop().unwrap().success());
}
