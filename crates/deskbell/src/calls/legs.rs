//! How the two legs of a call are set up: whom they call, by which way, in whose name.
//! Must not know what is said to them afterwards.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use helpdesk::CallOrder;
use sip::call::{Body, Config, Setup, Trunk};
use sip::{HeaderName, Protocol};
use sip_transport::{Placed, Target, Way};

use super::Parts;
use crate::config::TrunkSettings;
use crate::phone::ip_towards;
use crate::random;
use crate::sip_service::Binding;

/// How long a rep's phone rings.
pub(super) const REP_RINGS: Duration = Duration::from_secs(30);

/// Calls a rep's phone, by default without an offer: the phone makes it. `None` while it is not connected.
pub(super) fn call_rep(
    parts: &Parts,
    order: &CallOrder,
    phone: &Binding,
    offer: Option<Body>,
) -> Result<Option<Placed>, getrandom::Error> {
    let (way, protocol, remote) = match phone.target() {
        Some(Target::Flow(flow)) => (Way::Flow(flow), flow.transport, flow.remote),
        Some(Target::Address { protocol, address }) => (Way::NextHop, protocol, address),
        Some(Target::Server(_) | Target::Uri(_)) | None => return Ok(None),
    };
    let setup = Setup {
        call_id: random::word::<20>()?.into(),
        local_tag: random::word::<16>()?.into(),
        local_name: Some(order.display.clone().as_ref().into()),
        local_uri: format!("sip:{}@{}", order.ticket, phone.domain).into(),
        remote_uri: format!("sip:{}@{}", order.rep, phone.domain).into(),
        request_uri: phone.contact.as_ref().into(),
        contact: contact(parts, protocol, remote).into(),
        routes: phone.path.iter().map(|hop| hop.as_ref().into()).collect(),
        headers: vec![(HeaderName::Subject, order.display.as_ref().into())],
        // A phone is never told a password of ours.
        trunk: None,
        seed: seed()?,
    };
    let config = Config {
        ring_timeout: REP_RINGS,
        longest_call: order.longest,
        ..Config::default()
    };
    Ok(Some(parts.calls.place(
        &parts.sender,
        way,
        config,
        setup,
        offer,
    )))
}

/// Our Contact at each trunk, in their order.
pub(super) async fn find_contacts(parts: &Parts, trunks: &[TrunkSettings]) -> Vec<String> {
    let mut contacts = Vec::with_capacity(trunks.len());
    for trunk in trunks {
        // Asked as the INVITE will ask, so that the answer is kept for it.
        let uri = format!("sip:{}", trunk.hostport);
        let found = parts.sender.servers(&uri).await;
        contacts.push(match found.as_deref() {
            Ok([server, ..]) => contact(parts, server.protocol, server.address),
            // The INVITE says why it finds nobody.
            Ok([]) | Err(_) => contact_by_name(parts, trunk.protocol()),
        });
    }
    contacts
}

/// An address of ours, for descriptions of sessions that have no media yet.
pub(super) fn own_address(parts: &Parts) -> IpAddr {
    let known = parts.local.first().map(|(_, address)| address.ip());
    known.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Calls the shopper's number over a trunk, with what the rep's phone offers, or without an offer.
pub(super) fn call_shopper(
    parts: &Parts,
    order: &CallOrder,
    trunk: &TrunkSettings,
    contact: Option<&str>,
    offer: Option<Body>,
) -> Result<Placed, getrandom::Error> {
    let number = order.number.as_str();
    let place = trunk.place();
    let contact = contact.map_or_else(|| contact_by_name(parts, trunk.protocol()), str::to_owned);
    let caller = trunk.from.as_deref().or(trunk.user.as_deref());
    let setup = Setup {
        call_id: random::word::<20>()?.into(),
        local_tag: random::word::<16>()?.into(),
        local_name: None,
        local_uri: match caller {
            Some(caller) => format!("sip:{caller}@{place}").into(),
            None => format!("sip:deskbell@{}", parts.domain).into(),
        },
        remote_uri: format!("sip:{number}@{place};user=phone").into(),
        // M1: nothing but `+` and digits can stand before the host.
        request_uri: format!("sip:{number}@{};user=phone", trunk.hostport).into(),
        contact: contact.into(),
        routes: Vec::new(),
        headers: Vec::new(),
        trunk: account(trunk),
        seed: seed()?,
    };
    let config = Config {
        ring_timeout: trunk.ring,
        longest_call: order.longest,
        ..Config::default()
    };
    let calls = &parts.calls;
    Ok(calls.place(&parts.sender, Way::NextHop, config, setup, offer))
}

/// Security rows S5 and S6: only a challenge of the configured realm is answered, and once.
fn account(trunk: &TrunkSettings) -> Option<Trunk> {
    let (user, realm) = (trunk.user.as_deref()?, trunk.realm.as_deref()?);
    Some(Trunk::with_password(realm, user, trunk.password()))
}

fn contact(parts: &Parts, protocol: Protocol, remote: SocketAddr) -> String {
    let local = parts
        .local
        .iter()
        .find(|(found, address)| *found == protocol && address.is_ipv4() == remote.is_ipv4());
    match local {
        Some((_, local)) => {
            let is_any = local.ip().is_unspecified();
            let ip: Option<IpAddr> = is_any.then(|| ip_towards(remote).ok()).flatten();
            let address = SocketAddr::new(ip.unwrap_or(local.ip()), local.port());
            format!("<sip:deskbell@{address}{}>", transport(protocol))
        }
        None => contact_by_name(parts, protocol),
    }
}

fn contact_by_name(parts: &Parts, protocol: Protocol) -> String {
    format!("<sip:deskbell@{}{}>", parts.domain, transport(protocol))
}

const fn transport(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => ";transport=tcp",
        Protocol::Tls => ";transport=tls",
        Protocol::Ws | Protocol::Wss => ";transport=ws",
        Protocol::Udp => "",
    }
}

fn seed() -> Result<[u64; 2], getrandom::Error> {
    let one = u64::from_le_bytes(random::bytes()?);
    let other = u64::from_le_bytes(random::bytes()?);
    Ok([one, other])
}
