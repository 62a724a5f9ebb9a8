//! Softphones at both ends: as the rep's phone and as the telephone. Must not know what goes over the wire between.

use std::path::Path;

use examples::peer;
use examples::peer::baresip::{Answering, Baresip};
use examples::peer::linphone::Linphone;
use examples::server::{Server, Setup};
use examples::site::Site;
use examples::unique::Folder;

use crate::desk::{
    LIMIT, ask_for_a_call, baresip_as_alice, reasons, setup_at, start, take_up, uncall, wait_stage,
};
use crate::wire::{Holding, Wire};

/// The number that shoppers are called at.
const NUMBER: &str = "+33612345678";

fn telephone(program: &Path, answering: Answering) -> Baresip {
    Baresip::start_telephone(program, NUMBER, answering, None).unwrap()
}

/// A server whose trunk is that telephone itself.
fn serve(telephone: &Baresip, more: &str) -> Server {
    start(&setup_at(telephone.address(), more))
}

/// Packets of sound that have to come at each end: half a second of it.
const PACKETS: u32 = 25;

/// Sound goes both ways, from the one's port straight to the other's.
#[track_caller]
fn check_media(rep: &mut Baresip, telephone: &mut Baresip) {
    let (rep, telephone) = (
        rep.wait_media(PACKETS).unwrap(),
        telephone.wait_media(PACKETS).unwrap(),
    );
    assert_eq!(rep.towards, telephone.port, "media takes no detour");
    assert_eq!(telephone.towards, rep.port, "media takes no detour");
}

#[test]
fn two_softphones_talk_directly_and_the_telephone_hangs_up() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let mut telephone = telephone(&program, Answering::AtOnce);
    let server = serve(&telephone, "");
    let mut alice = baresip_as_alice(&program, &server);
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    wait_stage(&http, &ticket, "talking");
    check_media(&mut alice, &mut telephone);
    telephone.hang_up().unwrap();
    alice.wait_ended().unwrap();
    wait_stage(&http, &ticket, "closed");
}

#[test]
fn two_softphones_talk_directly_by_the_telephones_offer_and_the_rep_hangs_up() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let mut telephone = telephone(&program, Answering::ByHand);
    let server = serve(&telephone, "ring = \"60s\"\n");
    let mut alice = baresip_as_alice(&program, &server);
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    take_up(&mut telephone, &http, &ticket);
    check_media(&mut alice, &mut telephone);
    alice.hang_up().unwrap();
    telephone.wait_ended().unwrap();
    wait_stage(&http, &ticket, "closed");
    let told = reasons(&server, &ticket.0);
    assert!(told.contains("They talked for"), "{told}");
}

#[test]
fn a_rep_who_is_busy_is_passed_over_for_the_next() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let telephone = telephone(&program, Answering::AtOnce);
    let server = serve(&telephone, "");
    // Alice is the better one, and declines as baresip does: 486.
    let secret = |user: &str| server.rep(user).unwrap().password.clone();
    let mut alice =
        Baresip::start_ringing(&program, server.sip(), "alice", &secret("alice")).unwrap();
    alice.wait_registered().unwrap();
    let mut bob = Baresip::start(&program, server.sip(), "bob", &secret("bob")).unwrap();
    bob.wait_registered().unwrap();
    let site = Site::new(server.http(), "shop");
    examples::wait::until("two reps", LIMIT, || {
        Ok((site.group("cameras", "standard")?.available == 2).then_some(()))
    })
    .unwrap();
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    alice.wait_call().unwrap();
    alice.hang_up().unwrap();
    wait_stage(&http, &ticket, "talking");
    let told = reasons(&server, &ticket.0);
    for step in ["The phone of alice is busy", "The phone of bob rings"] {
        assert!(told.contains(step), "{step} in {told}");
    }
}

