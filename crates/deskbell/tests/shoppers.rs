//! Shoppers in two Chromiums and a rep at SIP.js: what they do is in `crates/gateway/browser/shopper.test.mjs`.
//! Must not know the server's inside.

use std::path::Path;
use std::process::Command;

use examples::peer;
use examples::server::{Server, Setup};
use serde_json::json;

#[test]
fn two_browsers_and_a_softphone_talk_over_a_network_that_breaks() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/browser/shopper.test.mjs");
    let (Some(_), Some(node)) = (peer::find("chromium"), peer::find("node")) else {
        return;
    };
    for module in ["playwright-core", "sip.js"] {
        if peer::find_module(&script, module).is_none() {
            return;
        }
    }
    let setup = Setup {
        tables: "[routing]\nwrap_up = \"0s\"\nkeep_place = \"2s\"\n".to_owned(),
        rep_lines: vec![("alice", "name = \"Alice\"\ncapacity = 4".to_owned())],
        ..Setup::default()
    };
    let mut server = Server::serve(env!("CARGO_BIN_EXE_deskbell"), &setup).unwrap();
    let demo = server.demo();
    let reps = demo.reps.iter();
    let facts = json!({
        "http": demo.http.to_string(),
        "domain": demo.domain,
        "passwords": reps
            .map(|rep| (rep.user.clone(), json!(rep.password)))
            .collect::<serde_json::Map<_, _>>(),
    });
    let ran = Command::new(node)
        .args(["--test", "--test-reporter=spec"])
        .arg(&script)
        .current_dir(script.parent().unwrap())
        .env("DESKBELL_SERVER", facts.to_string())
        .status()
        .unwrap();
    server.check_alive().unwrap();
    assert!(ran.success(), "{}", server.log());
}
