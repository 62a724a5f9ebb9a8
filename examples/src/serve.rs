//! Runs `deskbell serve` with a configuration of one's own, which can crash and come back on the same ports.
//! Must not know anything about the server that its users could not know.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::http::Http;
use crate::phone::{Account, TestPhone};
use crate::unique::Folder;
use crate::wait;
use crate::wire::Protocol;

/// How long the server may take to come up.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running `deskbell serve`; killed when dropped.
#[derive(Debug)]
pub struct Serve {
    child: Child,
    program: PathBuf,
    folder: Folder,
    config: String,
    environment: Vec<(String, String)>,
    /// By the scheme of the listener, such as `tcp`.
    sip: Vec<(String, SocketAddr)>,
    http: SocketAddr,
}

impl Serve {
    /// Starts `deskbell serve` with this text as `deskbell.toml` and waits until it can be used. Addresses in it are
    /// written `127.0.0.1:0`.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn start(program: &str, config: &str) -> anyhow::Result<Self> {
        Self::start_with(program, config, &[])
    }

    /// As `start`, with these files beside the configuration.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn start_with(program: &str, config: &str, files: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::begin(program, config, files, &[])
    }

    /// As `start`, with these variables in the server's environment.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn start_under(
        program: &str,
        config: &str,
        environment: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        Self::begin(program, config, &[], environment)
    }

    fn begin(
        program: &str,
        config: &str,
        files: &[(&str, &str)],
        environment: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let folder = Folder::new("serve")?;
        for (name, text) in files {
            folder.write(name, text)?;
        }
        let program = PathBuf::from(program);
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let (child, sip, http) = launch(&program, &folder, config, &environment)?;
        Ok(Self {
            child,
            program,
            folder,
            config: config.to_owned(),
            environment,
            sip,
            http,
        })
    }

    /// Kills the server as a crash would and starts it again on the same data and the same ports.
    ///
    /// # Errors
    /// Where it does not come up again.
    pub fn crash_and_restart(&mut self) -> anyhow::Result<()> {
        self.crash()?;
        self.restart()
    }

    /// Kills the server as a crash would.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn crash(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts the server again on the same data and the same ports, after [`crash`](Self::crash).
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let mut config = self.config.clone();
        for (scheme, address) in &self.sip {
            let anywhere = format!("{scheme}://127.0.0.1:0");
            config = config.replacen(&anywhere, &format!("{scheme}://{address}"), 1);
        }
        config = config.replace("\"127.0.0.1:0\"", &format!("\"{}\"", self.http));
        (self.child, self.sip, self.http) =
            launch(&self.program, &self.folder, &config, &self.environment)?;
        Ok(())
    }

    /// What the server's program says and does under another command, in the same folder.
    ///
    /// # Errors
    /// Where it fails; the error tells what it said.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let done = Command::new(&self.program)
            .args(arguments)
            .current_dir(self.folder.path())
            .output()?;
        if !done.status.success() {
            bail!(
                "{arguments:?} failed: {}",
                String::from_utf8_lossy(&done.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// Where configuration and journal are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it listens for SIP by this protocol.
    ///
    /// # Errors
    /// Where it does not.
    pub fn sip(&self, protocol: Protocol) -> anyhow::Result<SocketAddr> {
        self.sip_at(&protocol.name().to_ascii_lowercase())
    }

    /// Where it listens for SIP under this scheme, such as `tls`.
    ///
    /// # Errors
    /// Where the configuration has no such listener.
    pub fn sip_at(&self, scheme: &str) -> anyhow::Result<SocketAddr> {
        self.sip
            .iter()
            .find(|(found, _)| found == scheme)
            .map(|(_, address)| *address)
            .with_context(|| format!("nobody listens on {scheme}://"))
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A client of its web pages.
    ///
    /// # Errors
    /// None at present: a server that runs has web pages.
    pub fn http(&self) -> anyhow::Result<Http> {
        Ok(Http::new(self.http))
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
        match self.child.try_wait()? {
            Some(status) => bail!("the server ended with {status}: {}", self.log()),
            None => Ok(()),
        }
    }

    /// Everything it said.
    #[must_use]
    pub fn log(&self) -> String {
        read_log(&self.folder)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Launched = (Child, Vec<(String, SocketAddr)>, SocketAddr);

fn launch(
    program: &PathBuf,
    folder: &Folder,
    config: &str,
    environment: &[(String, String)],
) -> anyhow::Result<Launched> {
    let config = folder.write("deskbell.toml", config)?;
    let log = File::create(folder.path().join("server.log"))?;
    let mut child = Command::new(program)
        .args(["serve", "--config"])
        .arg(config)
        .env("DESKBELL_LOG", "info")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(log))
        .spawn()
        .with_context(|| format!("failed to start {}", program.display()))?;
    let listening = wait::until("a listening server", START_LIMIT, || {
        if let Some(status) = child.try_wait()? {
            bail!("the server ended with {status}");
        }
        Ok(read_addresses(&read_log(folder)))
    });
    match listening {
        Ok((sip, http)) => Ok((child, sip, http)),
        Err(error) => {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            Err(error.context(format!("the server said: {}", read_log(folder))))
        }
    }
}

/// Nothing until the last listener is told, which is that for HTTP.
fn read_addresses(log: &str) -> Option<(Vec<(String, SocketAddr)>, SocketAddr)> {
    let address = |line: &str| {
        let text = line.rsplit("address=").next()?;
        text.split_whitespace().next()?.parse().ok()
    };
    let http = log
        .lines()
        .find(|line| line.contains("listening for HTTP"))
        .and_then(address)?;
    let sip = log
        .lines()
        .filter(|line| line.contains("listening for SIP"))
        .filter_map(|line| {
            let protocol = line.split("protocol=\"").nth(1)?.split('"').next()?;
            Some((protocol.to_ascii_lowercase(), address(line)?))
        })
        .collect();
    Some((sip, http))
}

fn read_log(folder: &Folder) -> String {
    fs::read_to_string(folder.path().join("server.log")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_when_the_last_is_told() {
        let sip =
            " INFO deskbell::serve: listening for SIP protocol=\"TLS\" address=127.0.0.1:5061\n";
        assert_eq!(read_addresses(sip), None);
        let both = format!("{sip} INFO deskbell::serve: listening for HTTP address=127.0.0.1:80\n");
        let tls = ("tls".to_owned(), "127.0.0.1:5061".parse().unwrap());
        let expected = (vec![tls], "127.0.0.1:80".parse().unwrap());
        assert_eq!(read_addresses(&both), Some(expected));
    }
}
