//! `deskbell serve` with UDP, TCP and TLS, a certificate of its own and five reps.
//! Must not know anything about the server that its users could not know.

use std::net::SocketAddr;

use anyhow::{Context, bail};

use crate::serve::Serve;
use crate::unique::Folder;

/// The domain, and the name in the certificate.
pub const NAME: &str = "shop.example";

/// The reps.
const REPS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

/// Every rep's password.
const PASSWORD: &str = "correct-horse";

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Secured {
    serve: Serve,
    certificate: String,
    _folder: Folder,
}

impl Secured {
    /// Starts the server and waits until it can be used.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn start(program: &str) -> anyhow::Result<Self> {
        let folder = Folder::new("secured")?;
        let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()])?;
        let certificate = made.cert.pem();
        let shown = folder.write("sip.crt", &certificate)?;
        let key = folder.write("sip.key", &made.signing_key.serialize_pem())?;
        let reps: String = REPS
            .iter()
            .map(|rep| {
                format!("[[rep]]\nid = \"{rep}\"\npassword = \"{PASSWORD}\"\nskills = {{}}\n")
            })
            .collect();
        let configuration = format!(
            "[sip]\ndomain = \"{NAME}\"\naliases = [\"127.0.0.1\"]\n\
             listen = [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\", \"tls://127.0.0.1:0\"]\n\
             [sip.tls]\ncertificate = {shown:?}\nkey = {key:?}\n\
             [http]\nlisten = \"127.0.0.1:0\"\n[storage]\nurl = \"sqlite::memory:\"\n{reps}"
        );
        Ok(Self {
            serve: Serve::start(program, &configuration)?,
            certificate,
            _folder: folder,
        })
    }

    /// Where it listens for UDP, TCP or TLS, by these names.
    ///
    /// # Errors
    /// Where it does not.
    pub fn address(&self, protocol: &str) -> anyhow::Result<SocketAddr> {
        self.serve
            .sip_named(protocol)
            .with_context(|| format!("the server does not listen for {protocol}"))
    }

    /// What it shows over TLS, in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.serve.id()
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
        self.serve.check_alive()?;
        let lines = self.serve.lines();
        match lines.iter().find(|line| line.contains("panicked")) {
            Some(line) => bail!("the server panicked: {line}"),
            None => Ok(()),
        }
    }
}
