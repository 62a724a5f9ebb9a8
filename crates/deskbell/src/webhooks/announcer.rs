//! Makes the events of what is about to be committed, so that both are on disk together or neither is.
//! An event names a ticket and says no word of a shopper: whoever wants more asks for it. Must not know who is called.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arc_swap::ArcSwap;
use gateway::push::{Listener, Topic};
use helpdesk::{CallbackFact, CloseReason, Record, RepId, SiteId, SkillId, TicketId};
use jiff::Timestamp;
use serde_json::{Value, json};
use storage::{OutboxEntry, OutboxState};

use super::fresh::FreshIn;

/// Who is told, as the newest configuration has it.
pub(crate) type SharedListeners = Arc<ArcSwap<Vec<Listener>>>;

/// Ended tickets whose site is remembered, for a rating that may still come.
const ENDED_KEPT: usize = 10_000;

/// Of the form of an event's body.
const VERSION: u32 = 1;

/// Makes events of records.
pub(crate) struct Announcer {
    listeners: SharedListeners,
    /// Where committed events go at once; what finds no room there is read from the outbox.
    fresh: FreshIn,
    site_by_ticket: HashMap<TicketId, SiteId>,
    ended: VecDeque<TicketId>,
    /// Of the last event: its moment, and its number in it.
    last: (i64, u32),
}

impl Announcer {
    /// An announcer that knows the tickets of these records.
    pub(super) fn new(listeners: SharedListeners, fresh: FreshIn, records: &[Record]) -> Self {
        let mut announcer = Self {
            listeners,
            fresh,
            site_by_ticket: HashMap::new(),
            ended: VecDeque::new(),
            last: (0, 0),
        };
        for record in records {
            announcer.follow(record);
        }
        announcer
    }

    /// The events of these records, one for each listener that wants them; to be committed with them.
    pub(crate) fn announce(&mut self, records: &[Record]) -> Vec<OutboxEntry> {
        let listeners = self.listeners.load_full();
        let mut entries = Vec::new();
        for record in records {
            self.follow(record);
            let Some(told) = told(record) else { continue };
            let Some(site) = self.site_by_ticket.get(told.ticket).cloned() else {
                continue;
            };
            let id = self.next_id(told.at_unix_ms);
            for listener in listeners
                .iter()
                .filter(|listener| listener.wants(Topic::Ticket, &site))
            {
                entries.push(OutboxEntry {
                    id: format!("{id}:{}", listener.id),
                    destination: listener.id.clone(),
                    ticket: Some(told.ticket.clone()),
                    at_unix_ms: told.at_unix_ms,
                    due_at_unix_ms: told.at_unix_ms,
                    attempts: 0,
                    state: OutboxState::Waiting,
                    why: None,
                    version: VERSION,
                    body: told.event(&site).to_string(),
                });
            }
        }
        entries
    }

    /// Hands on what is committed.
    pub(crate) fn committed(&self, entries: Vec<OutboxEntry>) {
        for entry in entries {
            self.fresh.put(entry);
        }
    }

    fn follow(&mut self, record: &Record) {
        match record {
            Record::Opened { ask, .. } => {
                self.site_by_ticket
                    .insert(ask.ticket.clone(), ask.site.clone());
            }
            Record::Closed { ticket, .. } => {
                self.ended.push_back(ticket.clone());
                if self.ended.len() > ENDED_KEPT
                    && let Some(oldest) = self.ended.pop_front()
                {
                    self.site_by_ticket.remove(&oldest);
                }
            }
            Record::Line { .. }
            | Record::Offered { .. }
            | Record::OfferEnded { .. }
            | Record::Accepted { .. }
            | Record::Transferred { .. }
            | Record::Rated { .. }
            | Record::Noted { .. }
            | Record::Callback { .. }
            | Record::Promised { .. }
            | Record::Decided(_)
            | Record::Case(_)
            | Record::Paused { .. }
            | Record::Learnt(_)
            | Record::Scored { .. } => {}
        }
    }

    /// In the order of the events, over restarts too: they begin with the moment.
    fn next_id(&mut self, at_unix_ms: i64) -> String {
        let (moment, number) = self.last;
        self.last = if at_unix_ms > moment {
            (at_unix_ms, 0)
        } else {
            (moment, number + 1)
        };
        format!("evt_{:012x}{:05x}", self.last.0, self.last.1)
    }
}

