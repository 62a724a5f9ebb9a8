//! Runs `deskbell serve` with a configuration of one's own, and reads in its log where it listens.
//! Must not know anything about the server that its users could not know.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::http::Http;
use crate::phone::{Account, TestPhone};
use crate::unique::Folder;
use crate::wait;
use crate::wire::Protocol;

/// How long the server may take to come up, in a debug build on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running `deskbell serve`; killed when dropped.
#[derive(Debug)]
pub struct Serve {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    _folder: Folder,
}

impl Serve {
    /// Starts `deskbell serve` with this text as `deskbell.toml` and waits until it can be used.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn start(program: &str, configuration: &str) -> anyhow::Result<Self> {
        let folder = Folder::new("serve")?;
        let configuration = folder.write("deskbell.toml", configuration)?;
        let mut child = Command::new(program)
            .args(["serve", "--config"])
            .arg(configuration)
            .env("DESKBELL_LOG", "info")
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start {program}"))?;
        let screen = BufReader::new(child.stderr.take().context("it has no stderr")?);
        let log = Arc::new(Mutex::new(Vec::new()));
        let written = log.clone();
        thread::spawn(move || {
            for line in screen.lines().map_while(Result::ok) {
                written
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        let mut serve = Self {
            child,
            log,
            _folder: folder,
        };
        wait::until("the server's start", START_LIMIT, || {
            serve.check_alive()?;
            Ok(serve.address("listening for HTTP", "").map(|_| ()))
        })?;
        Ok(serve)
    }

    /// Where it listens for SIP by this protocol.
    ///
    /// # Errors
    /// Where it does not.
    pub fn sip(&self, protocol: Protocol) -> anyhow::Result<SocketAddr> {
        let name = protocol.name();
        self.address("listening for SIP", name)
            .with_context(|| format!("the server does not listen for {name}"))
    }

    /// A client of its web pages.
    ///
    /// # Errors
    /// Where it does not listen.
    pub fn http(&self) -> anyhow::Result<Http> {
        let address = self.address("listening for HTTP", "");
        Ok(Http::new(address.context("the server has no web pages")?))
    }

    /// A phone of a rep of the domain `shop.example`.
    ///
    /// # Errors
    /// Where it cannot connect.
    pub fn phone(
        &self,
        protocol: Protocol,
        user: &str,
        password: &str,
    ) -> anyhow::Result<TestPhone> {
        let account = Account {
            user: user.to_owned(),
            password: password.to_owned(),
            domain: "shop.example".to_owned(),
        };
        TestPhone::connect(protocol, self.sip(protocol)?, account)
    }

    /// Fails if the server has ended.
    ///
    /// # Errors
    /// Where it has; the error tells what it said.
    pub fn check_alive(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!(
                "the server ended with {status}: {}",
                self.lines().join("\n")
            );
        }
        Ok(())
    }

    fn address(&self, text: &str, protocol: &str) -> Option<SocketAddr> {
        let lines = self.lines();
        let line = lines.iter().find(|line| {
            line.contains(text)
                && line
                    .to_ascii_uppercase()
                    .contains(&protocol.to_ascii_uppercase())
        })?;
        line.rsplit("address=").next()?.trim().parse().ok()
    }

    fn lines(&self) -> Vec<String> {
        let log = self.log.lock();
        log.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
