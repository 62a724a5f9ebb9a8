//! Watching softphones that are not ours: what baresip, Linphone and SIP.js show of each other.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use examples::peer;
use examples::peer::baresip::Baresip;
use examples::peer::linphone::Linphone;
use examples::peer::sipjs::{Account, SipJs};
use examples::server::{Server, Setup};
use examples::wire::Protocol;

/// How long a program may take to start, to show what it was told, or to end.
const LIMIT: Duration = Duration::from_secs(20);

fn serve() -> Server {
    let setup = Setup::tables("[presence.watchers]\ninterval = \"200ms\"\n");
    Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap()
}

/// Node and the script, or nothing where something is missing.
fn node() -> Option<(PathBuf, PathBuf)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/browser/sip-phone.mjs");
    let node = peer::find("node")?;
    peer::find_module(&script, "sip.js")?;
    peer::find_module(&script, "ws")?;
    Some((node, script))
}

fn page((node, script): &(PathBuf, PathBuf), server: &Server, user: &str) -> SipJs {
    let rep = server.rep(user).unwrap();
    let account = Account {
        user: &rep.user,
        domain: &server.demo().domain,
        password: &rep.password,
    };
    let url = format!("ws://{}/sip", server.demo().http);
    SipJs::start(node, script, &url, account).unwrap()
}

fn baresip(program: &Path, server: &Server, user: &str, watched: &str) -> Baresip {
    let password = &server.rep(user).unwrap().password;
    let watched = format!("sip:{watched}@{}", server.sip());
    let mut baresip =
        Baresip::start_watching(program, server.sip(), user, password, &watched).unwrap();
    baresip.wait_registered().unwrap();
    baresip
}

/// baresip has no word for away: it shows such a contact as offline.
#[test]
fn baresip_shows_what_sipjs_publishes() {
    let (Some(program), Some(node)) = (peer::find("baresip"), node()) else {
        return;
    };
    let server = serve();
    let mut alice = page(&node, &server, "alice");
    let mut baresip = baresip(&program, &server, "bob", "alice");
    baresip.wait_contact("Offline", LIMIT).unwrap();
    assert_eq!(alice.publish_activity("busy").unwrap().status, 200);
    baresip.wait_contact("Busy", LIMIT).unwrap();
    assert_eq!(alice.publish("open", "here").unwrap().status, 200);
    baresip.wait_contact("Online", LIMIT).unwrap();
    assert_eq!(alice.publish_activity("away").unwrap().status, 200);
    baresip.wait_contact("Offline", LIMIT).unwrap();
    baresip.quit().unwrap();
}

/// linphonec can say no more than that it is there.
#[test]
fn baresip_shows_whether_linphonec_is_there() {
    let (Some(baresip_program), Some(linphone)) = (peer::find("baresip"), peer::find("linphonec"))
    else {
        return;
    };
    let server = serve();
    let mut baresip = baresip(&baresip_program, &server, "bob", "alice");
    baresip.wait_contact("Offline", LIMIT).unwrap();
    let password = &server.rep("alice").unwrap().password;
    let realm = &server.demo().domain;
    let mut linphone = Linphone::start(&linphone, server.sip(), realm, "alice", password).unwrap();
    linphone.wait_registered().unwrap();
    baresip.wait_contact("Online", LIMIT).unwrap();
    linphone.quit().unwrap();
    baresip.wait_contact("Offline", LIMIT).unwrap();
    baresip.quit().unwrap();
}

/// RFC 5367 and RFC 4662, as Linphone reads them: packed both ways, whole at first and then in parts.
#[test]
fn linphonec_shows_its_list() {
    let Some(linphone) = peer::find("linphonec") else {
        return;
    };
    let server = serve();
    let (realm, sip) = (&server.demo().domain, server.sip());
    let rep = |user: &str| server.rep(user).unwrap();
    let (bob, carol) = (&rep("bob").password, &rep("carol").password);
    let mut publisher = Linphone::start(&linphone, sip, realm, "carol", carol).unwrap();
    publisher.wait_registered().unwrap();
    let friends = ["alice", "carol"];
    let mut watcher = Linphone::start_listing(&linphone, sip, realm, "bob", bob, &friends).unwrap();
    watcher.wait_friend("carol", "Online", 1, LIMIT).unwrap();
    publisher.quit().unwrap();
    watcher.wait_friend("carol", "Offline", 1, LIMIT).unwrap();
    let mut publisher = Linphone::start(&linphone, sip, realm, "carol", carol).unwrap();
    publisher.wait_registered().unwrap();
    watcher.wait_friend("carol", "Online", 2, LIMIT).unwrap();
    watcher.quit().unwrap();
    publisher.quit().unwrap();
}

/// RFC 3857.
#[test]
fn sipjs_lists_who_watches() {
    let (Some(program), Some(node)) = (peer::find("baresip"), node()) else {
        return;
    };
    let server = serve();
    let mut alice = page(&node, &server, "alice");
    let aor = |user: &str| format!("sip:{user}@{}", server.demo().domain);
    alice.subscribe(&aor("alice"), "presence.winfo").unwrap();
    alice.wait_notify(&["state=\"full\""]).unwrap();
    let baresip = baresip(&program, &server, "bob", "alice");
    let mut carol = server.watcher(Protocol::Tcp, "carol").unwrap();
    carol
        .subscribe(&aor("alice"), Some(600), Vec::new())
        .unwrap();
    let both = alice.wait_notify(&["sip:bob@", &aor("carol")]).unwrap();
    assert_eq!(both.matches("<watcher ").count(), 2, "{both}");
    baresip.quit().unwrap();
}
