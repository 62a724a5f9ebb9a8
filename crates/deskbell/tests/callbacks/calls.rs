//! Calls over one trunk, with softphones as the rep's phone. Must not know how trunks are kept.

use std::time::{Duration, Instant};

use examples::peer;
use examples::peer::linphone::Linphone;
use examples::peer::sipp::Answering;
use examples::server::{Server, Setup};
use examples::site::Site;
use examples::wait;
use serde_json::json;

use crate::desk::{
    ACCOUNT, LIMIT, Scene, ask_for_a_call, baresip_as_alice, reasons, scenario, serve, setup,
    setup_at, start, uncall, wait_stage, wait_step,
};
use crate::listener::Listener;
use crate::trunk::{Trunk, port_in};

#[test]
fn a_click_rings_the_rep_then_the_telephone_and_their_media_goes_between_them() {
    let Some(scene) = Scene::open("") else {
        return;
    };
    let trunk = &scene.trunk;

    // Baresip has answered with its offer, which is what the telephone gets (RFC 3725 §4.1).
    let (invite, peer) = trunk.receive("INVITE ");
    assert!(
        invite.starts_with("INVITE sip:+33612345678@127.0.0.1:"),
        "{invite}"
    );
    assert!(invite.contains("m=audio "), "{invite}");
    trunk.answer(&invite, peer, "180 Ringing", "", "");
    trunk.take(&invite, peer);
    let (ack, _) = trunk.receive("ACK ");
    assert!(ack.contains("Content-Length: 0"), "{ack}");
    scene.wait("talking");

    trunk.hear_media_of(&invite);

    // The telephone hangs up: so does Deskbell, at the rep.
    trunk.hang_up(&invite, peer);
    trunk.receive("SIP/2.0 200");
    scene.wait("closed");
    let told = scene.reasons();
    for step in [
        "The shopper asked to be called at +33•••••••78.",
        "The phone of alice rings",
        "The rep has answered",
        "They talked for",
    ] {
        assert!(told.contains(step), "{step} in {told}");
    }
}

#[test]
fn a_busy_telephone_frees_the_rep_and_is_tried_again_later() {
    let Some(scene) = Scene::open("") else {
        return;
    };
    let trunk = &scene.trunk;
    let (invite, peer) = trunk.receive("INVITE ");
    trunk.answer(&invite, peer, "486 Busy Here", "", "");
    trunk.receive("ACK ");
    scene.wait("queued");
    let told = scene.reasons();
    assert!(told.contains("is busy; again in 5 min"), "{told}");
    Site::new(scene.server.http(), "shop")
        .wait_state("cameras", "available", LIMIT)
        .unwrap();
}

/// Security row M2: too many calls in vain stop all further ones, which is told at once and outlives a crash.
#[test]
fn the_spend_breaker_is_told_and_holds_after_a_crash() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let (trunk, listener) = (Trunk::open(), Listener::start());
    let lasting = Setup {
        site_lines: "callback = { allow = [\"+33\"], country = \"FR\", strangers = \"allowed\", failures = 1 }"
            .to_owned(),
        ..setup(&trunk, &listener.table()).lasting()
    };
    let mut server = start(&lasting);
    let _alice = baresip_as_alice(&program, &server);
    let ticket = ask_for_a_call(&server.http());
    let (invite, peer) = trunk.receive("INVITE ");
    trunk.answer(&invite, peer, "486 Busy Here", "", "");
    trunk.receive("ACK ");
    let reason = "too many calls in a row came to nothing";
    wait_step(
        &server,
        &ticket,
        &format!("No further call is made for now: {reason}"),
    );
    assert!(server.log().contains("no further callback is made for now"));
    let told = listener.until("callbacks.stopped");
    let data = told.last().and_then(|event| event.get("data")).unwrap();
    let id = ticket.0.rsplit('/').next().unwrap();
    assert_eq!(data.get("ticket"), Some(&json!(id)));
    assert_eq!(data.get("site"), Some(&json!("shop")));
    let why = data.get("why").and_then(|why| why.as_str()).unwrap();
    assert!(why.starts_with(reason), "{why}");
    server.crash_and_restart().unwrap();
    let body = json!({"skills": ["cameras"], "phone": "06 12 34 56 79", "callback": true});
    let answer = server.http().post("/v1/sites/shop/tickets", &body).unwrap();
    assert!(
        answer.status >= 400 && answer.body.contains(reason),
        "{}",
        answer.body
    );
    trunk.expect_nothing();
    // What was delivered as the server died may be delivered once more, and is the same event then.
    for event in listener.so_far() {
        let is_alarm = event.get("type") == told.last().and_then(|told| told.get("type"));
        assert!(!is_alarm || Some(&event) == told.last(), "{event}");
    }
}

