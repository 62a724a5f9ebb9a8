//! A shopper's page in Chromium beside the shopper's own messenger, linphonec: what is said in one conversation is shown
//! by both. Must not know how either is told.

use std::path::Path;

use examples::peer;
use examples::peer::browser::Browser;
use examples::peer::linphone::Linphone;
use serde_json::json;

use crate::desk::{LIMIT, start};
use crate::messengers::{SECRET, assert_reads, come_late, reps, shop, token};

#[test]
fn page_and_messenger_show_the_same_lines_once_and_in_order() {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/browser/page-driver.mjs");
    let (Some(_), Some(node), Some(linphonec)) = (
        peer::find("chromium"),
        peer::find("node"),
        peer::find("linphonec"),
    ) else {
        return;
    };
    if peer::find_module(&driver, "playwright-core").is_none() {
        return;
    }
    let server = start(&shop("[\"messenger\"]", ""));
    let (mut zoe, address) =
        Linphone::start_telephone(&linphonec, "zoe", Some(server.sip())).unwrap();
    let (mut alice, _bob) = reps(&server);
    let mut page = Browser::start(&node, &driver, server.demo().http).unwrap();
    page.open_shop("shop", "cameras").unwrap();
    page.wait_bell("cameras", "wait", LIMIT).unwrap();
    let claims = json!({"sub": "z1", "name": "Zoe", "im": format!("sip:zoe@{address}")});
    page.carry_token(&token(&claims, SECRET)).unwrap();
    page.click_bell("cameras").unwrap();
    page.ask("Zoe", "My lens is stuck").unwrap();
    page.wait_line("shopper", "My lens is stuck", LIMIT)
        .unwrap();

    // The tab is closed, and the rep comes only then.
    page.leave().unwrap();
    come_late(&mut alice);
    let conversation = assert_reads(&alice, "My lens is stuck");
    zoe.wait_text("Your page cannot be reached", LIMIT).unwrap();
    let beside = conversation.replace(&server.demo().domain, &server.sip().to_string());
    alice.send_text(&conversation, "Does it turn?").unwrap();
    zoe.wait_text("Does it turn?", LIMIT).unwrap();
    zoe.say(&beside, "Half a turn").unwrap();
    assert_reads(&alice, "Half a turn");

    // The shopper opens it again; both go on.
    page.open_shop("shop", "cameras").unwrap();
    page.wait_line("shopper", "Half a turn", LIMIT).unwrap();
    alice.send_text(&conversation, "Which way?").unwrap();
    page.wait_line("rep", "Which way?", LIMIT).unwrap();
    zoe.wait_text("Which way?", LIMIT).unwrap();
    page.say("To the left").unwrap();
    assert_reads(&alice, "To the left");
    zoe.say(&beside, "And back").unwrap();
    page.wait_line("shopper", "And back", LIMIT).unwrap();
    alice.send_text(&conversation, "Bring it in").unwrap();
    page.wait_line("rep", "Bring it in", LIMIT).unwrap();
    zoe.wait_text("Bring it in", LIMIT).unwrap();

    page.keep("with messenger").unwrap();
    let expected = [
        ("shopper", "My lens is stuck"),
        ("rep", "Does it turn?"),
        ("shopper", "Half a turn"),
        ("rep", "Which way?"),
        ("shopper", "To the left"),
        ("shopper", "And back"),
        ("rep", "Bring it in"),
    ];
    let shown = page.transcript().unwrap();
    assert_eq!(
        shown,
        expected.map(|(from, text)| (from.to_owned(), text.to_owned()))
    );
    // The messenger shows what others say.
    let screen = zoe.screen();
    let places: Vec<_> = expected
        .iter()
        .filter(|(from, _)| *from == "rep")
        .map(|(_, text)| {
            let mut found = screen.match_indices(text).map(|(place, _)| place);
            let place = found.next();
            assert!(
                place.is_some() && found.next().is_none(),
                "{text:?} once: {screen}"
            );
            place
        })
        .collect();
    assert!(places.is_sorted(), "{screen}");
}
