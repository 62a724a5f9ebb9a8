//! An address that a shop is told at, read once. Must not know what is sent there.

use std::fmt;

use http::Uri;
use http::uri::Scheme;
use thiserror::Error;

use super::network::{Network, is_public};

/// Whom to tell, and into which networks of the house the way may lead.
#[derive(Clone)]
pub struct Target {
    /// Its name as it is resolved; an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) transport: Transport,
    /// Host and port for the `Host` header.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
    networks: Vec<Network>,
}

/// Over what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Tls,
    Plain,
}

/// Why an address cannot be told. Fits "failed to {text}".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TargetError {
    /// It is no absolute address of the web.
    #[error("read the address; write it like \"https://shop.example/deskbell\"")]
    Unreadable,
    /// It holds a user or a password.
    #[error("use an address that holds a user or a password; sign with a key instead")]
    Userinfo,
    /// It has no TLS.
    #[error(
        "use http, which anybody on the way can read; write https, or name the network of the house in `networks`"
    )]
    Plain,
    /// It names another port.
    #[error(
        "use another port than 443, where the way leads out of the house; name the network in `networks`"
    )]
    Port,
}

impl Target {
    /// Reads an address. One that lies in `networks` may be plain and have any port; all others are `https` on 443.
    ///
    /// # Errors
    /// Where the address cannot be told.
    pub fn read(url: &str, networks: Vec<Network>) -> Result<Self, TargetError> {
        let uri: Uri = url.parse().map_err(|_| TargetError::Unreadable)?;
        let authority = uri.authority().ok_or(TargetError::Unreadable)?;
        if authority.as_str().contains('@') {
            return Err(TargetError::Userinfo);
        }
        let transport = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Transport::Tls,
            Some(scheme) if *scheme == Scheme::HTTP => Transport::Plain,
            Some(_) | None => return Err(TargetError::Unreadable),
        };
        let usual = match transport {
            Transport::Tls => 443,
            Transport::Plain => 80,
        };
        // A port that is no number is none to `http`, though it stands there.
        let behind_host = authority.as_str().strip_prefix(authority.host());
        let port = match (behind_host, authority.port_u16()) {
            (_, Some(port)) => port,
            (Some(""), None) => usual,
            (Some(_) | None, None) => return Err(TargetError::Unreadable),
        };
        if networks.is_empty() && transport == Transport::Plain {
            return Err(TargetError::Plain);
        }
        if networks.is_empty() && port != 443 {
            return Err(TargetError::Port);
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err(TargetError::Unreadable);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            transport,
            authority: authority.as_str().to_owned(),
            path: match uri.path_and_query().map_or("/", |path| path.as_str()) {
                // RFC 9112 §3.2.1: a request's path is never empty, though an address may leave it out.
                path if !path.starts_with('/') => format!("/{path}"),
                path => path.to_owned(),
            },
            networks,
        })
    }

    /// Whether a socket may be opened to this address.
    pub(super) fn admits(&self, address: std::net::IpAddr) -> bool {
        let address = address.to_canonical();
        let is_named = self.networks.iter().any(|network| network.holds(address));
        let is_outside = is_public(address) && self.transport == Transport::Tls && self.port == 443;
        is_named || is_outside
    }
}

/// The same as for people: a query may be secret.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Tls => "https",
            Transport::Plain => "http",
        };
        // A query may hold what opens the other side.
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}
