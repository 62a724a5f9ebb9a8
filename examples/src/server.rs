//! Runs the built server: `deskbell demo`, or `deskbell serve` with a configuration of the test's, on ports of the
//! kernel's choice.
//! Must not know anything about the server that its users could not know.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::http::Http;
use crate::phone::watcher::Watcher;
use crate::phone::{Account, TestPhone};
use crate::unique::Folder;
use crate::wait;
use crate::wire::Protocol;

/// How long the server may take to come up, in a debug build on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// What the log says once everything listens.
const READY: &str = "listening for HTTP";

/// How long it may take to drain and stop.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// What a served configuration has beside the demo's skills, tiers and reps.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Whole tables, such as `[routing]`.
    pub tables: String,
    /// Lines of `[sip]`.
    pub sip_lines: String,
    /// Lines of the site's table.
    pub site_lines: String,
    /// Lines of reps' tables: the user and the line.
    pub rep_lines: Vec<(&'static str, String)>,
    /// Where the journal is.
    pub journal: Place,
    /// Variables of its environment, such as `DESKBELL_LOG`.
    pub environment: Vec<(&'static str, &'static str)>,
}

/// Where a journal is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Place {
    /// In memory: it ends with the server.
    #[default]
    Memory,
    /// A file in the server's folder.
    File,
}

impl Setup {
    /// These tables, and nothing special for any rep.
    #[must_use]
    pub fn tables(tables: &str) -> Self {
        Self {
            tables: tables.to_owned(),
            ..Self::default()
        }
    }

    /// The same with a journal that outlives the server.
    #[must_use]
    pub fn lasting(self) -> Self {
        Self {
            journal: Place::File,
            ..self
        }
    }
}

/// A running `deskbell demo` with a data folder of its own; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    demo: Demo,
    program: PathBuf,
    folder: Folder,
    way: Way,
    environment: Vec<(&'static str, &'static str)>,
}

/// How a server was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Demo,
    Served,
}

/// What `demo.json` tells.
#[derive(Debug, Clone)]
pub struct Demo {
    /// Where SIP listens, UDP and TCP alike.
    pub sip: SocketAddr,
    /// Where HTTP listens.
    pub http: SocketAddr,
    /// The host part of addresses of record, and the digest realm.
    pub domain: String,
    /// The bearer key of `/v1/admin`.
    pub admin_key: String,
    /// What the shop signs its tokens with.
    pub site_secret: String,
    /// The reps.
    pub reps: Vec<Rep>,
}

/// A rep of the demo.
#[derive(Debug, Clone)]
pub struct Rep {
    /// The user part of the address of record.
    pub user: String,
    /// The password for digest.
    pub password: String,
    /// The address of record.
    pub aor: String,
}

