//! Finds the socket or connection for a request of ours, or opens one. Must not know what the request says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use sip::{Flow, Protocol, RequestDraft, Uri};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

use crate::connection;
use crate::dns::Dns;
use crate::flows::{Command, Peer};
use crate::random;
use crate::resolve::{self, Means, ResolveError, Server};
use crate::sender::{RequestError, Target};
use crate::transport::Shared;
use crate::trust::TlsTrust;

/// A path and the queue of its owner.
type Way = (Flow, mpsc::Sender<Command>);

/// RFC 3261 §18.1.1: a longer request does not go over UDP, where the path's own limit is not known.
pub(crate) const LONGEST_UDP_REQUEST: usize = 1300;
/// As long as the branches we make.
const SOME_BRANCH: &str = "z9hG4bK00000000000000000000000000000000";

/// The way for one request.
pub(crate) async fn find(
    shared: &Arc<Shared>,
    draft: &RequestDraft,
    target: &Target,
) -> Result<Way, RequestError> {
    match target {
        Target::Flow(flow) => by_flow(shared, *flow),
        Target::Address { protocol, address } => match protocol {
            Protocol::Udp => by_socket(shared, draft, *address).await,
            Protocol::Tcp => by_connection(shared, &Peer::Tcp(*address)).await,
            // Without a name there is nothing its certificate could prove.
            Protocol::Tls | Protocol::Ws | Protocol::Wss => Err(no_socket(*protocol, *address)),
        },
        Target::Server(server) => by_server(shared, draft, server).await,
        // A future of its own, as in `by_connection`: most requests go by a flow, and whoever sends thousands shall not
        // carry the room for what is asked of DNS and TLS with each.
        Target::Uri(uri) => Box::pin(by_uri(shared, draft, uri)).await,
    }
}

/// The servers of a URI in the order to try them; at least one.
pub(crate) async fn servers(shared: &Shared, uri: &str) -> Result<Vec<Server>, ResolveError> {
    let parsed = Uri::parse(uri.as_bytes());
    let parsed = parsed.map_err(|_| ResolveError::Unusable("it is no SIP URI"))?;
    let has_socket =
        |is_family: fn(&SocketAddr) -> bool| shared.udp.iter().any(|ours| is_family(&ours.local));
    let means = Means {
        udp_v4: has_socket(SocketAddr::is_ipv4),
        udp_v6: has_socket(SocketAddr::is_ipv6),
        tls: shared.tls_trust.load().is_some(),
    };
    let failed = |error: String| ResolveError::Dns {
        host: parsed.host.to_string(),
        error,
    };
    let dns = shared
        .dns
        .get_or_try_init(|| async { Dns::open(&shared.config.dns) })
        .await;
    let dns = dns.map_err(|error| failed(error.to_string()));
    let asking = resolve::servers(&parsed, means, dns, random::below);
    match timeout(shared.config.dns.time_in_all, asking).await {
        Ok(found) => found,
        Err(_) => Err(failed("it does not answer in time".to_owned())),
    }
}

async fn by_uri(
    shared: &Arc<Shared>,
    draft: &RequestDraft,
    uri: &str,
) -> Result<Way, RequestError> {
    let mut result = Err(ResolveError::NoServer(uri.to_owned()).into());
    for server in servers(shared, uri).await? {
        result = by_server(shared, draft, &server).await;
        if result.is_ok() {
            break;
        }
    }
    result
}

async fn by_server(
    shared: &Arc<Shared>,
    draft: &RequestDraft,
    server: &Server,
) -> Result<Way, RequestError> {
    let Server {
        protocol,
        address,
        ref name,
    } = *server;
    match (protocol, shared.tls_trust.load_full()) {
        (Protocol::Udp, _) => by_socket(shared, draft, address).await,
        (Protocol::Tcp, _) => by_connection(shared, &Peer::Tcp(address)).await,
        (Protocol::Tls, Some(trust)) => {
            let peer = Peer::Tls {
                name: Arc::clone(name),
                address,
                trust: TlsTrust::clone(&trust),
            };
            by_connection(shared, &peer).await
        }
        (Protocol::Tls, None) | (Protocol::Ws | Protocol::Wss, _) => {
            Err(no_socket(protocol, address))
        }
    }
}

fn by_flow(shared: &Shared, flow: Flow) -> Result<Way, RequestError> {
    let commands = shared.flows.commands(flow.id);
    let commands = commands.ok_or(RequestError::FlowClosed)?;
    Ok((with_concrete_local(flow), commands))
}

async fn by_socket(
    shared: &Arc<Shared>,
    draft: &RequestDraft,
    address: SocketAddr,
) -> Result<Way, RequestError> {
    let mut addresses = shared.udp.iter();
    let ours = addresses.find(|ours| ours.local.is_ipv4() == address.is_ipv4());
    let ours = ours.ok_or(no_socket(Protocol::Udp, address))?;
    let open = ours.sockets_for(address).find_map(|socket| {
        let flow = Flow {
            transport: Protocol::Udp,
            local: socket.local,
            remote: address,
            id: socket.id,
        };
        let commands = shared.flows.commands(socket.id)?;
        (!commands.is_closed()).then_some((flow, commands))
    });
    let (flow, commands) = open.ok_or(RequestError::FlowClosed)?;
    let flow = with_concrete_local(flow);
    let sent_by = format!("{} {}", flow.transport, flow.local);
    if draft.print(&sent_by, SOME_BRANCH).len() <= LONGEST_UDP_REQUEST {
        return Ok((flow, commands));
    }
    // RFC 3261 §18.1.1: over TCP, and over UDP all the same where the peer has none.
    match by_connection(shared, &Peer::Tcp(address)).await {
        Ok(way) => Ok(way),
        Err(error) => {
            debug!(%address, %error, "long request goes over UDP");
            Ok((flow, commands))
        }
    }
}

async fn by_connection(shared: &Arc<Shared>, peer: &Peer) -> Result<Way, RequestError> {
    if let Some(flow) = shared.flows.connection_to(peer) {
        return by_flow(shared, flow);
    }
    Box::pin(by_new_connection(shared, peer)).await
}

async fn by_new_connection(shared: &Arc<Shared>, peer: &Peer) -> Result<Way, RequestError> {
    let turn = shared.flows.turn_to_connect(peer);
    let _held = turn.taken().await;
    // Whoever had the turn before may have connected.
    if let Some(flow) = shared.flows.connection_to(peer) {
        return by_flow(shared, flow);
    }
    let flow = connection::open(shared, peer).await?;
    by_flow(shared, flow)
}

const fn no_socket(protocol: Protocol, address: SocketAddr) -> RequestError {
    RequestError::NoSocket { protocol, address }
}

/// The Via must name an address the peer can reach, which a socket bound to all addresses does not have.
pub(crate) fn with_concrete_local(flow: Flow) -> Flow {
    if !flow.local.ip().is_unspecified() {
        return flow;
    }
    let ip = local_ip_towards(flow.remote).unwrap_or(flow.local.ip());
    Flow {
        local: SocketAddr::new(ip, flow.local.port()),
        ..flow
    }
}

/// Our address on the route to a peer. Nothing is sent.
fn local_ip_towards(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match remote {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let probe = UdpSocket::bind((any, 0))?;
    probe.connect(remote)?;
    Ok(probe.local_addr()?.ip())
}
