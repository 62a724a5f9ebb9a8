//! Trunks that want a registration, that are not there, that are reached over a proxy. Must not know what is said over them.

use std::path::Path;

use examples::peer;
use examples::peer::baresip::{self, Baresip};
use examples::peer::sipp::Answering;
use examples::server::{Server, Setup};
use examples::unique::Folder;
use examples::wait;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::desk::{
    ACCOUNT, LIMIT, ask_for_a_call, baresip_as_alice, reasons, scenario, setup_at, start, take_up,
    wait_stage,
};
use crate::names::Zone;
use crate::trunk::Trunk;
use crate::wire::{Holding, Wire};

/// Several trunks, each with lines of its own.
fn several(trunks: &[(&Trunk, &str)]) -> Setup {
    let tables = trunks
        .iter()
        .map(|(trunk, more)| format!("[[trunk]]\nuri = \"sip:{}\"\n{more}", trunk.address()));
    Setup {
        tables: tables.collect(),
        ..setup_at(trunks.first().unwrap().0.address(), "")
    }
}

/// What the supervisors are told of the trunks.
fn trunks(server: &Server) -> Vec<Value> {
    let bearer = format!("Bearer {}", server.demo().admin_key);
    let answer =
        server
            .http()
            .request("GET", "/v1/admin/trunks", &[("Authorization", &bearer)], "");
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = answer.json().unwrap();
    told.get("items").and_then(Value::as_array).unwrap().clone()
}

fn wait_trunk(server: &Server, number: usize, key: &str, value: impl Into<Value>) {
    let value = value.into();
    wait::until(&format!("a trunk with {key} {value}"), LIMIT, || {
        let trunks = trunks(server);
        let found = trunks.get(number).and_then(|trunk| trunk.get(key));
        Ok((found == Some(&value)).then_some(()))
    })
    .unwrap();
}

fn metric(server: &Server, name: &str) -> String {
    let text = server.http().get("/metrics").unwrap().body;
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn we_register_at_a_trunk_refresh_in_time_and_take_it_back() {
    let Some(sipp) = peer::find("sipp") else {
        return;
    };
    let trunk = Answering::start(&sipp, &scenario("trunk-registrar.xml"), &[]).unwrap();
    let setup = setup_at(trunk.address(), &format!("{ACCOUNT}register = true\n"));
    let server = start(&setup);
    wait_trunk(&server, 0, "registration", "registered");
    // Granted for three seconds, then for ten minutes.
    wait::until("the refreshed registration", LIMIT, || {
        let left = trunks(&server).first().and_then(|trunk| {
            let left = trunk.get("registered_for_s")?;
            left.as_f64()
        });
        Ok(left.is_some_and(|left| left > 100.0).then_some(()))
    })
    .unwrap();
    assert_eq!(metric(&server, "deskbell_trunks_registered"), "1");
    assert!(server.stop().unwrap().success());
    trunk.finish(LIMIT).unwrap();
}

/// Security row S5: nobody but the trunk, and in its own realm, is told who we are.
#[test]
fn a_registrar_of_another_realm_is_told_nothing_and_takes_the_trunk_out_of_service() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let trunk = Trunk::open();
    let server = start(&several(&[(
        &trunk,
        &format!("{ACCOUNT}register = true\n"),
    )]));
    let (register, peer) = trunk.receive("REGISTER ");
    assert!(
        register.contains("Contact: <sip:deskbell@127.0.0.1:"),
        "{register}"
    );
    let challenge =
        "WWW-Authenticate: Digest realm=\"evil.example\", nonce=\"n\", algorithm=MD5\r\n";
    trunk.answer(&register, peer, "401 Unauthorized", challenge, "");
    wait_trunk(&server, 0, "in_service", false);
    let told = trunks(&server);
    let why = told.first().and_then(|trunk| trunk.get("why")?.as_str());
    assert_eq!(
        why,
        Some("not registered: the user, the password or the realm is wrong")
    );
    // The rep's phone does not ring for a call that cannot be made.
    let alice = baresip_as_alice(&program, &server);
    let ticket = ask_for_a_call(&server.http());
    wait::until("the reason", LIMIT, || {
        let told = reasons(&server, &ticket.0);
        let has_it = told.contains("The call was not begun: no trunk is in service");
        Ok(has_it.then_some(()))
    })
    .unwrap();
    assert!(
        !alice.screen().contains("ncoming call"),
        "{}",
        alice.screen()
    );
    trunk.expect_nothing();
}