impl Server {
    /// Starts `deskbell demo --no-robots` and waits until it can be used.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn start(program: &str) -> anyhow::Result<Self> {
        let folder = Folder::new("deskbell")?;
        let loopback = "127.0.0.1:0";
        let (child, demo) = launch(Path::new(program), folder.path(), loopback, loopback)?;
        Ok(Self {
            child,
            demo,
            program: program.into(),
            folder,
            way: Way::Demo,
            environment: Vec::new(),
        })
    }

    /// Starts `deskbell serve` and waits until it can be used. The configuration is `deskbell.toml` in its folder.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn serve(program: &str, setup: &Setup) -> anyhow::Result<Self> {
        let mut tries = 3;
        loop {
            tries -= 1;
            match Self::serve_once(program, setup) {
                // Somebody else took a port between its choice and its use.
                Err(error)
                    if tries > 0 && format!("{error:#}").contains("Address already in use") => {}
                served => return served,
            }
        }
    }

    fn serve_once(program: &str, setup: &Setup) -> anyhow::Result<Self> {
        let folder = Folder::new("deskbell")?;
        let (sip, http) = (free_port()?, free_port()?);
        let demo = Demo {
            sip,
            http,
            domain: "shop.example".to_owned(),
            admin_key: "an-admin-key-of-the-tests".to_owned(),
            site_secret: String::new(),
            reps: REPS
                .map(|(user, _)| Rep {
                    user: user.to_owned(),
                    password: format!("password-of-{user}"),
                    aor: format!("sip:{user}@shop.example"),
                })
                .into(),
        };
        folder.write("deskbell.toml", &configuration(&demo, setup))?;
        let environment = setup.environment.clone();
        let child = launch_served(Path::new(program), folder.path(), &demo, &environment)?;
        Ok(Self {
            child,
            demo,
            program: program.into(),
            folder,
            way: Way::Served,
            environment,
        })
    }

    /// Gives a server that was started by `serve` another configuration.
    ///
    /// # Errors
    /// Where the file cannot be written or the server is gone.
    pub fn reconfigure(&self, setup: &Setup) -> anyhow::Result<()> {
        let text = configuration(&self.demo, setup);
        self.folder.write("deskbell.toml", &text)?;
        let id = i32::try_from(self.child.id())?;
        Ok(kill(Pid::from_raw(id), Signal::SIGHUP)?)
    }

    /// Kills the server as a crash would and starts it again with the same data on the same ports.
    ///
    /// # Errors
    /// Where it does not come up again.
    pub fn crash_and_restart(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.launch_again()
    }

    /// As `crash_and_restart`, with another configuration.
    ///
    /// # Errors
    /// Where it does not come up again.
    pub fn crash_and_restart_with(&mut self, setup: &Setup) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        let text = configuration(&self.demo, setup);
        self.folder.write("deskbell.toml", &text)?;
        self.launch_again()
    }

    /// Asks the server to stop, waits until it has, and starts it again with the same data on the same ports.
    ///
    /// # Errors
    /// Where it does not stop, or does not come up again.
    pub fn stop_and_restart(&mut self) -> anyhow::Result<()> {
        self.end()?;
        self.launch_again()
    }

    fn launch_again(&mut self) -> anyhow::Result<()> {
        let (program, folder) = (&self.program, self.folder.path());
        match self.way {
            Way::Demo => {
                fs::remove_file(folder.join("demo.json"))?;
                let (sip, http) = (self.demo.sip.to_string(), self.demo.http.to_string());
                (self.child, self.demo) = launch(program, folder, &sip, &http)?;
            }
            Way::Served => {
                self.child = launch_served(program, folder, &self.demo, &self.environment)?;
            }
        }
        Ok(())
    }

    /// Asks the server to stop and waits until it has.
    ///
    /// # Errors
    /// Where it does not stop.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<ExitStatus> {
        let id = i32::try_from(self.child.id())?;
        kill(Pid::from_raw(id), Signal::SIGTERM)?;
        let child = &mut self.child;
        wait::until("the server's end", STOP_LIMIT, || Ok(child.try_wait()?))
    }

    /// Fails if the server has ended.
    ///
    /// # Errors
    /// Where it has; the error tells what it said.
    pub fn check_alive(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended with {status}: {}", self.log());
        }
        Ok(())
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What `demo.json` tells.
    #[must_use]
    pub fn demo(&self) -> &Demo {
        &self.demo
    }

    /// Where SIP listens.
    #[must_use]
    pub fn sip(&self) -> SocketAddr {
        self.demo.sip
    }

    /// A client of the HTTP listener.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::new(self.demo.http)
    }

    /// The rep of that name.
    ///
    /// # Errors
    /// Where the demo has none.
    pub fn rep(&self, user: &str) -> anyhow::Result<&Rep> {
        self.demo
            .reps
            .iter()
            .find(|rep| rep.user == user)
            .with_context(|| format!("the demo has no rep {user}"))
    }

    /// A test phone for the rep of that name.
    ///
    /// # Errors
    /// Where the demo has no such rep or SIP does not listen.
    pub fn phone(&self, protocol: Protocol, user: &str) -> anyhow::Result<TestPhone> {
        TestPhone::connect(protocol, self.demo.sip, self.account(user)?)
    }

    /// A watching phone for the rep of that name.
    ///
    /// # Errors
    /// Where the demo has no such rep or SIP does not listen.
    pub fn watcher(&self, protocol: Protocol, user: &str) -> anyhow::Result<Watcher> {
        Watcher::connect(protocol, self.demo.sip, self.account(user)?)
    }

    fn account(&self, user: &str) -> anyhow::Result<Account> {
        Ok(Account {
            user: user.to_owned(),
            password: self.rep(user)?.password.clone(),
            domain: self.demo.domain.clone(),
        })
    }

    /// What the server said so far.
    #[must_use]
    pub fn log(&self) -> String {
        read_log(self.folder.path())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            tell(&self.log());
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the words are for whoever reads a failed test's output"
)]
fn tell(log: &str) {
    eprintln!("the server said:\n{log}");
}

fn launch(program: &Path, folder: &Path, sip: &str, http: &str) -> anyhow::Result<(Child, Demo)> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("server.log"))?;
    let mut child = Command::new(program)
        .args([
            "demo",
            "--no-robots",
            "--sip",
            sip,
            "--http",
            http,
            "--data",
        ])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .spawn()
        .with_context(|| format!("failed to start {}", program.display()))?;
    let demo = wait::until("demo.json", START_LIMIT, || {
        if let Some(status) = child.try_wait()? {
            bail!("the server ended with {status}");
        }
        let Ok(text) = fs::read_to_string(folder.join("demo.json")) else {
            return Ok(None);
        };
        // A half-written file is no JSON yet.
        let Ok(json) = serde_json::from_str(&text) else {
            return Ok(None);
        };
        read_demo(&json).map(Some)
    });
    match demo {
        Ok(demo) => Ok((child, demo)),
        Err(error) => {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            Err(error.context(format!("the server said: {}", read_log(folder))))
        }
    }
}

const REPS: [(&str, &str); 5] = [
    ("alice", "{ cameras = 90, lenses = 60 }"),
    ("bob", "{ cameras = 50, printing = 80 }"),
    ("carol", "{ lenses = 95 }"),
    ("dave", "{ printing = 60, cameras = 30 }"),
    ("erin", "{ cameras = 70, lenses = 70, printing = 70 }"),
];

