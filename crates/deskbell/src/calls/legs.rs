//! How the two legs of a call are set up: whom they call, by which way, in whose name.
//! Must not know what is said to them afterwards.

use std::time::Duration;

use helpdesk::CallOrder;
use sip::HeaderName;
use sip::call::{Body, Config, Setup};
use sip_transport::{Placed, Target, Way};
use tokio::time::{Instant, timeout_at};

use super::Parts;
use crate::config::TrunkSettings;
use crate::random;
use crate::sip_service::Binding;
use crate::trunks::contact_towards;

/// How long a rep's phone rings.
pub(super) const REP_RINGS: Duration = Duration::from_secs(30);
/// How long the servers of all trunks together may take to be found before a number is dialled without.
const LONGEST_FINDING: Duration = Duration::from_secs(3);

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
        contact: parts.reached.contact(protocol, remote).into(),
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

/// Our Contact at each trunk, in their order; by our domain's name at those that are not found in time.
pub(super) async fn find_contacts(parts: &Parts, trunks: &[TrunkSettings]) -> Vec<String> {
    let latest = Instant::now() + LONGEST_FINDING;
    let mut contacts = Vec::with_capacity(trunks.len());
    for trunk in trunks {
        let finding = contact_towards(&parts.sender, &parts.reached, trunk);
        let found = timeout_at(latest, finding).await;
        contacts.push(found.unwrap_or_else(|_| parts.reached.contact_by_name(trunk.protocol())));
    }
    contacts
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
    let contact = contact.map(str::to_owned);
    let contact = contact.unwrap_or_else(|| parts.reached.contact_by_name(trunk.protocol()));
    let setup = Setup {
        call_id: random::word::<20>()?.into(),
        local_tag: random::word::<16>()?.into(),
        local_name: None,
        local_uri: trunk.caller(parts.reached.domain()).into(),
        remote_uri: format!("sip:{number}@{place};user=phone").into(),
        // M1: nothing but `+` and digits can stand before the host.
        request_uri: format!("sip:{number}@{};user=phone", trunk.hostport).into(),
        contact: contact.into(),
        routes: trunk.route().into_iter().map(Into::into).collect(),
        headers: Vec::new(),
        // S5 and S6: only a challenge of the configured realm is answered, and once.
        trunk: trunk.account(),
        seed: seed()?,
    };
    let config = Config {
        ring_timeout: trunk.ring,
        response_time: trunk.answers_within,
        most_silent: trunk.most_silent(),
        longest_call: order.longest,
        ..Config::default()
    };
    let calls = &parts.calls;
    Ok(calls.place(&parts.sender, Way::NextHop, config, setup, offer))
}

fn seed() -> Result<[u64; 2], getrandom::Error> {
    let one = u64::from_le_bytes(random::bytes()?);
    let other = u64::from_le_bytes(random::bytes()?);
    Ok([one, other])
}