#[test]
fn a_trunk_that_answers_no_options_is_passed_over_until_it_does() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let (dead, alive) = (Trunk::open(), Trunk::open());
    let pings = "ping = \"1s\"\nanswers_within = \"1s\"\n";
    let server = start(&several(&[(&dead, pings), (&alive, "")]));
    let _alice = baresip_as_alice(&program, &server);
    wait_trunk(&server, 0, "ping", "silent");
    assert_eq!(metric(&server, "deskbell_trunks_in_service"), "1");
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    let (invite, peer) = alive.receive("INVITE ");
    alive.answer(&invite, peer, "486 Busy Here", "", "");
    wait_stage(&http, &ticket, "queued");
    // It wakes up, and takes calls.
    let waking = std::thread::spawn(move || {
        loop {
            let (request, peer) = dead.receive("");
            if request.starts_with("INVITE ") {
                return;
            }
            dead.answer(&request, peer, "200 OK", "", "");
        }
    });
    wait_trunk(&server, 0, "in_service", true);
    ask_for_a_call(&http);
    waking.join().unwrap();
}

#[test]
fn where_nothing_comes_back_the_next_trunk_is_called_and_what_wakes_late_is_cancelled() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let (slow, second) = (Trunk::open(), Trunk::open());
    let server = start(&several(&[
        (&slow, "answers_within = \"1s\"\n"),
        (&second, ""),
    ]));
    let _alice = baresip_as_alice(&program, &server);
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    let (first, slow_peer) = slow.receive("INVITE ");
    let (invite, peer) = second.receive("INVITE ");
    second.take(&invite, peer);
    second.receive("ACK ");
    wait_stage(&http, &ticket, "talking");
    // It wakes: nobody is to ring twice.
    slow.answer(&first, slow_peer, "180 Ringing", "", "");
    let (cancel, _) = slow.receive("CANCEL ");
    slow.answer(&cancel, slow_peer, "200 OK", "", "");
    // Somebody has taken it up meanwhile all the same.
    slow.take(&first, slow_peer);
    slow.receive("ACK ");
    slow.receive("BYE ");
    wait_stage(&http, &ticket, "talking");
}

/// The value of a header.
fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let mut lines = message.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap()
}

/// RFC 3263 §4.3: the servers of one trunk, by DNS. Both are asked with one INVITE, and it is one call: of the two that the
/// number may have a day, one is left.
#[test]
fn where_the_first_server_of_a_trunk_is_silent_the_telephone_rings_by_the_second() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let silent = Trunk::open();
    let mut telephone =
        Baresip::start_telephone(&program, "+33612345678", baresip::Answering::ByHand, None)
            .unwrap();
    let wire = Wire::to(telephone.address(), Holding::Nothing);
    let (first, second) = (silent.address().port(), wire.address().port());
    let zone = Zone::default()
        .listing("_sip._udp.pbx.example", 1, first, "s1.pbx.example")
        .listing("_sip._udp.pbx.example", 2, second, "s2.pbx.example")
        .address("s1.pbx.example", "127.0.0.1")
        .address("s2.pbx.example", "127.0.0.1");
    let runtime = Runtime::new().unwrap();
    let names = runtime.block_on(zone.serve());
    let server = start(&Setup {
        tables: "[[trunk]]\nuri = \"sip:pbx.example\"\nanswers_within = \"1s\"\n[routing]\nwrap_up = \"0s\"\n".to_owned(),
        sip_lines: format!("name_servers = [\"{}\"]\n", names.address),
        site_lines: "callback = { allow = [\"+33\"], country = \"FR\", strangers = \"allowed\", per_number_per_day = 2 }"
            .to_owned(),
        ..Setup::default()
    });
    let mut alice = baresip_as_alice(&program, &server);
    let http = server.http();
    let ticket = ask_for_a_call(&http);
    take_up(&mut telephone, &http, &ticket);
    telephone.hang_up().unwrap();
    alice.wait_ended().unwrap();
    wait_stage(&http, &ticket, "closed");

    let (asleep, _) = silent.receive("INVITE ");
    let invites = wire.noted("INVITE ");
    let invite = invites.first().unwrap();
    for name in ["From", "To", "Call-ID", "CSeq"] {
        assert_eq!(header(&asleep, name), header(invite, name));
    }
    for (asked, of) in [
        (silent.so_far("INVITE "), &asleep),
        (invites.clone(), invite),
    ] {
        // Over UDP one is sent until something comes back.
        for again in asked {
            assert_eq!(header(&again, "Via"), header(of, "Via"));
        }
    }
    let told = reasons(&server, &ticket.0);
    assert_eq!(told.matches("is dialled.").count(), 1, "{told}");
    ask_for_a_call(&http);
    telephone.wait_call().unwrap();
    telephone.hang_up().unwrap();
    let again = json!({"skills": ["cameras"], "phone": "06 12 34 56 78", "callback": true});
    let answer = http.post("/v1/sites/shop/tickets", &again).unwrap();
    assert!(answer.status >= 400, "{} {}", answer.status, answer.body);
}

