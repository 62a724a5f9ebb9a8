//! Asks DNS, with limits on time and memory. Must not know what SIP makes of the answers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::destination::{Listing, Service, protocol_of_service};

/// Whom to ask, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsConfig {
    /// The servers to ask; those of the system where there are none.
    pub servers: Vec<SocketAddr>,
    /// How long one question may take, before it is asked once more.
    pub time: Duration,
    /// How long all questions for one URI may take.
    pub time_in_all: Duration,
    /// Answers kept, at most until their time to live is over.
    pub answers: u64,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            time: Duration::from_secs(2),
            time_in_all: Duration::from_secs(10),
            answers: 4096,
        }
    }
}

/// A resolver with its cache.
pub(crate) struct Dns {
    resolver: TokioResolver,
}

/// An answer need not be believed longer than this.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);
/// That there is no answer is believed only for a moment: it may be about to be mended.
const LONGEST_ABSENCE: Duration = Duration::from_secs(60);
/// Records taken from one answer.
const MOST_RECORDS: usize = 32;

impl Dns {
    pub(crate) fn open(config: &DnsConfig) -> Result<Self, NetError> {
        let mut builder = if config.servers.is_empty() {
            TokioResolver::builder_tokio()?
        } else {
            let servers = config.servers.iter().map(|server| name_server(*server));
            let servers = ResolverConfig::from_name_servers(servers.collect());
            TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        options.timeout = config.time;
        options.attempts = 1;
        options.cache_size = config.answers;
        options.positive_max_ttl = Some(LONGEST_LIFE);
        options.negative_max_ttl = Some(LONGEST_ABSENCE);
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        Ok(Self {
            resolver: builder.build()?,
        })
    }

    /// The SIP services of a domain (NAPTR); none is no error.
    pub(crate) async fn services(&self, domain: &str) -> Result<Vec<Service>, NetError> {
        let records = self.records(domain, RecordType::NAPTR).await?;
        let services = records.into_iter().filter_map(|data| match data {
            // RFC 3263 §4.1: the flag is always "s", the replacement an SRV name.
            RData::NAPTR(record) if record.flags.eq_ignore_ascii_case(b"s") => Some(Service {
                order: record.order,
                preference: record.preference,
                protocol: protocol_of_service(std::str::from_utf8(&record.services).ok()?)?,
                replacement: record.replacement.to_ascii(),
            }),
            _ => None,
        });
        Ok(services.collect())
    }

    /// The servers of a service (SRV); none is no error.
    pub(crate) async fn listings(&self, name: &str) -> Result<Vec<Listing>, NetError> {
        let records = self.records(name, RecordType::SRV).await?;
        let listings = records.into_iter().filter_map(|data| match data {
            // RFC 2782: the root as target means that there is no such service here.
            RData::SRV(record) if !record.target.is_root() => Some(Listing {
                priority: record.priority,
                weight: record.weight,
                port: record.port,
                host: record.target.to_ascii(),
            }),
            _ => None,
        });
        Ok(listings.collect())
    }

    /// The addresses of a host (A and AAAA); none is no error.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NetError> {
        let Some(name) = absolute(host) else {
            return Ok(Vec::new());
        };
        match self.resolver.lookup_ip(name).await {
            Ok(found) => Ok(found.iter().take(MOST_RECORDS).collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, NetError> {
        let Some(name) = absolute(name) else {
            return Ok(Vec::new());
        };
        match self.resolver.lookup(name, kind).await {
            Ok(found) => {
                let answers = found.answers().iter().take(MOST_RECORDS);
                Ok(answers.map(|record| record.data.clone()).collect())
            }
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// Names in SIP are whole: no search list applies to them. `None` for what cannot be a name.
fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.into_iter().map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.collect())
}
