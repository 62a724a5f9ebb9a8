//! What the gateway is told at start. Must not know the file it was read from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use helpdesk::{SiteId, SkillId, TierId};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::{broadcast, mpsc};

use crate::admin::AdminFace;
use crate::clicks::ClickRates;
use crate::console::ConsoleFace;
use crate::figures::Figures;
use crate::form::FormFace;
use crate::seal::CookieKeys;

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
    /// The admin addresses; without it they are closed.
    pub admin: Option<AdminFace>,
    /// Where reps without a softphone work; without it `/console/` is not found.
    pub console: Option<ConsoleFace>,
    /// Where softphones connect; without it `/sip` is not found.
    pub softphones: Option<SoftphoneDoor>,
    /// What the other parts show in `/metrics`.
    pub figures: Figures,
}

impl Config {
    /// One that serves no site, for tests.
    #[cfg(test)]
    pub(crate) fn without_sites() -> Self {
        Self {
            sites: Vec::new(),
            skills: Vec::new(),
            tiers: Vec::new(),
            demo: None,
            admin: None,
            console: None,
            softphones: None,
            figures: Figures::default(),
        }
    }

    /// The site of this name.
    pub(crate) fn site(&self, id: &str) -> Option<&SiteFace> {
        self.sites.iter().find(|site| site.id.as_str() == id)
    }

    /// The skill's name for people, or its identity where it has none.
    pub(crate) fn skill_name<'a>(&'a self, id: &'a SkillId) -> &'a str {
        self.skills
            .iter()
            .find(|(skill, _)| skill == id)
            .map_or(id.as_str(), |(_, name)| name.as_str())
    }
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
    /// Verify the shop's tokens; without any every shopper has the first tier. Several, so that a key can be
    /// changed without a moment in which a token of either is worth nothing.
    pub token_keys: Vec<TokenKey>,
    /// What is asked before a conversation.
    pub form: FormFace,
}

/// One key that a shop signs tokens with. Each key is for one algorithm, whatever a token says of itself.
#[derive(Debug, Clone)]
pub struct TokenKey {
    /// What tokens call it (RFC 7515 §4.1.4); a token that names none is tried with every key.
    pub id: Option<String>,
    /// The key itself.
    pub verifier: TokenVerifier,
}

/// What verifies a token's signature.
#[derive(Debug, Clone)]
pub enum TokenVerifier {
    /// HS256: the shop and the gateway share a secret.
    Shared(Secret),
    /// EdDSA with Ed25519: the gateway knows the public key only (RFC 8037 §3.1).
    Ed25519([u8; 32]),
}

impl SiteFace {
    /// The first secret shared with the shop.
    pub(crate) fn shared_secret(&self) -> Option<&Secret> {
        self.token_keys.iter().find_map(|key| match &key.verifier {
            TokenVerifier::Shared(secret) => Some(secret),
            TokenVerifier::Ed25519(_) => None,
        })
    }
}

/// The door for softphones at `/sip`: a WebSocket is negotiated by the gateway and handed over unread.
#[derive(Debug, Clone)]
pub struct SoftphoneDoor {
    /// Origins whose pages may come in; the gateway's own origin always may.
    pub origins: Vec<String>,
    /// Takes the sockets; when it is full, softphones are told to come back.
    pub sockets: mpsc::Sender<SoftphoneSocket>,
}

/// A WebSocket after its opening handshake, with the subprotocol `sip`.
#[derive(Debug)]
pub struct SoftphoneSocket {
    /// What comes next on it are WebSocket frames.
    pub stream: TokioIo<Upgraded>,
    /// Our end of its connection.
    pub local: SocketAddr,
    /// The other end, which may be a proxy's.
    pub remote: SocketAddr,
}

/// How the listener behaves; the default is right for a listener behind a proxy on the same machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The origin browsers see, like `https://help.example`, when it is not the one of the `Host`
    /// header. With `https` the ticket's cookie is marked `Secure`.
    pub public_origin: Option<String>,
    /// Open connections at once; beyond it new ones are closed.
    pub connections: usize,
    /// Open connections at once from one source: an IPv4 address, or the /64 of an IPv6 one.
    pub connections_per_source: usize,
    /// Sources that speak for many shoppers and are not counted one by one: reverse proxies.
    /// Their `X-Forwarded-For` is believed.
    pub proxies: Vec<IpAddr>,
    /// How often help may be asked for.
    pub clicks: ClickRates,
    /// Seal the cookies by which shoppers are known again; without any nobody is.
    pub cookie_keys: CookieKeys,
    /// How often a console and a wall that stay open are looked at for whether their session is good still.
    pub session_check: Duration,
}

impl Options {
    /// Whether browsers come over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.public_origin
            .as_deref()
            .is_some_and(|origin| origin.starts_with("https://"))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            public_origin: None,
            connections: 20_000,
            connections_per_source: 100,
            proxies: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            clicks: ClickRates::default(),
            cookie_keys: CookieKeys::new([]),
            session_check: Duration::from_secs(20),
        }
    }
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

/// The demo's extra pages: a shop at `/`, a library and a bank, signed demo tokens, and the live list of what happens.
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