#[test]
fn a_telephone_that_declines_or_is_not_taken_up_gives_the_rep_back() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let mut telephone = telephone(&program, Answering::ByHand);
    let server = serve(&telephone, "ring = \"5s\"\n");
    let _alice = baresip_as_alice(&program, &server);
    let http = server.http();
    let (busy, late) = (ask_for_a_call(&http), "was not answered; again in 5 min");
    telephone.wait_call().unwrap();
    telephone.hang_up().unwrap();
    wait_stage(&http, &busy, "queued");
    let told = reasons(&server, &busy.0);
    assert!(told.contains("is busy; again in 5 min"), "{told}");

    let silent = ask_for_a_call(&http);
    telephone.wait_call().unwrap();
    wait_stage(&http, &silent, "queued");
    let told = reasons(&server, &silent.0);
    assert!(told.contains(late), "{told}");
}

#[test]
fn a_telephone_stops_ringing_when_the_shopper_wants_no_call_any_more() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let mut telephone = telephone(&program, Answering::ByHand);
    let server = serve(&telephone, "");
    let _alice = baresip_as_alice(&program, &server);
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    telephone.wait_call().unwrap();
    wait_stage(&http, &ticket, "calling-you");
    uncall(&http, &ticket);
    wait_stage(&http, &ticket, "offered");
    telephone.wait_text("session closed", LIMIT).unwrap();
    // Taken up too late: nobody is there.
    telephone.take_up().unwrap();
    wait_stage(&http, &ticket, "offered");
}

/// Taken up in the moment in which the shopper changes the mind: the telephone's 200 and our CANCEL cross.
#[test]
fn a_softphone_taken_up_as_its_call_is_cancelled_is_hung_up() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let mut telephone = telephone(&program, Answering::ByHand);
    let wire = Wire::to(telephone.address(), Holding::Cancel);
    let server = start(&setup_at(wire.address(), ""));
    let mut alice = baresip_as_alice(&program, &server);
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    telephone.wait_call().unwrap();
    wait_stage(&http, &ticket, "calling-you");
    uncall(&http, &ticket);
    wire.wait("CANCEL ");
    telephone.take_up().unwrap();
    // It had its ACK, or it would not know the call for one; then the BYE.
    telephone.wait_text("Call established", LIMIT).unwrap();
    telephone.wait_ended().unwrap();
    alice.wait_ended().unwrap();
    wait_stage(&http, &ticket, "offered");
    let told = reasons(&server, &ticket.0);
    assert!(told.contains("was ended before anybody talked"), "{told}");
}

/// A telephone behind a trunk over TLS, whose certificate an authority of ours vouches for; and one that nobody knows.
#[test]
fn a_trunk_over_tls_has_to_prove_its_name() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let both = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
    let stranger = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let folder = Folder::new("authorities").unwrap();
    for (number, (trusted, stage)) in [(&made, "talking"), (&stranger, "queued")]
        .into_iter()
        .enumerate()
    {
        let telephone =
            Baresip::start_telephone(&program, NUMBER, Answering::AtOnce, Some(&both)).unwrap();
        let authorities = folder
            .write(&format!("{number}.pem"), &trusted.cert.pem())
            .unwrap();
        let tls = telephone.address().port() + 1;
        let setup = Setup {
            tables: format!("[[trunk]]\nuri = \"sip:127.0.0.1:{tls};transport=tls\"\n"),
            sip_lines: format!("authorities = \"{}\"\n", authorities.display()),
            ..setup_at(telephone.address(), "")
        };
        let server = start(&setup);
        let _alice = baresip_as_alice(&program, &server);
        let http = server.http();
        let ticket = ask_for_a_call(&http);
        wait_stage(&http, &ticket, stage);
        let told = reasons(&server, &ticket.0);
        assert_eq!(
            told.contains("nothing came back"),
            stage == "queued",
            "{told}"
        );
    }
}

/// linphonec as the telephone; without a sound card it says nothing.
#[test]
fn linphonec_as_the_telephone_takes_the_call_and_hangs_up() {
    let (Some(baresip), Some(linphonec)) = (peer::find("baresip"), peer::find("linphonec")) else {
        return;
    };
    let (mut telephone, address) = Linphone::start_telephone(&linphonec, "shopper", None).unwrap();
    let server = start(&setup_at(address, ""));
    let mut alice = baresip_as_alice(&baresip, &server);
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    wait_stage(&http, &ticket, "talking");
    telephone.hang_up().unwrap();
    alice.wait_ended().unwrap();
    wait_stage(&http, &ticket, "closed");
}
