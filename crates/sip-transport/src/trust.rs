//! Whom we believe when we connect over TLS. Must not know files, nor when we connect.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls::{TlsError, read_authorities};

/// The authorities that vouch for the servers we connect to. Two are equal where they believe the same, so that what is
/// read again without a change leaves connections as they are.
#[derive(Clone)]
pub struct TlsTrust {
    config: Arc<ClientConfig>,
    authorities: Arc<RootCertStore>,
}

impl TlsTrust {
    /// Believes the certificates that these authorities, in PEM, have signed, and no others.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn from_pem(authorities: &[u8]) -> Result<Self, TlsError> {
        Self::of(read_authorities(authorities)?)
    }

    /// Believes the authorities that this system does; those that cannot be read are left out, all of them where the
    /// system has none.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn of_system() -> Result<Self, TlsError> {
        let mut authorities = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = authorities.add_parsable_certificates(found.certs);
        tracing::debug!(added, "authorities of this system are believed");
        Self::of(authorities)
    }

    fn of(authorities: RootCertStore) -> Result<Self, TlsError> {
        let authorities = Arc::new(authorities);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_root_certificates(Arc::clone(&authorities))
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            authorities,
        })
    }

    /// Agrees on TLS with a server that has to prove this name.
    pub(crate) async fn connect(
        &self,
        name: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(name, stream).await
    }
}

impl PartialEq for TlsTrust {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.authorities, &other.authorities)
            || self.authorities.roots == other.authorities.roots
    }
}

impl Eq for TlsTrust {}

impl Hash for TlsTrust {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // A few of the many bytes are as good as all: who believes others differs here, or is told apart by equality.
        self.authorities.roots.len().hash(state);
        if let Some(first) = self.authorities.roots.first() {
            first.subject_public_key_info.hash(state);
        }
    }
}

impl fmt::Debug for TlsTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTrust(..)")
    }
}
