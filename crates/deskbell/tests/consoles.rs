//! Reps in Chromium at consoles, one at a softphone, shoppers, and a supervisor at the wall: what they do is in
//! `crates/gateway/browser/console.test.mjs`. Must not know the server's inside.

use std::net::TcpListener;
use std::path::Path;

use examples::peer::scenes::Scenes;
use examples::server::{Server, Setup};
use serde_json::json;

#[test]
fn reps_and_supervisors_work_in_the_browser() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/browser/console.test.mjs");
    let Some(scenes) = Scenes::find(&script, &["playwright-core", "sip.js"]) else {
        return;
    };
    let tables = "[routing]\noffer_timeout = \"5s\"\nwrap_up = \"4s\"\nhandling = \"3s\"\n\
                  [console]\nidle_after = \"10s\"\n[console.canned]\nHello = \"Hello, how can I help?\"\n";
    // Nobody listens there until the wall has events sent again.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let port = listener.unwrap().port();
    let webhook = format!(
        "[[webhook]]\nid = \"backend\"\nurl = \"http://127.0.0.1:{port}/\"\nnetworks = [\"127.0.0.0/8\"]\n\
         events = [\"ticket\"]\nkey = \"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"\nretry = [\"100ms\"]\n"
    );
    let setup = Setup {
        tables: format!("{tables}{webhook}"),
        rep_lines: vec![
            ("alice", "name = \"Alice\"\ncapacity = 3".to_owned()),
            ("erin", "name = \"Erin\"\nsupervisor = true".to_owned()),
        ],
        ..Setup::default()
    };
    let mut server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap();
    let more = json!({ "webhook_port": port });
    let ran = scenes.play(&server, &more).unwrap();
    server.check_alive().unwrap();
    assert!(ran.success(), "{}", server.log());
}
