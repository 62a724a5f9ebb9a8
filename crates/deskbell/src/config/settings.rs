//! What the configuration comes to: typed, complete, every default filled in.
//! Must not know how it was written.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use gateway::push::Listener;
use gateway::{AdminKey, CannedAnswer, CookieKeys, SiteFace};
use helpdesk::RepId;
use presence::Precedence;
use sip::digest::{Ha1, Qop, Suite};
use sip_transport::{Limits, TlsIdentity, TlsTrust};
use storage::Keyring;

use super::mistake::Mistake;
use super::secret::Secret;

/// Everything the program was told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) sip: SipSettings,
    /// Who vouches for the servers that we connect to over TLS; the system's authorities where there is none.
    pub(crate) tls_trust: Option<TlsTrust>,
    /// What TLS listeners show; there is one where one of them is listed.
    pub(crate) tls: Option<TlsIdentity>,
    pub(crate) presence: PresenceSettings,
    /// How much softphones may ask for.
    pub(crate) limits: Limits,
    pub(crate) http: HttpSettings,
    pub(crate) watchers: WatcherSettings,
    /// The telephone system that tells what reps' lines do.
    pub(crate) pbx: Option<PbxSettings>,
    /// By which ways telephones are called, the first to be tried first.
    pub(crate) trunks: Vec<TrunkSettings>,
    pub(crate) storage: StorageSettings,
    pub(crate) helpdesk: helpdesk::Config,
    /// The sites as the web sees them, in the order of `helpdesk.sites`.
    pub(crate) sites: Vec<SiteFace>,
    pub(crate) console: ConsoleSettings,
    /// What opens the admin addresses.
    pub(crate) admin_keys: Vec<AdminKey>,
    /// The shop's programs that are told.
    pub(crate) webhooks: Vec<Listener>,
    /// What each rep proves an identity with: one for each algorithm, and never the password.
    pub(crate) secrets_by_rep: HashMap<RepId, Vec<Ha1>>,
    pub(crate) dangerous: DangerousSettings,
    /// What works, but hardly as meant; in the order of the file.
    pub(crate) warnings: Vec<Mistake>,
}

/// How reps work in a browser.
#[derive(Debug, Clone)]
pub(crate) struct ConsoleSettings {
    /// Who may look at the wall.
    pub(crate) supervisors: HashSet<RepId>,
    /// Sentences that need not be typed.
    pub(crate) canned: Vec<CannedAnswer>,
    /// After so long without a touch a computer counts as idle.
    pub(crate) idle_after: Duration,
}

/// How softphones are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SipSettings {
    /// The domain of every address of record; small letters.
    pub(crate) domain: String,
    /// Hosts that mean the domain too; small letters.
    pub(crate) aliases: Vec<String>,
    /// The realm of digest challenges.
    pub(crate) realm: String,
    /// At least one, no two alike.
    pub(crate) listen: Vec<Listen>,
    /// Sockets of each UDP listener.
    pub(crate) udp_sockets: NonZero<u8>,
    pub(crate) digest: DigestSettings,
    pub(crate) expires: ExpiresBounds,
    /// How long a registration outlives its connection.
    pub(crate) flow_grace: Duration,
    /// Wrong passwords in a row from one source after which it is refused with 403.
    pub(crate) login_tries: u32,
    /// Origins whose pages may open WebSockets for SIP, beside the server's own.
    pub(crate) origins: Vec<String>,
    /// Where DNS is asked for SIP servers; the system's name servers where there are none.
    pub(crate) name_servers: Vec<SocketAddr>,
    /// The URI of the proxy that messages to shoppers' own messengers go over.
    pub(crate) outbound_proxy: Option<String>,
}

/// One SIP listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) protocol: Protocol,
    /// Port 0 lets the system choose.
    pub(crate) address: SocketAddr,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.protocol, self.address)
    }
}

/// What SIP is carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        })
    }
}

/// How phones are challenged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DigestSettings {
    /// The challenges, in the order they are sent; at least one.
    pub(crate) suites: Vec<Suite>,
    /// Other challenges over some protocols.
    pub(crate) suites_by_protocol: Vec<(Protocol, Vec<Suite>)>,
    /// What a phone may choose to protect; at least one.
    pub(crate) qualities: Vec<Qop>,
}

/// How long registrations and publications are kept without a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExpiresBounds {
    /// A shorter wish is lengthened to this.
    pub(crate) min: Duration,
    /// For phones that name none.
    pub(crate) default: Duration,
    /// A longer wish is cut to this.
    pub(crate) max: Duration,
}

