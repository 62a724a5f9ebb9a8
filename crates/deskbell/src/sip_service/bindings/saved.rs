//! Bindings as a journal keeps them, and their way back after a restart. Must not know the journal.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{Clock, RepId};
use serde::{Deserialize, Serialize};
use sip::Protocol;

use super::Bindings;
use super::binding::{Binding, Priority, Way};

/// One phone of a rep as it is written down. Where a rep has several, they stand in the order of their last use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedBinding {
    /// The Contact URI.
    pub(crate) contact: String,
    /// `+sip.instance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<String>,
    /// `reg-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reg_id: Option<u32>,
    /// The values of Path, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) path: Vec<String>,
    /// `q` in thousandths.
    pub(crate) q: u16,
    /// Host and port by which the phone knows this server.
    pub(crate) domain: String,
    /// The address at the other end of the flow that can be found again after a restart: UDP's. A connection cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) udp_address: Option<SocketAddr>,
    /// Call-ID of the last REGISTER; what is not UTF-8 in it is replaced.
    pub(crate) call_id: String,
    /// CSeq of the last REGISTER.
    pub(crate) cseq: u32,
    /// When it ends unless refreshed, in Unix milliseconds.
    pub(crate) expires_at: i64,
}

impl Bindings {
    /// Takes out one rep whose phones have changed; read them only afterwards.
    pub(crate) fn poll_changed(&self) -> Option<RepId> {
        let rep = self.changed.iter().next().map(|rep| rep.clone())?;
        self.changed.remove(&rep)
    }

    /// The rep's phones as they are to be written down; none if the rep has none.
    pub(crate) fn saved(&self, rep: &RepId, clock: Clock) -> Vec<SavedBinding> {
        let Some(phones) = self.phones_by_rep.get(rep) else {
            return Vec::new();
        };
        phones
            .iter()
            .filter(|phone| phone.is_alive(clock.at))
            .map(|phone| save(phone, clock))
            .collect()
    }

    /// Brings back what was written down; what has ended meanwhile stays away. A phone that was connected has the
    /// time a lost connection has, and `REFRESH_TIME` at least, to connect again.
    pub(crate) fn restore(&self, rep: RepId, saved: Vec<SavedBinding>, clock: Clock) {
        let lost_until = clock.at + self.flow_grace.max(REFRESH_TIME);
        let phones: Vec<_> = saved
            .into_iter()
            .filter_map(|saved| restored(saved, lost_until, clock))
            .collect();
        if !phones.is_empty() {
            self.phones_by_rep.insert(rep, phones);
        }
    }
}

/// Softphones notice a lost connection, or refresh their registration, within about this time.
const REFRESH_TIME: Duration = Duration::from_secs(60);

fn save(phone: &Binding, clock: Clock) -> SavedBinding {
    let udp_address = match phone.way {
        Way::Flow(flow) | Way::Silent(flow) if flow.transport == Protocol::Udp => Some(flow.remote),
        Way::Address { address, .. } => Some(address),
        Way::Flow(_) | Way::Silent(_) | Way::Lost { .. } => None,
    };
    let left = phone.expires_at.saturating_duration_since(clock.at);
    let left = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
    SavedBinding {
        contact: phone.contact.to_string(),
        instance: phone.instance.as_deref().map(str::to_owned),
        reg_id: phone.reg_id,
        path: phone.path.iter().map(|hop| hop.to_string()).collect(),
        q: phone.priority.thousandths(),
        domain: phone.domain.to_string(),
        udp_address,
        call_id: String::from_utf8_lossy(&phone.call_id).into_owned(),
        cseq: phone.cseq,
        expires_at: clock.unix_ms.saturating_add(left),
    }
}

fn restored(saved: SavedBinding, lost_until: Instant, clock: Clock) -> Option<Binding> {
    let left = u64::try_from(saved.expires_at.checked_sub(clock.unix_ms)?).ok()?;
    let expires_at = clock.at.checked_add(Duration::from_millis(left))?;
    Some(Binding {
        contact: saved.contact.into(),
        instance: saved.instance.map(Arc::from),
        reg_id: saved.reg_id,
        path: saved.path.into_iter().map(Arc::from).collect(),
        priority: Priority::from_thousandths(saved.q),
        domain: saved.domain.into(),
        way: match saved.udp_address {
            Some(address) => Way::Address {
                protocol: Protocol::Udp,
                address,
            },
            None => Way::Lost { until: lost_until },
        },
        call_id: saved.call_id.into_bytes().into(),
        cseq: saved.cseq,
        expires_at,
    })
    .filter(|phone| phone.is_alive(clock.at))
}
