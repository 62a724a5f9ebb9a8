//! The registrar's table: which phones each rep can be reached at (RFC 3261 §10.3).
//! Must not know how a REGISTER is read or answered.

mod binding;
mod saved;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use dashmap::{DashMap, DashSet};
use helpdesk::RepId;
use sip::Flow;
use tokio::sync::watch;

pub(crate) use binding::{Binding, Priority, Way};
pub(crate) use saved::SavedBinding;

/// Phones one rep may have registered; the oldest goes out for a newer one.
const PHONES_PER_REP: usize = 5;

/// A REGISTER older than what is bound already (RFC 3261 §10.3 step 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfOrder;

/// Phones by rep. Bounded by the number of reps times [`PHONES_PER_REP`].
#[derive(Debug)]
pub(crate) struct Bindings {
    /// Each rep's phones, the one in hand last.
    phones_by_rep: DashMap<RepId, Vec<Binding>>,
    /// How long a binding outlives its connection.
    flow_grace: Duration,
    /// Counts registrations, for those who wait for one.
    arrivals: watch::Sender<u64>,
    /// Reps whose phones are not those that were written down last.
    changed: DashSet<RepId>,
    /// Reps who have a page of the console open.
    at_console: DashSet<RepId>,
}

impl Bindings {
    /// No phones. A phone whose connection is gone has `flow_grace` to come back.
    pub(crate) fn new(flow_grace: Duration) -> Self {
        Self {
            phones_by_rep: DashMap::new(),
            flow_grace,
            arrivals: watch::Sender::new(0),
            changed: DashSet::new(),
            at_console: DashSet::new(),
        }
    }

    /// A page of the rep's console has opened.
    pub(crate) fn note_at_console(&self, rep: &RepId) {
        self.at_console.insert(rep.clone());
    }

    /// The last page of the rep's console has gone.
    pub(crate) fn note_off_console(&self, rep: &RepId) {
        self.at_console.remove(rep);
    }

    /// Whether the rep has a page of the console open.
    pub(crate) fn is_at_console(&self, rep: &RepId) -> bool {
        self.at_console.contains(rep)
    }

    /// Adds or refreshes all of `changes`, or nothing when one of them is out of order. A change that has
    /// expired by `now` removes its phone.
    pub(crate) fn register(
        &self,
        rep: &RepId,
        changes: Vec<Binding>,
        now: Instant,
    ) -> Result<(), OutOfOrder> {
        let mut phones = self.phones_by_rep.entry(rep.clone()).or_default();
        phones.retain(|phone| phone.is_alive(now));
        let out_of_order = changes.iter().any(|change| {
            phones.iter().any(|phone| {
                phone.is_renewed_by(change)
                    && phone.call_id == change.call_id
                    && change.cseq <= phone.cseq
            })
        });
        if out_of_order {
            return Err(OutOfOrder);
        }
        for change in changes {
            let place = phones.iter().position(|phone| phone.is_renewed_by(&change));
            let earlier = place.map(|place| (place, phones.remove(place)));
            if change.expires_at <= now {
                continue;
            }
            match earlier {
                // A refresh says nothing about which phone is in hand.
                Some((place, earlier)) if earlier.call_id == change.call_id => {
                    phones.insert(place, change);
                }
                Some(_) | None => phones.push(change),
            }
            let surplus = phones.len().saturating_sub(PHONES_PER_REP);
            phones.drain(..surplus);
        }
        drop(phones);
        self.mark(rep);
        self.arrivals.send_modify(|count| *count += 1);
        Ok(())
    }

    /// `Contact: *` with `Expires: 0` (RFC 3261 §10.2.2): all of them, or none when one is out of order.
    pub(crate) fn remove_all(
        &self,
        rep: &RepId,
        call_id: &[u8],
        cseq: u32,
    ) -> Result<(), OutOfOrder> {
        let Some(mut phones) = self.phones_by_rep.get_mut(rep) else {
            return Ok(());
        };
        // RFC 3261 §10.3 step 6.
        if phones
            .iter()
            .any(|phone| *phone.call_id == *call_id && cseq <= phone.cseq)
        {
            return Err(OutOfOrder);
        }
        phones.clear();
        drop(phones);
        self.mark(rep);
        Ok(())
    }

    /// Puts the phone at the other end of `flow` first among its equals: the rep has it in hand.
    pub(crate) fn handle_use(&self, rep: &RepId, flow: Flow) {
        if let Some(mut phones) = self.phones_by_rep.get_mut(rep) {
            for phone in phones.iter_mut().filter(|phone| phone.flow() == Some(flow)) {
                phone.way = Way::Flow(flow);
            }
            // A stable sort: the others keep their order.
            phones.sort_by_key(|phone| phone.flow() == Some(flow));
        }
    }

    /// A phone did not answer: it is tried after the others until it is heard again.
    pub(crate) fn handle_silence(&self, rep: &RepId, silent: &Binding) {
        if let Some(mut phones) = self.phones_by_rep.get_mut(rep) {
            for phone in phones.iter_mut() {
                if let Way::Flow(flow) = phone.way
                    && phone.is_renewed_by(silent)
                    && phone.cseq == silent.cseq
                {
                    phone.way = Way::Silent(flow);
                }
            }
        }
    }

    /// The rep's phones in the order they are tried: those that answer, the highest priority, the one in hand, that
    /// spoke or came last.
    pub(crate) fn phones(&self, rep: &RepId, now: Instant) -> Vec<Binding> {
        let mut phones: Vec<_> = self
            .phones_by_rep
            .get(rep)
            .map(|phones| {
                let alive = phones.iter().rev().filter(|phone| phone.is_alive(now));
                alive.cloned().collect()
            })
            .unwrap_or_default();
        phones.sort_by_key(|phone| {
            let is_silent = matches!(phone.way, Way::Silent(_));
            (is_silent, Reverse(phone.priority))
        });
        phones
    }

    /// A connection is gone: its phones have the time of grace to come back with another.
    pub(crate) fn handle_flow_closed(&self, flow: Flow, now: Instant) {
        let until = now + self.flow_grace;
        self.phones_by_rep.alter_all(|_, mut phones| {
            for phone in phones.iter_mut().filter(|phone| phone.flow() == Some(flow)) {
                phone.way = Way::Lost { until };
            }
            phones.retain(|phone| phone.is_alive(now));
            phones
        });
    }

    /// Changes whenever a phone registers.
    pub(crate) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    /// Marks are merged: the reader costs no more than one for each rep, however slow it is.
    fn mark(&self, rep: &RepId) {
        self.changed.insert(rep.clone());
    }
}