/// The number of a shopper who comes back is that of the sealed cookie.
#[test]
fn a_shopper_who_comes_back_is_called_at_the_number_that_the_cookie_keeps() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let trunk = Trunk::open();
    let server = serve(&trunk, "");
    let _alice = baresip_as_alice(&program, &server);
    let http = server.http();
    let first = json!({"skills": ["cameras"], "phone": "06 12 34 56 78", "remember": true});
    let answer = http.post("/v1/sites/shop/tickets", &first).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let cookie = answer.cookie("visitor").unwrap().to_owned();
    let ticket = answer.json().unwrap();
    let text = |key: &str| ticket.get(key).and_then(|text| text.as_str()).unwrap();
    let path = format!("/v1/tickets/{}", text("id"));
    let bearer = format!("Bearer {}", text("token"));
    http.request("DELETE", &path, &[("Authorization", &bearer)], "")
        .unwrap();
    let headers = [
        ("Cookie", cookie.as_str()),
        ("Content-Type", "application/json"),
        ("Origin", &format!("http://{}", server.demo().http)),
    ];
    let again = r#"{"skills":["cameras"],"callback":true}"#;
    let answer = http.request("POST", "/v1/sites/shop/tickets", &headers, again);
    let answer = answer.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let (invite, _) = trunk.receive("INVITE ");
    assert!(invite.starts_with("INVITE sip:+33612345678@"), "{invite}");
}

#[test]
fn a_server_that_stops_hangs_up_first_and_writes_it_down() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let trunk = Trunk::open();
    let lasting = setup(&trunk, "").lasting();
    let mut server = start(&lasting);
    let alice = baresip_as_alice(&program, &server);
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    let (invite, peer) = trunk.receive("INVITE ");
    trunk.take(&invite, peer);
    trunk.receive("ACK ");
    wait_stage(&http, &ticket, "talking");
    let restarting = std::thread::spawn(move || {
        server.stop_and_restart().unwrap();
        server
    });
    let (bye, peer) = trunk.receive("BYE ");
    trunk.answer(&bye, peer, "200 OK", "", "");
    let server = restarting.join().unwrap();
    let screen = alice.screen();
    assert!(screen.contains("session closed"), "{screen}");
    // Nobody has to guess how that call ended.
    wait_stage(&server.http(), &ticket, "closed");
}

#[test]
fn a_new_configuration_brings_its_trunks() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let (trunk, other) = (Trunk::open(), Trunk::open());
    let server = serve(&trunk, "");
    let _alice = baresip_as_alice(&program, &server);
    server.reconfigure(&setup(&other, "")).unwrap();
    wait::until("the new configuration", LIMIT, || {
        let log = server.log();
        Ok(log.contains("configuration is in force").then_some(()))
    })
    .unwrap();
    ask_for_a_call(&server.http());
    other.receive("INVITE ");
}

#[test]
fn a_telephone_that_rings_for_long_makes_the_offer_itself() {
    let Some(scene) = Scene::open("ring = \"60s\"\n") else {
        return;
    };
    let trunk = &scene.trunk;
    let (invite, peer) = trunk.receive("INVITE ");
    assert!(!invite.contains("m=audio "), "{invite}");
    trunk.answer(&invite, peer, "180 Ringing", "", "");
    trunk.take(&invite, peer);
    // Baresip, on hold until now, has answered that offer (RFC 3725 §4.4).
    let (ack, _) = trunk.receive("ACK ");
    scene.wait("talking");
    trunk.hear_media_of(&ack);
}

/// Security rows S5 and S6: an endless challenge, and one of another realm.
#[test]
fn a_trunk_is_answered_once_and_in_its_own_realm_only() {
    for (realm, invites) in [("trunk.example", 2), ("evil.example", 1)] {
        let Some(scene) = Scene::open(ACCOUNT) else {
            return;
        };
        let trunk = &scene.trunk;
        let mut seen = 0;
        let until = Instant::now() + LIMIT;
        while seen < invites && Instant::now() < until {
            let (invite, peer) = trunk.receive("INVITE ");
            seen += 1;
            assert_eq!(invite.contains("Authorization:"), seen == 2, "{invite}");
            let challenge = format!(
                "WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"n{seen}\", algorithm=SHA-256, qop=\"auth\"\r\n"
            );
            trunk.answer(&invite, peer, "401 Unauthorized", &challenge, "");
            trunk.receive("ACK ");
        }
        scene.wait("queued");
        let told = scene.reasons();
        assert!(told.contains("the credentials were not taken"), "{told}");
        trunk.expect_nothing();
    }
}