#[test]
fn a_trunk_that_may_ring_already_is_the_last_that_is_called() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    for (before, answer, is_next) in [
        ("", "503 Service Unavailable", true),
        ("", "408 Request Timeout", true),
        ("100 Trying", "503 Service Unavailable", true),
        ("100 Trying", "408 Request Timeout", false),
        ("180 Ringing", "503 Service Unavailable", false),
        ("183 Session Progress", "500 Server Internal Error", false),
    ] {
        let (first, second) = (Trunk::open(), Trunk::open());
        let server = start(&several(&[(&first, ""), (&second, "")]));
        let _alice = baresip_as_alice(&program, &server);
        let http = server.http();
        let ticket = ask_for_a_call(&http);
        let (invite, peer) = first.receive("INVITE ");
        if !before.is_empty() {
            first.answer(&invite, peer, before, "", "");
        }
        first.answer(&invite, peer, answer, "", "");
        first.receive("ACK ");
        if is_next {
            second.receive("INVITE ");
        } else {
            wait_stage(&http, &ticket, "queued");
            second.expect_nothing();
        }
    }
}

#[test]
fn everything_to_a_trunk_goes_over_its_outbound_proxy() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let proxy = Trunk::open();
    let more = format!(
        "{ACCOUNT}register = true\nping = \"10s\"\noutbound_proxy = \"sip:{}\"\n",
        proxy.address()
    );
    let setup = Setup {
        tables: format!("[[trunk]]\nuri = \"sip:trunk.invalid\"\n{more}"),
        ..setup_at(proxy.address(), "")
    };
    let server = start(&setup);
    let route = format!("Route: <sip:{};lr>", proxy.address());
    let mut methods = vec!["REGISTER sip:trunk.invalid ", "OPTIONS sip:trunk.invalid "];
    while !methods.is_empty() {
        let (request, peer) = proxy.receive("");
        assert!(request.contains(&route), "{request}");
        proxy.answer(&request, peer, "200 OK", "", "");
        methods.retain(|method| !request.starts_with(method));
    }
    wait_trunk(&server, 0, "in_service", true);
    let _alice = baresip_as_alice(&program, &server);
    ask_for_a_call(&server.http());
    let (invite, _) = proxy.receive("INVITE ");
    assert!(
        invite.starts_with("INVITE sip:+33612345678@trunk.invalid;user=phone "),
        "{invite}"
    );
    assert!(invite.contains(&route), "{invite}");
}

/// A trunk whose address or password changes is registered at anew; one that is as before is left alone.
#[test]
fn a_reload_registers_at_new_trunks_only() {
    let (kept, gone, new) = (Trunk::open(), Trunk::open(), Trunk::open());
    let wanted = format!("{ACCOUNT}register = true\n");
    let server = start(&several(&[(&kept, &wanted), (&gone, &wanted)]));
    for trunk in [&kept, &gone] {
        let (register, peer) = trunk.receive("REGISTER ");
        trunk.answer(&register, peer, "200 OK", "Expires: 600\r\n", "");
    }
    for number in [0, 1] {
        wait_trunk(&server, number, "registration", "registered");
    }
    server
        .reconfigure(&several(&[(&new, &wanted), (&kept, &wanted)]))
        .unwrap();
    let (register, peer) = gone.receive("REGISTER ");
    assert!(register.contains("Expires: 0"), "{register}");
    gone.answer(&register, peer, "200 OK", "", "");
    let (register, peer) = new.receive("REGISTER ");
    new.answer(&register, peer, "200 OK", "Expires: 600\r\n", "");
    wait_trunk(&server, 0, "registration", "registered");
    wait_trunk(&server, 1, "registration", "registered");
    kept.expect_nothing();
    let told = trunks(&server);
    assert_eq!(told.len(), 2);
}

/// Who vouches for trunks may be told anew while the server runs.
#[test]
fn a_reload_believes_other_authorities_from_the_next_request_on() {
    let Some(program) = peer::find("baresip") else {
        return;
    };
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let stranger = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let both = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
    let telephone = Baresip::start_telephone(
        &program,
        "+33612345678",
        baresip::Answering::AtOnce,
        Some(&both),
    )
    .unwrap();
    let folder = Folder::new("authorities").unwrap();
    let (known, unknown) = (
        folder.write("known.pem", &made.cert.pem()).unwrap(),
        folder.write("unknown.pem", &stranger.cert.pem()).unwrap(),
    );
    let believing = |authorities: &Path| Setup {
        tables: format!(
            "[[trunk]]\nuri = \"sip:127.0.0.1:{};transport=tls\"\nping = \"1s\"\n",
            telephone.address().port() + 1
        ),
        sip_lines: format!("authorities = \"{}\"\n", authorities.display()),
        ..setup_at(telephone.address(), "")
    };
    let server = start(&believing(&unknown));
    wait_trunk(&server, 0, "ping", "silent");
    server.reconfigure(&believing(&known)).unwrap();
    wait_trunk(&server, 0, "ping", "answered");
    // The connection that the others have vouched for is not used any more.
    server.reconfigure(&believing(&unknown)).unwrap();
    wait_trunk(&server, 0, "ping", "silent");
}
