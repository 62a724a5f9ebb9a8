//! Security row S2: a server that is upgraded under an old configuration asks for logins as a new one does.

use std::fs;
use std::path::Path;

use examples::serve::Serve;

use super::caller::{Ask, status};
use super::wires::Wire;

#[test]
fn under_every_configuration_of_the_past_nothing_is_done_without_a_login() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "toml") {
            continue;
        }
        count += 1;
        let name = path.display();
        let mut text = fs::read_to_string(&path).unwrap();
        for (there, here) in [
            ("udp://0.0.0.0:5060", "udp://127.0.0.1:0"),
            ("tcp://0.0.0.0:5060", "tcp://127.0.0.1:0"),
            ("\"0.0.0.0:8080\"", "\"127.0.0.1:0\""),
        ] {
            assert!(text.contains(there), "{name}: no {there}");
            text = text.replace(there, here);
        }
        let server = Serve::start(env!("CARGO_BIN_EXE_deskbell"), &text).unwrap();
        for mut wire in [Wire::udp(&server), Wire::tcp(&server)] {
            for method in ["SUBSCRIBE", "PUBLISH", "MESSAGE", "REGISTER"] {
                for target in ["alice", "nobody"] {
                    let answer = wire.ask(&Ask::new(method, "alice", target));
                    assert_eq!(status(&answer), 401, "{name}: {method} {target}: {answer}");
                }
            }
        }
    }
    assert!(count >= 2);
}