/// Security row M3: a call under way when the server dies is in doubt, and its number is not dialled again by itself.
#[test]
fn a_number_is_dialled_once_whatever_crashes() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let trunk = Trunk::open();
    let lasting = setup(&trunk, "").lasting();
    let mut server = start(&lasting);
    let _alice = baresip_as_alice(&program, &server);
    let ticket = ask_for_a_call(&server.http());
    let (invite, _) = trunk.receive("INVITE ");
    server.crash_and_restart().unwrap();
    // The ticket is there, and alice gets it as a conversation: only a rep may have that number called again.
    wait_stage(&server.http(), &ticket, "offered");
    let told = reasons(&server, &ticket.0);
    assert!(told.contains("it is not dialled again by itself"), "{told}");
    let wait = Some(Duration::from_millis(500));
    trunk.sip.set_read_timeout(wait).unwrap();
    let call_id = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("Call-ID:"));
        line.unwrap_or_default().to_owned()
    };
    let mut buffer = [0; 8192];
    while let Ok((length, _)) = trunk.sip.recv_from(&mut buffer) {
        // Before it died the server may have sent the one INVITE again.
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap());
        assert_eq!(call_id(&text), call_id(&invite), "{text}");
    }
}

/// Security row M6: whoever answers in the trunk's place does not know the branch, and changes nothing.
#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let Some(scene) = Scene::open("") else {
        return;
    };
    let trunk = &scene.trunk;
    let (invite, peer) = trunk.receive("INVITE ");
    trunk.answer(&invite, peer, "180 Ringing", "", "");
    scene.wait("calling-you");
    let branch = invite.split("branch=").nth(1).unwrap();
    let branch = branch.split([';', '\r']).next().unwrap();
    for number in 0..2_000 {
        let forged = invite.replace(branch, &format!("z9hG4bKforged{number}"));
        // The trunk's own address, and all but the branch as it is.
        let status = if number % 2 == 0 {
            "486 Busy Here"
        } else {
            "200 OK"
        };
        trunk.answer(&forged, peer, status, "", "");
    }
    scene.wait("calling-you");
    trunk.take(&invite, peer);
    scene.wait("talking");
}

/// Security row M4: where a call goes is never up to whoever is called.
#[test]
fn a_redirection_is_not_followed() {
    let Some(scene) = Scene::open("") else {
        return;
    };
    let trunk = &scene.trunk;
    let (invite, peer) = trunk.receive("INVITE ");
    let elsewhere = format!("Contact: <sip:+19005551234@{}>\r\n", trunk.address());
    trunk.answer(&invite, peer, "302 Moved Temporarily", &elsewhere, "");
    trunk.receive("ACK ");
    scene.wait("queued");
    let told = scene.reasons();
    assert!(told.contains("which is not followed"), "{told}");
}

/// Security row M4: whoever is called has nobody else called, within the call or beside it.
#[test]
fn whoever_is_called_has_nobody_else_called() {
    let Some(scene) = Scene::open("") else {
        return;
    };
    let trunk = &scene.trunk;
    let (invite, peer) = trunk.receive("INVITE ");
    trunk.take(&invite, peer);
    trunk.receive("ACK ");
    scene.wait("talking");
    let elsewhere = format!("<sip:+19005551234@{}>", trunk.address());
    let contact = format!("Contact: <sip:phone@{}>\r\n", trunk.address());
    for (cseq, method, more) in [
        (1, "REFER", format!("{contact}Refer-To: {elsewhere}\r\n")),
        (
            2,
            "NOTIFY",
            "Event: refer\r\nSubscription-State: active\r\n".to_owned(),
        ),
        (3, "INFO", format!("Also: {elsewhere}\r\n")),
    ] {
        trunk.ask(method, cseq, &more, &invite, peer);
        let (answer, _) = trunk.receive("SIP/2.0 ");
        assert!(answer.starts_with("SIP/2.0 4"), "{method}: {answer}");
    }
    // A call from outside that is to take the place of this one.
    let call_id = invite
        .lines()
        .find_map(|line| line.strip_prefix("Call-ID: "));
    let outside = format!(
        "INVITE sip:+19005551234@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKoutside;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:eve@trunk.example>;tag=eve\r\nTo: <sip:+19005551234@trunk.example>\r\nCall-ID: outside\r\n\
         CSeq: 1 INVITE\r\n{contact}Replaces: {};to-tag=phone;from-tag=x\r\nContent-Length: 0\r\n\r\n",
        scene.server.sip(),
        trunk.address(),
        call_id.unwrap()
    );
    trunk
        .sip
        .send_to(outside.as_bytes(), scene.server.sip())
        .unwrap();
    let (answer, _) = trunk.receive("SIP/2.0 ");
    assert!(answer.starts_with("SIP/2.0 4"), "{answer}");
    scene.wait("talking");
    trunk.expect_nothing();
}