/// What a record tells outside.
struct ToldOutside<'r> {
    ticket: &'r TicketId,
    at_unix_ms: i64,
    kind: &'static str,
    more: Vec<(&'static str, Value)>,
}

impl ToldOutside<'_> {
    /// As Standard Webhooks has it.
    fn event(&self, site: &SiteId) -> Value {
        let mut data = json!({ "ticket": self.ticket.as_str(), "site": site.as_str() });
        for (name, value) in &self.more {
            if let Value::Object(members) = &mut data {
                members.insert((*name).to_owned(), value.clone());
            }
        }
        let at = Timestamp::from_millisecond(self.at_unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        json!({ "type": self.kind, "timestamp": at.to_string(), "data": data })
    }
}

fn told(record: &Record) -> Option<ToldOutside<'_>> {
    let rep = |rep: &RepId| ("rep", json!(rep.as_str()));
    let skills = |skills: &[SkillId]| {
        let skills: Vec<&str> = skills.iter().map(SkillId::as_str).collect();
        ("skills", json!(skills))
    };
    let (ticket, at_unix_ms, kind, more) = match record {
        Record::Opened { ask, at_unix_ms } => {
            let tier = ("tier", json!(ask.tier.as_str()));
            (
                &ask.ticket,
                at_unix_ms,
                "ticket.opened",
                vec![skills(&ask.skills), tier],
            )
        }
        Record::Offered {
            ticket,
            rep: to,
            at_unix_ms,
        } => (ticket, at_unix_ms, "ticket.offered", vec![rep(to)]),
        Record::OfferEnded {
            ticket,
            rep: of,
            why,
            at_unix_ms,
        } => (
            ticket,
            at_unix_ms,
            "ticket.offer_ended",
            vec![rep(of), ("why", json!(&**why))],
        ),
        Record::Accepted {
            ticket,
            rep: by,
            at_unix_ms,
        } => (ticket, at_unix_ms, "ticket.accepted", vec![rep(by)]),
        Record::Transferred {
            ticket,
            from,
            skills: wanted,
            to,
            at_unix_ms,
        } => {
            let to = to.as_ref().map(RepId::as_str);
            let more = vec![
                ("from", json!(from.as_str())),
                skills(wanted),
                ("to", json!(to)),
            ];
            (ticket, at_unix_ms, "ticket.transferred", more)
        }
        Record::Closed {
            ticket,
            reason,
            at_unix_ms,
        } => (
            ticket,
            at_unix_ms,
            "ticket.closed",
            vec![("reason", json!(word(*reason)))],
        ),
        Record::Rated {
            ticket,
            stars,
            at_unix_ms,
            ..
        } => (
            ticket,
            at_unix_ms,
            "ticket.rated",
            vec![("stars", json!(stars))],
        ),
        Record::Callback {
            ticket,
            fact: CallbackFact::Tripped { why },
            at_unix_ms,
        } => (
            ticket,
            at_unix_ms,
            "callbacks.stopped",
            vec![("why", json!(&**why))],
        ),
        Record::Line { .. }
        | Record::Callback { .. }
        | Record::Promised { .. }
        | Record::Decided(_)
        | Record::Case(_)
        | Record::Paused { .. }
        | Record::Learnt(_)
        | Record::Noted { .. }
        | Record::Scored { .. } => return None,
    };
    Some(ToldOutside {
        ticket,
        at_unix_ms: *at_unix_ms,
        kind,
        more,
    })
}

fn word(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Shopper => "shopper",
        CloseReason::Rep => "rep",
        CloseReason::Abandoned => "abandoned",
        CloseReason::Called => "called",
        CloseReason::Unreached => "unreached",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Security row M2: the shop's programs are told that somebody has to look.
    #[test]
    fn the_end_of_what_a_site_may_call_is_an_event() {
        let record = Record::Callback {
            ticket: TicketId::new("t1"),
            fact: CallbackFact::Tripped {
                why: Arc::from("the telephone's minutes of today are used up"),
            },
            at_unix_ms: 1_767_225_600_000,
        };
        let event = told(&record).unwrap().event(&SiteId::new("shop"));
        assert_eq!(
            event,
            json!({
                "type": "callbacks.stopped",
                "timestamp": "2026-01-01T00:00:00Z",
                "data": {
                    "ticket": "t1",
                    "site": "shop",
                    "why": "the telephone's minutes of today are used up"
                }
            })
        );
    }
}
