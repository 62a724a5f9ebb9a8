//! Four softphones on four transports at once, and a server that crashes and comes back under them.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::time::Duration;

use examples::peer;
use examples::peer::baresip::Baresip;
use examples::peer::linphone::Linphone;
use examples::peer::sipjs::{Account, SipJs};
use examples::rsip::{Header, Method};
use examples::serve::Serve;
use examples::site::Site;
use examples::wait;
use examples::wire::Protocol;

/// How long a phone's words last.
const REFRESH: Duration = Duration::from_secs(10);

/// How long all phones may take to come up.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long the phones may take to be back: their refresh, and what a phone rests after a failure.
const BACK_LIMIT: Duration = Duration::from_secs(45);

/// The reps, each with a phone and a skill of the same name.
const REPS: [&str; 4] = ["udp", "tcp", "ws", "tls"];

const PASSWORD: &str = "correct-horse";

/// baresip gives up where anything but MD5 is offered; Linphone's listener offers nothing but SHA-256.
fn config() -> String {
    let mut config = "[sip]\ndomain = \"shop.example\"\naliases = [\"127.0.0.1\"]\n\
        listen = [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\", \"ws://127.0.0.1:0\", \"tls://127.0.0.1:0\"]\n\
        digest = [\"MD5\"]\ndigest_over = { tcp = [\"SHA-256\"] }\n\
        [sip.tls]\ncertificate = \"sip.crt\"\nkey = \"sip.key\"\n\
        [http]\nlisten = \"127.0.0.1:0\"\n[[site]]\nid = \"shop\"\n"
        .to_owned();
    for rep in REPS {
        config.push_str(&format!(
            "[[skill]]\nid = \"over-{rep}\"\n[[rep]]\nid = \"{rep}\"\npassword = \"{PASSWORD}\"\n\
             skills = {{ over-{rep} = 50 }}\n"
        ));
    }
    config
}

/// Each rep has a phone registered and is on duty.
fn wait_all(server: &Serve, limit: Duration) {
    let site = Site::new(server.http().unwrap(), "shop");
    for rep in REPS {
        site.wait_state(&format!("over-{rep}"), "available", limit)
            .unwrap_or_else(|error| panic!("{rep}: {error}\n{}", server.log()));
        let mut query = server.phone(Protocol::Udp, rep, PASSWORD).unwrap();
        let aor = query.aor();
        wait::until(&format!("{rep}'s registration"), limit, || {
            let listed = query.request(Method::Register, &aor, Vec::new(), &[])?;
            let contacts = listed.headers.iter();
            let bound = contacts.filter(|header| matches!(header, Header::Contact(_)));
            Ok((bound.count() > 0).then_some(()))
        })
        .unwrap();
    }
}

#[test]
fn phones_of_four_transports_are_back_after_a_crash() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/browser/sip-phone.mjs");
    let (Some(baresip), Some(linphonec), Some(node), Some(_), Some(_)) = (
        peer::find("baresip"),
        peer::find("linphonec"),
        peer::find("node"),
        peer::find_module(&script, "sip.js"),
        peer::find_module(&script, "ws"),
    ) else {
        return;
    };
    let made = rcgen::generate_simple_self_signed(vec!["shop.example".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let files = [("sip.crt", certificate.as_str()), ("sip.key", key.as_str())];
    let mut server = Serve::start_with(env!("CARGO_BIN_EXE_deskbell"), &config(), &files).unwrap();
    let at = |scheme: &str| server.sip_at(scheme).unwrap();

    let baresip_over = |transport: &str| {
        let address = at(transport);
        Baresip::start_over(&baresip, transport, address, REFRESH, transport, PASSWORD).unwrap()
    };
    let mut over_udp = baresip_over("udp");
    let mut over_tls = baresip_over("tls");
    let realm = "shop.example";
    let mut over_tcp =
        Linphone::start_refreshing(&linphonec, at("tcp"), realm, REFRESH, "tcp", PASSWORD).unwrap();
    let account = Account {
        user: "ws",
        domain: realm,
        password: PASSWORD,
    };
    let url = format!("ws://{}/", at("ws"));
    let mut over_ws = SipJs::start(&node, &script, &url, account).unwrap();
    assert_eq!(over_ws.register().unwrap().status, 200);
    assert_eq!(over_ws.publish("open", "Available").unwrap().status, 200);
    wait_all(&server, START_LIMIT);

    server.crash_and_restart().unwrap();
    wait_all(&server, BACK_LIMIT);
    server.check_alive().unwrap();
    // Not only are they known: what is sent to them arrives.
    let site = Site::new(server.http().unwrap(), "shop");
    for rep in REPS {
        let skill = format!("over-{rep}");
        site.ask(&skill, "Sam", &format!("hello {rep}")).unwrap();
    }
    over_udp.wait_text("hello udp", BACK_LIMIT).unwrap();
    over_tls.wait_text("hello tls", BACK_LIMIT).unwrap();
    over_tcp.wait_text("hello tcp", BACK_LIMIT).unwrap();
    over_ws.wait_message("hello ws").unwrap();
    for phone in [over_udp, over_tls] {
        phone.quit().unwrap();
    }
    over_tcp.quit().unwrap();
}
