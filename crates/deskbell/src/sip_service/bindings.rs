//! The registrar's table: which phones each rep can be reached at (RFC 3261 §10.3).
//! Must not know how a REGISTER is read or answered.

use std::sync::Arc;
use std::time::Instant;

use dashmap::DashMap;
use helpdesk::RepId;
use sip::Flow;

/// Phones one rep may have registered; the oldest goes out for a newer one.
const PHONES_PER_REP: usize = 5;

/// One phone of a rep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binding {
    /// The Contact URI as the phone wrote it.
    pub(crate) contact: Arc<str>,
    /// Host and port by which the phone knows this server: the Request-URI of its REGISTER.
    pub(crate) domain: Arc<str>,
    /// The connection it registered over; requests to the phone go back on it.
    pub(crate) flow: Flow,
    /// Orders REGISTERs of one phone (RFC 3261 §10.3 step 7).
    pub(crate) call_id: Arc<[u8]>,
    /// See `call_id`.
    pub(crate) cseq: u32,
    /// When it ends unless refreshed.
    pub(crate) expires_at: Instant,
}

/// A REGISTER older than what is bound already (RFC 3261 §10.3 step 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfOrder;

/// Phones by rep. Bounded by the number of reps times [`PHONES_PER_REP`].
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    /// Each rep's phones, the one in hand last.
    phones_by_rep: DashMap<RepId, Vec<Binding>>,
}

impl Bindings {
    /// Adds or refreshes all of `changes`, or nothing when one of them is out of order. A change that has
    /// expired by `now` removes its phone.
    pub(crate) fn register(
        &self,
        rep: &RepId,
        changes: Vec<Binding>,
        now: Instant,
    ) -> Result<(), OutOfOrder> {
        let mut phones = self.phones_by_rep.entry(rep.clone()).or_default();
        phones.retain(|phone| phone.expires_at > now);
        let out_of_order = changes.iter().any(|change| {
            phones.iter().any(|phone| {
                phone.contact == change.contact
                    && phone.call_id == change.call_id
                    && change.cseq <= phone.cseq
            })
        });
        if out_of_order {
            return Err(OutOfOrder);
        }
        for change in changes {
            let place = phones
                .iter()
                .position(|phone| phone.contact == change.contact);
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
        }
        let surplus = phones.len().saturating_sub(PHONES_PER_REP);
        phones.drain(..surplus);
        Ok(())
    }

    /// `Contact: *` with `Expires: 0` (RFC 3261 §10.2.2).
    pub(crate) fn remove_all(&self, rep: &RepId) {
        self.phones_by_rep.remove(rep);
    }

    /// Puts the phone at the other end of `flow` first: the rep has it in hand.
    pub(crate) fn handle_use(&self, rep: &RepId, flow: Flow) {
        if let Some(mut phones) = self.phones_by_rep.get_mut(rep) {
            // A stable sort: the others keep their order.
            phones.sort_by_key(|phone| phone.flow == flow);
        }
    }

    /// The rep's phones, the one in hand first: that spoke or came last.
    pub(crate) fn phones(&self, rep: &RepId, now: Instant) -> Vec<Binding> {
        self.phones_by_rep
            .get(rep)
            .map(|phones| {
                phones
                    .iter()
                    .rev()
                    .filter(|phone| phone.expires_at > now)
                    .cloned()
                    .collect()
            })
            .unwrap_or_default()
    }

