//! Runs the built server as `deskbell serve` with UDP, TCP and TLS on ports of the kernel's choice.
//! Must not know anything about the server that its users could not know.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::unique::Folder;
use crate::wait;

/// How long the server may take to come up, in a debug build on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The name in the certificate.
pub const NAME: &str = "shop.example";

/// The reps; each password is `PASSWORD`.
const REPS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

/// Every rep's password.
const PASSWORD: &str = "correct-horse";

/// A running `deskbell serve`; killed when dropped.
#[derive(Debug)]
pub struct Served {
    child: Child,
    folder: Folder,
    certificate: String,
    addresses: [SocketAddr; 3],
}

impl Served {
    /// Starts the server with a certificate of its own and five reps, and waits until it listens.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn start(program: &Path) -> anyhow::Result<Self> {
        let folder = Folder::new("served")?;
        let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()])?;
        let certificate = made.cert.pem();
        folder.write("sip.crt", &certificate)?;
        folder.write("sip.key", &made.signing_key.serialize_pem())?;
        let reps: String = REPS
            .iter()
            .map(|rep| {
                format!("[[rep]]\nid = \"{rep}\"\npassword = \"{PASSWORD}\"\nskills = {{}}\n")
            })
            .collect();
        let config = folder.write(
            "deskbell.toml",
            &format!(
                "[sip]\ndomain = \"{NAME}\"\naliases = [\"127.0.0.1\"]\n\
                 listen = [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\", \"tls://127.0.0.1:0\"]\n\
                 [sip.tls]\ncertificate = \"sip.crt\"\nkey = \"sip.key\"\n\
                 [http]\nlisten = \"127.0.0.1:0\"\n[storage]\nurl = \"sqlite::memory:\"\n{reps}"
            ),
        )?;
        let log = File::create(folder.path().join("server.log"))?;
        let mut child = Command::new(program)
            .args(["serve", "--config"])
            .arg(config)
            .env("DESKBELL_LOG", "info")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .with_context(|| format!("failed to start {}", program.display()))?;
        let addresses = wait::until("the server's addresses", START_LIMIT, || {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}: {}", read_log(&folder));
            }
            let log = read_log(&folder);
            let all = ["UDP", "TCP", "TLS"].map(|protocol| listening(&log, protocol));
            let [Some(udp), Some(tcp), Some(tls)] = all else {
                return Ok(None);
            };
            Ok(Some([udp, tcp, tls]))
        });
        match addresses {
            Ok(addresses) => Ok(Self {
                child,
                folder,
                certificate,
                addresses,
            }),
            Err(error) => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Where it listens for UDP.
    #[must_use]
    pub fn udp(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where it listens for TCP.
    #[must_use]
    pub fn tcp(&self) -> SocketAddr {
        self.addresses[1]
    }

    /// Where it listens for TLS.
    #[must_use]
    pub fn tls(&self) -> SocketAddr {
        self.addresses[2]
    }

    /// What it shows there, in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Each rep with the password.
    #[must_use]
    pub fn reps(&self) -> Vec<(&str, &str)> {
        REPS.iter().map(|rep| (*rep, PASSWORD)).collect()
    }

    /// Fails if the server has ended or panicked.
    ///
    /// # Errors
    /// Where it has; the error tells what it said.
    pub fn check_alive(&mut self) -> anyhow::Result<()> {
        let log = read_log(&self.folder);
        match self.child.try_wait()? {
            Some(status) => bail!("the server ended with {status}: {log}"),
            None if log.contains("panicked") => bail!("the server panicked: {log}"),
            None => Ok(()),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_log(folder: &Folder) -> String {
    fs::read_to_string(folder.path().join("server.log")).unwrap_or_default()
}

/// The address of the line that says it is listened on, once that line is whole.
fn listening(log: &str, protocol: &str) -> Option<SocketAddr> {
    let named = format!("protocol=\"{protocol}\"");
    let mut lines = log
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let line = lines.find(|line| line.contains(&named) && line.contains("address="))?;
    let address = line.rsplit("address=").next()?.trim();
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::listening;

    #[test]
    fn an_address_is_read_from_a_whole_line() {
        let line = "INFO sip_transport: listening protocol=\"TLS\" address=127.0.0.1:4711\n";
        assert_eq!(listening(line, "TLS"), Some(([127, 0, 0, 1], 4711).into()));
        assert_eq!(listening(line.trim_end(), "TLS"), None);
        assert_eq!(listening(line, "TCP"), None);
    }
}
