//! How the two legs of a call are set up: whom they call, by which way, in whose name.
//! Must not know what is said to them afterwards.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use helpdesk::CallOrder;
use sip::call::{Body, Config, Setup, Trunk};
use sip::{HeaderName, Protocol};
use sip_transport::{Placed, Target, Way};

use super::Parts;
use crate::config::TrunkSettings;
use crate::phone::ip_towards;
use crate::random;
use crate::server_address;
use crate::sip_service::Binding;

/// How long a rep's phone rings.
const REP_RINGS: Duration = Duration::from_secs(30);

/// How long a shopper's phone rings: the rep's phone waits for the answer to its offer meanwhile, 25 s (RFC 3725
/// §4.1: flow I is for whoever answers at once).
const SHOPPER_RINGS: Duration = Duration::from_secs(24);

/// Calls a rep's phone, without an offer: the phone makes it (RFC 3725 §4.1, flow I). `None` while it is not connected.
pub(super) fn call_rep(
    parts: &Parts,
    order: &CallOrder,
    phone: &Binding,
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
        None,
    )))
}

/// Calls the shopper's number over a trunk, with what the rep's phone offers.
pub(super) async fn call_shopper(
    parts: &Parts,
    order: &CallOrder,
    trunk: &TrunkSettings,
    offer: Body,
) -> Result<Placed, getrandom::Error> {
    let number = order.number.as_str();
    let place = trunk.hostport.split(';').next().unwrap_or_default();
    let protocol = if trunk.hostport.contains("transport=tcp") {
        Protocol::Tcp
    } else {
        Protocol::Udp
    };
    let contact = match server_address::find(place).await {
        Ok(remote) => contact(parts, protocol, remote),
        Err(_) => format!("<sip:deskbell@{}>", parts.domain),
    };
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
        ring_timeout: SHOPPER_RINGS,
        longest_call: order.longest,
        ..Config::default()
    };
    let calls = &parts.calls;
    Ok(calls.place(&parts.sender, Way::NextHop, config, setup, Some(offer)))
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
    let transport = match protocol {
        Protocol::Tcp => ";transport=tcp",
        Protocol::Tls => ";transport=tls",
        Protocol::Ws | Protocol::Wss => ";transport=ws",
        Protocol::Udp => "",
    };
    match local {
        Some((_, local)) => {
            let is_any = local.ip().is_unspecified();
            let ip: Option<IpAddr> = is_any.then(|| ip_towards(remote).ok()).flatten();
            let address = SocketAddr::new(ip.unwrap_or(local.ip()), local.port());
            format!("<sip:deskbell@{address}{transport}>")
        }
        None => format!("<sip:deskbell@{}{transport}>", parts.domain),
    }
}

fn seed() -> Result<[u64; 2], getrandom::Error> {
    let one = u64::from_le_bytes(random::bytes()?);
    let other = u64::from_le_bytes(random::bytes()?);
    Ok([one, other])
}
