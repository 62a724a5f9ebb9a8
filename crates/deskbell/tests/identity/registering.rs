//! The registrar over the wire: RFC 3261 §10, Path (RFC 3327), outbound (RFC 5626), and security row S26.

use std::time::Duration;

use examples::site::Site;
use examples::wait;

use super::caller::{Ask, header, headers, status};
use super::wires::Wire;
use super::{names, password, shop};

const LIMIT: Duration = Duration::from_secs(20);

/// A REGISTER of rep0's with these lines and no others.
fn register(lines: &[&str]) -> Ask {
    let mut ask = Ask::new("REGISTER", "rep0", "rep0");
    ask.headers = lines.iter().map(|line| (*line).to_owned()).collect();
    ask
}

fn answered(wire: &mut Wire, ask: &Ask) -> String {
    wire.ask_as("rep0", &password("rep0"), ask)
}

#[track_caller]
fn accepted(wire: &mut Wire, ask: &Ask) -> String {
    let answer = answered(wire, ask);
    assert_eq!(status(&answer), 200, "{answer}");
    answer
}

/// The URIs that are bound, in the order they are tried.
fn bound(wire: &mut Wire) -> Vec<String> {
    let answer = accepted(wire, &register(&[]));
    headers(&answer, "Contact")
        .into_iter()
        .map(|contact| {
            let uri = contact.strip_prefix('<').unwrap();
            uri.split('>').next().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn the_answer_lists_every_binding_and_proves_who_gives_it() {
    let server = shop(&names(1), "");
    let mut wire = Wire::udp(&server);
    let answer = accepted(
        &mut wire,
        &register(&[
            "Contact: <sip:low@h>;q=0.3, sip:brief@h;expires=1",
            "m: \"Rep\" <sip:best@h;transport=tcp>;+sip.instance=\"<urn:uuid:1>\";expires=9999",
            "Expires: 120",
        ]),
    );
    let listed = headers(&answer, "Contact");
    assert_eq!(
        listed,
        [
            "<sip:best@h;transport=tcp>;expires=3600;+sip.instance=\"<urn:uuid:1>\"",
            "<sip:brief@h>;expires=5",
            "<sip:low@h>;expires=120;q=0.300",
        ]
    );
    assert!(
        header(&answer, "Date").unwrap().ends_with(" GMT"),
        "{answer}"
    );
    assert_eq!(header(&answer, "Supported"), Some("path, outbound"));
    let info = header(&answer, "Authentication-Info").unwrap();
    assert!(info.starts_with("qop=auth, rspauth=\""), "{info}");
    // An equal contact is the same phone, however it is written (RFC 3261 §19.1.4).
    accepted(
        &mut wire,
        &register(&["Contact: <sip:%62est@H;transport=TCP>", "Expires: 0"]),
    );
    assert_eq!(bound(&mut wire), ["sip:brief@h", "sip:low@h"]);
}

#[test]
fn a_star_goes_alone_and_with_expires_0() {
    let server = shop(&names(1), "");
    let mut wire = Wire::udp(&server);
    accepted(
        &mut wire,
        &register(&["Contact: <sip:a@h>", "Contact: <sip:b@h>"]),
    );
    for wrong in [
        &["Contact: *"][..],
        &["Contact: *", "Expires: 60"],
        &["Contact: *, <sip:a@h>", "Expires: 0"],
        &["Contact: <sip:a@h>;q=2"],
        &["Contact: <tel:+123>"],
        &["Contact: <sip:c@h>", "Path: <sip:edge"],
    ] {
        let answer = answered(&mut wire, &register(wrong));
        assert_eq!(status(&answer), 400, "{wrong:?}: {answer}");
    }
    assert_eq!(bound(&mut wire).len(), 2);
    accepted(&mut wire, &register(&["Contact: *", "Expires: 0"]));
    assert_eq!(bound(&mut wire), [""; 0]);
}

/// RFC 5626 §6: the instance and the flow's number say which binding it is.
#[test]
fn a_phone_that_speaks_outbound_takes_its_place_again() {
    let server = shop(&names(1), "");
    let contact = |port: u16, id: u16| {
        format!("Contact: <sip:a@h:{port}>;+sip.instance=\"<urn:uuid:1>\";reg-id={id}")
    };
    let outbound = "Supported: path, outbound";
    let mut first = Wire::tcp(&server);
    let answer = accepted(&mut first, &register(&[&contact(1, 1), outbound]));
    assert_eq!(header(&answer, "Require"), Some("outbound"));
    assert_eq!(header(&answer, "Flow-Timer"), Some("120"));
    assert!(header(&answer, "Contact").unwrap().ends_with(";reg-id=1"));
    let mut second = Wire::ws(&server);
    accepted(&mut second, &register(&[&contact(2, 2), outbound]));
    assert_eq!(bound(&mut second), ["sip:a@h:2", "sip:a@h:1"]);
    accepted(&mut second, &register(&[&contact(3, 1), outbound]));
    assert_eq!(bound(&mut second), ["sip:a@h:3", "sip:a@h:2"]);
    // Who does not say that it speaks outbound is taken by its contact.
    let answer = accepted(&mut second, &register(&[&contact(4, 1)]));
    assert_eq!(header(&answer, "Require"), None);
    assert_eq!(bound(&mut second).len(), 3);
    let both = format!(
        "{}, {}",
        contact(5, 3),
        contact(6, 4).replace("Contact: ", "")
    );
    let answer = answered(&mut second, &register(&[&both, outbound]));
    assert_eq!(status(&answer), 400, "two flows at once");
    // A proxy in between that does not know outbound, and one that does.
    let proxy = "Via: SIP/2.0/TCP phone.example;branch=z9hG4bKphone";
    let answer = answered(&mut second, &register(&[&contact(7, 5), outbound, proxy]));
    assert_eq!(status(&answer), 439, "{answer}");
    let path = "Path: <sip:edge.example;lr;ob>";
    let answer = accepted(
        &mut second,
        &register(&[&contact(7, 5), outbound, proxy, path]),
    );
    assert_eq!(header(&answer, "Path"), Some("<sip:edge.example;lr;ob>"));
}

/// RFC 3327 §5.3: what is sent to the phone takes the way its REGISTER came.
#[test]
fn a_message_takes_the_path_of_the_registration() {
    let server = shop(&names(1), "");
    let mut wire = Wire::udp(&server);
    let answer = accepted(
        &mut wire,
        &register(&[
            "Contact: <sip:rep0@10.0.0.9:5060>",
            "Path: <sip:inner.example;lr>, <sip:token@edge.example;lr>",
            "Require: path",
        ]),
    );
    assert_eq!(
        header(&answer, "Path"),
        Some("<sip:inner.example;lr>, <sip:token@edge.example;lr>")
    );
    accepted(&mut wire, &Ask::new("PUBLISH", "rep0", "rep0"));
    let site = Site::new(server.http().unwrap(), "shop");
    site.wait_state("cameras", "available", LIMIT).unwrap();
    let _ticket = site.ask("cameras", "Sam", "which lens?").unwrap();
    let offer = wire.receive();
    assert!(
        offer.starts_with("MESSAGE sip:rep0@10.0.0.9:5060 SIP/2.0\r\n"),
        "{offer}"
    );
    assert_eq!(
        headers(&offer, "Route"),
        ["<sip:inner.example;lr>", "<sip:token@edge.example;lr>"]
    );
}

/// A web page that loads again, a phone that changes its network: the registration lasts, and the offer waits.
#[test]
fn an_offer_waits_for_a_phone_whose_connection_is_gone() {
    let server = shop(&names(1), "flow_grace = \"10s\"");
    let mut wire = Wire::udp(&server);
    let mut phone = Wire::tcp(&server);
    let contact = register(&["Contact: <sip:rep0@page.invalid>"]);
    accepted(&mut phone, &contact);
    accepted(&mut wire, &Ask::new("PUBLISH", "rep0", "rep0"));
    let site = Site::new(server.http().unwrap(), "shop");
    site.wait_state("cameras", "available", LIMIT).unwrap();
    drop(phone);
    let _ticket = site.ask("cameras", "Sam", "which lens?").unwrap();
    let mut back = Wire::tcp(&server);
    accepted(&mut back, &contact);
    let offer = back.receive();
    assert!(
        offer.starts_with("MESSAGE sip:rep0@page.invalid "),
        "{offer}"
    );
}

#[test]
fn a_registration_outlives_its_connection_for_a_while() {
    let server = shop(&names(1), "flow_grace = \"1s\"");
    let mut wire = Wire::udp(&server);
    let mut lost = Wire::tcp(&server);
    accepted(&mut lost, &register(&["Contact: <sip:lost@h>"]));
    accepted(&mut wire, &register(&["Contact: <sip:kept@h>"]));
    assert_eq!(bound(&mut wire), ["sip:kept@h", "sip:lost@h"]);
    drop(lost);
    wait::until("the end of the lost phone's registration", LIMIT, || {
        Ok((bound(&mut wire) == ["sip:kept@h"]).then_some(()))
    })
    .unwrap();
}

/// Security row S26: a rep's phones are few, whatever somebody registers, and nobody else's go for them.
#[test]
fn a_flood_of_contacts_leaves_five() {
    let mut server = shop(&names(2), "");
    let mut wire = Wire::udp(&server);
    let other = Ask::new("REGISTER", "rep1", "rep1");
    let answer = wire.ask_as("rep1", &password("rep1"), &other);
    assert_eq!(status(&answer), 200);
    for n in 0..200 {
        let contacts = format!("Contact: <sip:{n}@h>, <sip:x{n}@h>, <sip:y{n}@h>");
        let answer = accepted(&mut wire, &register(&[&contacts]));
        assert!(headers(&answer, "Contact").len() <= 5);
    }
    let many: Vec<_> = (0..100).map(|n| format!("<sip:z{n}@h>")).collect();
    let all_at_once = format!("Contact: {}", many.join(", "));
    accepted(&mut wire, &register(&[&all_at_once]));
    let newest = [
        "sip:z99@h",
        "sip:z98@h",
        "sip:z97@h",
        "sip:z96@h",
        "sip:z95@h",
    ];
    assert_eq!(bound(&mut wire), newest);
    let mut query = other.clone();
    query.headers.clear();
    let answer = wire.ask_as("rep1", &password("rep1"), &query);
    assert_eq!(headers(&answer, "Contact").len(), 1);
    server.check_alive().unwrap();
}