impl Default for ExpiresBounds {
    fn default() -> Self {
        Self {
            // Some phones lose their state after a 423: only what no phone means is refused.
            min: Duration::from_secs(5),
            default: Duration::from_secs(600),
            max: Duration::from_secs(3600),
        }
    }
}

/// How publications are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PresenceSettings {
    /// How long what a phone published is believed after its connection has gone.
    pub(crate) flow_grace: Duration,
    /// Which source of a rep's state outweighs which.
    pub(crate) precedence: Precedence,
    /// A PUBLISH for less is refused; `None` lengthens it to the least of [`ExpiresBounds`].
    pub(crate) refuse_below: Option<Duration>,
    /// That may be published at a time; for more, a phone is told to come back later.
    pub(crate) most_presentities: usize,
    /// That one presentity may have at a time.
    pub(crate) most_publications: usize,
}

impl Default for PresenceSettings {
    fn default() -> Self {
        Self {
            // Long enough to change from one network to the next.
            flow_grace: Duration::from_secs(30),
            precedence: Precedence::default(),
            // Phones answer 423 by losing their state or by giving up.
            refuse_below: None,
            most_presentities: 100_000,
            // Leaves room for what crashed phones left behind.
            most_publications: 64,
        }
    }
}

/// Who may watch whom, and how often watchers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatcherSettings {
    /// The least time between two NOTIFYs to one watcher that only changes cause (RFC 3856 §6.10).
    pub(crate) interval: Duration,
    pub(crate) of_reps: Audience,
    pub(crate) of_groups: Audience,
    /// Reps who may watch everybody, and see who watches whom.
    pub(crate) supervisors: HashSet<RepId>,
    /// What becomes of everybody else.
    pub(crate) refusal: Refusal,
    /// Subscriptions at a time; for more, a watcher is told to come back later.
    pub(crate) most: usize,
    /// The same of one watcher.
    pub(crate) most_per_watcher: usize,
    /// Reps who have chosen who may watch them, beside supervisors.
    pub(crate) chosen_by_rep: HashMap<RepId, HashSet<RepId>>,
}

impl Default for WatcherSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            of_reps: Audience::Reps,
            of_groups: Audience::Reps,
            supervisors: HashSet::new(),
            refusal: Refusal::Forbid,
            most: 20_000,
            most_per_watcher: 500,
            chosen_by_rep: HashMap::new(),
        }
    }
}

/// A telephone system and the extensions that are asked of it.
#[derive(Debug, Clone)]
pub(crate) struct PbxSettings {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// UDP or TCP; where none is written, DNS tells.
    pub(crate) protocol: Option<Protocol>,
    /// Proves itself to the system; nobody does where there is none.
    pub(crate) user: Option<String>,
    pub(super) password: Option<Arc<Secret>>,
    /// The only realm whose challenges are answered.
    pub(crate) realm: Option<String>,
    /// How long a subscription is asked for.
    pub(crate) lifetime: Duration,
    pub(crate) extensions: Vec<Extension>,
}

/// A way to the telephone network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrunkSettings {
    /// Host, port and parameters of its SIP URI.
    pub(crate) hostport: String,
    /// Proves itself to the trunk; nobody does where there is none.
    pub(crate) user: Option<String>,
    pub(super) password: Option<Arc<Secret>>,
    /// The only realm whose challenges are answered.
    pub(crate) realm: Option<String>,
    /// Who calls, as the called see it.
    pub(crate) from: Option<String>,
    /// How long a telephone rings.
    pub(crate) ring: Duration,
    /// Who makes the offer.
    pub(crate) offer: OfferBy,
    /// For how long our registration is asked for, where the trunk wants one.
    pub(crate) register: Option<Duration>,
    /// How often it is asked by OPTIONS whether it is there; never where there is none.
    pub(crate) ping: Option<Duration>,
    /// How long a server of it may take to say anything at all.
    pub(crate) answers_within: Duration,
    /// The URI of the proxy that everything to it goes over.
    pub(crate) outbound_proxy: Option<String>,
}

/// Who makes the offer of a call (RFC 3725).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfferBy {
    /// The rep's phone, which waits for the answer while the telephone rings (flow I).
    Rep,
    /// The telephone; the rep's phone is on hold until then (flow IV).
    Shopper,
}

impl TrunkSettings {
    /// Host and port.
    pub(crate) fn place(&self) -> &str {
        self.hostport.split(';').next().unwrap_or_default()
    }

