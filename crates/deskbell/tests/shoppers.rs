//! Shoppers in two Chromiums and a rep at SIP.js: what they do is in `crates/gateway/browser/shopper.test.mjs`.
//! Must not know the server's inside.

use std::path::Path;

use examples::peer::scenes::Scenes;
use examples::server::{Server, Setup};
use serde_json::json;

#[test]
fn two_browsers_and_a_softphone_talk_over_a_network_that_breaks() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/browser/shopper.test.mjs");
    let Some(scenes) = Scenes::find(&script, &["playwright-core", "sip.js"]) else {
        return;
    };
    let setup = Setup {
        tables: "[routing]\nwrap_up = \"0s\"\nkeep_place = \"2s\"\n".to_owned(),
        rep_lines: vec![("alice", "name = \"Alice\"\ncapacity = 4".to_owned())],
        ..Setup::default()
    };
    let mut server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap();
    let ran = scenes.play(&server, &json!({})).unwrap();
    server.check_alive().unwrap();
    assert!(ran.success(), "{}", server.log());
}
