//! `deskbell serve` with UDP, TCP and TLS, a certificate of its own and five reps.
//! Must not know anything about the server that its users could not know.

use std::net::SocketAddr;

use anyhow::bail;

use crate::serve::Serve;

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
}

impl Secured {
    /// Starts the server and waits until it can be used.
    ///
    /// # Errors
    /// Where it does not come up; the error tells what it said.
    pub fn start(program: &str) -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()])?;
        let certificate = made.cert.pem();
        let key = made.signing_key.serialize_pem();
        let reps: String = REPS
            .iter()
            .map(|rep| {
                format!("[[rep]]\nid = \"{rep}\"\npassword = \"{PASSWORD}\"\nskills = {{}}\n")
            })
            .collect();
        let configuration = format!(
            "[sip]\ndomain = \"{NAME}\"\naliases = [\"127.0.0.1\"]\n\
             listen = [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\", \"tls://127.0.0.1:0\"]\n\
             [sip.tls]\ncertificate = \"sip.crt\"\nkey = \"sip.key\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\n[storage]\nurl = \"sqlite::memory:\"\n{reps}"
        );
        Ok(Self {
            serve: Serve::start_with(
                program,
                &configuration,
                &[("sip.crt", &certificate), ("sip.key", &key)],
            )?,
            certificate,
        })
    }

    /// Where it listens under the scheme `udp`, `tcp` or `tls`.
    ///
    /// # Errors
    /// Where it does not.
    pub fn address(&self, scheme: &str) -> anyhow::Result<SocketAddr> {
        self.serve.sip_at(scheme)
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
        let log = self.serve.log();
        if log.contains("panicked") {
            bail!("the server panicked: {log}");
        }
        Ok(())
    }
}