    /// Ends the bindings of a connection that is gone: nothing can reach those phones any more.
    pub(crate) fn handle_flow_closed(&self, flow: Flow) {
        self.phones_by_rep.alter_all(|_, mut phones| {
            phones.retain(|phone| phone.flow != flow);
            phones
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sip::Protocol;

    use super::*;

    fn flow(id: u64) -> Flow {
        Flow {
            transport: Protocol::Tcp,
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: "127.0.0.1:40000".parse().unwrap(),
            id,
        }
    }

    fn phone(contact: &str, cseq: u32, expires_at: Instant) -> Binding {
        Binding {
            contact: Arc::from(contact),
            domain: Arc::from("shop.example"),
            flow: flow(1),
            call_id: Arc::from(&b"one"[..]),
            cseq,
            expires_at,
        }
    }

    fn contacts(bindings: &Bindings, now: Instant) -> Vec<String> {
        bindings
            .phones(&RepId::new("alice"), now)
            .iter()
            .map(|phone| phone.contact.to_string())
            .collect()
    }

    #[test]
    fn the_phone_that_came_last_comes_first_and_a_refresh_does_not_change_that() {
        let (bindings, rep, now) = (Bindings::default(), RepId::new("alice"), Instant::now());
        let later = now + Duration::from_secs(60);
        for (contact, cseq) in [("sip:a@h", 1), ("sip:b@h", 1), ("sip:a@h", 2)] {
            bindings
                .register(&rep, vec![phone(contact, cseq, later)], now)
                .unwrap();
        }
        assert_eq!(contacts(&bindings, now), ["sip:b@h", "sip:a@h"]);
        let restarted = Binding {
            call_id: Arc::from(&b"two"[..]),
            ..phone("sip:a@h", 1, later)
        };
        bindings.register(&rep, vec![restarted], now).unwrap();
        assert_eq!(contacts(&bindings, now), ["sip:a@h", "sip:b@h"]);
    }

    #[test]
    fn the_phone_that_spoke_last_comes_first() {
        let (bindings, rep, now) = (Bindings::default(), RepId::new("alice"), Instant::now());
        let later = now + Duration::from_secs(60);
        for (contact, id) in [("sip:a@h", 1), ("sip:b@h", 2), ("sip:c@h", 3)] {
            let registered = Binding {
                flow: flow(id),
                ..phone(contact, 1, later)
            };
            bindings.register(&rep, vec![registered], now).unwrap();
        }
        bindings.handle_use(&rep, flow(1));
        assert_eq!(contacts(&bindings, now), ["sip:a@h", "sip:c@h", "sip:b@h"]);
        bindings.handle_use(&rep, flow(9));
        assert_eq!(contacts(&bindings, now), ["sip:a@h", "sip:c@h", "sip:b@h"]);
    }

    #[test]
    fn an_older_register_of_the_same_call_changes_nothing() {
        let (bindings, rep, now) = (Bindings::default(), RepId::new("alice"), Instant::now());
        let later = now + Duration::from_secs(60);
        bindings
            .register(&rep, vec![phone("sip:a@h", 5, later)], now)
            .unwrap();
        assert_eq!(
            bindings.register(&rep, vec![phone("sip:a@h", 5, now)], now),
            Err(OutOfOrder)
        );
        assert_eq!(contacts(&bindings, now), ["sip:a@h"]);
    }

    #[test]
    fn a_binding_ends_with_its_time_its_removal_and_its_connection() {
        let (bindings, rep, now) = (Bindings::default(), RepId::new("alice"), Instant::now());
        let later = now + Duration::from_secs(60);
        let add = |cseq| {
            bindings
                .register(&rep, vec![phone("sip:a@h", cseq, later)], now)
                .unwrap();
        };
        add(1);
        assert!(contacts(&bindings, later).is_empty());
        bindings
            .register(&rep, vec![phone("sip:a@h", 2, now)], now)
            .unwrap();
        assert!(contacts(&bindings, now).is_empty());
        add(3);
        bindings.handle_flow_closed(flow(2));
        assert_eq!(contacts(&bindings, now), ["sip:a@h"]);
        bindings.handle_flow_closed(flow(1));
        assert!(contacts(&bindings, now).is_empty());
    }

    /// Security row S26: at no moment more, and nobody else's phones go for them.
    #[test]
    fn ten_thousand_contacts_of_one_rep_leave_five() {
        let (bindings, rep, now) = (Bindings::default(), RepId::new("alice"), Instant::now());
        let later = now + Duration::from_secs(60);
        let bob = RepId::new("bob");
        let phone_of_bob = vec![phone("sip:bob@h", 1, later)];
        bindings.register(&bob, phone_of_bob, now).unwrap();
        for n in 0..10_000 {
            let flood = vec![phone(&format!("sip:{n}@h"), 1, later)];
            bindings.register(&rep, flood, now).unwrap();
            assert!(bindings.phones(&rep, now).len() <= PHONES_PER_REP);
        }
        assert_eq!(bindings.phones(&bob, now).len(), 1);
        let all_at_once = (0..10_000)
            .map(|n| phone(&format!("sip:x{n}@h"), 1, later))
            .collect();
        bindings.register(&rep, all_at_once, now).unwrap();
        assert_eq!(bindings.phones(&rep, now).len(), PHONES_PER_REP);
    }

    #[test]
    fn a_rep_keeps_the_five_newest_phones() {
        let (bindings, rep, now) = (Bindings::default(), RepId::new("alice"), Instant::now());
        let later = now + Duration::from_secs(60);
        for n in 0..7 {
            bindings
                .register(&rep, vec![phone(&format!("sip:{n}@h"), 1, later)], now)
                .unwrap();
        }
        assert_eq!(
            contacts(&bindings, now),
            ["sip:6@h", "sip:5@h", "sip:4@h", "sip:3@h", "sip:2@h"]
        );
    }
}