/// linphonec as the rep's phone, over TCP. Without a sound card it says nothing; that the telephone is where it would say
/// it shows by what opens its way through NAT.
#[test]
fn linphonec_takes_a_call_in_either_flow() {
    let Some(program) = peer::find("linphonec") else {
        return;
    };
    for ring in ["24s", "60s"] {
        let trunk = Trunk::open();
        let server = serve(&trunk, &format!("ring = \"{ring}\"\n"));
        let alice = server.rep("alice").unwrap();
        let realm = &server.demo().domain;
        let mut linphone =
            Linphone::start_answering(&program, server.sip(), realm, "alice", &alice.password)
                .unwrap();
        linphone.wait_registered().unwrap();
        let http = server.http();
        Site::new(http, "shop")
            .wait_state("cameras", "available", LIMIT)
            .unwrap();
        let ticket = ask_for_a_call(&http);
        let (invite, peer) = trunk.receive("INVITE ");
        trunk.answer(&invite, peer, "180 Ringing", "", "");
        trunk.take(&invite, peer);
        let (ack, _) = trunk.receive("ACK ");
        wait_stage(&http, &ticket, "talking");
        let described = if ring == "24s" { &invite } else { &ack };
        let mut packet = [0; 2048];
        let (_, from) = trunk.rtp.recv_from(&mut packet).unwrap();
        assert_eq!(from.port(), port_in(described), "media takes no detour");
    }
}

/// A call over SIPp as the trunk, by a scenario of `sip-fixtures/sipp`; gives what was told of it in the end, after
/// `meanwhile` has happened. `stage` is what becomes of the ticket.
#[track_caller]
fn check_trunk(
    name: &str,
    keys: &[(&str, &str)],
    stage: &str,
    steps: &[&str],
    meanwhile: impl FnOnce(&Server, &(String, String)),
) {
    let (Some(baresip), Some(sipp)) = (peer::find("baresip"), peer::find("sipp")) else {
        return;
    };
    let trunk = Answering::start(&sipp, &scenario(name), keys).unwrap();
    let server = start(&setup_at(trunk.address(), ACCOUNT));
    let _alice = baresip_as_alice(&baresip, &server);
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    meanwhile(&server, &ticket);
    trunk.finish(LIMIT * 2).unwrap();
    wait_stage(&http, &ticket, stage);
    let told = reasons(&server, &ticket.0);
    for step in steps {
        assert!(told.contains(step), "{step} in {told}");
    }
}

fn nothing(_: &Server, _: &(String, String)) {}

const TALKED: [&str; 2] = ["The shopper has answered.", "They talked for"];

#[test]
fn a_trunk_that_asks_who_calls_is_told_by_either_header() {
    for (status, challenge) in [("401", "WWW-Authenticate"), ("407", "Proxy-Authenticate")] {
        let keys = [("status", status), ("challenge", challenge)];
        check_trunk("trunk-challenge.xml", &keys, "closed", &TALKED, nothing);
    }
}

#[test]
fn what_a_trunk_plays_early_is_heard_and_the_call_is_taken() {
    check_trunk("trunk-early-media.xml", &[], "closed", &TALKED, nothing);
}

#[test]
fn a_trunk_that_misses_acks_gets_them_again() {
    check_trunk("trunk-lost-ack.xml", &[], "closed", &TALKED, nothing);
}

#[test]
fn every_refusal_of_a_trunk_has_its_reason() {
    for (status, step) in [
        ("301", "it points elsewhere, which is not followed"),
        ("404", "it was answered 404"),
        ("486", "is busy"),
        ("503", "it was answered 503"),
        ("603", "was declined"),
    ] {
        let keys = [
            ("status", status),
            ("contact", "sip:+19005551234@127.0.0.1"),
        ];
        check_trunk("trunk-refuses.xml", &keys, "queued", &[step], nothing);
    }
}

#[test]
fn a_telephone_that_is_taken_up_after_the_shopper_changed_the_mind_is_hung_up() {
    let steps = [
        "does not want to be called any more",
        "was ended before anybody talked",
    ];
    check_trunk(
        "trunk-late-answer.xml",
        &[],
        "offered",
        &steps,
        |server, ticket| {
            wait_stage(&server.http(), ticket, "calling-you");
            uncall(&server.http(), ticket);
        },
    );
}
