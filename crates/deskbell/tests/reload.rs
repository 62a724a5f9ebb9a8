//! `deskbell serve` when its configuration changes under it. Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use examples::phone::{Account, TestPhone};
use examples::unique::Folder;
use examples::wire::Protocol;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything may take, in a debug build on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

const CONFIG: &str = r#"
[sip]
domain = "shop.example"
listen = ["udp://127.0.0.1:0"]
[http]
listen = "127.0.0.1:0"
[storage]
url = "sqlite::memory:"
[[rep]]
id = "alice"
password = "correct horse"
skills = {}
"#;

/// A running `deskbell serve`; killed when dropped.
struct Server {
    child: Child,
    log: Receiver<String>,
    folder: Folder,
}

impl Server {
    fn start() -> Self {
        let folder = Folder::new("reload").unwrap();
        let config = folder.write("deskbell.toml", CONFIG).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_deskbell"))
            .args(["serve", "--config"])
            .arg(config)
            .env("DESKBELL_LOG", "info")
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let screen = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = sync_channel(1_000);
        thread::spawn(move || {
            screen
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self { child, log, folder }
    }

    /// The next line of the log that holds this text.
    fn wait_log(&self, text: &str) -> String {
        loop {
            let line = self.log.recv_timeout(LIMIT).unwrap();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Writes the configuration with `from` replaced by `to`, has it read, and gives what the server says.
    fn reload_with(&self, from: &str, to: &str) -> String {
        assert!(CONFIG.contains(from));
        self.folder
            .write("deskbell.toml", &CONFIG.replacen(from, to, 1))
            .unwrap();
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), Signal::SIGHUP).unwrap();
        self.wait_log(" in force")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_new_password_is_asked_for_and_a_new_realm_waits_for_a_restart() {
    let server = Server::start();
    let line = server.wait_log("listening for SIP");
    let address = line.rsplit("address=").next().unwrap().trim();
    let address = address.parse().unwrap();
    server.wait_log("listening for HTTP");
    let register = |password: &str| {
        let account = Account {
            user: "alice".to_owned(),
            password: password.to_owned(),
            domain: "shop.example".to_owned(),
        };
        let mut phone = TestPhone::connect(Protocol::Udp, address, account).unwrap();
        phone.register(60).unwrap().status_code.code()
    };
    assert_eq!(register("correct horse"), 200);

    // Phones could answer no challenge of the old realm with passwords hashed for the new one.
    let refused = server.reload_with("[sip]", "[sip]\nrealm = \"elsewhere.example\"");
    assert!(refused.contains("old configuration"), "{refused}");
    assert!(refused.contains("[sip] realm"), "{refused}");
    assert_eq!(register("correct horse"), 200);

    let refused = server.reload_with("[sip]", "[sip]\ncolour = \"red\"");
    assert!(refused.contains("old configuration"), "{refused}");

    let taken = server.reload_with("correct horse", "battery staple");
    assert!(taken.contains("new configuration"), "{taken}");
    assert_eq!(register("correct horse"), 401);
    assert_eq!(register("battery staple"), 200);

    // Loopback counts, and everybody together may begin one thing a minute or so.
    let taken = server.reload_with(
        "[http]",
        "[limits]\nrequests_in_all = { per_second = 1, at_once = 1 }\n[http]",
    );
    assert!(taken.contains("new configuration"), "{taken}");
    assert_eq!(register("correct horse"), 503);
}
