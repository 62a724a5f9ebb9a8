//! What this server shows to phones that connect over TLS, and whom it believes. Must not know files.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use thiserror::Error;

/// A certificate with its key, ready to serve. Never printed.
#[derive(Clone)]
pub struct TlsIdentity(Arc<ServerConfig>);

/// What is wrong with a certificate or a key. The text says which and fits "failed to {text}".
#[derive(Debug, Error)]
pub enum TlsError {
    /// No certificate in PEM.
    #[error("read the certificate: it holds no PEM block CERTIFICATE that can be read")]
    NoCertificate,
    /// No key in PEM.
    #[error("read the key: it holds no PEM block PRIVATE KEY that can be read")]
    NoKey,
    /// The key is another certificate's.
    #[error("use the key: it does not belong to the certificate")]
    WrongKey,
    /// The certificate or key cannot be used.
    #[error("use the certificate and its key")]
    Unusable(#[source] rustls::Error),
    /// The authorities of others' certificates cannot be used.
    #[error("read the authorities: {0}")]
    Authorities(String),
}

impl TlsIdentity {
    /// Reads a chain of certificates, the server's own first, and its key, all in PEM.
    ///
    /// # Errors
    /// Where they cannot be read or do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Self::build(certificates, key, None)
    }

    /// The same for phones that have to show a certificate of one of these authorities.
    ///
    /// # Errors
    /// Where something cannot be read or does not belong together.
    pub fn from_pem_with_authorities(
        certificates: &[u8],
        key: &[u8],
        authorities: &[u8],
    ) -> Result<Self, TlsError> {
        Self::build(certificates, key, Some(authorities))
    }

    fn build(
        certificates: &[u8],
        key: &[u8],
        authorities: Option<&[u8]>,
    ) -> Result<Self, TlsError> {
        let chain = read_chain(certificates).ok_or(TlsError::NoCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?;
        let builder = match authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                let roots = Arc::new(read_authorities(authorities)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .build()
                    .map_err(|error: VerifierBuilderError| {
                        TlsError::Authorities(error.to_string())
                    })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    TlsError::WrongKey
                }
                other => TlsError::Unusable(other),
            })?;
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn into_config(self) -> Arc<ServerConfig> {
        self.0
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity(..)")
    }
}

fn read_chain(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
    chain.ok().filter(|chain| !chain.is_empty())
}

pub(crate) fn read_authorities(text: &[u8]) -> Result<RootCertStore, TlsError> {
    let wrong = |text: &dyn fmt::Display| TlsError::Authorities(text.to_string());
    let certificates = read_chain(text)
        .ok_or_else(|| wrong(&"there is no PEM block CERTIFICATE that can be read"))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};

    use super::{TlsError, TlsIdentity};

    fn pair() -> (String, String) {
        let names = vec!["sip.example".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_goes_with_its_own_key_alone() {
        let (certificate, key) = pair();
        let read = |certificate: &str, key: &str| {
            TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes())
        };
        assert!(read(&certificate, &key).is_ok());
        let other = KeyPair::generate().unwrap().serialize_pem();
        assert!(matches!(
            read(&certificate, &other),
            Err(TlsError::WrongKey)
        ));
        assert!(matches!(read("", &key), Err(TlsError::NoCertificate)));
        assert!(matches!(read(&key, &key), Err(TlsError::NoCertificate)));
        assert!(matches!(
            read(&certificate, &certificate),
            Err(TlsError::NoKey)
        ));
        let cut = &certificate[..certificate.len() / 2];
        assert!(matches!(read(cut, &key), Err(TlsError::NoCertificate)));
    }

    #[test]
    fn authorities_have_to_be_certificates() {
        let (certificate, key) = pair();
        let read = |authorities: &str| {
            TlsIdentity::from_pem_with_authorities(
                certificate.as_bytes(),
                key.as_bytes(),
                authorities.as_bytes(),
            )
        };
        assert!(read(&certificate).is_ok());
        assert!(matches!(read("none"), Err(TlsError::Authorities(_))));
    }

    #[test]
    fn an_identity_is_not_printed() {
        let (certificate, key) = pair();
        let identity = TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(format!("{identity:?}"), "TlsIdentity(..)");
    }
}