fn configuration(demo: &Demo, setup: &Setup) -> String {
    let Demo { sip, http, .. } = demo;
    let journal = match setup.journal {
        Place::Memory => "sqlite::memory:",
        Place::File => "sqlite:deskbell.db",
    };
    let mut text = format!(
        "[sip]\ndomain = \"shop.example\"\naliases = [\"127.0.0.1\", \"localhost\"]\n\
         listen = [\"udp://{sip}\", \"tcp://{sip}\"]\n{sip_lines}\n\
         [http]\nlisten = \"{http}\"\n[storage]\nurl = \"{journal}\"\n",
        sip_lines = setup.sip_lines,
    );
    for skill in ["cameras", "lenses", "printing"] {
        text += &format!("[[skill]]\nid = \"{skill}\"\n");
    }
    for tier in ["standard", "gold", "platinum"] {
        text += &format!("[[tier]]\nid = \"{tier}\"\n");
    }
    text += &format!(
        "[[site]]\nid = \"shop\"\n{}\n[[admin_key]]\nid = \"test\"\nkey = \"{}\"\nscopes = [\"read\", \"write\"]\n",
        setup.site_lines, demo.admin_key
    );
    for (user, skills) in REPS {
        text += &format!(
            "[[rep]]\nid = \"{user}\"\npassword = \"password-of-{user}\"\nskills = {skills}\n"
        );
        if user == "carol" {
            text += "tiers = [\"gold\", \"platinum\"]\n";
        }
        for (_, line) in setup.rep_lines.iter().filter(|(rep, _)| *rep == user) {
            text += &format!("{line}\n");
        }
    }
    text + &setup.tables
}

/// A port that both UDP and TCP have free.
fn free_port() -> anyhow::Result<SocketAddr> {
    for _ in 0..16 {
        let datagrams = UdpSocket::bind("127.0.0.1:0")?;
        let address = datagrams.local_addr()?;
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("found no port that is free for both UDP and TCP");
}

fn launch_served(
    program: &Path,
    folder: &Path,
    demo: &Demo,
    environment: &[(&str, &str)],
) -> anyhow::Result<Child> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("server.log"))?;
    let said_before = read_log(folder).len();
    let mut child = Command::new(program)
        .args(["serve", "--config", "deskbell.toml"])
        .current_dir(folder)
        .env("DESKBELL_LOG", "info")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .spawn()
        .with_context(|| format!("failed to start {}", program.display()))?;
    let ready = wait::until("the server", START_LIMIT, || {
        if let Some(status) = child.try_wait()? {
            bail!("the server ended with {status}");
        }
        // SIP listens before HTTP does. Whether anything answers at its port does not tell: it could be somebody else. It
        // has to do where the log is set to say less.
        let is_ready = if environment.iter().any(|(name, _)| *name == "DESKBELL_LOG") {
            TcpStream::connect(demo.http).is_ok()
        } else {
            let said = read_log(folder);
            said.get(said_before..)
                .is_some_and(|said| said.contains(READY))
        };
        Ok(is_ready.then_some(()))
    });
    if let Err(error) = ready {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
        return Err(error.context(format!("the server said: {}", read_log(folder))));
    }
    Ok(child)
}

fn read_log(folder: &Path) -> String {
    fs::read_to_string(folder.join("server.log")).unwrap_or_default()
}

fn read_demo(json: &Value) -> anyhow::Result<Demo> {
    let text = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .with_context(|| format!("demo.json has no text {key:?}"))
    };
    let reps = json
        .get("reps")
        .and_then(Value::as_array)
        .context("demo.json has no reps")?
        .iter()
        .map(|rep| {
            Ok(Rep {
                user: text(rep, "user")?,
                password: text(rep, "password")?,
                aor: text(rep, "aor")?,
            })
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Demo {
        sip: read_address(&text(json, "sip")?)?,
        http: read_address(&text(json, "http")?)?,
        domain: text(json, "domain")?,
        admin_key: text(json, "admin_key")?,
        site_secret: text(json, "site_secret")?,
        reps,
    })
}

/// Reads `127.0.0.1:8080`, with or without a scheme before it.
fn read_address(text: &str) -> anyhow::Result<SocketAddr> {
    let bare = text.rsplit("//").next().unwrap_or(text);
    let bare = bare.trim_start_matches("sip:").trim_end_matches('/');
    bare.parse()
        .with_context(|| format!("demo.json has an address {text:?} that is none"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_demo_is_read() {
        let demo = read_demo(&json!({
            "sip": "127.0.0.1:5060", "http": "http://127.0.0.1:8080/", "domain": "shop.example",
            "admin_key": "k", "site_secret": "s",
            "reps": [{"user": "alice", "password": "p", "aor": "sip:alice@shop.example",
                      "skills": {"cameras": 90}, "tiers": ["gold"]}]
        }));
        let demo = demo.unwrap();
        assert_eq!(demo.http.port(), 8080);
        assert_eq!(demo.reps[0].aor, "sip:alice@shop.example");
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = read_demo(&json!({"reps": []})).unwrap_err();
        assert_eq!(error.to_string(), "demo.json has no text \"sip\"");
    }
}