    /// The transport its URI names.
    pub(crate) fn protocol(&self) -> sip::Protocol {
        let first_hop = self.first_hop();
        let mut parameters = first_hop.split(';').skip(1);
        let transport = parameters.find_map(|one| one.strip_prefix("transport="));
        match transport {
            Some(name) if name.eq_ignore_ascii_case("tcp") => sip::Protocol::Tcp,
            Some(name) if name.eq_ignore_ascii_case("tls") => sip::Protocol::Tls,
            Some(_) | None => sip::Protocol::Udp,
        }
    }

    /// What it is called where people read it: its address, with the user that calls over it.
    pub(crate) fn label(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.hostport),
            None => self.hostport.clone(),
        }
    }

    /// Our address, as those see it who are called over it; `domain` is ours.
    pub(crate) fn caller(&self, domain: &str) -> String {
        match self.from.as_deref().or(self.user.as_deref()) {
            Some(caller) => format!("sip:{caller}@{}", self.place()),
            None => format!("sip:deskbell@{domain}"),
        }
    }

    /// The URI whose servers take what is sent to it.
    pub(crate) fn first_hop(&self) -> String {
        let proxy = self.outbound_proxy.clone();
        proxy.unwrap_or_else(|| format!("sip:{}", self.hostport))
    }

    /// How many of its servers may say nothing before another trunk is called. A rep's phone waits for 25 s at most; within
    /// it another trunk rings, too.
    pub(crate) fn most_silent(&self) -> u32 {
        const TOGETHER: Duration = Duration::from_secs(20);
        const MOST: u32 = 3;
        let fitting = TOGETHER.as_millis() / self.answers_within.as_millis().max(1);
        u32::try_from(fitting).unwrap_or(MOST).clamp(1, MOST)
    }

    /// The Route of what is sent to it, where there is one.
    pub(crate) fn route(&self) -> Option<String> {
        self.outbound_proxy.as_deref().map(route_over)
    }

    /// Security rows S5 and S6: who may ask for credentials, which is nobody but this trunk for its realm.
    pub(crate) fn account(&self) -> Option<sip::call::Trunk> {
        let (user, realm) = (self.user.as_deref()?, self.realm.as_deref()?);
        let password = self.password.as_ref().map_or("", |secret| secret.expose());
        Some(sip::call::Trunk::with_password(realm, user, password))
    }
}

/// A Route value over the proxy of this URI, which routes loosely (RFC 3261 §16.12).
pub(crate) fn route_over(proxy: &str) -> String {
    format!("<{proxy};lr>")
}

/// The line of a rep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) rep: RepId,
    /// The user part of its address at the telephone system.
    pub(crate) number: String,
}

/// Who may watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Every rep.
    Reps,
    /// Supervisors only.
    Supervisors,
}

/// What becomes of a watcher who may not watch (RFC 5025 §3.2.1 has the words block, polite-block and confirm).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is told so.
    Forbid,
    /// It sees somebody who is always offline.
    Hide,
    /// It waits, and is told so, until the configuration allows it.
    Hold,
}

/// Where web pages are served.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    /// Port 0 lets the system choose.
    pub(crate) listen: SocketAddr,
    /// The origin browsers see, where it is not the one they name.
    pub(crate) public_origin: Option<String>,
    /// Whose word on where a request comes from is taken.
    pub(crate) proxies: Vec<IpAddr>,
    /// Seal the cookies of shoppers; keys of the day if absent.
    pub(crate) cookie_keys: Option<CookieKeys>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
            public_origin: None,
            proxies: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            cookie_keys: None,
        }
    }
}

/// Where and how the journal is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorageSettings {
    /// An address that [`storage::Journal::open`] takes.
    pub(crate) url: String,
    pub(crate) durability: Durability,
    /// What bodies are sealed with; empty keeps them as they are.
    pub(crate) keyring: Keyring,
    /// How long a site's tickets are kept after their end.
    pub(crate) retention_by_site: HashMap<String, Duration>,
}

impl StorageSettings {
    /// Of sites that name none.
    pub(crate) const RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);

    /// The address without what may be a password.
    pub(crate) fn place(&self) -> String {
        match (self.url.split_once("://"), self.url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => format!("{scheme}://…@{place}"),
            _ => self.url.clone(),
        }
    }
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            url: "sqlite:deskbell.db".to_owned(),
            durability: Durability::Behind,
            keyring: Keyring::default(),
            retention_by_site: HashMap::new(),
        }
    }
}

/// When a phone is told that its publication, registration or subscription is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// At once; it is on disk some 50 ms later.
    Behind,
    /// Once it is on disk.
    Strict,
}

/// What weakens security.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DangerousSettings {
    /// Any user of the domain, without credentials.
    pub(crate) open_domain: bool,
}
