//! Whom this domain has: which hosts mean it, which users exist, and their credentials.
//! Replaced as a whole on reload. Must not know SIP methods.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use helpdesk::RepId;
use sip::Uri;
use sip::digest::{Algorithm, Ha1};

/// The user that means the sender's own current conversation.
const DESK: &str = "desk";

/// The directory in force.
pub(crate) type SharedDirectory = Arc<ArcSwap<Directory>>;

/// Users and hosts of the domain.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// The realm of digest challenges.
    pub(crate) realm: String,
    /// Hosts that mean the domain, lower case.
    pub(crate) hosts: Vec<String>,
    /// Reps and how they prove themselves.
    pub(crate) secrets_by_rep: HashMap<RepId, Vec<Ha1>>,
    /// Any user publishes without credentials; for load tests.
    pub(crate) open: bool,
}

/// Whom a URI of ours names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// The domain itself, no user.
    Domain,
    /// A rep.
    Rep(RepId),
    /// The sender's own current conversation.
    Desk,
    /// None of these: a conversation, or nobody.
    Other(String),
}

impl Directory {
    /// Whether there is such a rep.
    pub(crate) fn has(&self, rep: &RepId) -> bool {
        self.secrets_by_rep.contains_key(rep)
    }

    /// What proves the user under this algorithm.
    pub(crate) fn secret(&self, user: &str, algorithm: Algorithm) -> Option<Ha1> {
        self.secrets_by_rep
            .get(&RepId::new(user))?
            .iter()
            .find(|secret| secret.algorithm() == algorithm)
            .cloned()
    }

    /// Whom the URI names; `None` when its host is not ours. The port is not compared: phones differ on
    /// whether an address of record has one.
    pub(crate) fn resource(&self, uri: &Uri<'_>) -> Option<Resource> {
        let host = uri.host.to_string().to_ascii_lowercase();
        if !self.hosts.contains(&host) {
            return None;
        }
        let Some(user) = uri.user_decoded() else {
            return Some(Resource::Domain);
        };
        let user = user.to_ascii_lowercase();
        if user == DESK {
            return Some(Resource::Desk);
        }
        let rep = RepId::new(&user);
        if self.open || self.has(&rep) {
            return Some(Resource::Rep(rep));
        }
        Some(Resource::Other(user))
    }
}
