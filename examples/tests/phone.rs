//! The test phone, and the real ones that the harness drives, against a registrar of a few lines.
//! Must not know the product.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

#[path = "phone/registrar.rs"]
mod registrar;

use std::path::Path;
use std::time::Duration;

use examples::document::{Activity, Basic};
use examples::peer;
use examples::peer::baresip::Baresip;
use examples::peer::linphone::Linphone;
use examples::peer::sipp;
use examples::phone::{Account, Answering, TestPhone};
use examples::wait;
use examples::wire::Protocol;

use registrar::{PASSWORD, Registrar, message};

const SOON: Duration = Duration::from_secs(10);

fn phone(registrar: &Registrar, protocol: Protocol, password: &str) -> TestPhone {
    let account = Account {
        user: "alice".to_owned(),
        password: password.to_owned(),
        domain: "test".to_owned(),
    };
    TestPhone::connect(protocol, registrar.address, account).unwrap()
}

fn wait_accepted(registrar: &Registrar, last: &str) {
    wait::until(last, SOON, || {
        Ok(registrar
            .accepted()
            .iter()
            .any(|request| request == last)
            .then_some(()))
    })
    .unwrap();
}

#[test]
fn a_publication_lives_from_its_first_document_to_its_end() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let registrar = Registrar::start();
        let mut phone = phone(&registrar, protocol, PASSWORD);
        assert_eq!(phone.register(60).unwrap().status_code.code(), 200);
        phone.publish(Basic::Open, Activity::None, 60).unwrap();
        phone.refresh(60).unwrap();
        phone.publish(Basic::Open, Activity::Busy, 60).unwrap();
        phone.unpublish().unwrap();
        phone.register(0).unwrap();
        assert_eq!(
            registrar.accepted(),
            [
                "REGISTER",
                "PUBLISH",
                "PUBLISH tag2",
                "PUBLISH tag3",
                "PUBLISH tag4",
                "REGISTER"
            ]
        );
        assert_eq!(phone.entity_tag(), None);
    }
}

#[test]
fn a_wrong_password_is_refused() {
    let registrar = Registrar::start();
    let mut phone = phone(&registrar, Protocol::Udp, "guess");
    assert_eq!(phone.register(60).unwrap().status_code.code(), 403);
    assert!(registrar.accepted().is_empty());
}

#[test]
fn a_text_is_shown_once_however_often_it_comes() {
    let registrar = Registrar::start();
    let mut phone = phone(&registrar, Protocol::Udp, PASSWORD);
    phone.register(60).unwrap();
    registrar.send_to_phone(&message("one", "are you free?"));
    registrar.send_to_phone(&message("one", "are you free?"));
    registrar.send_to_phone(&message("two", "hello?"));
    let first = phone.next_text(SOON).unwrap().unwrap();
    assert_eq!(first.from, "sip:ticket@test");
    assert_eq!(first.text, "are you free?");
    assert_eq!(phone.next_text(SOON).unwrap().unwrap().text, "hello?");
    wait::until("three answers", SOON, || {
        Ok((registrar.answers().len() == 3).then_some(()))
    })
    .unwrap();
    assert_eq!(registrar.answers()[0], registrar.answers()[1]);
}

#[test]
fn a_text_can_be_refused() {
    let registrar = Registrar::start();
    let mut phone = phone(&registrar, Protocol::Udp, PASSWORD);
    phone.register(60).unwrap();
    phone.answer_texts(Answering::Refuse);
    registrar.send_to_phone(&message("one", "are you free?"));
    wait::until("an answer", SOON, || {
        Ok(registrar
            .answers()
            .first()
            .map(|answer| assert!(answer.starts_with("SIP/2.0 486"))))
    })
    .unwrap();
    assert_eq!(phone.next_text(Duration::ZERO).unwrap(), None);
}

#[test]
fn baresip_publishes_and_takes_everything_back_when_it_quits() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let registrar = Registrar::start();
    let mut baresip = Baresip::start(&program, registrar.address, "alice", PASSWORD).unwrap();
    baresip.wait_registered().unwrap();
    wait_accepted(&registrar, "PUBLISH");
    registrar.send_to_phone(&message("one", "which lens for birds?"));
    baresip.wait_text("which lens for birds?", SOON).unwrap();
    baresip.say("a long one").unwrap();
    wait_accepted(&registrar, "MESSAGE");
    let before = registrar.accepted().len();
    baresip.quit().unwrap();
    let goodbye = registrar.accepted().split_off(before);
    assert!(
        goodbye.iter().any(|request| request == "REGISTER"),
        "{goodbye:?}"
    );
    assert!(
        goodbye
            .iter()
            .any(|request| request.starts_with("PUBLISH tag")),
        "{goodbye:?}"
    );
}

#[test]
fn linphonec_publishes_and_takes_everything_back_when_it_quits() {
    let Some(program) = peer::find("linphonec") else {
        return;
    };
    let registrar = Registrar::start();
    let mut linphone =
        Linphone::start(&program, registrar.address, "test", "bob", PASSWORD).unwrap();
    linphone.wait_registered().unwrap();
    wait_accepted(&registrar, "PUBLISH");
    linphone
        .say(&format!("sip:desk@{}", registrar.address), "a long one")
        .unwrap();
    wait_accepted(&registrar, "MESSAGE");
    let before = registrar.accepted().len();
    linphone.quit().unwrap();
    let goodbye = registrar.accepted().split_off(before);
    assert!(
        goodbye.iter().any(|request| request == "REGISTER"),
        "{goodbye:?}"
    );
    assert!(
        goodbye
            .iter()
            .any(|request| request.starts_with("PUBLISH tag")),
        "{goodbye:?}"
    );
}

#[test]
fn sipp_goes_through_a_scenario() {
    let Some(program) = peer::find("sipp") else {
        return;
    };
    let registrar = Registrar::start();
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sip-fixtures/sipp");
    let run = |scenario: &str| {
        let scenario = scenarios.join(scenario);
        let rep = ("alice", PASSWORD);
        sipp::run(
            &program,
            &scenario,
            registrar.address,
            &[rep],
            "test",
            sipp::Load::gentle(2),
            SOON,
        )
    };
    let calls = run("publish.xml").unwrap();
    assert_eq!((calls.successful, calls.failed), (2, 0));
    // This registrar takes any entity-tag, so that the scenario has to fail.
    assert!(run("stale-entity-tag.xml").is_err());
}
