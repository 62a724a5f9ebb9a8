//! What the gateway is told at start. Must not know the file it was read from.

use std::fmt;
use std::sync::Arc;

use helpdesk::{SiteId, SkillId, TierId};
use tokio::sync::broadcast;

/// Everything the gateway needs to know beside the desk.
#[derive(Debug, Clone)]
pub struct Config {
    /// Sites served.
    pub sites: Vec<SiteFace>,
    /// All skills with their names for people.
    pub skills: Vec<(SkillId, String)>,
    /// All tiers; the first is the one of shoppers who prove no other.
    pub tiers: Vec<TierId>,
    /// Pages and addresses that only the demo has.
    pub demo: Option<DemoFace>,
}

/// One site as the web sees it.
#[derive(Debug, Clone)]
pub struct SiteFace {
    /// Its identity in addresses.
    pub id: SiteId,
    /// Its name for people.
    pub name: String,
    /// Skills it offers.
    pub skills: Vec<SkillId>,
    /// Origins whose pages may embed the bell; the gateway's own origin always may.
    pub origins: Vec<String>,
    /// Verifies the shop's tokens; without it every shopper has the first tier.
    pub secret: Option<Secret>,
}

/// A site's signing secret. Never printed.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Takes the secret's bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }

    /// The bytes, for signing and verifying.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The demo's extra pages: the storefront at `/`, signed demo tokens, and the live list of what happens.
#[derive(Debug, Clone)]
pub struct DemoFace {
    /// SIP and HTTP events behind the page, newest last.
    pub events: broadcast::Sender<DemoEvent>,
}

/// One thing that happened behind the page.
#[derive(Debug, Clone)]
pub struct DemoEvent {
    /// When, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
    /// `sip` or `http`.
    pub kind: &'static str,
    /// One line for people.
    pub text: String,
}
