//! A shopper in Chromium and a rep on baresip: the bell follows the phone, a click reaches it, the two talk.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use examples::peer;
use examples::peer::baresip::Baresip;
use examples::peer::browser::Browser;
use examples::server::Server;
use examples::site::Site;

/// How soon a page has to follow a phone.
const SOON: Duration = Duration::from_secs(1);

/// How long anything may take that a real program has to start or to say.
const LIMIT: Duration = Duration::from_secs(20);

/// The programs of this test, or nothing where one is missing.
struct Peers {
    node: PathBuf,
    driver: PathBuf,
    baresip: PathBuf,
}

impl Peers {
    fn find() -> Option<Self> {
        let driver =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/browser/page-driver.mjs");
        peer::find("chromium")?;
        let node = peer::find("node")?;
        peer::find_module(&driver, "playwright-core")?;
        Some(Self {
            node,
            driver,
            baresip: peer::find("baresip")?,
        })
    }

    fn shopper(&self, server: &Server) -> Browser {
        let mut browser = Browser::start(&self.node, &self.driver, server.demo().http).unwrap();
        browser.open("/").unwrap();
        browser
    }

    fn alice(&self, server: &Server) -> Baresip {
        let alice = server.rep("alice").unwrap();
        Baresip::start(&self.baresip, server.sip(), "alice", &alice.password).unwrap()
    }
}

#[test]
fn the_bell_follows_the_phone() {
    let Some(peers) = Peers::find() else { return };
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    let mut shopper = peers.shopper(&server);
    shopper.wait_bell("cameras", "closed", LIMIT).unwrap();

    let alice = peers.alice(&server);
    site.wait_state("cameras", "available", LIMIT).unwrap();
    shopper.wait_bell("cameras", "available", SOON).unwrap();

    alice.quit().unwrap();
    site.wait_state("cameras", "closed", SOON).unwrap();
    shopper.wait_bell("cameras", "closed", SOON).unwrap();
    assert!(shopper.complaints().unwrap().is_empty());
}

#[test]
fn nothing_is_stored_on_the_shoppers_machine_before_a_click() {
    let Some(peers) = Peers::find() else { return };
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    let mut shopper = peers.shopper(&server);
    let alice = peers.alice(&server);
    site.wait_state("cameras", "available", LIMIT).unwrap();
    shopper.wait_bell("cameras", "available", SOON).unwrap();
    let storage = shopper.storage().unwrap();
    assert_eq!(storage.get("cookies"), Some(&json!([])));
    assert_eq!(storage.get("local"), Some(&json!({})));
    assert_eq!(storage.get("session"), Some(&json!({})));
    alice.quit().unwrap();
}

#[test]
fn shopper_and_rep_talk_and_the_order_holds_over_a_reload() {
    let Some(peers) = Peers::find() else { return };
    let mut server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    let mut shopper = peers.shopper(&server);
    let mut alice = peers.alice(&server);
    site.wait_state("cameras", "available", LIMIT).unwrap();
    shopper.wait_bell("cameras", "available", SOON).unwrap();

    shopper.click_bell("cameras").unwrap();
    shopper.ask("Sam", "which camera for birds?").unwrap();
    alice.wait_text("which camera for birds?", LIMIT).unwrap();
    alice.say("how far away are they?").unwrap();
    shopper
        .wait_line("rep", "how far away are they?", LIMIT)
        .unwrap();

    for turn in 1..=3 {
        let (question, answer) = (format!("question {turn}"), format!("answer {turn}"));
        shopper.say(&question).unwrap();
        alice.wait_text(&question, LIMIT).unwrap();
        alice.say(&answer).unwrap();
        shopper.wait_line("rep", &answer, LIMIT).unwrap();
    }

    let before = shopper.transcript().unwrap();
    let expected = [
        ("shopper", "which camera for birds?"),
        ("rep", "how far away are they?"),
        ("shopper", "question 1"),
        ("rep", "answer 1"),
        ("shopper", "question 2"),
        ("rep", "answer 2"),
        ("shopper", "question 3"),
        ("rep", "answer 3"),
    ];
    assert_eq!(
        before,
        expected.map(|(from, text)| (from.to_owned(), text.to_owned()))
    );

    shopper.reload().unwrap();
    shopper.wait_line("rep", "answer 3", LIMIT).unwrap();
    assert_eq!(shopper.transcript().unwrap(), before);

    // The conversation goes on after it, both ways.
    shopper.say("still there?").unwrap();
    alice.wait_text("still there?", LIMIT).unwrap();
    alice.say("of course").unwrap();
    shopper.wait_line("rep", "of course", LIMIT).unwrap();
    assert!(shopper.complaints().unwrap().is_empty());
    server.check_alive().unwrap();
    alice.quit().unwrap();
}

#[test]
fn a_shopper_who_comes_back_is_known_and_forgotten_at_a_word() {
    let Some(peers) = Peers::find() else { return };
    let server = Server::start(env!("CARGO_BIN_EXE_deskbell")).unwrap();
    let site = Site::new(server.http(), "shop");
    let mut shopper = peers.shopper(&server);
    let mut alice = peers.alice(&server);
    site.wait_state("cameras", "available", LIMIT).unwrap();
    shopper.wait_bell("cameras", "available", SOON).unwrap();
    shopper.click_bell("cameras").unwrap();
    shopper
        .wait_panel("Asking leaves one cookie", LIMIT)
        .unwrap();
    shopper.ask("Sam", "which camera for birds?").unwrap();
    alice.wait_text("which camera for birds?", LIMIT).unwrap();
    // The phone has taken the line, so that the page may say so.
    shopper.wait_panel("On Alice’s phone", LIMIT).unwrap();
    alice.say("how far away are they?").unwrap();
    shopper.wait_panel("how far away are they?", LIMIT).unwrap();
    shopper.end().unwrap();
    shopper.press("Escape").unwrap();

    shopper.reload().unwrap();
    shopper.wait_bell("cameras", "available", LIMIT).unwrap();
    shopper.click_bell("cameras").unwrap();
    let known = "You are known here as Sam. Alice helped you last time.";
    shopper.wait_panel(known, LIMIT).unwrap();
    shopper.press_button("Forget me").unwrap();
    shopper
        .wait_panel("Nothing is kept of you any more.", LIMIT)
        .unwrap();
    let storage = shopper.storage().unwrap();
    assert_eq!(storage.get("local"), Some(&json!({})));
    assert_eq!(storage.get("session"), Some(&json!({})));
    let cookies = storage
        .get("cookies")
        .and_then(|list| list.as_array())
        .unwrap();
    let is_visitor = |cookie: &&serde_json::Value| {
        let name = cookie.get("name").and_then(|name| name.as_str());
        name.is_some_and(|name| name.contains("visitor"))
    };
    assert_eq!(cookies.iter().filter(is_visitor).count(), 0);
    shopper.reload().unwrap();
    shopper.wait_bell("cameras", "available", LIMIT).unwrap();
    shopper.click_bell("cameras").unwrap();
    shopper
        .wait_panel("Asking leaves one cookie", LIMIT)
        .unwrap();
    assert!(shopper.complaints().unwrap().is_empty());
    alice.quit().unwrap();
}
